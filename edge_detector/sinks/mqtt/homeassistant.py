"""The MQTT discovery messages by which Home Assistant finds a detector and shows it as one device.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, one message an entity: versions before 2024.11 do not
know the newer form, one message a device.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_detector.sinks.mqtt.topics import Topics
from edge_detector.version import __version__

COUNT = "{{ value_json.detections | count }}"  # of all objects
DIAGNOSTIC = {"entity_category": "diagnostic", "state_class": "measurement"}
CONFIGURES = {"entity_category": "config"}


@dataclass(frozen=True, slots=True)
class Device:
    """What Home Assistant shows as one device."""

    name: str
    topics: Topics
    model: str
    classes: tuple[str, ...]  # each has its own sensors
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the classes that count there; none: all
    has_picture: bool = False
    is_controlled: bool = False  # it takes commands

    @property
    def identifier(self) -> str:
        """Of this detector alone, as long as its topic is."""
        return identifier(self.topics.frames)


def discovery(prefix: str, device: Device) -> dict[str, str]:
    """Retained messages by topic, one for each entity."""
    shared = {
        "availability_topic": device.topics.status,
        "device": {
            "identifiers": [device.identifier],
            "name": device.name,
            "model": device.model,
            "manufacturer": "edge-detector",
            "sw_version": __version__,
        },
        "origin": {"name": "edge-detector", "sw_version": __version__},
    }
    return {
        f"{prefix}/{component}/{device.identifier}/{name}/config": json.dumps(
            {**shared, "unique_id": f"{device.identifier}_{name}", **config}
        )
        for component, name, config in _entities(device)
    }


Entity = tuple[str, str, dict[str, Any]]  # its component, its name in topics, its configuration


def _entities(device: Device) -> Iterator[Entity]:
    yield from _objects(device)
    for zone, classes in device.zones.items():
        yield from _zone(device, zone, classes or device.classes)
    yield from _health(device)
    if device.has_picture:
        picture = {"name": "Best picture", "image_topic": device.topics.picture, "content_type": "image/jpeg"}
        yield "image", "picture", picture
    if device.is_controlled:
        yield from _controls(device)


def _objects(device: Device) -> Iterator[Entity]:
    """How many objects are in view, of all classes and of each of ``classes``, and whether there is one."""
    seen = {"state_topic": device.topics.frames}
    attributes = {"json_attributes_topic": device.topics.frames}
    yield "sensor", "objects", {**seen, **attributes, **_number("Objects", COUNT)}
    for label in device.classes:
        name = identifier(label)
        yield "sensor", f"{name}_count", {**seen, **_number(f"{label.capitalize()} count", _count(label))}
        yield "binary_sensor", name, {**seen, **_occupancy(label.capitalize(), _with_label(label))}


def _zone(device: Device, zone: str, classes: tuple[str, ...]) -> Iterator[Entity]:
    """Whether somebody is in a zone, and whether one of each class is."""
    state = {"state_topic": device.topics.zones}
    inside = f"value_json.get({json.dumps(zone)}, {{}})"
    name = f"zone_{identifier(zone)}"
    yield "binary_sensor", name, {**state, **_occupancy(f"Zone {zone}", f"{inside}.values() | sum")}
    for label in classes:
        here = {**state, **_occupancy(f"{label.capitalize()} in {zone}", f"{inside}.get({json.dumps(label)}, 0)")}
        yield "binary_sensor", f"{name}_{identifier(label)}", here


def _health(device: Device) -> Iterator[Entity]:
    state = {"state_topic": device.topics.state, **DIAGNOSTIC}
    speed = {"unit_of_measurement": "fps", "icon": "mdi:speedometer"}
    yield "sensor", "fps", {**state, "name": "Speed", "value_template": "{{ value_json.fps }}", **speed}
    heat = {"device_class": "temperature", "unit_of_measurement": "°C"}
    yield (
        "sensor",
        "temperature",
        {**state, "name": "Processor temperature", "value_template": "{{ value_json.temperature_c }}", **heat},
    )
    delay = {"unit_of_measurement": "ms", "icon": "mdi:timer-outline"}  # as a "duration" 804 ms would be shown as 0.804
    yield "sensor", "latency", {**state, "name": "Latency", "value_template": "{{ value_json.latency_ms }}", **delay}


def _controls(device: Device) -> Iterator[Entity]:
    """What can be changed; each says what it is now."""
    topics = device.topics
    steps = {"min": 0, "max": 1, "step": 0.01, "mode": "slider", "icon": "mdi:tune"}
    number = {"state_topic": topics.confidence, "command_topic": topics.command(topics.confidence)}
    yield "number", "confidence", {"name": "Confidence", **number, **steps, **CONFIGURES}
    switch = {"state_topic": topics.detection, "command_topic": topics.command(topics.detection), "icon": "mdi:eye"}
    yield "switch", "detection", {"name": "Detection", **switch}


def _number(name: str, template: str) -> dict[str, Any]:
    return {"name": name, "value_template": template, "state_class": "measurement"}


def _occupancy(name: str, count: str) -> dict[str, Any]:
    """A binary sensor that is on while the expression ``count`` is not 0."""
    template = "{{ 'ON' if (" + count + ") else 'OFF' }}"
    return {"name": name, "value_template": template, "device_class": "occupancy"}


def _count(label: str) -> str:
    """A template whose value is the number of objects with this label."""
    return "{{ " + _with_label(label) + " }}"


def _with_label(label: str) -> str:
    return f"value_json.detections | selectattr('label', 'eq', {json.dumps(label)}) | list | count"


def identifier(text: str) -> str:
    """``text`` with only the characters that are allowed in discovery topics."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)
