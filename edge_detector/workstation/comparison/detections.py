"""What each model finds on the annotated photographs, kept, so that a comparison that goes on need not look again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path

import numpy as np

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.preprocess import Preprocessor
from edge_detector.detect.runtimes import open_runtime
from edge_detector.detect.score_scale import ScoreScale
from edge_detector.errors import ModelError
from edge_detector.image_files import read_image
from edge_detector.types import Detections, Timings
from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison.making import MadeModel
from edge_detector.workstation.comparison.rows import Accuracy
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.comparison.timing import cores
from edge_detector.workstation.data.coco import Annotations, match
from edge_detector.workstation.data.measured_sets import read_measured_set
from edge_detector.workstation.evaluation.agreement import agreement
from edge_detector.workstation.evaluation.measurement import Evaluation, Observed, evaluations, observe
from edge_detector.workstation.graph.model_files import write_whole

log = logging.getLogger(__name__)

CHECKED = 4  # photographs on which the model's numbers are looked at before all are measured


class DetectorExamination:
    """Photographs with annotated objects, for detectors; see `examination.Examination`."""

    def __init__(self, where: Path) -> None:
        """Raises `ConfigError` for annotations that cannot be right."""
        self.annotations = read_measured_set(where)
        self.paths = tuple(path for _, path in self.annotations.images)

    def observe(self, model: MadeModel, store: Store) -> Observed:
        """What the model finds; see `observed_by`."""
        return observed_by(model, self.annotations, store)

    def accuracies(self, models: Sequence[Path], observed: Sequence[Observed], /) -> list[Accuracy]:
        """The figures of each, of which the first is the reference."""
        results = evaluations([Config(model=path) for path in models], observed, self.annotations)
        return [_accuracy(each, results[0]) for each in results]


def _accuracy(result: Evaluation, reference: Evaluation) -> Accuracy:
    own = known_classes(result)
    theirs = {each.name: each for each in reference.metrics.classes if each.name in own}
    classes = [each for each in result.metrics.classes if each.name in own]
    changes = {each.name: each.ap - theirs[each.name].ap for each in classes}
    return Accuracy(
        ap=_mean([each.ap for each in classes]),
        ap50=_mean([each.ap50 for each in classes]),
        change=_mean(list(changes.values())),
        class_changes=changes,
        agreement=agreement(result, _of_classes(reference, set(result.matching.category_ids.values()))),
        evaluation=result,
    )


def _of_classes(result: Evaluation, category_ids: set[int]) -> Evaluation:
    """What the model finds of these categories: another cannot find objects of classes that it does not know."""
    known = list(category_ids)
    kept = {image_id: each[np.isin(each.class_ids, known)] for image_id, each in result.detections.items()}
    return replace(result, detections=kept)


def known_classes(result: Evaluation) -> set[str]:
    """The categories that the model has a label for and that are on the photographs."""
    unknown = set(result.matching.unmatched_categories)
    return {each.name for each in result.metrics.classes} - unknown


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def observed_by(model: MadeModel, annotations: Annotations, store: Store) -> Observed:
    """What the model finds, from an earlier run if nothing has changed since.

    Raises `ModelError` for a model that does not run, or gives numbers that are none.
    """
    name, key = model.path.stem, _key(model, annotations)
    file = store.path(name, ".npz")
    if store.find(name, key) is None or not file.is_file():
        observed = _observe_now(model, annotations)
        store.forget(name)
        write_whole(file, lambda path: save(observed, path))
        store.keep(name, key, {"photographs": len(annotations.images)})
    return load(file, annotations)


def _observe_now(model: MadeModel, annotations: Annotations) -> Observed:
    log.info("%s: measuring on %d photographs", model.path.stem, len(annotations.images))
    model.require_running()
    check_numbers(model.path, [path for _, path in annotations.images[:CHECKED]])
    (observed,) = observe([Config(model=model.path, runtime="litert", threads=cores())], annotations)
    return observed


def _key(model: MadeModel, annotations: Annotations) -> str:
    truth = _digest(annotations)
    return fingerprint.digest(model.digest, truth, fingerprint.program_digest(*fingerprint.DETECTING))


@cache
def _digest(annotations: Annotations) -> str:
    """Of the photographs, and of what is said of them; `Annotations` are told apart by identity."""
    files = fingerprint.files_digest([path for _, path in annotations.images])
    return fingerprint.digest(files, annotations.content)


def check_numbers(model: Path, photographs: Sequence[Path]) -> None:
    """Raises `ModelError` if the model's outputs have values that are not numbers, as after a failed training."""
    spec = manifests.read(manifests.manifest_path(model)).input
    with open_runtime("litert", model, threads=cores()) as runtime:
        preprocess = Preprocessor(spec, runtime.input)
        for path in photographs:
            tensor, _ = preprocess(read_image(path))
            for name, output in runtime.invoke(tensor).items():
                if not np.isfinite(output).all():
                    share = 1 - np.isfinite(output).mean()
                    raise ModelError(
                        f"{share:.0%} of the values of its output '{name}' are no numbers (NaN or infinite)"
                    )


def save(observed: Observed, path: Path) -> None:
    """Write it as a .npz file; the file has exactly this name."""
    each = list(observed.detections.values())
    with path.open("wb") as file:
        np.savez(
            file,
            image_ids=np.array(list(observed.detections), np.int64),
            counts=np.array([len(found) for found in each]),
            boxes=np.concatenate([found.boxes for found in each]),
            scores=np.concatenate([found.scores for found in each]),
            class_ids=np.concatenate([found.class_ids for found in each]),
            labels=np.array(each[0].labels, np.str_),
            temperature=np.array(observed.scale.temperature),
            confidence=np.array(observed.confidence),
            timings=np.array([astuple(timings) for timings in observed.timings]),
        )


def load(path: Path, annotations: Annotations) -> Observed:
    """As it was saved."""
    with np.load(path, allow_pickle=False) as stored:
        labels = tuple(str(label) for label in stored["labels"])
        ends = np.cumsum(stored["counts"])[:-1]
        columns = [np.split(stored[name], ends) for name in ("boxes", "scores", "class_ids")]
        found = [Detections(boxes, scores, ids, labels) for boxes, scores, ids in zip(*columns, strict=True)]
        return Observed(
            match(labels, annotations),
            ScoreScale(float(stored["temperature"])),
            float(stored["confidence"]),
            dict(zip(stored["image_ids"].tolist(), found, strict=True)),
            [Timings(*map(float, row)) for row in stored["timings"]],
        )
