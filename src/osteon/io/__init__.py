"""Reading what hospitals have: radiographs and cohorts in the formats they come in."""
