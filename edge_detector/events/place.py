"""Where the database of visits is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from edge_detector.options import Spec

SINK = "events"  # the sink that writes it
FILE_NAME = "events.sqlite"  # in a folder
SUFFIXES = (".sqlite", ".sqlite3", ".db")  # of a file; other names are folders


def database_file(folder_or_file: Path) -> Path:
    """The file itself: what ends with .sqlite or .db, else events.sqlite in that folder."""
    return folder_or_file if folder_or_file.suffix in SUFFIXES else folder_or_file / FILE_NAME


def database_of(sinks: Iterable[str]) -> Path | None:
    """The database that the ``events`` sink among ``sinks`` writes, as they stand in the configuration; or None."""
    specs = [spec for spec in map(Spec.parse, sinks) if spec.name == SINK]
    return database_file(Path(unquote(specs[0].argument)).expanduser()) if specs else None


def picture_folder(database: Path) -> Path:
    """The folder of the pictures of visits, beside the database."""
    return database.with_name(f"{database.stem}-pictures")


def picture_file(database: Path, visit_id: str) -> Path:
    """The picture of one visit."""
    return picture_folder(database) / f"{visit_id}.jpg"


def kept_file(database: Path, visit_id: str, kind: str, suffix: str) -> Path:
    """A file of a visit that somebody keeps, under a name of its own; ``kind`` is that of the file: clip, snapshot."""
    return picture_folder(database) / f"{visit_id}-{kind}{suffix}"
