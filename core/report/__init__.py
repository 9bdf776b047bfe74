"""The report of a run: one HTML file with all that there is to see of it, which opens without a network."""
