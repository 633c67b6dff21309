"""The card of a trained model: what it is, what it was trained on, how good it is, and where that ends."""

from __future__ import annotations

from collections.abc import Iterator

from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.training.fine_tuning import Trained


def model_card(trained: Trained) -> str:
    """In Markdown, for NAME.md beside the models."""
    return "\n".join(_lines(trained)) + "\n"


def _lines(trained: Trained) -> Iterator[str]:
    data, recipe, history = trained.data, trained.recipe, trained.history
    width, height = trained.input_size
    yield f"# {trained.results.int8.name}"
    yield ""
    yield f"A detector for {', '.join(data.labels)}; input {width}x{height}, int8. Made by `edge-detector train`."
    yield ""
    yield "| model | MB | mAP | AP50 | threshold |"
    yield "| --- | --- | --- | --- | --- |"
    yield from map(_row, trained.results.both)
    yield ""
    yield (
        f"Measured on {len(data.validation)} photographs that it was not trained on (`validation.json`); the threshold "
        "is chosen on them too, so expect a little less elsewhere."
    )
    yield ""
    yield f"- Trained on {len(data.photographs)} photographs (`training.json`) with {_objects(trained)} objects."
    yield f"- From {recipe.base.name}; {_starts(trained)}."
    yield (
        f"- {len(history.epochs)} of {trained.epochs} epochs, weights of epoch {history.kept}; batch {recipe.batch}, "
        f"rate {recipe.rate:g}, seed {recipe.seed}."
    )
    if trained.qat:
        yield f"- {trained.qat}"
    yield (
        "- It knows what such photographs show. Other places, seasons, cameras and light at night need photographs of "
        "their own. It inherits the licence of its base and of the photographs."
    )


def _row(result: Evaluation) -> str:
    figures = (f"{result.size_bytes / 1e6:.2f}", f"{result.metrics.ap:.3f}", f"{result.metrics.ap50:.3f}")
    return f"| {' | '.join((result.name, *figures, f'{result.confidence:.2f}'))} |"


def _objects(trained: Trained) -> int:
    return sum(len(each.objects) for each in trained.data.photographs)


def _starts(trained: Trained) -> str:
    return "; ".join(
        f"{each.label} starts from {'nothing' if each.column is None else each.relative or 'its own weights'}"
        for each in trained.starts
    )
