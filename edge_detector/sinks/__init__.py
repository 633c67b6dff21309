"""Results out. A sink is a class ``Name(spec, context)`` that derives from `Sink`; or, with nothing to say of itself,
a function with the same arguments that returns a context manager of something with ``write(result)``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import TypeVar, get_type_hints
from urllib.parse import unquote

from edge_detector.errors import ConfigError
from edge_detector.options import Spec, argument_of, from_spec
from edge_detector.registry import SINKS, resolve
from edge_detector.running.context import Context
from edge_detector.sinks.background import Background, with_visits_of
from edge_detector.sinks.base import Cameras, Sink, Writer
from edge_detector.sinks.each_camera import EachCamera
from edge_detector.sinks.plain import PlainSink
from edge_detector.types import Result

Options = TypeVar("Options")


def open_sink(text: str, context: Context) -> Writer[Result]:
    """The sink that ``NAME[:ARGUMENT][?key=value]`` describes, on a thread of its own if it may block.

    Raises `ConfigError` for an unknown name or option, and for what is no sink.
    """
    spec = Spec.parse(text)
    make = resolve(SINKS, spec.name, kind="sink")
    if len(context.config.cameras) == 1:
        return _opened(spec, make, context.of_camera(context.config.cameras[0]))
    if not context.cameras:
        return _opened(spec, make, context)
    cameras = make.cameras if isinstance(make, type) and issubclass(make, Sink) else Cameras.REFUSED
    if cameras is Cameras.REFUSED:
        raise ConfigError(
            f"sink {spec.name}: takes the results of one camera only, and this run has {len(context.cameras)}: "
            f"{', '.join(context.cameras)}; leave it out (docs/cameras.md says which sinks take several)"
        )
    if cameras is Cameras.TOGETHER:
        return _opened(spec, make, context)
    return EachCamera({each.name: _opened(spec, make, context.of_camera(each)) for each in context.config.cameras})


def _opened(spec: Spec, make: Callable[[Spec, Context], object], context: Context) -> Writer[Result]:
    sink = _as_sink(spec.name, make(spec, context))
    if not sink.may_block:
        return sink
    background: Background[Result] = Background(
        sink,
        name=f"{spec.name} {context.camera}".strip(),
        live=context.live or sink.newest_only,
        merge=with_visits_of,
        kind=lambda result: result.camera,
    )
    context.meter.watch(background)
    return background


def _as_sink(name: str, made: object) -> Sink:
    if isinstance(made, Sink):
        return made
    if isinstance(made, AbstractContextManager):
        return PlainSink(made)
    raise ConfigError(
        f"sink {name}: made {made!r}; expected a Sink, or a context manager that gives something with write(result)"
    )


def sink_options(options: type[Options], spec: Spec) -> Options:
    """A sink's options as its dataclass; the text after ``NAME:`` is the value of the field made by `argument`.

    In a path, %3F means a question mark, %25 a percent sign, and so on for every byte, as in the options.

    Raises `ConfigError` as `from_spec` does, and for an option that stands where the argument belongs.
    """
    argument = argument_of(options)
    is_path = argument is not None and get_type_hints(options)[argument] is Path
    _refuse_options_before_question_mark(options, spec, argument, is_path=is_path)
    if is_path:
        spec = replace(spec, argument=unquote(spec.argument, errors="surrogateescape"))  # names hold any bytes
    return from_spec(options, spec, where=f"sink {spec.name}")


def _refuse_options_before_question_mark(
    options: type[Options], spec: Spec, argument: str | None, *, is_path: bool
) -> None:
    """``window:fullscreen=true`` is meant as ``window?fullscreen=true``; a file called so is written ``./NAME``."""
    known = [item.name for item in fields(options) if item.name != argument]  # type: ignore[arg-type]
    key, equals, _ = spec.argument.partition("=")
    may_be_name = is_path and key not in known  # only of a file
    if not equals or not known or not key.isidentifier() or may_be_name:
        return
    needed = f":{argument.upper()}" if argument and _required(options, argument) else ""
    given = "&".join([spec.argument, *(f"{name}={value}" for name, value in spec.options.items())])
    raise ConfigError(f"sink {spec.name}: options come after '?'; write {spec.name}{needed}?{given}")


def _required(options: type[Options], argument: str) -> bool:
    (item,) = (item for item in fields(options) if item.name == argument)  # type: ignore[arg-type]
    return item.default is MISSING and item.default_factory is MISSING
