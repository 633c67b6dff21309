"""What the run is doing right now: rates, latency percentiles, drops, temperature, bytes written."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_detector.system.thermal import soc_temperature_c
from edge_detector.system.throttling import Throttling, open_reader
from edge_detector.types import Result

WINDOW_S = 10.0  # rates and percentiles cover the last ten seconds
REFRESH_S = 0.5  # the overlay shows the vitals on every frame; nobody can read numbers that change faster
THROTTLING_REFRESH_S = 5.0  # asking the firmware may start a program
MOST_LATENCIES = 2048  # ten seconds at 200 frames a second
INFERENCE = "inference"
OUTPUT = "output"  # the stage after the last queue: results given to the sinks
CAMERA = "camera "  # before the names of several cameras
STAGES = ("capture", INFERENCE, OUTPUT)  # what every frame passes; each sink that has a thread is one more stage


class Flow(Protocol):
    """One stage of the pipeline as the meter sees it (`Prefetch` is one)."""

    name: str

    @property
    def produced(self) -> int: ...
    @property
    def dropped(self) -> int: ...


class CameraFlow(Protocol):
    """One of several cameras as the meter sees it."""

    name: str

    @property
    def dropped(self) -> int: ...
    @property
    def silent_s(self) -> float | None:
        """For how long no frame has come, if that is too long."""
        ...


@dataclass(frozen=True, slots=True)
class Vitals:
    """The state of the run over the last `WINDOW_S` seconds. None means not known (yet), never zero."""

    fps: Mapping[str, float | None]  # by stage: capture, inference, output, then the sinks that have a thread
    dropped: Mapping[str, int]  # frames dropped for newer ones since the start, by stage
    latency_p50_ms: float | None  # from capture to result
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    soc_temperature_c: float | None
    throttling: Throttling | None
    cameras: Mapping[str, CameraVitals] = field(default_factory=dict)  # of several, by name


@dataclass(frozen=True, slots=True)
class CameraVitals:
    """The state of one of several cameras."""

    fps: float | None  # results a second
    dropped: int  # frames dropped for newer ones since the start
    silent_s: float | None  # for how long no frame has come, if that is too long; None: it is not silent

    def __str__(self) -> str:
        if self.silent_s is not None:
            return f"silent for {self.silent_s:.0f} s"
        return "unknown" if self.fps is None else f"{self.fps:.1f} fps"


class Meter:
    """The counts that all sinks share: the loop calls `record` for each result, any thread may read the rest."""

    def __init__(
        self,
        flows: tuple[Flow, ...] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        temperature: Callable[[], float | None] = soc_temperature_c,
        throttling: Callable[[], Throttling | None] | None = None,
        work_share: Callable[[], float] = lambda: 1.0,
        skipped: Callable[[], int] | None = None,
        passed: Callable[[], int] = lambda: 0,
        cameras: tuple[CameraFlow, ...] = (),
    ) -> None:
        """``throttling``: how to ask the firmware; None finds the way that this machine has.

        ``work_share``: the share of time that the governor lets the model work. ``skipped``: on how many frames it did
        not run because they look like earlier ones; None: it runs on all. ``passed``: on how many because detection was
        off. ``cameras``: each of several.
        """
        self._flows: dict[str, Flow] = {}
        for flow in flows:
            self.watch(flow)
        self._clock = clock
        self._temperature = temperature
        self._work_share = work_share
        self._skipped = skipped
        self._passed = passed
        self._cameras = cameras
        self._ask_throttling = throttling or open_reader()
        self._throttling: tuple[float, Throttling | None] = clock(), self._ask_throttling()
        self._recorded = 0
        self._recorded_of = dict.fromkeys((camera.name for camera in cameras), 0)
        self._bytes_written = 0
        self._bytes_lock = threading.Lock()
        self._latencies_ms: deque[tuple[float, float]] = deque(maxlen=MOST_LATENCIES)  # (clock, ms)
        self._counts: deque[tuple[float, Mapping[str, int]]] = deque([(clock(), self._produced_of_all)])
        self._vitals = self._look()

    def watch(self, flow: Flow) -> None:
        """Count one more stage, such as a sink on a thread of its own; a second ``video`` is called ``video 2``."""
        name, number = flow.name, 2
        while name in self._flows:
            name, number = f"{flow.name} {number}", number + 1
        self._flows[name] = flow

    def record(self, result: Result) -> None:
        """Count one result that is about to be written to the sinks."""
        self._recorded += 1
        if result.camera in self._recorded_of:
            self._recorded_of[result.camera] += 1
        now = self._clock()
        self._latencies_ms.append((now, result.timings.latency_ms))
        if self._recorded == 1:
            self._counts.clear()  # the time before the first result is start-up, and no part of a rate
        if not self._counts or now - self._counts[-1][0] >= REFRESH_S:
            self._counts.append((now, self._produced_of_all))
            self._forget_before(now - WINDOW_S)
            self._vitals = self._look()

    def wrote(self, size_bytes: int) -> None:
        """Count what a sink has written to a disk; from any thread."""
        with self._bytes_lock:
            self._bytes_written += size_bytes

    @property
    def vitals(self) -> Vitals:
        """The newest reading, at most `REFRESH_S` old while results flow."""
        return self._vitals

    @property
    def produced(self) -> Mapping[str, int]:
        """Frames that each stage has handed on since the start."""
        left_out = self.skipped + self.passed
        inferred = {INFERENCE: self._flows[INFERENCE].produced - left_out} if left_out else {}
        return {name: flow.produced for name, flow in self._flows.items()} | inferred | {OUTPUT: self._recorded}

    @property
    def skips(self) -> bool:
        """Whether the model leaves out frames that look like earlier ones."""
        return self._skipped is not None

    @property
    def skipped(self) -> int:
        """On how many frames the model did not run, because they look like earlier ones; no drops, for they count."""
        return self._skipped() if self._skipped else 0

    @property
    def passed(self) -> int:
        """On how many frames the model did not run, because detection was off."""
        return self._passed()

    @property
    def dropped(self) -> Mapping[str, int]:
        """Frames dropped for newer ones since the start, by stage."""
        return {name: flow.dropped for name, flow in self._flows.items()}

    @property
    def work_share(self) -> float:
        """The share of time that the governor lets the model work: 1.0 unless the machine gets too hot."""
        return self._work_share()

    @property
    def bytes_written(self) -> int:
        """What the sinks have written to disks since the start."""
        return self._bytes_written

    def line(self) -> str:
        """One line for a corner of the picture: ``14.9 fps  67 ms  drops 12  48 C``.

        Its drops are frames that never reached the sinks; what a window or a film skips is not counted here.
        """
        vitals = self.vitals
        output_fps = vitals.fps[OUTPUT]
        parts = [f"{output_fps:.1f} fps"] if output_fps is not None else []
        if vitals.latency_p50_ms is not None:
            parts.append(f"{vitals.latency_p50_ms:.0f} ms")
        parts.append(f"drops {sum(vitals.dropped.get(stage, 0) for stage in STAGES)}")
        if vitals.soc_temperature_c is not None:
            parts.append(f"{vitals.soc_temperature_c:.0f} C")
        if vitals.throttling is not None and vitals.throttling.now:
            parts.append(str(Throttling(vitals.throttling.now, vitals.throttling.now)))
        parts += [f"{name} {camera}" for name, camera in vitals.cameras.items()]
        return "  ".join(parts)

    def _forget_before(self, moment: float) -> None:
        # Keep one count at or before that moment: the rate starts there.
        while len(self._counts) > 2 and self._counts[1][0] <= moment:
            self._counts.popleft()
        while self._latencies_ms and self._latencies_ms[0][0] < moment:
            self._latencies_ms.popleft()

    def _look(self) -> Vitals:
        (start, before), (end, after) = self._counts[0], self._counts[-1]
        fps = rates(before, after, elapsed_s=end - start)
        p50, p95, p99 = self._percentiles()
        cameras = {
            camera.name: CameraVitals(fps.pop(f"{CAMERA}{camera.name}", None), camera.dropped, camera.silent_s)
            for camera in self._cameras
        }
        return Vitals(fps, self.dropped, p50, p95, p99, self._temperature(), self._recent_throttling(end), cameras)

    @property
    def _produced_of_all(self) -> Mapping[str, int]:
        """By stage and by camera."""
        return {**self.produced, **{f"{CAMERA}{name}": number for name, number in self._recorded_of.items()}}

    def _percentiles(self) -> tuple[float | None, float | None, float | None]:
        if not self._latencies_ms:
            return None, None, None
        ordered = sorted(ms for _, ms in self._latencies_ms)
        return percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99)

    def _recent_throttling(self, now: float) -> Throttling | None:
        if now - self._throttling[0] >= THROTTLING_REFRESH_S:
            self._throttling = now, self._ask_throttling()
        return self._throttling[1]


def percentile(ordered: Sequence[float], rank: float) -> float:
    """The value below which ``rank`` percent of the ``ordered`` ones lie; between two it is interpolated.

    As numpy.percentile, which takes 9 ms for its imports when the first result is waited for.
    """
    place = (len(ordered) - 1) * rank / 100
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return low + (high - low) * (place - int(place))


def rates(before: Mapping[str, int], after: Mapping[str, int], *, elapsed_s: float) -> dict[str, float | None]:
    """Frames per second by stage between two counts; None while no time has passed."""
    if elapsed_s <= 0:
        return dict.fromkeys(after)
    return {name: (count - before.get(name, 0)) / elapsed_s for name, count in after.items()}
