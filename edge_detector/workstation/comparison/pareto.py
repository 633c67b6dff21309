"""The models that no other one beats in both of two figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def front(items: Sequence[Item], cost: Callable[[Item], float], gain: Callable[[Item], float]) -> list[Item]:
    """Those for which no other costs as little and gains more, or costs less and gains as much; the cheapest first."""
    best, found = float("-inf"), []
    for item in sorted(items, key=lambda each: (cost(each), -gain(each))):
        if gain(item) > best:
            best = gain(item)
            found.append(item)
    return found
