"""The workstation side: makes, converts and measures the models that the device side runs."""
