"""What Home Assistant must be told to show a detector by itself: its MQTT discovery messages.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
import re
from typing import Any

from edge_detector.version import __version__

COUNT = "{{ value_json.detections | count }}"


def discovery(prefix: str, *, topic: str, status_topic: str, model: str, classes: tuple[str, ...]) -> dict[str, str]:
    """Retained messages by topic: a sensor that counts objects, and a binary sensor for each of ``classes``."""
    identifier = _identifier(topic)
    shared = {
        "state_topic": topic,
        "availability_topic": status_topic,
        "device": {"identifiers": [identifier], "name": topic, "model": model, "sw_version": __version__},
    }
    count = {"name": "Objects", "value_template": COUNT, "json_attributes_topic": topic, "state_class": "measurement"}
    messages = {f"{prefix}/sensor/{identifier}/objects/config": {**shared, **count}}
    for label in classes:
        one = {"name": label.capitalize(), "value_template": _seen(label), "device_class": "occupancy"}
        messages[f"{prefix}/binary_sensor/{identifier}/{_identifier(label)}/config"] = {**shared, **one}
    return {to: _with_id(to, message) for to, message in messages.items()}


def _seen(label: str) -> str:
    """A template that is ON while an object with this label is seen."""
    chosen = f"value_json.detections | selectattr('label', 'eq', {json.dumps(label)}) | list"
    return "{{ 'ON' if " + chosen + " else 'OFF' }}"


def _with_id(to: str, message: dict[str, Any]) -> str:
    _, _, identifier, name, _ = to.rsplit("/", 4)
    return json.dumps({**message, "unique_id": f"{identifier}_{name}"})


def _identifier(text: str) -> str:
    """``text`` in the letters that discovery topics may have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)
