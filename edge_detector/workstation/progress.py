"""Progress bars for long work, only on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

tqdm.monitor_interval = 0  # start no thread, also not for the quantizer's own bars


def progress(items: Iterable[Item], description: str) -> Iterable[Item]:
    """The same items; a bar on standard error shows how many are done."""
    bar: Iterable[Item] = tqdm(
        items, desc=description, leave=False, disable=None
    )  # None: no bar unless it is a terminal
    return bar
