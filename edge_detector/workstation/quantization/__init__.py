"""Techniques that make a float graph smaller, and reports of what that cost."""
