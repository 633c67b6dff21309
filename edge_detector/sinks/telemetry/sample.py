"""One telemetry sample: as a line of the log, as a row of the CSV file, and as the reason for a loss of speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_detector.running.meter import OUTPUT, STAGES, CameraVitals
from edge_detector.system.machine import Reading
from edge_detector.system.throttling import cause_names, remedy

SECONDS_PER_DAY = 86_400
SLOWER = 0.9  # of the best rate so far: less is a loss of speed, more is noise
UNKNOWN = "unknown"
SLOW_SOURCE = "a camera exposes longer in the dark, or the network may be slow"


@dataclass(frozen=True, slots=True)
class Sample:
    """The values between two lines of the log. None means not known."""

    fps: Mapping[str, float | None]  # by stage
    latency_ms: tuple[float | None, float | None, float | None]  # p50, p95, p99, from capture to result
    dropped: Mapping[str, int]  # by stage, since the start
    machine: Reading
    work_share: float  # the part of the time in which the governor lets the model work
    bytes_per_s: float  # written to disks, the average over the whole run, because recordings come in bursts
    skipped: int | None = None  # frames like earlier ones, on which the model did not run; None: it runs on all
    was_off: bool = False  # detection was, at least for a while
    model: str = ""  # which one runs
    cameras: Mapping[str, CameraVitals] = field(default_factory=dict)  # each of several

    @property
    def results_fps(self) -> float | None:
        """Results a second: inferences, and frames like earlier ones. None if detection was off for a while."""
        return None if self.was_off else self.fps.get("inference" if self.skipped is None else OUTPUT)

    def line(self) -> str:
        """The log's line, without the reason for a loss of speed."""
        parts = [
            "fps " + ", ".join(f"{stage} {_text(self.fps.get(stage), '.1f')}" for stage in STAGES),
            f"latency {latencies(self.latency_ms)}",
            f"drops {counts(self.dropped)}",
            *([] if self.skipped is None else [f"skipped {self.skipped} similar frames"]),
            *(["detection was off"] if self.was_off else []),
            f"cpu {_text(self.machine.soc_temperature_c, '.0f')} C, {_text(self.machine.frequency_mhz, '.0f')} MHz, "
            f"{_text(self.machine.cpu_percent, '.0f')} %, throttling {self.machine.throttling or UNKNOWN}",
            f"memory {UNKNOWN if self.machine.rss_bytes is None else size(self.machine.rss_bytes)}",
        ]
        if self.bytes_per_s:
            parts.append(f"writing {size(self.bytes_per_s * SECONDS_PER_DAY)} a day")
        if self.model:
            parts.append(f"model {self.model}")
        if self.cameras:
            parts.append("cameras " + ", ".join(f"{name} {camera}" for name, camera in self.cameras.items()))
        return "; ".join(parts)

    def row(self) -> dict[str, object]:
        """The row of the CSV file; None becomes an empty cell."""
        p50, p95, p99 = self.latency_ms
        throttling = self.machine.throttling
        return {
            **{f"{stage}_fps": _rounded(self.fps.get(stage)) for stage in STAGES},
            "latency_p50_ms": _rounded(p50),
            "latency_p95_ms": _rounded(p95),
            "latency_p99_ms": _rounded(p99),
            "capture_drops": self.dropped.get("capture"),
            "inference_drops": self.dropped.get("inference"),
            "sink_drops": sum(count for stage, count in self.dropped.items() if stage not in STAGES),
            **({} if self.skipped is None else {"similar_skipped": self.skipped}),
            "soc_temperature_c": _rounded(self.machine.soc_temperature_c),
            "frequency_mhz": _rounded(self.machine.frequency_mhz),
            "throttling": None if throttling is None else str(throttling),
            "cpu_percent": _rounded(self.machine.cpu_percent),
            "rss_mb": None if self.machine.rss_bytes is None else _rounded(self.machine.rss_bytes / 1e6),
            "written_mb_per_day": _rounded(self.bytes_per_s * SECONDS_PER_DAY / 1e6),
            "model": self.model,
            **self._camera_cells(),
        }

    def _camera_cells(self) -> dict[str, object]:
        """Three of each of several cameras, so that a row is one moment, as a chart in a spreadsheet wants it."""
        if len(self.cameras) < 2:
            return {}
        return {
            f"{name}_{what}": value
            for name, camera in self.cameras.items()
            for what, value in (
                ("fps", _rounded(camera.fps)),
                ("drops", camera.dropped),
                ("silent_s", _rounded(camera.silent_s)),
            )
        }


