"""The whole of the command improve: read what was marked, train with replay, compare old and new, judge."""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.photographs import Photograph, as_annotations
from edge_detector.workstation.evaluation.measurement import measure_models
from edge_detector.workstation.graph.model_files import make_folder, writing
from edge_detector.workstation.improvement.marked import MarkedPhotograph, MarkedSet, read_marked
from edge_detector.workstation.improvement.replay import Replay, read_replay
from edge_detector.workstation.improvement.verdict import MOST_LOST, Figures, Verdict, judge
from edge_detector.workstation.training.fine_tuning import fine_tune
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.results import make_int8
from edge_detector.workstation.training.training_set import HELD_OUT_SCORE, Part, TrainingSet

log = logging.getLogger(__name__)

MARKED_SHARE = 0.3  # of the photographs of an epoch; the others are replayed
MOST_TIMES = 20.0  # a corrected picture in an epoch
OLD_INT8 = "old_int8.tflite"


@dataclass(frozen=True, slots=True)
class Request:
    """What to improve, with what, and where the results go."""

    mistakes: Path
    recipe: Recipe  # base, output, and the numbers of the training
    replay: Path | None = None
    old: Path | None = None  # the int8 model that runs now; None: the base in int8
    most_lost: float = MOST_LOST


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both models, and the verdict."""

    old: Figures
    new: Figures
    marks: int
    pictures: int  # held out
    verdict: Verdict
    is_taught: bool  # the old set has labels of the base itself


def improve(request: Request) -> Outcome:
    """Train a better model, and say whether it is one.

    Raises `ConfigError`, `ModelError` or `SinkError` before the training begins, for what cannot be read or written.
    """
    recipe = request.recipe
    make_folder(recipe.output)
    known = base_labels(recipe.base)
    marked = read_marked(request.mistakes, recipe.output / "mistakes", seed=recipe.seed)
    labels = (*known, *new_labels(marked.training, known))
    replay = read_replay(request.replay, labels, recipe.base, seed=recipe.seed) if request.replay else Replay()
    _log_what_there_is(marked, replay, labels[len(known) :])
    trained = fine_tune(training_set(marked, replay, labels, known), recipe)
    write_successor_manifests(recipe.base, [each.model for each in trained.results.both])
    old = request.old or _old_int8(recipe)
    outcome = compare(old, trained.results.int8.model, marked.held_out, replay, known, most_lost=request.most_lost)
    _write(outcome, recipe.output / "improve.json")
    return outcome


def base_labels(base: Path) -> tuple[str, ...]:
    """The classes of the base. Raises `ConfigError` if its manifest names no labels."""
    manifest = manifests.read(manifests.manifest_path(base))
    if not manifest.labels:
        raise ConfigError(f"--base {base}: its manifest names no labels; expected a label file in it")
    return read_labels(manifest.folder / manifest.labels, class_count=None)


def write_successor_manifests(base: Path, models: Iterable[Path]) -> None:
    """Give the models a name of their own, so that a run can say which one it uses.

    They keep the threshold of the base: a higher one would be right at more marks, too, and find less everywhere.
    """
    old = manifests.read(manifests.manifest_path(base))
    for model in models:
        path = manifests.manifest_path(model)
        name = f"{next_name(old.name)}_{model.stem.rpartition('_')[2]}"
        with writing(path):
            manifests.write(replace(manifests.read(path), name=name, scores=old.scores), path)


def next_name(name: str) -> str:
    """``cats_float16`` becomes ``cats-2``, and ``cats-2_float`` ``cats-3``."""
    stem, number = re.fullmatch(r"(.*?)(?:-(\d+))?(?:_(?:float\d*|int8))?", name).groups()  # type: ignore[union-attr]
    return f"{stem}-{int(number or 1) + 1}"


def new_labels(photographs: Iterable[MarkedPhotograph], known: Sequence[str]) -> tuple[str, ...]:
    """The classes of the corrected pictures that the base does not have."""
    names = dict.fromkeys(label for each in photographs for label in each.labelled.labels)
    return tuple(label for label in names if label not in known)


def training_set(marked: MarkedSet, replay: Replay, labels: tuple[str, ...], known: Sequence[str]) -> TrainingSet:
    """Corrected pictures and replayed photographs in the right mix. Of what nobody has said, nothing is learnt."""
    times = times_of(len(marked.training), len(replay.training))
    parts = [
        Part(_photographs(marked, group, labels), times, _open(labels, exhaustive))
        for exhaustive, group in _by_exhaustive(marked.training).items()
    ]
    validation = [*replay.held_out, *_photographs(marked, marked.validation, labels)]
    # A class that no photograph shows has only places without it to learn from, and would fade: it is left alone.
    shown = {class_id for each in replay.training for class_id in each.objects.class_ids.tolist()}
    unshown = tuple(class_id for class_id in range(len(labels)) if class_id not in shown)
    if replay.training:
        parts.append(Part(replay.training, 1.0, tuple(sorted({*replay.open_classes, *unshown}))))
    if not any(len(each.objects) for each in validation):
        raise ConfigError(
            "no picture is left to choose the weights by; mark pictures of more moments, or give --replay"
        )
    return TrainingSet(labels, tuple(parts), tuple(validation), frozenset(known))


def times_of(marked: int, replayed: int) -> float:
    """How often a corrected picture comes in an epoch, so that they are `MARKED_SHARE` of it; at least once."""
    wanted = MARKED_SHARE / (1 - MARKED_SHARE) * replayed / max(1, marked)
    return min(max(1.0, wanted), MOST_TIMES)


def compare(
    old: Path,
    new: Path,
    held_out: Sequence[MarkedPhotograph],
    replay: Replay,
    known: Sequence[str],
    *,
    most_lost: float,
) -> Outcome:
    """Both models on the pictures that the training has not seen."""
    mean_aps = _mean_aps((old, new), replay, known)
    before, after = (Figures(model, met(model, held_out), ap) for model, ap in zip((old, new), mean_aps, strict=True))
    marks = sum(len(each.marks) for each in held_out)
    verdict = judge(before, after, marks=marks, most_lost=most_lost)
    return Outcome(before, after, marks, len(held_out), verdict, replay.is_taught)


def met(model: Path, photographs: Iterable[MarkedPhotograph]) -> int:
    """The marks at which the model is right, with its own threshold."""
    with open_detector(Config(model=model)) as detector:
        found = [(detector.detect(read_image(each.labelled.path)).detections, each) for each in photographs]
    return sum(mark.is_met(detections) for detections, each in found for mark in each.marks)


def in_words(outcome: Outcome) -> str:
    """The figures and the verdict, for a terminal."""
    rows = [("", "old", "new"), (f"right, of {outcome.marks} marks", str(outcome.old.met), str(outcome.new.met))]
    if outcome.old.mean_ap is not None and outcome.new.mean_ap is not None:
        rows.append(("mAP on the old set", f"{outcome.old.mean_ap:.3f}", f"{outcome.new.mean_ap:.3f}"))
    table = "".join(f"{name:<28}{old:>8}{new:>8}\n" for name, old, new in rows)
    favours = "The old set has labels of the base itself, which favours the old model.\n" if outcome.is_taught else ""
    return f"On {outcome.pictures} pictures held out:\n\n{table}\n{favours}{outcome.verdict}\n{_next(outcome)}"


def _next(outcome: Outcome) -> str:
    if not outcome.verdict.swap:
        return f"The new model is {outcome.new.model}.\n"
    model = outcome.new.model
    files = f"{model.name}, {manifests.manifest_path(model).name} and labels.txt"
    return (
        f"Copy {files} of {model.parent} to the device, name the model in its configuration,\n"
        "and reload: systemctl reload edge-detector\n"
    )


def _log_what_there_is(marked: MarkedSet, replay: Replay, added: Sequence[str]) -> None:
    log.info(
        "corrected pictures: %d to train on, %d to choose the weights by, %d held out; replayed: %d and %d%s%s",
        len(marked.training),
        len(marked.validation),
        len(marked.held_out),
        len(replay.training),
        len(replay.held_out),
        ", labelled by the base" if replay.is_taught else "",
        f"; new classes: {', '.join(added)}" if added else "",
    )
    if not replay.training:
        log.warning("without --replay nothing keeps the model from forgetting, and nobody will know what it forgets")


def _by_exhaustive(photographs: Iterable[MarkedPhotograph]) -> dict[frozenset[str], list[MarkedPhotograph]]:
    found: dict[frozenset[str], list[MarkedPhotograph]] = defaultdict(list)
    for each in photographs:
        found[each.exhaustive].append(each)
    return found


def _open(labels: Sequence[str], exhaustive: frozenset[str]) -> tuple[int, ...]:
    return tuple(class_id for class_id, label in enumerate(labels) if label not in exhaustive)


def _photographs(marked: MarkedSet, chosen: Iterable[MarkedPhotograph], labels: Sequence[str]) -> list[Photograph]:
    labelled = tuple(each.labelled for each in chosen)
    return replace(marked.dataset, labelled=labelled).photographs(labels)


def _old_int8(recipe: Recipe) -> Path:
    """The base in int8, made as the new model was, of the same photographs."""
    path = recipe.output / OLD_INT8
    make_int8(recipe.base, path, recipe.output / "training.json")
    return path


def _mean_aps(models: Sequence[Path], replay: Replay, known: Sequence[str]) -> list[float | None]:
    if not replay.held_out:
        return [None] * len(models)
    truth = _of_known(replay.held_out, known)
    return [each.metrics.ap for each in measure_models([Config(model=model) for model in models], truth)]


def _of_known(photographs: Sequence[Photograph], known: Sequence[str]) -> Annotations:
    """The photographs as a truth for what the old model knows."""
    kept = [replace(each, objects=each.objects[each.objects.class_ids < len(known)]) for each in photographs]
    return as_annotations(kept, known, least_score=HELD_OUT_SCORE)


def _write(outcome: Outcome, path: Path) -> None:
    with writing(path):
        path.write_text(json.dumps(asdict(outcome), default=str, indent=1) + "\n", encoding="utf-8")
