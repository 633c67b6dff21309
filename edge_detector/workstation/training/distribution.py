"""Training on all GPUs of a machine, or on several machines together; on one CPU nothing is different.

Several machines are named in the environment variable TF_CONFIG, as `tf.distribute.MultiWorkerMirroredStrategy` wants
it. Each runs the same command on the same photographs; each takes its share of them, and gradients are added up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edge_detector.errors import ConfigError
from edge_detector.workstation.training.augmentation import Batch

MACHINES = "TF_CONFIG"


@cache
def strategy() -> Any:
    """The `tf.distribute.Strategy` of this process. The first call must come before any other use of TensorFlow."""
    if MACHINES in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    several = len(tf.config.list_physical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def replicas() -> int:
    """How many copies of the model are trained together, on all machines."""
    count: int = strategy().num_replicas_in_sync
    return count


def local_replicas() -> range:
    """Which of them are on this machine."""
    count = replicas() // machines()
    return range(machine() * count, (machine() + 1) * count)


def machine() -> int:
    """The number of this machine; 0 writes the results. Raises `ConfigError` for a TF_CONFIG that cannot be used."""
    return int(_config().get("task", {}).get("index", 0))


def machines() -> int:
    """How many there are."""
    return max(1, len(_config().get("cluster", {}).get("worker", ())))


def own_folder(output: Path) -> Path:
    """Where this machine writes: machine 0 where it was told to, the others into a folder inside it."""
    return output / f"machine{machine()}" if machine() else output


def on_replicas(batches: Sequence[Batch]) -> Any:
    """One batch for each local replica, as an argument of `Strategy.run`."""
    if len(batches) == 1:
        return batches[0]
    first = local_replicas().start
    fields = zip(*batches, strict=True)
    return Batch(*(_values(field, first) for field in fields))


def _values(field: Sequence[np.ndarray[Any, Any]], first: int) -> Any:
    return strategy().experimental_distribute_values_from_function(
        lambda context: tf.constant(field[context.replica_id_in_sync_group - first])
    )


def _config() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(os.environ.get(MACHINES) or "{}")
    except ValueError as error:
        raise ConfigError(f"{MACHINES}: not JSON: {error}") from None
    return found
