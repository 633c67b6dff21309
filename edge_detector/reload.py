"""New labels, thresholds and classes for a detector that runs: the camera stays open, no frame is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import TypeVar

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, reconfigure
from edge_detector.errors import EdgeDetectorError
from edge_detector.logs import without_passwords

log = logging.getLogger(__name__)

T = TypeVar("T")

RELOADABLE = ("labels", "label_base", "confidence", "class_confidence", "classes", "iou", "max_detections")


class Reload:
    """A wish, made by SIGHUP, that is granted between two results."""

    def __init__(self, load: Callable[[], Config]) -> None:
        """``load`` reads the configuration; it raises `EdgeDetectorError` if it is wrong."""
        self._load = load
        self._requested = False

    def request(self, *_signal: object) -> None:
        """Ask for it; a signal handler."""
        self._requested = True

    def watch(self, results: Iterable[T], detector: Detector, running: Config) -> Iterator[T]:
        """The same results; ``detector`` is changed after the one during which somebody asked."""
        for result in results:
            yield result
            if self._requested:
                self._requested = False
                running = self._change(detector, running)

    def _change(self, detector: Detector, running: Config) -> Config:
        labels = detector.labels
        try:
            wanted = self._load()
            reconfigure(detector, wanted)
        except EdgeDetectorError as error:
            log.error("reload: %s; everything stays as it was", error)
            return running
        news = [_difference(running, wanted, RELOADABLE), "other labels" if detector.labels != labels else ""]
        log.info("reloaded: %s", ", ".join(filter(None, news)) or "nothing has changed")
        others = [item.name for item in fields(Config) if item.name not in (*RELOADABLE, "sinks")]
        ignored = _difference(running, wanted, others)
        if ignored:
            log.warning("reload: only a restart can change %s", ignored)
        return wanted


def _difference(before: Config, after: Config, names: Iterable[str]) -> str:
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return without_passwords(", ".join(f"{name} = {getattr(after, name)}" for name in changed))
