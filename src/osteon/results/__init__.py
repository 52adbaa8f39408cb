"""Right of predictions.csv: tables (:mod:`~osteon.results.evaluate`), figures and the report."""
