"""A model that learns from the pictures its users have corrected, and forgets nothing: trained, compared, judged."""
