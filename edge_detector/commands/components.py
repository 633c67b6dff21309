"""What can be chosen by name, with every option: the answer of ``edge-detector sinks`` and ``sources``."""

from __future__ import annotations

import argparse
import inspect
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.options import Parameter, parameters
from edge_detector.registry import check, names, resolve
from edge_detector.text_table import padded

INDENT = 2
NARROWEST = 40  # columns for the descriptions, on however narrow a terminal


@dataclass(frozen=True, slots=True)
class Component:
    """A sink or source in words."""

    name: str
    summary: str  # what it does; of one that cannot be imported, why
    example: str  # such as "jsonl:FILE?append=true"; "" if it says none
    parameters: tuple[Parameter, ...] | None  # None: it does not say which options it has


def components(table: dict[str, str], *, kind: str) -> list[Component]:
    """Everything in ``table``, and the plug-ins for it."""
    return [component(table, name, kind=kind) for name in names(table)]


def component(table: dict[str, str], name: str, *, kind: str) -> Component:
    """One of them. Raises `ConfigError` for a name that nobody has."""
    check(table, name, kind=kind)
    try:
        made_by = resolve(table, name, kind=kind)
    except ConfigError as error:  # its packages are not installed, or the plug-in is broken
        return Component(name, str(error), "", None)
    options = getattr(made_by, "options", None)
    if not is_dataclass(options):
        return Component(name, _first_sentence(made_by), "", None)
    assert isinstance(options, type)
    return Component(name, _first_sentence(made_by), _example(options), parameters(options))


def add_arguments(parser: argparse.ArgumentParser, *, kind: str) -> None:
    """The arguments of both commands."""
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"only this {kind}; default: all of them")


def print_components(table: dict[str, str], name: str | None, *, kind: str) -> None:
    """All of ``table``, or only ``name``. Raises `ConfigError` for a name that nobody has."""
    chosen = [component(table, name, kind=kind)] if name else components(table, kind=kind)
    columns = shutil.get_terminal_size().columns
    print("\n\n".join("\n".join(lines(each, columns)) for each in chosen))  # noqa: T201 - the answer


def lines(each: Component, columns: int) -> Iterator[str]:
    """A component for a terminal of so many columns."""
    yield from _wrapped(f"{each.name}  ", each.summary, columns)
    if each.parameters is None:
        yield f"{'':{INDENT}}it does not say which options it has"
        return
    if not each.parameters:
        yield f"{'':{INDENT}}it has no options"
        return
    if each.example:
        yield f"{'':{INDENT}}{each.example}"
    rows = [(_written(parameter), parameter.kind, parameter.default) for parameter in each.parameters]
    for cells, parameter in zip(padded(rows), each.parameters, strict=True):
        yield from _wrapped(f"{'':{INDENT}}{cells}  ", parameter.help, columns)


def _written(parameter: Parameter) -> str:
    return f":{parameter.name.upper()}" if parameter.is_argument else f"{parameter.name}="


def _wrapped(start: str, text: str, columns: int) -> list[str]:
    """``start``, and ``text`` in the columns after it."""
    width = max(columns, len(start) + NARROWEST)
    return textwrap.wrap(text, width, initial_indent=start, subsequent_indent=" " * len(start)) or [start.rstrip()]


def _first_sentence(made_by: Any) -> str:
    """What the docstring says in its first line, without the marks of code."""
    return (inspect.getdoc(made_by) or "").partition("\n")[0].replace("`", "")


def _example(options: type[Any]) -> str:
    """The first code of the docstring: how the options are written."""
    code = (inspect.getdoc(options) or "").split("``")
    return code[1] if len(code) > 1 else ""
