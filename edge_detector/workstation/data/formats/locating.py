"""Where the files of a data set are: photographs by the names that annotations call them, text without surprises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from edge_detector.errors import ConfigError
from edge_detector.image_files import SUFFIXES
from edge_detector.workstation.data.labelled import split_of

LARGEST_TEXT = 512 * 2**20  # bytes of an annotation file: COCO's own has 450 MB
ENCODING = "utf-8-sig"  # a byte order mark, which Windows editors write, is no part of the text


class Folder:
    """All files below a folder, listed once; links to folders are followed, each folder once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file, in a stable order; hidden ones and what macOS's archives add are left out."""
        return tuple(sorted(_walk(self.root, set()), key=str))

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """Every image file."""
        return tuple(path for path in self.files if path.suffix.lower() in SUFFIXES)

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        """Every file with one of the suffixes, in upper or lower case."""
        return tuple(path for path in self.files if path.suffix.lower() in suffixes)

    def image(self, name: str, *beside: Path) -> Path | None:
        """The photograph that annotations call ``name``: a path relative to one of the folders ``beside``, else the
        only image of that file name in the set. None if there is none, or if several have the name."""
        for spelled in spellings(name):
            for folder in beside:
                if is_file(path := folder / spelled):
                    return path
        for spelled in spellings(name):
            found = self._by_name.get(PurePosixPath(spelled).name.lower(), ())
            if len(found) == 1:
                return found[0]
        return None

    def image_of_stem(self, stem: str, *beside: Path) -> Path | None:
        """The photograph with the file name ``stem``, whatever its suffix, in the first of the folders that has it."""
        for folder in beside:
            path = self._by_stem.get((folder, stem)) if folder.is_relative_to(self.root) else _of_stem(folder, stem)
            if path is not None:
                return path
        return None

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self.images:
            found.setdefault(path.name.lower(), []).append(path)
        return found

    @cached_property
    def _by_stem(self) -> dict[tuple[Path, str], Path]:
        return {(path.parent, path.stem): path for path in reversed(self.images)}


def spellings(name: str) -> Iterator[str]:
    """``name`` as it stands, then as Label Studio means it: Windows' slashes, URL-quoted, or in a local-files URL."""
    plain = name.replace("\\", "/")
    yield plain
    try:
        parts = urlsplit(plain)
    except ValueError:  # brackets, as if it were an IPv6 address
        return
    for path in (unquote(plain), unquote(parts.path), *parse_qs(parts.query).get("d", ())):
        if path and path != plain:
            yield path


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than a file system allows, or with a zero byte
        return False


def _of_stem(folder: Path, stem: str) -> Path | None:
    suffixes = (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))
    return next((path for suffix in suffixes if is_file(path := folder / f"{stem}{suffix}")), None)


def split_of_path(path: Path, root: Path) -> str:
    """The split that a file's name, or a folder above it up to ``root``, speaks of; the nearest wins."""
    inside = path.relative_to(root).parts if path.is_relative_to(root) else path.parts[-2:]
    return split_of(*reversed(inside[:-1]))


def read_text(path: Path) -> str:
    """The text of an annotation file, without a byte order mark. Raises `ConfigError` if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise ConfigError(f"{path}: larger than {LARGEST_TEXT // 2**20} MB; is it an annotation file?")
        return path.read_text(encoding=ENCODING)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}; save it as UTF-8") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without the space around them; empty lines at the end are left out."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        else:
            yield Path(entry.path)
