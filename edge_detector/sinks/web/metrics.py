"""The run's numbers for Prometheus, in its text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from edge_detector.running.context import Context
from edge_detector.running.meter import Vitals
from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.streams import Streams
from edge_detector.system.throttling import NAMES
from edge_detector.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Values = Mapping[str, float | None]  # by the value of a label; None is not known, and left out


def expose(context: Context, feed: Feed, streams: Streams) -> str:
    """Every metric that has a value, with its help and type."""
    return "".join((*_of_run(context, feed), *_of_machine(context.meter.vitals), *_of_page(streams)))


def gauge(name: str, help_text: str, value: float | None) -> str:
    """A number that goes up and down; nothing if it is not known."""
    return _family(name, "gauge", help_text, {"": value})


def counter(name: str, help_text: str, value: float) -> str:
    """A number that only grows."""
    return _family(name, "counter", help_text, {"": value})


def gauges(name: str, help_text: str, label: str, values: Values) -> str:
    """One number for each value of ``label``."""
    return _family(name, "gauge", help_text, _labelled(label, values))


def counters(name: str, help_text: str, label: str, values: Values) -> str:
    """One growing number for each value of ``label``."""
    return _family(name, "counter", help_text, _labelled(label, values))


def _of_run(context: Context, feed: Feed) -> Iterator[str]:
    vitals = context.meter.vitals
    objects = Counter(detection.label for detection in feed.newest.result.detections) if feed.newest else {}
    yield gauges("info", f"What runs, version {__version__}.", "model", {context.detector.name: 1})
    yield counter("results_total", "Frames on which detection has run.", feed.number)
    yield gauge("frame_age_seconds", "Time since the last new frame.", feed.age_s)
    yield gauges("frames_per_second", "Rate of each stage over the last ten seconds.", "stage", vitals.fps)
    yield counters("frames_dropped_total", "Frames overtaken by newer ones.", "stage", vitals.dropped)
    yield gauges("latency_seconds", "From capture to result, last ten seconds.", "quantile", _latencies_s(vitals))
    yield gauges("objects", "Objects in the newest frame.", "label", objects)
    yield gauge("confidence_threshold", "Lowest score kept.", context.detector.thresholds.confidence)


def _of_machine(vitals: Vitals) -> Iterator[str]:
    yield gauge("soc_temperature_celsius", "Of the processor.", vitals.soc_temperature_c)
    if vitals.throttling is not None:
        now, known = vitals.throttling.now, vitals.throttling.known
        causes = {NAMES[cause]: float(cause in now) for cause in NAMES if cause in known}
        yield gauges("throttled", "1 while the firmware holds the processor back.", "cause", causes)


def _of_page(streams: Streams) -> Iterator[str]:
    yield gauge("web_viewers", "Viewers of the live picture.", len(streams.viewers))
    yield counter("web_pictures_total", "Pictures encoded, once for all viewers.", streams.encoded)
    yield counter("web_pictures_missed_total", "Pictures that viewers were too slow for.", streams.missed)


def _latencies_s(vitals: Vitals) -> Values:
    latencies_ms = {"0.5": vitals.latency_p50_ms, "0.95": vitals.latency_p95_ms, "0.99": vitals.latency_p99_ms}
    return {quantile: None if ms is None else ms / 1000 for quantile, ms in latencies_ms.items()}


def _family(name: str, kind: str, help_text: str, values: Values) -> str:
    name = f"edge_detector_{name}"
    lines = [f"{name}{labels} {value}\n" for labels, value in values.items() if value is not None]
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n{''.join(lines)}" if lines else ""


def _labelled(label: str, values: Values) -> Values:
    return {f'{{{label}="{_escape(key)}"}}': value for key, value in values.items()}


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
