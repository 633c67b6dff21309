"""New model, labels, thresholds, classes, zones, lines and masks for a run: the camera stays open, no frame is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import partial
from typing import Protocol, TypeVar

from edge_detector.config import Config
from edge_detector.errors import EdgeDetectorError
from edge_detector.masking import masked_value
from edge_detector.track.places import check_classes
from edge_detector.types import Thresholds

log = logging.getLogger(__name__)

T = TypeVar("T")

THRESHOLDS = ("labels", "label_base", "confidence", "class_confidence", "classes", "iou", "max_detections")
PLACES = ("zones", "lines", "masks")
MODEL = ("model", "runtime", "resize", "outputs", "mean", "std")
SHADOW = ("shadow_frames", "shadow_every", "shadow_time", "shadow_slower")


class Reconfigurable(Protocol):
    """The detector, as a reload sees it."""

    thresholds: Thresholds

    @property
    def labels(self) -> tuple[str, ...]: ...
    def reconfigure(self, config: Config) -> None: ...
    def relabel(self, labels: tuple[str, ...], thresholds: Thresholds) -> None: ...


class Changeable(Reconfigurable, Protocol):
    """A detector that can also take another model."""

    @property
    def config(self) -> Config:
        """With which the model that runs now was opened: another object after each change."""
        ...

    def is_other_model(self, config: Config) -> bool: ...
    def begin(self, config: Config, *, check: Callable[[tuple[str, ...]], object]) -> None: ...
    def give_up(self) -> None: ...
    def refuse(self, reason: str) -> None:
        """Log and remember that a reload has come to nothing."""
        ...


class Replaceable(Protocol):
    """The zones, lines and masks, as a reload sees them."""

    def use(self, config: Config) -> str:
        """Use those of ``config``; returns what they are, in words, if they are others.

        Raises `ConfigError` and changes nothing if any of them cannot be used.
        """
        ...


class Reload:
    """Reads the configuration again when asked to (by SIGHUP), and applies it between two results."""

    def __init__(self, running: Config, load: Callable[[], Config]) -> None:
        """``load`` reads the configuration again; it raises `EdgeDetectorError` if it is wrong."""
        self._running = running
        self._load = load
        self._requested = False
        self.done = 0  # requests that were carried out
        self.said = ""  # what the last of them has changed, in words; "" if it was refused, or a model is to come
        self._places_to_come: Config | None = None  # with the new model, whose classes they speak of

    def request(self, *_signal: object) -> None:
        """Ask for a reload; made to be a signal handler."""
        self._requested = True

    def watch(self, results: Iterable[T], detector: Changeable, places: Replaceable | None = None) -> Iterator[T]:
        """The same results; after a request ``detector`` and ``places`` are changed before the next result is taken.

        Another model is loaded and tried meanwhile, and comes later, with its labels and thresholds.
        """
        opened_with = detector.config
        for result in results:
            yield result
            if detector.config is not opened_with:
                opened_with = detector.config
                self._arrive(opened_with, places)
            if self._requested:
                self._requested = False
                self._change(detector, places)

    def _change(self, detector: Changeable, places: Replaceable | None) -> None:
        self.said = ""
        self._read(detector, places)
        self.done += 1  # last: who sees it may read the rest

    def _read(self, detector: Changeable, places: Replaceable | None) -> None:
        try:
            wanted = self._load()
            is_other = detector.is_other_model(wanted)
        except (EdgeDetectorError, OSError) as error:
            detector.refuse(f"reload: {error}; everything stays as it was")
            return
        if is_other:
            self._begin(wanted, detector, places)
        else:
            detector.give_up()
            self._change_the_rest(wanted, detector, places)

    def _begin(self, wanted: Config, detector: Changeable, places: Replaceable | None) -> None:
        """Zones, lines and masks count at once, unless they speak of classes that only the new model has."""
        self._places_to_come = None
        try:
            drawn = places.use(wanted) if places is not None else ""
        except EdgeDetectorError:
            self._places_to_come = wanted
        else:
            if drawn:
                log.info("reloaded: %s", drawn)
        detector.begin(wanted, check=partial(check_classes, wanted.all_places))
        self._warn_of_the_fixed(self._running, wanted)

    def _arrive(self, config: Config, places: Replaceable | None) -> None:
        """The model of ``config`` runs now: a new one, or again the one before it."""
        self._running = config
        to_come, self._places_to_come = self._places_to_come, None
        if places is None or to_come is None:
            return
        try:
            log.info("reloaded: %s", places.use(to_come))
        except EdgeDetectorError as error:
            log.error("reload: %s; the places stay as they were", error)

    def _change_the_rest(self, wanted: Config, detector: Changeable, places: Replaceable | None) -> None:
        before, labels = self._running, detector.labels
        try:
            drawn = _apply(wanted, detector, places)
        except EdgeDetectorError as error:
            detector.refuse(f"reload: {error}; everything stays as it was")
            return
        self._running = wanted
        changes = [_difference(before, wanted, THRESHOLDS), "other labels" if detector.labels != labels else "", drawn]
        self.said = ", ".join(filter(None, changes)) or "nothing has changed"
        log.info("reloaded: %s", self.said)
        self._warn_of_the_fixed(before, wanted)

    def _warn_of_the_fixed(self, before: Config, wanted: Config) -> None:
        cameras_differ = [each.without_places for each in before.cameras] != [
            each.without_places for each in wanted.cameras
        ]
        ignored = [_difference(before, wanted, _fixed()), "the cameras" if cameras_differ else ""]
        if any(ignored):
            log.warning("reload: only a restart can change %s", ", ".join(filter(None, ignored)))


def _apply(wanted: Config, detector: Reconfigurable, places: Replaceable | None) -> str:
    """Change both or, if it raises, neither; returns which places there are now, if they are others."""
    labels, thresholds = detector.labels, detector.thresholds
    detector.reconfigure(wanted)  # first: the classes of zones are those of the new labels
    try:
        return places.use(wanted) if places is not None else ""
    except EdgeDetectorError:
        detector.relabel(labels, thresholds)
        raise


def _fixed() -> list[str]:
    """The options that only a restart can change."""
    return [item.name for item in fields(Config) if item.name not in (*THRESHOLDS, *PLACES, *MODEL, *SHADOW, "cameras")]


def _difference(before: Config, after: Config, names: Iterable[str]) -> str:
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return ", ".join(f"{name} = {masked_value(str(getattr(after, name)))}" for name in changed)