def why_slower(now: Sample, best: Sample, *, live: bool) -> str | None:
    """Why ``now`` has fewer results a second than ``best``; None if it has not, or if no reason is known.

    Only a ``live`` source can be the reason, for a file is read only as fast as the model works; and only one of which
    the model works on nearly all frames. Of several cameras, those that are lost or slower are named.
    """
    fps, best_fps = now.results_fps, best.results_fps
    if fps is None or best_fps is None or fps >= SLOWER * best_fps:
        return None
    reason = (
        _held_back(now.machine)
        or _governed(now)
        or _clocked_down(now.machine, best.machine)
        or (_fewer_frames(now, best) if live else None)
    )
    return f"{fps:.1f} fps instead of {best_fps:.1f}: {reason}" if reason else None


def latencies(percentiles_ms: tuple[float | None, float | None, float | None]) -> str:
    """``p50 67, p95 81, p99 90 ms``."""
    ranks = ("p50", "p95", "p99")
    return ", ".join(f"{rank} {_text(ms, '.0f')}" for rank, ms in zip(ranks, percentiles_ms, strict=True)) + " ms"


def counts(dropped: Mapping[str, int]) -> str:
    """``capture 12, inference 0``."""
    return ", ".join(f"{stage} {count}" for stage, count in dropped.items()) or "none"


def size(size_bytes: float) -> str:
    """``142 MB`` or ``3.2 GB``."""
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"


def _held_back(machine: Reading) -> str | None:
    if machine.throttling is None or not machine.throttling.now:
        return None
    return f"{cause_names(machine.throttling.now)}; {remedy(machine.throttling.now)}"


def _governed(now: Sample) -> str | None:
    if now.work_share >= 1.0:
        return None
    return f"the governor lets the model work {now.work_share:.0%} of the time, to stay below max_temperature"


def _clocked_down(now: Reading, before: Reading) -> str | None:
    if now.frequency_mhz is None or before.frequency_mhz is None or now.frequency_mhz >= SLOWER * before.frequency_mhz:
        return None
    return f"the processor runs at {now.frequency_mhz:.0f} MHz, not {before.frequency_mhz:.0f}; it may be too hot"


def _fewer_frames(now: Sample, best: Sample) -> str | None:
    results_fps, capture_fps, best_capture_fps = now.results_fps, now.fps.get("capture"), best.fps.get("capture")
    if results_fps is None or capture_fps is None or best_capture_fps is None:
        return None
    if capture_fps >= SLOWER * best_capture_fps:
        return None
    if results_fps < SLOWER * capture_fps:  # more frames come than the model works on
        return None
    source = f"the source delivers {capture_fps:.1f} frames a second, not {best_capture_fps:.1f}"
    return _lost_cameras(now) or f"{_slower_cameras(now, best) or source}; {SLOW_SOURCE}"


def _lost_cameras(now: Sample) -> str:
    """``no frame from camera yard for 12 s``, and what to do; "" if each of several cameras delivers."""
    silent = [(name, camera.silent_s) for name, camera in now.cameras.items() if camera.silent_s is not None]
    lost = ", ".join(f"camera {name} for {seconds:.0f} s" for name, seconds in silent)
    return f"no frame from {lost}; look at its power and its connection" if lost else ""


def _slower_cameras(now: Sample, best: Sample) -> str:
    """``camera yard delivers 2.0 frames a second, not 15.0``; "" if none of several has become slower.

    Where the model works on all frames, the results of a camera are what it delivers.
    """
    rates = [(name, camera.fps, best.cameras[name].fps) for name, camera in now.cameras.items() if name in best.cameras]
    return ", ".join(
        f"camera {name} delivers {fps:.1f} frames a second, not {best_fps:.1f}"
        for name, fps, best_fps in rates
        if fps is not None and best_fps is not None and fps < SLOWER * best_fps
    )


def _text(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
