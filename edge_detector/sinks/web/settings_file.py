"""Saves changed settings in the configuration file of the run: only their own lines change, comments stay."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from edge_detector.running.context import ConfigFile
from edge_detector.toml import to_value

UNSAVED = "until the next start or reload"


def kept(file: ConfigFile | None, names: Collection[str]) -> str:
    """How long a change of the settings ``names`` lasts, for people."""
    if file is None:
        return f"{UNSAVED}: the detector runs without --config FILE"
    if flags := sorted(file.flags.intersection(names)):
        return f"{UNSAVED}: the command line says --{flags[0]}, which has priority over {file.path}"
    return f"saved in {file.path}"


def save(file: ConfigFile | None, values: Mapping[str, Any]) -> str:
    """Write ``values`` into the file; returns how long the change lasts, and why it does not last longer."""
    return save_change(file, values.keys(), partial(with_values, values=values))


def save_change(file: ConfigFile | None, names: Collection[str], change: Callable[[str], str]) -> str:
    """Write what ``change`` makes of the file's text, with other values of ``names``; returns the same as `save`.

    ``change`` raises `ValueError` if the text cannot be changed so.
    """
    if file is None or file.flags.intersection(names):
        return kept(file, names)
    try:
        _replace(file.path.resolve(), change)
    except OSError as error:
        return f"{UNSAVED}: {file.path} cannot be written: {error.strerror}"
    except ValueError as error:
        return f"{UNSAVED}: {file.path} stays as it is: {error}"
    return kept(file, names)


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """The TOML ``text`` with other values for some of its keys; everything else stays as it is, comments too.

    Raises `ValueError` if that cannot be done line by line, or if ``text`` is not TOML.
    """
    changed = text
    for name, value in values.items():
        changed = with_entry(changed, name, value)
    expected = {**tomllib.loads(text), **{name: tomllib.loads(f"x = {to_value(v)}")["x"] for name, v in values.items()}}
    if tomllib.loads(changed) != expected:
        raise ValueError(f"cannot find the line of {' or '.join(values)}")
    return changed


def with_entry(text: str, name: str, value: Any) -> str:
    """``text`` with ``value`` for its key ``name``, outside its tables; a comment behind the old value stays.

    A new key is added before the first table. Raises `ValueError` if the old value has no end.
    """
    lines = text.splitlines(keepends=True)
    table = first_table(lines)
    entry = f"{name} = {to_value(value)}"
    for first in _begins(lines[:table], name):
        last, comment = _extent(lines, first)
        lines[first : last + 1] = [entry + comment]
        return "".join(lines)
    if table and not lines[table - 1].endswith("\n"):
        lines[table - 1] += end_of_line(text)
    lines.insert(table, entry + end_of_line(text))
    return "".join(lines)


def without_entry(text: str, name: str) -> str:
    """``text`` without its key ``name``, outside its tables.

    Raises `ValueError` if its value has no end.
    """
    lines = text.splitlines(keepends=True)
    for first in _begins(lines[: first_table(lines)], name):
        last, _ = _extent(lines, first)
        del lines[first : last + 1]
        break
    return "".join(lines)


def first_table(lines: list[str]) -> int:
    """The number of the first line that begins a table; how many lines there are if none does."""
    starts = (index for index, line in enumerate(lines) if line.lstrip().startswith("["))
    # A line of a list over several lines can begin so, too; then the lines before it are no TOML.
    return next((index for index in starts if _is_toml("".join(lines[:index]))), len(lines))


def end_of_line(text: str) -> str:
    """What ends the lines of ``text``."""
    return "\r\n" if "\r\n" in text else "\n"


def _begins(lines: list[str], name: str) -> list[int]:
    return [index for index, line in enumerate(lines) if re.match(rf"\s*{name}\s*=", line)]


def _extent(lines: list[str], first: int) -> tuple[int, str]:
    """The last line of the entry that begins at ``first``, and what follows the value there: a comment, the line's end.

    Raises `ValueError` if the entry has no end.
    """
    for last in range(first, len(lines)):
        entry = "".join(lines[first : last + 1])
        if _is_toml(entry):
            return last, _after_value(entry)
    raise ValueError(f"line {first + 1} begins a value that does not end")


def _after_value(entry: str) -> str:
    """The comment behind the value of ``entry``, with the space before it, and the line's end."""
    ends = [match.start() for match in re.finditer(r"[ \t]*#|\s*\Z", entry)]
    return next(entry[end:] for end in ends if _is_toml(entry[:end]))


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _replace(path: Path, change: Callable[[str], str]) -> None:
    """Write the file anew beside the old one and then rename it: a power cut leaves the old one or the new one."""
    text = change(path.read_bytes().decode())
    status = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(PermissionError):  # only root may give a file to somebody else
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, status.st_mode & 0o777)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
