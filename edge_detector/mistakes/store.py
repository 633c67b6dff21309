"""The folder of marked pictures: a JPEG and a JSON file for each, so that no crash can damage more than one of them."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_detector.errors import SinkError
from edge_detector.mistakes.record import Marked, as_json, from_json

log = logging.getLogger(__name__)

SIZE_BYTES = 500 * 10**6  # unless somebody says otherwise
MOST_OFFERS = 100  # that nobody has looked at; the oldest make room for newer ones
ID = re.compile(r"\d{6,}-[0-9a-f]{6}")

PICTURE, KEPT, OFFER, PART = ".jpg", ".json", ".offer.json", ".part"  # what the names end with


@dataclass(frozen=True, slots=True)
class Usage:
    """What is in the folder."""

    kept: int  # pictures that a person has judged
    offers: int  # pictures that wait for that
    size_bytes: int  # of all files


class Store:
    """Adds, changes and removes pictures; several programs may do so at once, and any of them may be killed.

    Each file is written beside its place and then renamed. Of a picture the JPEG comes first, then what is said of it:
    what has no record is not there, and is removed by the next `tidy`.
    """

    def __init__(self, folder: Path, *, size_bytes: int = SIZE_BYTES) -> None:
        """``size_bytes``: of all files at most; offers make room first, then the oldest pictures."""
        self.folder = folder
        self._size_bytes = size_bytes
        self._told: set[str] = set()  # what the log has said once

    def __repr__(self) -> str:
        return f"<Store {str(self.folder)!r}>"

    def tidy(self) -> None:
        """Make the folder if it is missing, and remove what a killed program has left.

        Raises `SinkError` if the folder cannot be made or written.
        """
        with self._one_line("cannot use this folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
            names = self._names()
            for name in names:
                id_ = _id_of(name)
                is_half = name.endswith(PICTURE) and f"{id_}{KEPT}" not in names and f"{id_}{OFFER}" not in names
                was_offer = name.endswith(OFFER) and f"{id_}{KEPT}" in names
                if id_ and (name.endswith(PART) or is_half or was_offer):
                    (self.folder / name).unlink(missing_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(0, "no permission to write there")

    def add(self, picture: Marked, jpeg: bytes) -> Marked:
        """Keep ``picture`` under a new id, which the answer has; the oldest make room.

        Raises `SinkError` if it cannot be written.
        """
        with self._one_line("cannot keep this picture"):
            picture = replace(picture, id=self._next_id())
            self._write(f"{picture.id}{PICTURE}", jpeg)
            try:
                self._write_record(picture)
            except BaseException:
                (self.folder / f"{picture.id}{PICTURE}").unlink(missing_ok=True)
                raise
            self._shrink(newest=picture.id)
        return picture

    def change(self, picture: Marked) -> None:
        """Replace what is said of a picture that is there; an offer that is judged is kept. Raises `SinkError`."""
        with self._one_line("cannot keep what is said of this picture"):
            self._write_record(picture)
            if picture.is_judged:
                (self.folder / f"{picture.id}{OFFER}").unlink(missing_ok=True)

    def remove(self, id_: str) -> bool:
        """Whether there was such a picture. Raises `SinkError` if it cannot be removed."""
        if not ID.fullmatch(id_):
            return False
        with self._one_line("cannot remove this picture"):
            files = [self.folder / f"{id_}{ending}" for ending in (OFFER, KEPT, PICTURE)]
            is_there = any(file.exists() for file in files)
            for file in files:
                file.unlink(missing_ok=True)
        return is_there

    def get(self, id_: str) -> Marked | None:
        """The picture of that id, if there is one."""
        if not ID.fullmatch(id_):
            return None
        return self._read(f"{id_}{KEPT}") or self._read(f"{id_}{OFFER}")

    def jpeg(self, id_: str) -> bytes | None:
        """The picture itself; None if there is none of that id."""
        try:
            return (self.folder / f"{id_}{PICTURE}").read_bytes() if ID.fullmatch(id_) else None
        except FileNotFoundError:
            return None

    def kept(self, *, newest: int | None = None) -> list[Marked]:
        """The pictures that a person has judged, oldest first; with ``newest``, the newest of them only."""
        return self._all(KEPT, newest)

    def offers(self) -> list[Marked]:
        """Those that wait for that, oldest first."""
        return self._all(OFFER)

    def ids(self) -> list[str]:
        """Of every picture, also of those whose record is damaged, oldest first."""
        with self._one_line("cannot read this folder"):
            names = self._names()
        return sorted({id_ for name in names if (id_ := _id_of(name))}, key=_order)

    def usage(self) -> Usage:
        """Raises `SinkError` if the folder cannot be read."""
        with self._one_line("cannot read this folder"):
            names = self._names()
            size_bytes = sum(self._size_of(name) for name in names)
        return Usage(len(_ids(names, KEPT)), len(_ids(names, OFFER)), size_bytes)

    def _all(self, ending: str, newest: int | None = None) -> list[Marked]:
        with self._one_line("cannot read this folder"):
            ids = _ids(self._names(), ending)
            ids = ids if newest is None else ids[max(0, len(ids) - newest) :]
        return [picture for id_ in ids if (picture := self._read(f"{id_}{ending}")) is not None]

    def _read(self, name: str) -> Marked | None:
        """None if it is gone; if it is damaged, the log says so once, and everything else goes on."""
        file = self.folder / name
        try:
            return replace(from_json(json.loads(file.read_bytes())), id=_id_of(name))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self._tell(f"{file}: damaged, and left out: {reason}; edge-detector mistakes delete {_id_of(name)}")
            return None

    def _next_id(self) -> str:
        """The random part keeps an address of a removed picture from being that of another."""
        numbers = [int(id_.partition("-")[0]) for name in self._names() if (id_ := _id_of(name))]
        return f"{max(numbers, default=0) + 1:06d}-{secrets.token_hex(3)}"

    def _shrink(self, *, newest: str) -> None:
        names = self._names()
        offers = [id_ for id_ in _ids(names, OFFER) if id_ != newest]
        kept = [id_ for id_ in _ids(names, KEPT) if id_ != newest]
        for id_ in offers[: max(0, len(offers) + 1 - MOST_OFFERS)]:
            self.remove(id_)
        size_bytes = sum(self._size_of(name) for name in self._names())
        for id_ in [*offers, *kept]:
            if size_bytes <= self._size_bytes:
                return
            if id_ in kept:
                self._tell(f"{self.folder}: {self._size_bytes / 1e6:g} MB are full; the oldest pictures make room")
            size_bytes -= sum(self._size_of(f"{id_}{ending}") for ending in (OFFER, KEPT, PICTURE))
            self.remove(id_)

    def _write_record(self, picture: Marked) -> None:
        text = json.dumps(as_json(picture), ensure_ascii=False, separators=(",", ":"))
        self._write(f"{picture.id}{KEPT if picture.is_judged else OFFER}", text.encode())

    def _write(self, name: str, content: bytes) -> None:
        """All of the file or nothing, even after a power cut."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{name}{PART}"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / name)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)

    def _names(self) -> set[str]:
        try:
            return {entry.name for entry in os.scandir(self.folder)}
        except FileNotFoundError:
            return set()

    def _size_of(self, name: str) -> int:
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:  # another program has removed it
            return 0

    @contextmanager
    def _one_line(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SinkError(f"{self.folder}: {what}: {error.strerror or error}") from error

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            log.warning("%s", line)


def _id_of(name: str) -> str:
    """The id that a file's name begins with; "" of a file that is none of ours."""
    match = ID.match(name)
    return match[0] if match else ""


def _ids(names: set[str], ending: str) -> list[str]:
    """The ids of the files with that ending, oldest first."""
    found = [id_ for name in names if (id_ := _id_of(name)) and name == f"{id_}{ending}"]
    return sorted(found, key=_order)


def _order(id_: str) -> tuple[int, str]:
    return int(id_.partition("-")[0]), id_


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some network file systems cannot
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
