"""The run's numbers for Prometheus, in its text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from edge_detector.running.context import Context
from edge_detector.running.meter import Vitals
from edge_detector.running.model_change import PHASES
from edge_detector.running.places import Count, PlaceCount
from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.marking import Marking
from edge_detector.sinks.web.streams import Streams
from edge_detector.sinks.web.totals import Totals
from edge_detector.system.throttling import NAMES
from edge_detector.track.places import Line, Zone
from edge_detector.version import __version__

__all__ = ["CONTENT_TYPE", "PrometheusMetrics"]

PREFIX = "edge_detector_"
SKIPPED_HELP = "Frames like earlier ones, on which the model did not run."
VISITS_HELP = "Objects that have entered a zone; who comes again counts again."
CROSSINGS_HELP = "Crossings of a line, each once, by the line's own words for its directions."
BEGUN_HELP = "Visits that have begun: objects, each counted once while it stays."
DETECTIONS_HELP = "Detections in all frames; an object counts again in each frame."

Values = Mapping[str, float | None]  # by the value of a label; None: not known, left out


class PrometheusMetrics:
    """One run's metrics, read at the moment of each scrape.

    The registry is this object's own: the library's default one is shared by the whole process and adds metrics of
    the Python interpreter.
    """

    def __init__(
        self, context: Context, feed: Feed, streams: Streams, totals: Totals, marking: Marking | None = None
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(RunCollector(context, feed, streams, totals, marking))

    def text(self) -> bytes:
        """Every metric that has a value, with its help and type, as `CONTENT_TYPE` says."""
        return generate_latest(self._registry)


class RunCollector(Collector):
    """Reads the run, the machine and the page when the registry is asked."""

    def __init__(
        self, context: Context, feed: Feed, streams: Streams, totals: Totals, marking: Marking | None = None
    ) -> None:
        self._context = context
        self._feed = feed
        self._streams = streams
        self._totals = totals
        self._marking = marking

    def collect(self) -> Iterator[Metric]:
        """The metrics that have a value now."""
        vitals = self._context.meter.vitals
        metrics = (*self._run(vitals), *self._models(), *self._places(), *_machine(vitals), *self._page())
        return (metric for metric in metrics if metric.samples)

    def _run(self, vitals: Vitals) -> Iterator[Metric]:
        newest, detector = self._feed.newest, self._context.detector
        objects = Counter(detection.label for detection in newest.result.detections) if newest else {}
        yield build_info({"version": __version__, "model": detector.name, "runtime": detector.runtime})
        yield gauges("info", f"What runs, version {__version__}.", "model", {detector.name: 1})
        yield counter("results_total", "Frames on which detection has run.", self._feed.number)
        yield gauge("frame_age_seconds", "Time since the last new frame.", self._feed.age_s)
        yield gauges("frames_per_second", "Rate of each stage over the last ten seconds.", "stage", vitals.fps)
        if self._context.meter.skips:
            yield counter("similar_frames_skipped_total", SKIPPED_HELP, self._context.meter.skipped)
        yield counters("frames_dropped_total", "Frames overtaken by newer ones.", "stage", vitals.dropped)
        yield self._latency(vitals)
        yield from _cameras(vitals)
        yield gauges("objects", "Objects in the newest frame.", "label", objects)
        yield counters("detections_total", DETECTIONS_HELP, "label", self._from_zero(self._totals.detections))
        yield counters("visits_total", BEGUN_HELP, "label", self._from_zero(self._totals.visits))
        yield gauge("detecting", "0 while detection is switched off.", float(detector.is_on))
        yield gauge("confidence_threshold", "Lowest score kept.", detector.thresholds.confidence)

    def _models(self) -> Iterator[Metric]:
        if self._context.models is None:
            return
        change = self._context.models.change
        ways = {"done": change.done, "refused": change.refused, "returned": change.returned}
        yield counters("model_changes_total", "New models, by what came of them.", "outcome", ways)
        yield gauges(
            "model_phase", "1 for the phase of a change.", "phase", {each: each == change.phase for each in PHASES}
        )
        yield gauge("model_agreement", "Boxes on which the last new model agreed, 0 to 1.", change.agreement)

    def _latency(self, vitals: Vitals) -> Metric:
        """Its sum and count are of the whole run, its quantiles of the last ten seconds."""
        metric = SummaryMetricFamily(f"{PREFIX}latency_seconds", "From capture to result; quantiles of ten seconds.")
        if self._totals.results:
            metric.add_metric([], self._totals.results, self._totals.latency_s)
            for quantile, latency_s in _latencies_s(vitals).items():
                if latency_s is not None:
                    metric.add_sample(metric.name, {"quantile": quantile}, latency_s)
        return metric

    def _from_zero(self, numbers: Values) -> Values:
        """By label: of every label of the model from the start, so that a rate counts the first one, too."""
        return {**dict.fromkeys(self._context.detector.labels, 0.0), **numbers}

    def _places(self) -> Iterator[Metric]:
        cameras = self._context.cameras if len(self._context.cameras) > 1 else ()
        own = ["camera"] if cameras else []
        visits = CounterMetricFamily(f"{PREFIX}zone_visits_total", VISITS_HELP, labels=[*own, "zone", "label"])
        crossings = CounterMetricFamily(
            f"{PREFIX}line_crossings_total", CROSSINGS_HELP, labels=[*own, "line", "label", "direction"]
        )
        for camera in cameras or ("",):
            name, places = [camera] if camera else [], self._context.places_of(camera)
            counts = places.counts() if places else ()
            for (zone, label, _), number in self._numbers(each for each in counts if isinstance(each.place, Zone)):
                visits.add_metric([*name, zone, label], number)
            for count, number in self._numbers(each for each in counts if isinstance(each.place, Line)):
                crossings.add_metric([*name, *count], number)
        yield from (visits, crossings)

    def _numbers(self, counts: Iterable[PlaceCount]) -> Iterator[tuple[Count, int]]:
        """Also 0 for what may come, so that a rate counts the first one, too."""
        for each in counts:
            labels = each.place.classes or self._context.detector.thresholds.classes or self._totals.detections
            zeros = {Count(each.place.name, label, word): 0 for label in labels for word in each.directions}
            yield from (zeros | dict(each.numbers)).items()

    def _page(self) -> Iterator[Metric]:
        yield gauge("web_viewers", "Viewers of the live picture.", len(self._streams.viewers))
        yield counter("web_pictures_total", "Pictures encoded, once for all viewers.", self._streams.encoded)
        yield counter("web_pictures_missed_total", "Pictures that viewers were too slow for.", self._streams.missed)
        yield from self._mistakes()

    def _mistakes(self) -> Iterator[Metric]:
        usage = None if self._marking is None else self._marking.usage
        if usage is not None:
            yield gauge("mistakes_kept", "Pictures that a person has marked.", usage.kept)
            yield gauge("mistakes_offered", "Pictures that wait for review.", usage.offers)
            yield gauge("mistakes_bytes", "Of the folder of marked pictures.", usage.size_bytes)


def build_info(labels: Mapping[str, str]) -> Metric:
    """1, with what runs as its labels."""
    metric = GaugeMetricFamily(f"{PREFIX}build_info", "What runs.", labels=list(labels))
    metric.add_metric(list(labels.values()), 1)
    return metric


def gauge(name: str, help_text: str, value: float | None) -> Metric:
    """A number that goes up and down; without a sample if ``value`` is not known."""
    return GaugeMetricFamily(f"{PREFIX}{name}", help_text, value=value)


def counter(name: str, help_text: str, value: float) -> Metric:
    """A number that only grows; ``name`` ends in ``_total``."""
    return CounterMetricFamily(f"{PREFIX}{name}", help_text, value=value)


def gauges(name: str, help_text: str, label: str, values: Values) -> Metric:
    """One number for each value of ``label``."""
    return _with_samples(GaugeMetricFamily(f"{PREFIX}{name}", help_text, labels=[label]), values)


def counters(name: str, help_text: str, label: str, values: Values) -> Metric:
    """One growing number for each value of ``label``; ``name`` ends in ``_total``."""
    return _with_samples(CounterMetricFamily(f"{PREFIX}{name}", help_text, labels=[label]), values)


def _cameras(vitals: Vitals) -> Iterator[Metric]:
    """Each of several."""
    rates = {name: camera.fps for name, camera in vitals.cameras.items()}
    yield gauges("camera_frames_per_second", "Results of each camera over the last ten seconds.", "camera", rates)
    dropped = {name: float(camera.dropped) for name, camera in vitals.cameras.items()}
    yield counters("camera_frames_dropped_total", "Frames of each camera overtaken by newer ones.", "camera", dropped)
    silence = {name: camera.silent_s or 0.0 for name, camera in vitals.cameras.items()}
    yield gauges("camera_silent_seconds", "For how long no frame has come; 0: it is not silent.", "camera", silence)


def _machine(vitals: Vitals) -> Iterator[Metric]:
    yield gauge("soc_temperature_celsius", "Of the processor.", vitals.soc_temperature_c)
    yield gauge("disk_free_bytes", "On the disk of the folder in which the program runs.", shutil.disk_usage(".").free)
    if vitals.throttling is not None:
        now, known = vitals.throttling.now, vitals.throttling.known
        causes = {NAMES[cause]: float(cause in now) for cause in NAMES if cause in known}
        yield gauges("throttled", "1 while the firmware holds the processor back.", "cause", causes)


def _latencies_s(vitals: Vitals) -> Values:
    latencies_ms = {"0.5": vitals.latency_p50_ms, "0.95": vitals.latency_p95_ms, "0.99": vitals.latency_p99_ms}
    return {quantile: None if ms is None else ms / 1000 for quantile, ms in latencies_ms.items()}


def _with_samples(metric: GaugeMetricFamily | CounterMetricFamily, values: Values) -> Metric:
    for label, value in values.items():
        if value is not None:
            metric.add_metric([label], value)
    return metric
