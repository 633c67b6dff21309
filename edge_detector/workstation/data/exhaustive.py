"""Which classes of a data set are labelled wherever they are: a small file beside the annotations says it.

``dataset.toml`` in a set's folder, or NAME.toml beside NAME.json or NAME.record:

    exhaustive = ["raccoon"]   # every raccoon has a box; what else is there may have none
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_detector import toml
from edge_detector.errors import ConfigError
from edge_detector.registry import unknown

NAME = "dataset.toml"
KEY = "exhaustive"


def side_file(path: Path) -> Path:
    """The file that may say it, of the set at ``path``."""
    return path / NAME if path.is_dir() else path.with_suffix(".toml")


def read_exhaustive(path: Path, classes: Sequence[str]) -> frozenset[str] | None:
    """The classes whose every object has a box; None, if no file says otherwise, for all of them.

    Raises `ConfigError` if the file cannot be used.
    """
    file = side_file(path)
    if not file.is_file() and not path.is_dir():
        file = path.parent / NAME
    if not file.is_file():
        return None
    content = toml.read_toml(file)
    for key in content:
        if key != KEY:
            raise ConfigError(f"{file}: {unknown('key', key, (KEY,))}")
    return checked(content.get(KEY), classes, where=str(file))


def checked(names: object, classes: Sequence[str], *, where: str) -> frozenset[str]:
    """``names`` as a set of classes. Raises `ConfigError` for what is no list of classes of the set."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'{where}: {KEY} is {names!r}; expected a list of classes, such as ["dog"]')
    for name in names:
        if name not in classes:
            raise ConfigError(f"{where}: {KEY}: {unknown('class', name, classes)}")
    return frozenset(names)


def as_text(exhaustive: frozenset[str]) -> str:
    """The content of the side file."""
    return toml.to_toml({KEY: sorted(exhaustive)})
