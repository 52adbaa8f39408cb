"""What everything stands on: the run folder's files, the ledger of what they were made from, and who does the work."""
