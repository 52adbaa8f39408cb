"""Cohorts: who is in and who is out (:mod:`~osteon.cohort.check`), and synthetic ones (:mod:`.synthetic`)."""
