"""A float graph made smaller, and the proof of what that cost."""
