"""What people are told of one visit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Message:
    """One visit in words; its picture, a JPEG, stands beside it."""

    id: str  # the visit's own, so that a receiver can tell a message that comes twice
    time: str  # when the object was first seen, RFC 3339 in UTC
    title: str  # which detector says so
    text: str  # what is seen, for a person
    label: str
    score: float  # the best until now, in [0, 1]
    box: tuple[float, ...]  # x1, y1, x2, y2 in pixels of the camera's picture, where the score is best
    zones: tuple[str, ...]  # that the object was in until now
    source: str  # the camera, without secrets

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The message that `as_dict` described. Raises `TypeError` and `KeyError` for anything else."""
        lists = {name: tuple(values[name]) for name in ("box", "zones")}
        return cls(**{**values, **lists})
