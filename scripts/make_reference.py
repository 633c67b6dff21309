"""Writes docs/reference.md: every option of the detector, its sinks, its sources and its sub-commands.

    python scripts/make_reference.py

The text comes from where the program takes it: the dataclasses of options and the parsers of the command line. A test
fails if the file is not what this script writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from edge_detector.cli import COMMANDS, command_parser
from edge_detector.commands.components import Component, component
from edge_detector.config import Config
from edge_detector.options import Parameter, parameters
from edge_detector.registry import SINKS, SOURCES

REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"

INTRODUCTION = """\
# Reference

Every option of the program. `scripts/make_reference.py` writes this file out of the program; change it there.
`edge-detector --help`, `edge-detector sinks` and `edge-detector sources` say the same of the installed version, its
plug-ins included.

Durations are written as `90`, `1.5s`, `10m`, `2h` or `7d`; sizes in bytes as `500MB` or `2GB`; several names as
`person,dog`. `none` in a table stands for an empty value.
"""


def reference() -> str:
    """The whole text."""
    return "\n".join([INTRODUCTION, *_detector(), *_components(), *_commands()])


def _detector() -> Iterator[str]:
    yield "## edge-detector\n"
    yield "On the command line, write `--max-detections 20`; in the configuration file, `max_detections = 20`.\n"
    yield from _header("option", "type", "default", "meaning")
    flags = {item.name: item.metadata["flags"] for item in fields(Config)}
    for each in parameters(Config):
        default = "" if "default:" in each.help else _code(each.default)
        yield _row(_spelled(each.name, flags[each.name]), each.kind, default, each.help)
    yield ""


def _spelled(name: str, flags: tuple[str, ...]) -> str:
    """The flags of an option, and its name in the file where that is another word."""
    if any(flag.startswith("--") for flag in flags):
        return f"{_code(*flags)} (in the file: `{name}`)"
    return _code(*flags, f"--{name.replace('_', '-')}")


def _components() -> Iterator[str]:
    for title, table, kind in (("Sinks: `--sink`", SINKS, "sink"), ("Sources: `--source`", SOURCES, "source")):
        yield f"## {title}\n"
        for name in sorted(table):
            yield from _component(component(table, name, kind=kind))


def _component(each: Component) -> Iterator[str]:
    yield f"### {each.name}\n"
    yield f"{each.summary}\n"
    if not each.parameters:
        yield "It has no options.\n"
        return
    yield f"`{each.example}`\n"
    yield from _header("option", "type", "default", "meaning")
    for parameter in each.parameters:
        yield _row(_written(parameter), parameter.kind, _code(parameter.default), parameter.help)
    yield ""


def _written(parameter: Parameter) -> str:
    return f"{parameter.name.upper()}, after the colon" if parameter.is_argument else _code(parameter.name)


def _commands() -> Iterator[str]:
    for name, (_, description) in sorted(COMMANDS.items()):
        yield f"## edge-detector {name}\n"
        yield f"{description[0].upper()}{description[1:]}.\n"
        yield from _arguments(command_parser(name))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A table of the arguments; below it, one for each action of a command that has several."""
    yield from _header("argument", "default", "meaning")
    shown = [
        action
        for action in parser._actions
        if argparse.SUPPRESS not in (action.dest, action.help) and action.dest != "help"
    ]  # argparse has no public list of them
    for action in shown:
        yield _row(_argument(action), _default(action), _help(action))
    yield ""
    for action in shown:
        if isinstance(action, argparse._SubParsersAction):
            for help_of, one in zip(action._choices_actions, action.choices.values(), strict=True):
                yield f"### {one.prog}\n"
                yield f"{(help_of.help or '').capitalize()}.\n"
                yield from _arguments(one)


def _argument(action: argparse.Action) -> str:
    choices = ", ".join(map(str, action.choices or ()))
    return _code(*(action.option_strings or [str(action.metavar or action.dest)])) + (f": {choices}" if choices else "")


def _default(action: argparse.Action) -> str:
    if action.required and action.nargs != "*":  # with "*" none may be given
        return _code("required")
    empty = action.default is None or action.default is False or action.default in ("", [], argparse.SUPPRESS)
    return "" if empty else _code(str(action.default))


def _help(action: argparse.Action) -> str:
    return (action.help or "") % vars(action)  # argparse formats it in the same way


def _header(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _code(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    print(f"wrote {REFERENCE}")
