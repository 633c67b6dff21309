"""The whole of the command train: read the set, train, write the report, say what came of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from edge_detector.workstation.evaluation.text_report import text_report
from edge_detector.workstation.training.fine_tuning import fine_tune
from edge_detector.workstation.training.reading import read_training_set
from edge_detector.workstation.training.recipe import Recipe

log = logging.getLogger(__name__)


def train(data: Sequence[tuple[Path, float]], classes: Sequence[str], recipe: Recipe) -> str:
    """Train on the sets in these places; what to print."""
    found = read_training_set(data, classes)
    log.info(
        "%d photographs to train on, %d to measure on; classes: %s",
        len(found.photographs),
        len(found.validation),
        ", ".join(found.labels),
    )
    trained = fine_tune(found, recipe)
    return text_report(trained.results.both)
