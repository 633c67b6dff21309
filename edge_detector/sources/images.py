"""Photographs: one file, or all in a folder and the folders in it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imutils import paths

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.image_files import SUFFIXES, read_image
from edge_detector.options import Spec, argument
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.types import Frame, Size

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImagesOptions:
    """``images:PATH``."""

    path: Path = argument("a photograph, or a folder of them")


class ImagesSource(Source, options=ImagesOptions, live=False):
    """Photographs in the order in which people number them (2 before 10), turned upright as EXIF says.

    One that cannot be read is counted in ``unreadable`` and logged with its name, in a loop only once; the others
    are still read.
    """

    def __init__(self, spec: Spec, config: Config, _model_size: Size) -> None:
        self.path = source_options(ImagesOptions, spec).path
        self.unreadable = 0
        self.files: list[Path] = []
        self._loop = config.loop
        self._skipped: set[Path] = set()
        self._sequence = 0
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "open"
        return f"<ImagesSource {state} {self.path} files={len(self.files)} unreadable={self.unreadable}>"

    def open(self) -> None:
        self.files = self._find()
        self.frame_count = None if self._loop else len(self.files)

    def stop(self) -> None:
        """End the iteration."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Raises `SourceError` if none of the files can be read."""
        while True:
            before = self._sequence
            for file in self.files:
                if self._stopped.is_set():
                    return
                if (frame := self._read(file)) is not None:
                    yield frame
                    self._sequence += 1
            if self._sequence == before:
                raise SourceError(f"{self.path}: not one image can be read, of {len(self.files)}")
            if not self._loop:
                return

    def _find(self) -> list[Path]:
        if not self.path.exists():
            raise SourceError(f"{self.path}: no such image or folder")
        if self.path.is_file():
            return [self.path]
        found = [Path(name) for name in paths.list_files(str(self.path), validExts=SUFFIXES)]
        if not found:
            raise SourceError(f"{self.path}: no images in this folder; looked for {', '.join(SUFFIXES)}")
        return sorted(found, key=naturally)

    def _read(self, file: Path) -> Frame | None:
        """The next frame, or None if there is no picture in the file."""
        try:
            return read_image(file, sequence=self._sequence)
        except SourceError as error:
            self.unreadable += 1
            log.log(logging.DEBUG if file in self._skipped else logging.WARNING, "skipped: %s", error)
            self._skipped.add(file)
            return None


def naturally(path: Path) -> list[tuple[int, str]]:
    """A key that sorts numbers within names by value: frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", str(path)) if part]
