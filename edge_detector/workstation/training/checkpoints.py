"""What a training needs to go on after a stop: arrays in one file, which is replaced only by a complete one."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ConfigError

log = logging.getLogger(__name__)

FACTS = "facts"  # the entry that is JSON
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training after an epoch."""

    facts: Mapping[str, Any]  # what JSON can hold
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """The last checkpoint of one training. `identity`: what says that a checkpoint belongs to this training."""

    path: Path
    identity: Mapping[str, str]  # what it is -> its value

    def save(self, checkpoint: Checkpoint) -> None:
        """Write beside, then rename: a stop or a full disk leaves the checkpoint before as it was, which is logged."""
        beside = self.path.with_suffix(".part")
        facts = json.dumps({"identity": dict(self.identity), **checkpoint.facts})
        try:
            with beside.open("wb") as file:
                np.savez(file, allow_pickle=False, **{FACTS: np.array(facts), **checkpoint.arrays})
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            log.warning("%s: no checkpoint could be written (%s); the one before is kept", self.path, error.strerror)

    def load(self) -> Checkpoint | None:
        """The last checkpoint; None if there is none. Raises `ConfigError` if it is damaged, or another training's."""
        if not self.path.is_file():
            return None
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = dict(content)
            facts = json.loads(str(arrays.pop(FACTS)))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ConfigError(f"{self.path}: a damaged checkpoint ({error}); remove it to begin anew") from None
        self._check(facts.pop("identity", {}))
        return Checkpoint(facts, arrays)

    def _check(self, found: Mapping[str, str]) -> None:
        other = [name for name, value in self.identity.items() if found.get(name) != value]
        if other:
            raise ConfigError(
                f"{self.path}: the checkpoint of another training: {', '.join(other)} differ; say the same as before, "
                "or another --output"
            )
