"""Python processes of our own, which must import what this one imports."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """For a child started with ``-P``: the same modules from the same places.

    Without the two it would look in the current folder first, where somebody's own ``inspect.py`` or ``queue.py`` lies.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
