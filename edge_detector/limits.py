"""How large a picture may be: a small file can ask for gigabytes of pixels."""

# The largest camera for a Pi has 64 megapixels (9248x6944).
MOST_PIXELS = 2**26
MOST_PIXELS_IN_WORDS = f"{MOST_PIXELS / 1e6:.0f} megapixels"
