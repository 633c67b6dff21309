"""Python child processes that must import the same modules as this process."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """The environment variables of a child that is started with ``-P``: it finds the same modules in the same places.

    Without both, the child looks in the current folder first, where a user may have an ``inspect.py`` or ``queue.py``.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
