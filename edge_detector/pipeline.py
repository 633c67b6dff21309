"""The loop: frames in, results out, and everything closed however the run ends."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge_detector.config import Config
from edge_detector.detect import Detector, open_detector
from edge_detector.logs import without_passwords
from edge_detector.options import build
from edge_detector.prefetch import JOIN_TIMEOUT_S, Prefetch
from edge_detector.running.context import Context
from edge_detector.running.governor import Governor
from edge_detector.running.meter import Meter
from edge_detector.running.reload import Reload
from edge_detector.sinks import open_sink
from edge_detector.sources import open_source
from edge_detector.types import Frame, Result, Sink, Source

log = logging.getLogger(__name__)

INFERENCE_TIMEOUT_S = 120.0  # the largest models on the smallest Pi take seconds, never minutes
CAMERA_TIMEOUTS = 3  # one of silence, one to open the camera again, and one more of silence


@dataclass(frozen=True, slots=True)
class Stages:
    """The two threads of a run: one captures frames, the other runs the model on them."""

    source: Source
    governor: Governor
    frames: Prefetch[Frame]
    results: Prefetch[Result]

    @classmethod
    def of(cls, config: Config, detector: Detector, source: Source) -> Stages:
        """Connected, but not started."""
        # The camera notices stop() only when its own read times out.
        join_timeout_s = JOIN_TIMEOUT_S + config.timeout
        # The model gets every frame of a file, so they are scaled ahead of it; most frames of a camera are dropped.
        pictures = source if source.live else map(detector.scaled, source)
        frames = Prefetch(pictures, name="capture", live=source.live, join_timeout_s=join_timeout_s)
        governor = Governor(config.max_temperature, detector, threads_first=config.cool_by == "threads")
        found = map(partial(detector.detect, live=source.live), governor.pace(frames))
        results = Prefetch(
            found,
            name="inference",
            live=source.live,
            timeout_s=INFERENCE_TIMEOUT_S + CAMERA_TIMEOUTS * config.timeout,
            progress=lambda: getattr(source, "reconnects", 0),
        )
        return cls(source, governor, frames, results)

    @contextmanager
    def running(self) -> Iterator[Prefetch[Result]]:
        """The results as they come."""
        with self.frames, self.results:
            try:
                yield self.results
            finally:
                self.source.stop()  # ends the capture thread's wait for the camera
                self.governor.stop()  # ends the inference thread's rest
                self.frames.stop()  # ends the inference thread's wait for a frame


def run(config: Config, reload: Reload | None = None) -> None:
    """Detect until the source ends, a sink stops the run, or an error or a signal ends it.

    ``reload`` gives new labels and thresholds while it runs.

    Raises what the parts raise: `ConfigError`, `ModelError`, `SourceError`, `SinkError`, `ShutdownTimeout`.
    """
    with ExitStack() as stack:  # opened last, closed first
        detector = stack.enter_context(open_detector(config))
        source = stack.enter_context(open_source(config, model_size=detector.picture_size(config.size)))
        stages = Stages.of(config, detector, source)
        meter = Meter((stages.frames, stages.results), work_share=lambda: stages.governor.share)
        context = Context(config, detector, meter, source.live, stop=stages.results.stop)
        sinks = [stack.enter_context(open_sink(text, context)) for text in config.sinks]
        results = stack.enter_context(stages.running())
        log.info("%s: %s to %s", detector.name, without_passwords(config.source), ", ".join(config.sinks))
        write_all(reload.watch(results, detector) if reload else results, sinks, meter)


@contextmanager
def watch(source: str = "0", **options: Any) -> Iterator[Iterable[Result]]:
    """The results of a camera, film or folder for a loop of your own: a camera's newest, all of a file's.

        with watch("0", classes="dog", confidence=0.6) as results:
            for result in results: ...

    ``options`` are those of `Config`. Raises what `run` raises.
    """
    config = build(Config, {"source": source, **options}, where="watch")
    with (
        open_detector(config) as detector,
        open_source(config, model_size=detector.picture_size(config.size)) as frames,
        Stages.of(config, detector, frames).running() as results,
    ):
        yield results


def write_all(results: Iterable[Result], sinks: Iterable[Sink], meter: Meter) -> None:
    """Give every result to every sink, in order."""
    sinks = list(sinks)
    for result in results:
        meter.record(result)
        for sink in sinks:
            sink.write(result)
