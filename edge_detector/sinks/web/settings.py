"""What viewers may change on the running detector: the confidence and the classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.options import build
from edge_detector.overlay import class_color
from edge_detector.registry import unknown
from edge_detector.running.context import Adjustable
from edge_detector.types import Thresholds


@dataclass(frozen=True, slots=True)
class SettingsPatch:
    """A change; what is None stays as it is."""

    confidence: float | None = None
    classes: tuple[str, ...] | None = None  # none named: all


def apply(wish: Any, detector: Adjustable) -> None:
    """Change the detector's thresholds to what the JSON value ``wish`` says.

    Raises `ConfigError` and changes nothing if any of it is impossible.
    """
    if not isinstance(wish, dict):
        raise ConfigError('settings: expected an object such as {"confidence": 0.5}')
    detector.thresholds = _changed(detector.thresholds, build(SettingsPatch, wish, where="settings"), detector.labels)


def describe(detector: Adjustable) -> dict[str, object]:
    """The settings, and the labels to choose classes from with the colours of their boxes."""
    labels = [{"name": label, "color": _css(class_color(index))} for index, label in enumerate(detector.labels)]
    return {"model": detector.name, **chosen(detector), "labels": labels}


def chosen(detector: Adjustable) -> dict[str, object]:
    """The settings alone."""
    return {"confidence": detector.thresholds.confidence, "classes": detector.thresholds.classes}


def _changed(thresholds: Thresholds, wish: SettingsPatch, labels: tuple[str, ...]) -> Thresholds:
    if wish.confidence is not None:
        if not 0.0 <= wish.confidence <= 1.0:
            raise ConfigError(f"settings: confidence is {wish.confidence:g}; expected a fraction from 0 to 1")
        thresholds = replace(thresholds, confidence=wish.confidence)
    if wish.classes is not None:
        for label in wish.classes:
            if label not in labels:
                raise ConfigError(f"settings: {unknown('class', label, labels)}")
        thresholds = replace(thresholds, classes=tuple(dict.fromkeys(wish.classes)))
    return thresholds


def _css(color: tuple[int, int, int]) -> str:
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"
