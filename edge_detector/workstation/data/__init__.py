"""Photographs and what is known of the objects on them."""
