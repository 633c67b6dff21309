"""All settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a float SSD is trained, and where the results go."""

    base: Path
    output: Path  # a folder
    image_size: int | None = None  # pixels, of a square input; None: that of the base
    epochs: int | None = None  # None: as many as `schedule.epochs_for` says
    qat_epochs: int | None = None  # for int8; None: some, if plain int8 loses too much
    batch: int = 16
    rate: float = 3e-4  # the highest learning rate
    resume: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number that no training could use."""
        for name, least in (("epochs", 1), ("qat_epochs", 0), ("batch", 1), ("seed", 0), ("image_size", 32)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"--{name.replace('_', '-')} {value}: expected {least} or more")
        if not 0.0 < self.rate < 1.0:
            raise ConfigError(f"--rate {self.rate:g}: expected more than 0, and less than 1, such as 3e-4")
