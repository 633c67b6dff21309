"""The loop: frames in, results out, everything closed on every way out."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

from edge_detector.config import Config
from edge_detector.context import Context
from edge_detector.detect import open_detector
from edge_detector.governor import Governor
from edge_detector.meter import Meter
from edge_detector.prefetch import Prefetch
from edge_detector.reload import Reload
from edge_detector.sinks import open_sink
from edge_detector.sources import open_source
from edge_detector.types import Result, Sink

log = logging.getLogger(__name__)

INFERENCE_TIMEOUT_S = 120.0  # the largest models on the smallest Pi take seconds, never minutes


def run(config: Config, reload: Reload | None = None) -> None:
    """Detect until the source ends, a sink stops the run, or an error or signal unwinds it.

    ``reload`` brings new labels and thresholds meanwhile.

    Raises what the parts raise: `ConfigError`, `ModelError`, `SourceError`, `SinkError`, `ShutdownTimeout`.
    """
    with ExitStack() as stack:  # opened last, closed first
        detector = stack.enter_context(open_detector(config))
        source = stack.enter_context(open_source(config, model_size=detector.input_size))
        frames = Prefetch(source, name="capture", live=source.live)
        detect = partial(detector.detect, live=source.live)
        governor = Governor(config.max_temperature)
        found = map(detect, governor.pace(frames))
        results = Prefetch(found, name="inference", live=source.live, timeout_s=INFERENCE_TIMEOUT_S)
        meter = Meter((frames, results))
        context = Context(config, detector, meter, source.live, stop=results.stop)
        sinks = [stack.enter_context(open_sink(text, context)) for text in config.sinks]
        stack.enter_context(frames)
        stack.enter_context(results)
        stack.callback(frames.stop)  # on the way out these three run first, for the inference thread may
        stack.callback(governor.stop)  # wait for a frame or rest,
        stack.callback(source.stop)  # and the capture thread wait for the camera
        log.info("%s: %s to %s", detector.name, config.source, ", ".join(config.sinks))
        write_all(reload.watch(results, detector, config) if reload else results, sinks, meter)


def write_all(results: Iterable[Result], sinks: Iterable[Sink], meter: Meter) -> None:
    """Give every result to every sink, in order."""
    sinks = list(sinks)
    for result in results:
        meter.record(result)
        for sink in sinks:
            sink.write(result)
