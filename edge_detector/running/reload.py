"""New labels, thresholds and classes for a detector that runs: the camera stays open, no frame is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Protocol, TypeVar

from edge_detector.config import Config
from edge_detector.errors import EdgeDetectorError
from edge_detector.masking import masked_value

log = logging.getLogger(__name__)

T = TypeVar("T")

RELOADABLE = ("labels", "label_base", "confidence", "class_confidence", "classes", "iou", "max_detections")


class Reconfigurable(Protocol):
    """The detector, as a reload sees it."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    def reconfigure(self, config: Config) -> None: ...


class Reload:
    """Reads the configuration again when asked to (by SIGHUP), and applies it between two results."""

    def __init__(self, running: Config, load: Callable[[], Config]) -> None:
        """``load`` reads the configuration again; it raises `EdgeDetectorError` if it is wrong."""
        self._running = running
        self._load = load
        self._requested = False

    def request(self, *_signal: object) -> None:
        """Ask for a reload; made to be a signal handler."""
        self._requested = True

    def watch(self, results: Iterable[T], detector: Reconfigurable) -> Iterator[T]:
        """The same results; after a request ``detector`` is changed before the next result is taken."""
        for result in results:
            yield result
            if self._requested:
                self._requested = False
                self._change(detector)

    def _change(self, detector: Reconfigurable) -> None:
        before, labels = self._running, detector.labels
        try:
            wanted = self._load()
            detector.reconfigure(wanted)
        except EdgeDetectorError as error:
            log.error("reload: %s; everything stays as it was", error)
            return
        self._running = wanted
        changes = [_difference(before, wanted, RELOADABLE), "other labels" if detector.labels != labels else ""]
        log.info("reloaded: %s", ", ".join(filter(None, changes)) or "nothing has changed")
        ignored = _difference(before, wanted, [item.name for item in fields(Config) if item.name not in RELOADABLE])
        if ignored:
            log.warning("reload: only a restart can change %s", ignored)


def _difference(before: Config, after: Config, names: Iterable[str]) -> str:
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return ", ".join(f"{name} = {masked_value(str(getattr(after, name)))}" for name in changed)
