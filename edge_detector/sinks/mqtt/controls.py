"""What can be changed over MQTT: a number or a word at a topic that ends with /set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from edge_detector.running.context import Adjustable
from edge_detector.sinks.mqtt.topics import Topics

log = logging.getLogger(__name__)

ON, OFF = "ON", "OFF"  # what Home Assistant expects of a switch
LONGEST_SHOWN = 40  # characters of a command in the log


class Controls:
    """Takes commands, and says what each thing that they change is now."""

    def __init__(self, topics: Topics, detector: Adjustable) -> None:
        self._detector = detector
        self._setters: dict[str, Callable[[str], None]] = {
            topics.confidence: self._set_confidence,
            topics.detection: self._set_detection,
        }
        self._getters: dict[str, Callable[[], str]] = {
            topics.confidence: self._confidence,
            topics.detection: self._detection,
        }
        self._by_command = {topics.command(topic): topic for topic in self._setters}

    def __repr__(self) -> str:
        return f"<Controls {self.states()}>"

    @property
    def commands(self) -> tuple[str, ...]:
        """The topics to listen to."""
        return tuple(self._by_command)

    def states(self) -> dict[str, str]:
        """What is set now, whoever has set it, by topic."""
        return {topic: get() for topic, get in self._getters.items()}

    def take(self, command: str, payload: bytes | bytearray) -> None:
        """Do what ``payload`` says; what cannot be done is logged and changes nothing. Any thread may call it."""
        topic = self._by_command.get(command)
        if topic is None:
            return
        text = payload.decode("utf-8", "replace").strip()
        try:
            self._setters[topic](text)
        except ValueError as error:
            log.warning("mqtt: %s: %r: %s", command, text[:LONGEST_SHOWN], error)
        else:
            log.info("mqtt: %s is now %s", topic, self._getters[topic]())

    def _confidence(self) -> str:
        return f"{self._detector.thresholds.confidence:g}"

    def _set_confidence(self, text: str) -> None:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ValueError("expected a number from 0 to 1")
        self._detector.thresholds = replace(self._detector.thresholds, confidence=value)

    def _detection(self) -> str:
        return ON if self._detector.is_on else OFF

    def _set_detection(self, text: str) -> None:
        if text.upper() not in (ON, OFF):
            raise ValueError("expected ON or OFF")
        self._detector.is_on = text.upper() == ON
