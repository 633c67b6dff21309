"""The MQTT discovery messages by which Home Assistant finds a detector and shows it.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
import re
from typing import Any

from edge_detector.version import __version__

COUNT = "{{ value_json.detections | count }}"  # of all objects


def discovery(prefix: str, *, topic: str, status_topic: str, model: str, classes: tuple[str, ...]) -> dict[str, str]:
    """Retained messages by topic: a sensor that counts objects; for each of ``classes`` one, and a binary sensor."""
    identifier = _identifier(topic)
    shared = {
        "state_topic": topic,
        "availability_topic": status_topic,
        "device": {"identifiers": [identifier], "name": topic, "model": model, "sw_version": __version__},
    }
    count = {"name": "Objects", "value_template": COUNT, "json_attributes_topic": topic, "state_class": "measurement"}
    messages = {f"{prefix}/sensor/{identifier}/objects/config": {**shared, **count}}
    for label in classes:
        number = {"value_template": _count_template(label), "state_class": "measurement"}
        messages[f"{prefix}/sensor/{identifier}/{_identifier(label)}_count/config"] = {
            **shared,
            "name": f"{label.capitalize()} count",
            **number,
        }
        one = {"name": label.capitalize(), "value_template": _occupancy_template(label), "device_class": "occupancy"}
        messages[f"{prefix}/binary_sensor/{identifier}/{_identifier(label)}/config"] = {**shared, **one}
    return {to: _with_id(to, message) for to, message in messages.items()}


def _occupancy_template(label: str) -> str:
    """A template whose value is ON while an object with this label is detected."""
    return "{{ 'ON' if " + _with_label(label) + " else 'OFF' }}"


def _count_template(label: str) -> str:
    """A template whose value is the number of objects with this label."""
    return "{{ " + _with_label(label) + " | count }}"


def _with_label(label: str) -> str:
    return f"value_json.detections | selectattr('label', 'eq', {json.dumps(label)}) | list"


def _with_id(to: str, message: dict[str, Any]) -> str:
    _, _, identifier, name, _ = to.rsplit("/", 4)
    return json.dumps({**message, "unique_id": f"{identifier}_{name}"})


def _identifier(text: str) -> str:
    """``text`` with only the characters that are allowed in discovery topics."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)
