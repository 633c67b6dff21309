"""Results out. A sink is a class ``Name(spec, context)``, a context manager with ``write(result)``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, get_type_hints
from urllib.parse import unquote

from edge_detector.errors import ConfigError
from edge_detector.options import Spec, build
from edge_detector.registry import SINKS, resolve
from edge_detector.running.context import Context
from edge_detector.types import Result, Sink

Options = TypeVar("Options")


def open_sink(text: str, context: Context) -> Sink:
    """The sink that ``NAME[:ARGUMENT][?key=value]`` describes, on a thread of its own if it may block.

    Raises `ConfigError` for an unknown name or option.
    """
    spec = Spec.parse(text)
    sink: Sink = resolve(SINKS, spec.name, kind="sink")(spec, context)
    if getattr(sink, "may_block", False):
        from edge_detector.sinks.background import Background

        newest_only = context.live or getattr(sink, "newest_only", False)
        background: Background[Result] = Background(sink, name=spec.name, live=newest_only)
        context.meter.watch(background)
        return background
    return sink


def sink_options(options: type[Options], spec: Spec, *, argument: str | None = None) -> Options:
    """A sink's options as its dataclass; the text after ``NAME:`` is the value of the field ``argument``.

    In a path, %3F means a question mark, %25 a percent sign, and so on for every byte, as in the options.

    Raises `ConfigError` for an unknown option, a value of the wrong type, and a missing or superfluous argument.
    """
    where = f"sink {spec.name}"
    if argument is None:
        if spec.argument:
            raise ConfigError(f"{where}: takes no argument; got {spec.argument!r}")
        return build(options, spec.options, where=where)
    if not spec.argument:
        raise ConfigError(f"{where}: {argument} is missing; write {spec.name}:{argument.upper()}")
    value = spec.argument
    if get_type_hints(options)[argument] is Path:
        value = unquote(value, errors="surrogateescape")  # names of files may hold any bytes
    return build(options, {**spec.options, argument: value}, where=where)
