"""What to do next, from what a training shows: a few sentences, the most useful first."""

from __future__ import annotations

from collections.abc import Iterator

from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics
from edge_detector.workstation.training.fine_tuning import Trained
from edge_detector.workstation.training.history import chance_of
from edge_detector.workstation.training.validator import ENOUGH_OBJECTS

GOOD_AP50, WEAK_AP50 = 0.9, 0.7
FEW_PHOTOGRAPHS = 100
LOST_TOO_MUCH = 0.01  # mAP, by int8
NAMED = 3


def advice(trained: Trained) -> list[str]:
    """The first sentence says how good the model is."""
    return [_verdict(trained), *_about_photographs(trained), *_about_the_run(trained), *_next_steps(trained)]


def _verdict(trained: Trained) -> str:
    int8, photographs = trained.results.int8, len(trained.data.validation)
    return (
        f"{int8.name}.tflite: AP50 {int8.metrics.ap50:.3f}, mAP {int8.metrics.ap:.3f} on {photographs} photographs "
        f"that it was not trained on; it shows what it finds from a score of {int8.confidence:.2f} on."
    )


def _about_photographs(trained: Trained) -> Iterator[str]:
    classes = trained.results.int8.metrics.classes
    weak = sorted((each for each in classes if each.ap50 < WEAK_AP50), key=lambda each: each.ap50)
    if weak:
        yield (
            f"Weak: {_named(weak)}. Look at the worst photographs: is every object labelled, and tightly? Then take "
            "more photographs of these classes, as the camera will see them."
        )
    scarce = [each for each in classes if each.truths < ENOUGH_OBJECTS]
    if scarce:
        names = ", ".join(f"{each.name} ({each.truths})" for each in scarce[:NAMED])
        yield f"Too few objects to measure on, so the figures are mostly chance: {names}."
    photographs = len(trained.data.photographs)
    if photographs < FEW_PHOTOGRAPHS:
        yield f"{photographs} photographs to learn from are few; another {FEW_PHOTOGRAPHS} help more than any option."
    if all(len(each.objects) for each in trained.data.photographs):
        yield "Every photograph shows an object. Add some of the place without any, so that it learns what is none."


def _named(classes: list[ClassMetrics]) -> str:
    return ", ".join(f"{each.name} (AP50 {each.ap50:.2f})" for each in classes[:NAMED])


def _about_the_run(trained: Trained) -> Iterator[str]:
    history, planned = trained.history, trained.epochs
    chance = chance_of(sum(each.truths for each in trained.results.exact.metrics.classes))
    before = [each.mean_ap or 0.0 for each in history.measured if each.number <= 0.75 * planned]
    if not history.ended and before and history.best_ap - max(before) > chance:
        yield f"It was still becoming better: --epochs {2 * planned} may give more."
    if history.measured and history.best_ap - (history.measured[-1].mean_ap or 0.0) > chance:
        yield f"After epoch {history.kept} it became worse: more photographs help, more epochs do not."
    if trained.results.lost > LOST_TOO_MUCH and not trained.qat:
        yield f"int8 costs {trained.results.lost:.3f} mAP; --qat-epochs {max(1, planned // 4)} may win it back."
    if trained.qat:
        yield trained.qat


def _next_steps(trained: Trained) -> Iterator[str]:
    folder = trained.recipe.output
    yield (
        f"Try it: edge-detector --model {folder / trained.results.int8.model.name} photographs/ --sink print. Which "
        f"form is best: edge-detector compare {folder / trained.results.exact.model.name} --calibration "
        f"{folder}/training.json --annotations {folder}/validation.json --output {folder}/compared. "
        "To the Pi: deploy.sh, as docs/train.md says."
    )
