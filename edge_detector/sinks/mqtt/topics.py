"""Where a detector publishes, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass


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
