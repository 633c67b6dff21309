"""Photographs for calibration: what they look like to the model, and which values each activation takes on them."""
