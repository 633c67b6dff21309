"""All settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a float SSD is fine-tuned, on which photographs, and where the result goes."""

    start: Path
    labels: Path
    data: tuple[tuple[Path, float], ...]  # annotations, and how often each photograph comes in an epoch
    output: Path
    epochs: int = 4
    batch: int = 16
    rate: float = 5e-4
    average: float = 0.995  # how much of the moving average of the weights each step keeps
    calibration: Path | None = None  # photographs: train for int8, with the ranges of the activations on them
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number that no training could use."""
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if not self.rate > 0.0:
            raise ConfigError(f"rate is {self.rate:g}; expected more than 0, such as 5e-4")
        if not 0.0 <= self.average < 1.0:
            raise ConfigError(f"average is {self.average:g}; expected a fraction from 0 to below 1, such as 0.995")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; expected 0 or more")
