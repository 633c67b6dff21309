"""What viewers may change in the running detector: the confidence threshold and the classes."""

from __future__ import annotations

from collections.abc import Mapping
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


NAMES = tuple(item.name for item in fields(SettingsPatch))


def apply_patch(patch: Any, detector: Adjustable) -> Mapping[str, object]:
    """Change the detector's thresholds as the JSON value ``patch`` says; returns the new values of what it names.

    Raises `ConfigError` and changes nothing if any part of it is invalid.
    """
    if not isinstance(patch, dict):
        raise ConfigError('settings: expected an object such as {"confidence": 0.5}')
    detector.thresholds = _patched(detector.thresholds, build(SettingsPatch, patch, where="settings"), detector.labels)
    return {name: value for name, value in current(detector).items() if name in patch}


def current(detector: Adjustable) -> dict[str, object]:
    """The settings alone."""
    return {"confidence": detector.thresholds.confidence, "classes": detector.thresholds.classes}


def changes_in_words(values: Mapping[str, object]) -> str:
    """``values`` for a log: ``confidence = 0.4, classes = ["person"]``."""
    return ", ".join(f"{name} = {to_value(value)}" for name, value in values.items()) or "nothing"


def current_with_labels(detector: Adjustable) -> dict[str, object]:
    """The model, the settings, and all labels of the model with the colours of their boxes and of the text on them."""
    labels = [_label(index, label) for index, label in enumerate(detector.labels)]
    return {"model": detector.name, **current(detector), "labels": labels}


def _patched(thresholds: Thresholds, patch: SettingsPatch, labels: tuple[str, ...]) -> Thresholds:
    if patch.confidence is not None:
        if not 0.0 <= patch.confidence <= 1.0:
            raise ConfigError(f"settings: confidence is {patch.confidence:g}; expected a fraction from 0 to 1")
        thresholds = replace(thresholds, confidence=patch.confidence)
    if patch.classes is not None:
        for label in patch.classes:
            if label not in labels:
                raise ConfigError(f"settings: {unknown('class', label, labels)}")
        thresholds = replace(thresholds, classes=tuple(dict.fromkeys(patch.classes)))
    return thresholds


def _label(class_id: int, name: str) -> dict[str, str]:
    color = class_color(class_id)
    return {"name": name, "color": _css(color), "text_color": _css(text_color(color))}


def _css(color: tuple[int, int, int]) -> str:
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"
