"""A new model for a run that goes on: loaded and tried beside the running one, taken over, and given up if it fails."""
