"""Results out. A sink is a class ``Name(spec, context)``, a context manager with ``write(result)``."""

from __future__ import annotations

from edge_detector.context import Context
from edge_detector.options import Spec
from edge_detector.registry import SINKS, resolve
from edge_detector.types import Sink


def open_sink(text: str, context: Context) -> Sink:
    """The sink that ``NAME[:ARGUMENT][?key=value]`` describes, on a thread of its own if it may block.

    Raises `ConfigError` for an unknown name or option.
    """
    spec = Spec.parse(text)
    sink: Sink = resolve(SINKS, spec.name, kind="sink")(spec, context)
    if getattr(sink, "may_block", False):
        from edge_detector.sinks.background import Background

        background = Background(sink, name=spec.name, live=context.live)
        context.meter.watch(background)
        return background
    return sink
