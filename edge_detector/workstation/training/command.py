"""The whole of the command train: read the set, train, write the report, say what came of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_detector.workstation.evaluation.text_report import text_report
from edge_detector.workstation.graph.model_files import writing
from edge_detector.workstation.training.advice import advice
from edge_detector.workstation.training.card import model_card
from edge_detector.workstation.training.distribution import own_folder
from edge_detector.workstation.training.fine_tuning import Trained, checkpoint_path, fine_tune
from edge_detector.workstation.training.reading import read_training_set
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.training_report import training_report

log = logging.getLogger(__name__)


def train(data: Sequence[tuple[Path, float]], classes: Sequence[str], recipe: Recipe) -> str:
    """Train on the sets in these places; what to print."""
    recipe = replace(recipe, output=own_folder(recipe.output))
    found = read_training_set(data, classes)
    log.info(
        "%d photographs to train on, %d to measure on; classes: %s",
        len(found.photographs),
        len(found.validation),
        ", ".join(found.labels),
    )
    return report(fine_tune(found, recipe))


def report(trained: Trained) -> str:
    """Write the page and the card beside the models, and remove the checkpoint; what to print."""
    folder, int8 = trained.recipe.output, trained.results.int8.model
    page, card = folder / "report.html", int8.with_suffix(".md")
    with writing(folder):
        page.write_text(training_report(trained), encoding="utf-8")
        card.write_text(model_card(trained), encoding="utf-8")
        checkpoint_path(trained.recipe).unlink(missing_ok=True)
    return "\n".join([text_report(trained.results.both), *advice(trained), f"{page}: the report\n"])
