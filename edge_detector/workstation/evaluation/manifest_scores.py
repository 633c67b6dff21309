"""Stores a model's default confidence and temperature in its manifest: only their lines change, comments stay."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.toml import to_value
from edge_detector.workstation.graph.model_files import writing

HEADER = r"[ \t]*\[scores\][^\n]*\n"


def store_scores(path: Path, values: Mapping[str, float]) -> None:
    """Write ``values`` into the table [scores] of the manifest in ``path``.

    Raises `ConfigError` if the table cannot be changed line by line, and `SinkError` if the file cannot be written.
    """
    with writing(path):
        text = path.read_bytes().decode()
        path.write_bytes(_checked(text, values, path).encode())


def with_scores(text: str, values: Mapping[str, float]) -> str:
    """The manifest ``text`` with other ``values`` of [scores], or with such a table at its end."""
    if not re.search(HEADER, text):
        text = text.rstrip() + "\n\n[scores]\n"
    for key, value in values.items():
        text = _with_value(text, key, f"{key} = {to_value(value)}")
    return text


def _with_value(text: str, key: str, entry: str) -> str:
    """Replace the line of ``key`` in [scores] up to its comment; without one, the table begins with ``entry``."""
    head, header, rest = re.split(rf"(^{HEADER})", text, maxsplit=1, flags=re.MULTILINE)
    table, *others = re.split(r"^(?=[ \t]*\[)", rest, maxsplit=1, flags=re.MULTILINE)
    changed, count = re.subn(rf"^[ \t]*{key}[ \t]*=[ \t]*[^\s#]+", entry, table, flags=re.MULTILINE)
    return "".join([head, header, changed if count else f"{entry}\n{table}", *others])


def _checked(text: str, values: Mapping[str, float], path: Path) -> str:
    before = tomllib.loads(text)
    changed = with_scores(text, values)
    if _parsed(changed) != {**before, "scores": {**before.get("scores", {}), **values}}:
        raise ConfigError(f"{path}: cannot find the lines of [scores]; write {dict(values)} there by hand")
    return changed


def _parsed(text: str) -> dict[str, Any]:
    """The TOML ``text``; nothing if it is none any more, as with a table that is there twice."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
