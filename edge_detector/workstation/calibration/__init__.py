"""Photographs for calibration: what they look like, and which values each activation takes on them."""
