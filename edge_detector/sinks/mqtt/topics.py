"""Where a detector publishes, and where it listens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_detector.errors import ConfigError

HOME_ASSISTANT = "homeassistant"  # its own default for the prefix of discovery topics
PREFIX = re.compile(r"[\w.-]+(/[\w.-]+)*")
MEANS_TRUE_OR_FALSE = ("true", "false", "yes", "no", "on", "off", "1", "0")  # and is nobody's prefix
LONGEST = 60_000  # bytes: MQTT allows 65,535, and "/visits", "/confidence/set" are added

# What no topic may hold (MQTT 3.1.1, sections 1.5.3 and 4.7), by what is wrong with it. `search` finds it.
WRONG = {
    "is empty": r"\A\Z",
    "has a + or #, with which one subscribes": r"[+#]",
    "begins with $, which is the broker's own": r"\A\$",
    "has a control character": r"[\x00-\x1f\x7f-\x9f]",
    "has a space at the end of a word between the slashes": r"(^|/)\s|\s(/|$)",
}


@dataclass(frozen=True, slots=True)
class Topics:
    """All begin with that of the frames, but for the status, which the user may put elsewhere."""

    frames: str
    status: str

    @property
    def visits(self) -> str:
        """One message for each change of a visit."""
        return f"{self.frames}/visits"

    @property
    def zones(self) -> str:
        """Retained: how many of which class are in each zone."""
        return f"{self.frames}/zones"

    @property
    def state(self) -> str:
        """Retained: speed, latency and temperature."""
        return f"{self.frames}/state"

    @property
    def picture(self) -> str:
        """Retained: the best picture of the newest visit, a JPEG."""
        return f"{self.frames}/picture"

    @property
    def confidence(self) -> str:
        """Retained: from which score on an object counts."""
        return f"{self.frames}/confidence"

    @property
    def detection(self) -> str:
        """Retained: ON, or OFF while nothing is looked for."""
        return f"{self.frames}/detection"

    @staticmethod
    def command(topic: str) -> str:
        """Where a new value for ``topic`` is expected."""
        return f"{topic}/set"


def check_topic(name: str, topic: str, *, example: str) -> None:
    """Raises `ConfigError` for what a broker refuses, and for what nobody means. ``name`` is the option's."""
    faults = [fault for fault, pattern in WRONG.items() if re.search(pattern, topic)]
    if len(topic.encode(errors="replace")) > LONGEST:
        faults.append(f"is longer than {LONGEST} bytes")
    if faults:
        raise ConfigError(f"sink mqtt: {name} is {topic[:80]!r}: it {faults[0]}; expected something like {example}")


def check_prefix(prefix: str) -> None:
    """Raises `ConfigError` for what cannot be the prefix of Home Assistant's integration MQTT."""
    if not PREFIX.fullmatch(prefix) or prefix.lower() in MEANS_TRUE_OR_FALSE:
        raise ConfigError(
            f"sink mqtt: discovery is {prefix[:80]!r}; expected something like {HOME_ASSISTANT}: letters, digits, "
            "_, - and ., with / only between them; or true or false"
        )
