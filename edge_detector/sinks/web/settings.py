"""What viewers may change in the running detector: what counts as a detection, and whether it detects at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from edge_detector.colors import class_color, text_color
from edge_detector.errors import ConfigError
from edge_detector.options import build
from edge_detector.registry import unknown
from edge_detector.running.context import Adjustable
from edge_detector.toml import to_value
from edge_detector.types import Thresholds


@dataclass(frozen=True, slots=True)
class SettingsPatch:
    """A change; what is None stays as it is."""

    confidence: float | None = None
    classes: tuple[str, ...] | None = None  # empty: all classes
    class_confidence: dict[str, float] | None = None  # empty: `confidence` counts for all
    iou: float | None = None
    max_detections: float | None = None  # JSON's numbers are read as fractions; only a whole one is taken
    detecting: bool | None = None  # False: nothing is looked for


NAMES = tuple(item.name for item in fields(SettingsPatch))
OF_THE_RUN = "detecting"  # every start begins with detection on: there is no such option
LASTING = tuple(name for name in NAMES if name != OF_THE_RUN)  # options of the configuration file
MOST_OBJECTS = 1000  # in a picture; no model here gives as many
UNTIL_RESTART = "until the next start, which switches detection on"


def apply_patch(patch: Any, detector: Adjustable) -> Mapping[str, object]:
    """Change the detector as the JSON value ``patch`` says; returns the new values of what it names.

    Raises `ConfigError` and changes nothing if any part of it is invalid.
    """
    if not isinstance(patch, dict):
        raise ConfigError('settings: expected an object such as {"confidence": 0.5}')
    wanted = build(SettingsPatch, patch, where="settings")
    detector.thresholds = _patched(detector.thresholds, wanted, detector.labels)
    if wanted.detecting is not None:
        detector.is_on = wanted.detecting
    return {name: value for name, value in current(detector).items() if name in patch}


def current(detector: Adjustable) -> dict[str, object]:
    """The settings alone."""
    thresholds = detector.thresholds
    return {
        "confidence": thresholds.confidence,
        "classes": thresholds.classes,
        "class_confidence": dict(thresholds.class_confidence or {}),
        "iou": thresholds.iou,
        "max_detections": thresholds.max_detections,
        OF_THE_RUN: detector.is_on,
    }


def changes_in_words(values: Mapping[str, object]) -> str:
    """``values`` for a log: ``confidence = 0.4, classes = ["person"]``."""
    return ", ".join(f"{name} = {to_value(value)}" for name, value in values.items()) or "nothing"


def current_with_labels(detector: Adjustable) -> dict[str, object]:
    """The model, the settings, and all labels of the model with the colours of their boxes and of the text on them."""
    labels = [_label(index, label) for index, label in enumerate(detector.labels)]
    return {"model": detector.name, **current(detector), "labels": labels}


def _patched(thresholds: Thresholds, patch: SettingsPatch, labels: tuple[str, ...]) -> Thresholds:
    given = {name: getattr(patch, name) for name in LASTING if getattr(patch, name) is not None}
    return replace(thresholds, **{name: CHECKS[name](name, value, labels) for name, value in given.items()})


def _fraction(name: str, value: float, _labels: tuple[str, ...]) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"settings: {name} is {value:g}; expected a fraction from 0 to 1")
    return value


def _known(_name: str, classes: Iterable[str], labels: tuple[str, ...]) -> tuple[str, ...]:
    for label in classes:
        if label not in labels:
            raise ConfigError(f"settings: {unknown('class', label, labels)}")
    return tuple(dict.fromkeys(classes))


def _fractions(name: str, values: Mapping[str, float], labels: tuple[str, ...]) -> dict[str, float]:
    return {label: _fraction(f"{name} of {label}", values[label], labels) for label in _known(name, values, labels)}


def _count(name: str, value: float, _labels: tuple[str, ...]) -> int:
    if not 1 <= value <= MOST_OBJECTS or value != int(value):
        raise ConfigError(f"settings: {name} is {value:g}; expected a whole number from 1 to {MOST_OBJECTS}")
    return int(value)


CHECKS: Mapping[str, Callable[[str, Any, tuple[str, ...]], Any]] = {
    "confidence": _fraction,
    "classes": _known,
    "class_confidence": _fractions,
    "iou": _fraction,
    "max_detections": _count,
}


def _label(class_id: int, name: str) -> dict[str, str]:
    color = class_color(class_id)
    return {"name": name, "color": _css(color), "text_color": _css(text_color(color))}


def _css(color: tuple[int, int, int]) -> str:
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"
