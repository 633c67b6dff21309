"""The version of the package, alone, so that every part may name it without importing anything else."""

__version__ = "0.1.0"
