"""How many of so many, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z = 1.96  # standard deviations on both sides that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `count` pictures."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / max(1, self.count)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of all pictures like these lies, with 95 % confidence (Wilson 1927)."""
        if not self.count:
            return (0.0, 1.0)
        spread = Z**2 / self.count
        middle = (self.value + spread / 2) / (1 + spread)
        half = Z * sqrt(self.value * (1 - self.value) / self.count + spread / (4 * self.count)) / (1 + spread)
        return (max(0.0, middle - half), min(1.0, middle + half))
