"""What a user can wish for in a model. Importing this is light."""

from __future__ import annotations

WISHES = {
    "fast": "For the least time for a picture",
    "small": "For the smallest download",
    "accurate": "For the best accuracy",
}
DEFAULT = "fast"
ALL = "all"  # techniques
