"""Child Python processes that must import the same modules as this one."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """The environment of a child started with ``-P``: it finds the same modules in the same places.

    Otherwise the child looks in the current folder first, and may find a user's own ``inspect.py`` or ``queue.py``.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
