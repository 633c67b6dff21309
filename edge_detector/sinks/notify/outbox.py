"""Messages that wait to be sent, in a folder: they outlive the run, a restart and a power cut."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.recording.synced_file import PART_SUFFIX, SyncedFile, is_abandoned

log = logging.getLogger(__name__)

MOST_IN_MEMORY = 20  # messages that a full disk does not take


class Letter(NamedTuple):
    """One message that waits."""

    name: str  # of its files, without suffix; "": it is in memory only
    message: Message
    picture: bytes | None  # JPEG; None: it is lost


class Outbox:
    """At most ``most`` messages, the oldest first; more push out the oldest. Two threads may use it.

    A folder belongs to one run at a time. What cannot be written is kept in memory, so that a full disk delays no
    message: only one that must also wait for its service can be lost with the run.
    """

    def __init__(self, folder: Path, *, most: int, count: Callable[[int], None] = lambda _: None) -> None:
        """``count`` is told how many bytes are written."""
        self.folder = folder
        self.lost = 0  # messages that were pushed out
        self._most = most
        self._count = count
        self._names: list[str] = []
        self._in_memory: list[Letter] = []
        self._next_number = 0
        self._warned = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._names) + len(self._in_memory)

    def __repr__(self) -> str:
        return f"<Outbox {str(self.folder)!r} waiting={len(self)} lost={self.lost}>"

    def open(self) -> None:
        """Find what an earlier run has left. Raises `OSError` if the folder cannot be made or read."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in self.folder.glob(f"*{PART_SUFFIX}"):
            if is_abandoned(part):
                part.unlink(missing_ok=True)
        self._names = sorted(path.stem for path in self.folder.glob("*.json"))
        self._next_number = 1 + max((_number(name) for name in self._names), default=0)

    def put(self, message: Message, picture: bytes) -> None:
        """Keep one more message."""
        with self._lock:
            name = f"{self._next_number:010}"
            self._next_number += 1
            try:
                self._write(name, message, picture)
                self._names.append(name)
                self._warned = False
            except OSError as error:
                self._keep_in_memory(Letter("", message, picture), error)
            self._push_out()

    def first(self) -> Letter | None:
        """The oldest message; None: nothing waits. One whose files are damaged is removed, and logged."""
        with self._lock:
            while self._names:
                if letter := self._read(self._names[0]):
                    return letter
                self._remove(self._names.pop(0))
            return self._in_memory[0] if self._in_memory else None

    def remove(self, letter: Letter) -> None:
        """``letter`` needs to wait no longer."""
        with self._lock:
            if letter.name in self._names:
                self._names.remove(letter.name)
                self._remove(letter.name)
            elif letter in self._in_memory:
                self._in_memory.remove(letter)

    def _write(self, name: str, message: Message, picture: bytes) -> None:
        """The picture first: a message that has its name is complete."""
        try:
            self._write_file(self._picture(name), picture)
            self._write_file(self._text(name), json.dumps(message.as_dict()).encode())
        except OSError:
            self._remove(name)
            raise

    def _write_file(self, path: Path, content: bytes) -> None:
        with SyncedFile(path, count=self._count) as file:
            file.write(content)
            file.take_final_name()

    def _read(self, name: str) -> Letter | None:
        try:
            message = Message.from_dict(json.loads(self._text(name).read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            log.warning("%s: is missing or damaged; this message is lost", self._text(name))
            self.lost += 1
            return None
        picture = None
        with suppress(OSError):
            picture = self._picture(name).read_bytes()
        return Letter(name, message, picture)

    def _remove(self, name: str) -> None:
        for path in (self._text(name), self._picture(name)):
            with suppress(OSError):
                path.unlink()

    def _keep_in_memory(self, letter: Letter, error: OSError) -> None:
        if not self._warned:
            log.warning("%s: cannot be written: %s; new messages wait in memory", self.folder, error.strerror or error)
        self._warned = True
        self._in_memory.append(letter)

    def _push_out(self) -> None:
        while len(self._names) > self._most:
            self._lose(self._names.pop(0))
        while len(self._in_memory) > MOST_IN_MEMORY:
            self._in_memory.pop(0)
            self._lose("")

    def _lose(self, name: str) -> None:
        if name:
            self._remove(name)
        if self.lost == 0:
            log.warning("%s: more than %d messages wait; the oldest are lost", self.folder, self._most)
        self.lost += 1

    def _text(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _picture(self, name: str) -> Path:
        return self.folder / f"{name}.jpg"


def _number(name: str) -> int:
    return int(name) if name.isdecimal() else 0
