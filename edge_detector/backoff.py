"""Pauses between attempts: short at first, because most faults are short, and longer while a fault lasts."""

from __future__ import annotations

from collections.abc import Iterator


def doubling_pauses(*, first_s: float, longest_s: float) -> Iterator[float]:
    """Seconds to wait before each attempt: ``first_s``, then twice the last, up to ``longest_s``; without end."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, longest_s)
