"""Progress bars on long work: on a terminal only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

tqdm.monitor_interval = 0  # no thread beside the work, also for the quantizer's own bars


def progress(items: Iterable[Item], description: str) -> Iterable[Item]:
    """The same items, with a bar on standard error while they are worked through."""
    bar: Iterable[Item] = tqdm(items, desc=description, leave=False, disable=None)  # None: unless it is a terminal
    return bar
