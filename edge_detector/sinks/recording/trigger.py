"""Decides when an object starts a recording."""

from __future__ import annotations

from collections.abc import Iterable

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Result


class Trigger:
    """Fires for a wanted class, then not again for the same class until ``cooldown_s`` has passed.

    Photographs have no common time line, so there is no cooldown between them: each fires.
    """

    def __init__(self, classes: Iterable[str], labels: tuple[str, ...], *, where: str, cooldown_s: float = 0.0) -> None:
        """``classes``: the wanted labels, none means all; ``where`` they are set, for the error.

        Raises `ConfigError` for a class that the model does not have.
        """
        self._wanted = frozenset(classes)
        for label in sorted(self._wanted - set(labels)):
            raise ConfigError(f"{where}: {unknown('class', label, labels)}")
        self._cooldown_ns = round(cooldown_s * 1e9)
        self._fired_ns: dict[str, int] = {}

    def __call__(self, result: Result) -> tuple[str, ...]:
        """The labels that fire on ``result``, the highest score first. Times are those of the frames, not the clock."""
        now_ns = result.frame.timestamp_ns
        seen = dict.fromkeys(detection.label for detection in result.detections)
        wanted = tuple(label for label in seen if not self._wanted or label in self._wanted)
        if result.frame.file is not None:
            return wanted
        fired = tuple(label for label in wanted if self._cooled_down(label, now_ns))
        self._fired_ns |= dict.fromkeys(fired, now_ns)
        return fired

    def _cooled_down(self, label: str, now_ns: int) -> bool:
        return label not in self._fired_ns or now_ns - self._fired_ns[label] >= self._cooldown_ns
