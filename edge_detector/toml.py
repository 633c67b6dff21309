"""Read TOML files, with error messages that name the file; write the kinds of values that this project needs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """The keys and values of a TOML file.

    Raises `ConfigError` if it cannot be read or is not valid TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: its values are nested too deeply") from None


def to_toml(values: Mapping[str, Any]) -> str:
    """``values`` as TOML: plain keys first, then a [table] for each mapping."""
    plain = [f"{_key(key)} = {to_value(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    tables = [f"\n[{_key(key)}]\n{to_toml(value)}" for key, value in values.items() if isinstance(value, Mapping)]
    return "".join(f"{line}\n" for line in plain) + "".join(tables)


def to_value(value: Any) -> str:
    """One value as TOML, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {to_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(to_value(item) for item in value) + "]"
    return _scalar(str(value) if isinstance(value, Path) else value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _scalar(key)


def _scalar(value: Any) -> str:
    """Text, a boolean or a number, which TOML writes as JSON does; but TOML needs an escape for DEL, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
