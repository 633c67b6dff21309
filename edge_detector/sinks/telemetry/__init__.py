"""How the run is doing, in the log and in a CSV file."""
