"""Changes the text of a TOML file line by line: only the entries that change, comments stay."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from edge_detector.toml import to_value


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """The TOML ``text`` with other values for some of its keys; everything else stays as it is, comments too.

    Raises `ValueError` if that cannot be done line by line, or if ``text`` is not TOML.
    """
    changed = text
    for name, value in values.items():
        changed = with_entry(changed, name, value)
    expected = {**tomllib.loads(text), **{name: tomllib.loads(f"x = {to_value(v)}")["x"] for name, v in values.items()}}
    if not _is_toml(changed) or tomllib.loads(changed) != expected:  # a table of that name would be there twice
        raise ValueError(f"cannot find the line of {' or '.join(values)}")
    return changed


def with_entry(text: str, name: str, value: Any) -> str:
    """``text`` with ``value`` for its key ``name``, outside its tables; a comment behind the old value stays.

    A new key is added behind the last one, else before the first table and the comment right above it.
    Raises `ValueError` if the old value has no end.
    """
    lines = text.splitlines(keepends=True)
    table = first_table(lines)
    entry = f"{name} = {to_value(value)}"
    for first in _begins(lines[:table], name):
        last, comment = _extent(lines, first)
        lines[first : last + 1] = [entry + comment]
        return "".join(lines)
    place = _place_of_new(lines, table)
    if place and not lines[place - 1].endswith("\n"):
        lines[place - 1] += end_of_line(text)
    lines.insert(place, entry + end_of_line(text))
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


def with_note(text: str, name: str, note: str, *, mark: str) -> str:
    """``text`` with the comment ``# mark note`` in the line before the entry ``name``, outside its tables.

    One that is there with the same ``mark`` makes way. Without such an entry the text stays as it is.
    """
    lines = text.splitlines(keepends=True)
    for first in _begins(lines[: first_table(lines)], name):
        begin = first - 1 if first and lines[first - 1].startswith(f"# {mark}") else first
        lines[begin:first] = [f"# {mark} {' '.join(note.split())}{end_of_line(text)}"]
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


def _place_of_new(lines: list[str], table: int) -> int:
    """The number of the line before which a new key goes, where the line ``table`` begins the first table."""
    last = _before(lines, table, lambda line: not line.strip() or _is_comment(line))
    # The last line of a text over several lines can look like a comment; then the lines before it are no TOML.
    behind_keys = next((place for place in range(last, table) if _is_toml("".join(lines[:place]))), table)
    if behind_keys or table == len(lines):
        return behind_keys or table
    own_comment = _before(lines, table, _is_comment)
    return _before(lines, own_comment, lambda line: not line.strip())


def _before(lines: list[str], end: int, is_passed: Callable[[str], bool]) -> int:
    """The number of the first of the lines up to ``end`` that are all passed; ``end`` if the one before it is not."""
    return end - len(list(takewhile(is_passed, reversed(lines[:end]))))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


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


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Write what ``change`` makes of the file's text: beside the old file, which it then replaces in one step.

    A power cut leaves the old one or the new one. Raises `OSError`, and `ValueError` for a file that is not UTF-8.
    """
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
