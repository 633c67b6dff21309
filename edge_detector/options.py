"""Typed options out of text: one frozen dataclass says the names, the types and the defaults.

The configuration file, the command line and ``NAME:ARGUMENT?key=value`` all pass through `build`, so a wrong key or
type reads the same everywhere. Help and reference are made from the same fields, by `parameters`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, NewType, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from edge_detector.errors import ConfigError
from edge_detector.hours import Hours
from edge_detector.registry import unknown

Seconds = NewType("Seconds", float)  # "10m", "1.5s", 90
Bytes = NewType("Bytes", int)  # "2GB", "64MB", 1000000

Options = TypeVar("Options")

_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 1e9  # thirty years: longer waits overflow the timers of some systems
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def option(default: Any, description: str, *, flags: tuple[str, ...] = ()) -> Any:
    """A field of an options dataclass: its default, what help and reference say of it, and flags beside ``--its-name``.

    A function as ``default`` makes the value (``dict``). Where the default is empty, the description says what that
    means, after the word "none".
    """
    metadata = {"help": description, "flags": flags}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def argument(description: str, *, default: Any = MISSING) -> Any:
    """The field that takes what stands after ``NAME:``; without a default it must be given."""
    return field(default=default, metadata={"help": description, "argument": True})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of an options dataclass, in words for help and reference."""

    name: str
    kind: str  # its type, from `KINDS`
    default: str  # as a user would write it; "none" if it is empty, "required" if there is no default
    help: str
    is_argument: bool  # it stands after ``NAME:``; the others are written ``?name=value``


def parameters(options: type[Any]) -> tuple[Parameter, ...]:
    """The fields of the dataclass ``options`` that one word can give, so none that are tables; the argument first."""
    hints = get_type_hints(options)
    described = (
        _described(item, _plain(hints[item.name])) for item in fields(options) if not table_type(hints[item.name])
    )
    return tuple(sorted(described, key=lambda each: not each.is_argument))


