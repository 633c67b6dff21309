"""The state of the run as one line of the log every few seconds and, if wanted, as rows of a CSV file."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import Seconds, Spec, option
from edge_detector.running.context import Context
from edge_detector.running.meter import CameraVitals, rates
from edge_detector.sinks import sink_options
from edge_detector.sinks.background import Background
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.telemetry.csv_log import CsvLog, Row
from edge_detector.sinks.telemetry.latency_histogram import LatencyHistogram
from edge_detector.sinks.telemetry.sample import Sample, counts, latencies, size, why_slower
from edge_detector.system.machine import Machine, Reading
from edge_detector.types import Result

SHORTEST_RATED_S = 1.0  # a rate over less, as of one photograph, means nothing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TelemetryOptions:
    """``telemetry?interval=10s&csv=FILE``."""

    interval: Seconds = option(Seconds(10), "how often a line is logged")
    csv: Path | None = option(None, "also write to this CSV file, which at 50 MB becomes FILE.1; none: only the log")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an interval of nothing."""
        if self.interval <= 0:
            raise ConfigError(f"sink telemetry: interval is {self.interval:g}; expected more than 0, such as 10s")


class TelemetrySink(Sink, options=TelemetryOptions, cameras=Cameras.TOGETHER):
    """Logs rates, latency, drops, temperature and load every ``interval``, and totals at the end.

    It logs only when a result comes; a pipeline that hangs ends with an error of its own.
    """

    def __init__(
        self,
        spec: Spec,
        context: Context,
        *,
        clock: Callable[[], float] = time.monotonic,
        read_machine: Callable[[], Reading] | None = None,
    ) -> None:
        self._options = sink_options(TelemetryOptions, spec)
        self._meter = context.meter
        self._live = context.live
        self._detector = context.detector
        self._csv_log: Background[Row] | None = None
        self._clock = clock
        self._read_machine = read_machine or Machine().read
        self._latencies, self._all_latencies = LatencyHistogram(), LatencyHistogram()
        self._best: Sample | None = None
        self._begin_s: float | None = None  # of the run; None until the first result
        self._last_s = 0.0  # the beginning of the present interval
        self._last_produced = self._meter.produced  # the counts at that time
        self._last_passed = self._meter.passed
        self._results_of: Counter[str] = Counter()  # in the present interval, of each camera

    def __repr__(self) -> str:
        return f"<TelemetrySink every {self._options.interval:g} s, {len(self._all_latencies)} results>"

    def open(self) -> None:
        if self._options.csv:
            csv_log = CsvLog(self._options.csv, count=self._meter.wrote)
            self._csv_log = Background(csv_log, name="telemetry csv", live=True)
            self._csv_log.open()

    def close(self) -> None:
        if self._begin_s is not None:
            log.info("in total: %s", self._totals(self._clock() - self._begin_s))
            self._begin_s = None
        if self._csv_log is not None:
            csv_log, self._csv_log = self._csv_log, None
            csv_log.close()

    def write(self, result: Result) -> None:
        """Count one result, and log a line if the interval has passed.

        Raises `SinkError` if the CSV file cannot be written.
        """
        self._latencies.add(result.timings.latency_ms)
        self._all_latencies.add(result.timings.latency_ms)
        now = self._clock()
        if self._begin_s is None:
            self._begin_s = now
            self._begin_interval(now)
        elif now - self._last_s >= self._options.interval:
            self._report(self._sample(now - self._last_s, now - self._begin_s))
            self._begin_interval(now)
        self._results_of[result.camera] += 1

    def _begin_interval(self, now: float) -> None:
        self._latencies = LatencyHistogram()
        self._last_s = now
        self._last_produced = self._meter.produced
        self._last_passed = self._meter.passed
        self._results_of.clear()

    def _sample(self, elapsed_s: float, run_s: float) -> Sample:
        return Sample(
            fps=rates(self._last_produced, self._meter.produced, elapsed_s=elapsed_s),
            latency_ms=_percentiles(self._latencies),
            dropped=self._meter.dropped,
            machine=self._read_machine(),
            work_share=self._meter.work_share,
            bytes_per_s=self._meter.bytes_written / run_s,
            skipped=self._meter.skipped if self._meter.skips else None,
            was_off=self._meter.passed > self._last_passed,
            model=self._detector.name,
            cameras=self._cameras(elapsed_s),
        )

    def _cameras(self, elapsed_s: float) -> dict[str, CameraVitals]:
        """Each of several, with its rate in the present interval."""
        cameras = self._meter.vitals.cameras.items()
        return {name: replace(camera, fps=self._results_of[name] / elapsed_s) for name, camera in cameras}

    def _report(self, sample: Sample) -> None:
        self._best = faster(sample, self._best)
        reason = why_slower(sample, self._best, live=self._live)
        if reason:
            log.warning("%s; %s", sample.line(), reason)
        else:
            log.info("%s", sample.line())
        if self._csv_log is not None:
            self._csv_log.write({**sample.row(), "reason": reason})

    def _totals(self, elapsed_s: float) -> str:
        results = len(self._all_latencies)
        rate = f" ({results / elapsed_s:.1f} a second)" if elapsed_s >= SHORTEST_RATED_S else ""
        skipped = f"skipped {self._meter.skipped} similar frames; " if self._meter.skips else ""
        return (
            f"{results} result{'' if results == 1 else 's'} in {elapsed_s:.1f} s{rate}; "
            f"latency {latencies(_percentiles(self._all_latencies))}; "
            f"drops {counts(self._meter.dropped)}; {skipped}written {size(self._meter.bytes_written)}"
        )


def faster(one: Sample, other: Sample | None) -> Sample:
    """The sample with more results a second: the speed of the machine when nothing slows it down.

    Another model has a speed of its own.
    """
    if other is None or one.model != other.model:
        return one
    return max(other, one, key=lambda sample: sample.results_fps or 0.0)


def _percentiles(histogram: LatencyHistogram) -> tuple[float | None, float | None, float | None]:
    return histogram.percentile(50), histogram.percentile(95), histogram.percentile(99)
