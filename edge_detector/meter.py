"""What the run is doing right now: rates, latency percentiles, drops, temperature."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_detector.system.thermal import soc_temperature_c
from edge_detector.types import Result

WINDOW_S = 10.0  # rates and percentiles speak of the last ten seconds
REFRESH_S = 0.5  # the overlay reads the vitals every frame; they change no faster than a person reads
MOST_LATENCIES = 2048  # ten seconds at 200 frames a second


class Flow(Protocol):
    """One stage of the pipeline as the meter sees it (`Prefetch` is one)."""

    name: str

    @property
    def produced(self) -> int: ...
    @property
    def dropped(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Vitals:
    """The state of the run over the last `WINDOW_S` seconds. None means not known (yet), never zero."""

    fps: Mapping[str, float]  # frames per second by stage: capture, inference, output
    dropped: Mapping[str, int]  # frames overtaken by newer ones since the start, by stage
    latency_p50_ms: float | None  # from capture to result
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    soc_temperature_c: float | None


class Meter:
    """Counts for every sink at once: `record` is called once a result, `vitals` whenever somebody looks."""

    def __init__(
        self,
        flows: tuple[Flow, ...] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        temperature: Callable[[], float | None] = soc_temperature_c,
    ) -> None:
        self._flows = list(flows)
        self._clock = clock
        self._temperature = temperature
        self._written = 0
        self._latencies_ms: deque[tuple[float, float]] = deque(maxlen=MOST_LATENCIES)  # (clock, ms)
        self._counts: deque[tuple[float, dict[str, int]]] = deque([(clock(), self._count())])
        self._vitals: Vitals | None = None

    def watch(self, flow: Flow) -> None:
        """Count one more stage, such as a sink on a thread of its own."""
        self._flows.append(flow)

    def record(self, result: Result) -> None:
        """Count one result that is about to be written to the sinks."""
        self._written += 1
        now = self._clock()
        self._latencies_ms.append((now, result.timings.latency_ms))
        if now - self._counts[-1][0] >= REFRESH_S or self._vitals is None:
            self._counts.append((now, self._count()))
            self._forget_before(now - WINDOW_S)
            self._vitals = self._look()

    @property
    def vitals(self) -> Vitals:
        """The newest reading, at most `REFRESH_S` old while results flow."""
        return self._vitals or self._look()

    def line(self) -> str:
        """One line for a corner of the picture: ``14.9 fps  67 ms  drops 12  48 C``."""
        vitals = self.vitals
        parts = [f"{vitals.fps['output']:.1f} fps"]
        if vitals.latency_p50_ms is not None:
            parts.append(f"{vitals.latency_p50_ms:.0f} ms")
        parts.append(f"drops {sum(vitals.dropped.values())}")
        if vitals.soc_temperature_c is not None:
            parts.append(f"{vitals.soc_temperature_c:.0f} C")
        return "  ".join(parts)

    def _count(self) -> dict[str, int]:
        return {flow.name: flow.produced for flow in self._flows} | {"output": self._written}

    def _forget_before(self, moment: float) -> None:
        while len(self._counts) > 2 and self._counts[1][0] <= moment:  # keep one at or before: rates need a start
            self._counts.popleft()
        while self._latencies_ms and self._latencies_ms[0][0] < moment:
            self._latencies_ms.popleft()

    def _look(self) -> Vitals:
        (start, before), (end, after) = self._counts[0], self._counts[-1]
        elapsed_s = end - start
        fps = {name: (after[name] - before.get(name, 0)) / elapsed_s if elapsed_s > 0 else 0.0 for name in after}
        p50, p95, p99 = self._percentiles()
        dropped = {flow.name: flow.dropped for flow in self._flows}
        return Vitals(fps, dropped, p50, p95, p99, self._temperature())

    def _percentiles(self) -> tuple[float | None, float | None, float | None]:
        if not self._latencies_ms:
            return None, None, None
        p50, p95, p99 = np.percentile([ms for _, ms in self._latencies_ms], (50, 95, 99)).tolist()
        return p50, p95, p99