@dataclass(frozen=True, slots=True)
class Spec:
    """One ``NAME[:ARGUMENT][?key=value&...]`` as the user wrote it."""

    name: str
    argument: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Split ``text``; an argument may itself hold colons (``web:0.0.0.0:8080``)."""
        head, question, query = text.partition("?")
        name, _, argument = head.partition(":")
        if question and "=" not in query:
            raise ConfigError(f"{text!r}: after '?' come options as key=value, joined by '&'")
        return cls(name, argument, dict(parse_qsl(query, keep_blank_values=True)))


def build(options: type[Options], values: Mapping[str, Any], *, where: str) -> Options:
    """An instance of the dataclass ``options`` from ``values``, which may be text or already typed (TOML).

    Raises `ConfigError` that begins with ``where`` for an unknown key or a value of the wrong type.
    """
    hints = get_type_hints(options)
    names = [f.name for f in fields(options)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise ConfigError(f"{where}: {unknown('option', key, names)}")
    missing = [f.name for f in fields(options) if f.name not in values and _required(f)]  # type: ignore[arg-type]
    if missing:
        raise ConfigError(f"{where}: {missing[0]} is missing")
    return options(**{key: convert(hints[key], value, where=f"{where}: {key}") for key, value in values.items()})


def from_spec(options: type[Options], spec: Spec, *, where: str) -> Options:
    """The options of a source or sink as its dataclass; what stands after ``NAME:`` is the field made by `argument`.

    A field with a default may be left out, the argument too. Raises `ConfigError` that begins with ``where`` for an
    unknown option, a value of the wrong type, and an argument too many or missing.
    """
    argument = argument_of(options)
    keys = [f.name for f in fields(options) if f.name != argument]  # type: ignore[arg-type]
    for key in spec.options:
        if key not in keys:
            raise ConfigError(f"{where}: {unknown('option', key, keys)}")
    if argument is None and spec.argument:
        raise ConfigError(f"{where}: takes no argument; got {spec.argument!r}")
    if not spec.argument and any(f.name == argument and _required(f) for f in fields(options)):  # type: ignore[arg-type]
        raise ConfigError(f"{where}: {argument} is missing; write {spec.name}:{str(argument).upper()}")
    given = {argument: spec.argument} if argument and spec.argument else {}
    return build(options, {**spec.options, **given}, where=where)


def argument_of(options: type[Any]) -> str | None:
    """The name of the field that takes what stands after ``NAME:``, if there is one."""
    return next((item.name for item in fields(options) if "argument" in item.metadata), None)


def convert(kind: Any, value: Any, *, where: str) -> Any:
    """``value`` as ``kind``: one of the types in `CONVERTERS`, one of them ``| None``, or a tuple of dataclasses.

    Raises `ConfigError` naming what was expected.
    """
    if value is None and type(None) in get_args(kind):
        return None
    if table := table_type(kind):
        return _from_tables(table, value, where=where)
    converter, expected = CONVERTERS[_plain(kind)]
    try:
        return converter(value)
    except (TypeError, ValueError, AttributeError, OverflowError, RuntimeError):  # the last: ~unknown-user
        raise ConfigError(f"{where} = {value!r}: expected {expected}") from None


def table_type(kind: Any) -> type[Any] | None:
    """``X`` of ``tuple[X, ...]`` for a dataclass ``X``: in the file, each is a table that begins with ``[[name]]``."""
    arms = get_args(kind)
    is_table = get_origin(kind) is tuple and arms[1:] == (Ellipsis,) and is_dataclass(arms[0])
    return arms[0] if is_table else None


def _from_tables(table: type[Options], value: Any, *, where: str) -> tuple[Options, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping | table) for each in value):
        name = where.rpartition(" ")[2]
        raise ConfigError(f"{where} = {value!r}: expected tables, each below a line [[{name}]]")
    return tuple(_from_table(table, each, where=f"{where} {number}") for number, each in enumerate(value, start=1))


def _from_table(table: type[Options], value: Mapping[str, Any] | Options, *, where: str) -> Options:
    if not isinstance(value, Mapping):
        return value
    try:
        return build(table, value, where=where)
    except ConfigError as error:
        raise error if str(error).startswith(where) else ConfigError(f"{where}: {error}") from None


def _plain(kind: Any) -> Any:
    """``X`` of ``X | None``."""
    if kind in CONVERTERS:
        return kind
    (plain,) = (arm for arm in get_args(kind) if arm is not type(None))
    return plain


def _described(item: Field[Any], kind: Any) -> Parameter:
    return Parameter(
        name=item.name,
        kind=KINDS[kind],
        default="required" if _required(item) else as_text(_default(item), kind),
        help=item.metadata.get("help", ""),
        is_argument="argument" in item.metadata,
    )


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def as_text(value: Any, kind: Any) -> str:
    """``value``, of the type ``kind``, as `convert` reads it; "none" if it is empty."""
    if value is None or value in ("", (), {}):
        return "none"
    return WRITERS.get(kind, str)(value)


def _with_largest_unit(units: Mapping[str, float], value: float) -> str:
    """1800 s: "30m"; 90 s: "90s". Of the units that leave a whole number, the largest."""
    named = [(size, name) for name, size in units.items() if name]
    fitting = [(size, name) for size, name in named if value >= size and value % size == 0]
    size, name = max(fitting, default=(1.0, next(name for size, name in named if size == 1)))
    return f"{value / size:g}{name}"


def _required(item: Any) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _path(value: Any) -> Path:
    if "\0" in str(value):  # no file system has such names
        raise ValueError
    return (value if isinstance(value, Path) else Path(_text(value))).expanduser()


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):  # TOML and float() accept inf and nan; no option does
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError
    return bool(value == "true")


def _words(value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    return tuple(_text(word).strip() for word in words if _text(word).strip())


def _numbers_by_word(value: Any) -> dict[str, float]:
    pairs = (pair.split("=") for pair in _words(value)) if isinstance(value, str) else value.items()
    return {_text(word).strip(): _number(number) for word, number in pairs}


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(_number(number) for number in (value.split(",") if isinstance(value, str) else value))


def _points(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple((_number(x), _number(y)) for x, y in value)


def _size(value: Any) -> tuple[int, int]:
    width, height = value.lower().split("x") if isinstance(value, str) else value
    size = _whole(width), _whole(height)
    if min(size) < 1:
        raise ValueError
    return size


def _with_unit(units: Mapping[str, float]) -> Callable[[Any], float]:
    def scaled(value: Any) -> float:
        if isinstance(value, int | float):
            return _at_least_zero(_number(value))
        match = re.fullmatch(r"([\d.]+)\s*([A-Za-z]*)", value.strip())
        if not match or match[2] not in units:
            raise ValueError
        return _number(match[1]) * units[match[2]]

    return scaled


def _seconds(value: Any) -> float:
    seconds = _with_unit(_SECONDS)(value)
    if seconds > _LONGEST_S:
        raise ValueError
    return seconds


def _at_least_zero(number: float) -> float:
    if number < 0:
        raise ValueError
    return number


CONVERTERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    str: (_text, "text"),
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
    bool: (_truth, "true or false"),
    Path: (_path, "a path"),
    Seconds: (_seconds, "a duration such as 90, 1.5s, 10m, 2h or 7d"),
    Bytes: (lambda value: int(_with_unit(_BYTES)(value)), "a size such as 500MB or 2GB"),
    tuple[str, ...]: (_words, "names separated by commas"),
    tuple[float, ...]: (_numbers, "numbers separated by commas"),
    tuple[int, int]: (_size, "a size such as 1280x720"),
    tuple[tuple[float, float], ...]: (_points, "points such as [[0.1, 0.2], [0.9, 0.2], [0.5, 0.8]]"),
    Hours: (Hours.parse, "two different times of the day, such as 22:00-06:00"),
    dict[str, float]: (_numbers_by_word, "name=number pairs separated by commas"),
}

# What help calls each type.
KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Seconds: "duration",
    Bytes: "size in bytes",
    tuple[str, ...]: "names",
    tuple[float, ...]: "numbers",
    tuple[int, int]: "WIDTHxHEIGHT",
    tuple[tuple[float, float], ...]: "points",
    Hours: "hours",
    dict[str, float]: "name=number",
}

# How defaults are written whose str() `convert` would not read.
WRITERS: dict[Any, Callable[[Any], str]] = {
    bool: lambda value: str(value).lower(),
    float: "{:g}".format,
    Seconds: partial(_with_largest_unit, _SECONDS),
    Bytes: partial(_with_largest_unit, _BYTES),
    tuple[str, ...]: ",".join,
    tuple[float, ...]: lambda numbers: ",".join(map("{:g}".format, numbers)),
    tuple[int, int]: "{0[0]}x{0[1]}".format,
    dict[str, float]: lambda numbers: ",".join(f"{word}={number:g}" for word, number in numbers.items()),
}
