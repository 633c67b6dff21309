"""What a detector is and sees now, as retained messages: each is published when it changes, and after a connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from edge_detector.running.meter import OUTPUT, Meter

HEALTH_S = 30.0  # between two messages about speed and temperature


class States:
    """The newest value of each topic, said once for each change."""

    def __init__(self, publish: Callable[[str, str], bool]) -> None:
        """``publish(topic, text)`` returns whether the client has taken it."""
        self._publish = publish
        self._said: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<States {', '.join(self._said) or 'none'}>"

    def say(self, topic: str, text: str) -> None:
        """``text`` is what ``topic`` is now."""
        if self._said.get(topic) != text and self._publish(topic, text):
            self._said[topic] = text

    def forget(self) -> None:
        """Say everything again: the broker may be another one."""
        self._said.clear()


class Health:
    """Speed, latency and temperature, read every `HEALTH_S` seconds."""

    def __init__(self, meter: Meter, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter = meter
        self._clock = clock
        self._next_s = clock()
        self._text = ""

    @property
    def text(self) -> str:
        """The last reading as JSON; what is not known is null."""
        if self._clock() >= self._next_s:
            self._next_s = self._clock() + HEALTH_S
            self._text = json.dumps(self._read(), separators=(",", ":"))
        return self._text

    def _read(self) -> Mapping[str, Any]:
        vitals = self._meter.vitals
        return {
            "fps": _rounded(vitals.fps.get(OUTPUT)),
            "latency_ms": _rounded(vitals.latency_p95_ms),
            "temperature_c": _rounded(vitals.soc_temperature_c),
            "dropped": sum(vitals.dropped.values()),
            "throttling": None if vitals.throttling is None else str(vitals.throttling),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
