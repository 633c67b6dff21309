"""What each classifier says of pictures whose class is known, kept, so that a comparison that goes on need not ask."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.config import Config
from edge_detector.workstation import fingerprint
from edge_detector.workstation.classification.agreement import agreement
from edge_detector.workstation.classification.measurement import ClassifierEvaluation, measure_classifiers
from edge_detector.workstation.classification.pictures import LabelledPicture, read_pictures
from edge_detector.workstation.comparison.making import MadeModel
from edge_detector.workstation.comparison.rows import Accuracy
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.comparison.timing import cores
from edge_detector.workstation.evaluation.measurement import Latency

log = logging.getLogger(__name__)


class ClassifierExamination:
    """Pictures whose class is known, for classifiers; see `examination.Examination`."""

    annotations = None

    def __init__(self, where: Path) -> None:
        """Raises `ConfigError` if there are none."""
        self._pictures = read_pictures(where)
        self.paths = tuple(each.path for each in self._pictures)

    def observe(self, model: MadeModel, store: Store) -> ClassifierEvaluation:
        """The model's guesses, from an earlier run if nothing has changed since.

        Raises `ModelError` for a model that does not run.
        """
        name, key = model.path.stem, self._key(model)
        record = store.find(name, key)
        if record is None:
            log.info("%s: measuring on %d pictures", name, len(self._pictures))
            record = store.keep(name, key, _stored(_measure(model, self._pictures)))
        return _restored(model.path, record)

    def accuracies(self, _models: Sequence[Path], observed: Sequence[ClassifierEvaluation], /) -> list[Accuracy]:
        """The figures of each, of which the first is the reference."""
        return [_accuracy(each, observed[0]) for each in observed]

    def _key(self, model: MadeModel) -> str:
        pictures = fingerprint.files_digest(self.paths), [each.label for each in self._pictures]
        return fingerprint.digest(model.digest, pictures, fingerprint.program_digest(*fingerprint.CLASSIFYING))


def _measure(model: MadeModel, pictures: Sequence[LabelledPicture]) -> ClassifierEvaluation:
    model.require_running()
    config = Config(model=model.path, runtime="litert", threads=cores())
    (result,) = measure_classifiers([config], pictures)
    return result


def _stored(result: ClassifierEvaluation) -> dict[str, Any]:
    return {
        "labels": result.labels,
        "truths": result.truths.tolist(),
        "guesses": result.guesses.tolist(),
        "times_ms": [(each.median_ms, each.p95_ms) for each in (result.inference, result.total)],
    }


def _restored(model: Path, record: dict[str, Any]) -> ClassifierEvaluation:
    inference, total = (Latency(*each) for each in record["times_ms"])
    truths, guesses = (np.array(record[name], np.int64) for name in ("truths", "guesses"))
    size_bytes = model.stat().st_size
    return ClassifierEvaluation(
        model.stem, model, size_bytes, tuple(record["labels"]), truths, guesses, inference, total
    )


def _accuracy(result: ClassifierEvaluation, reference: ClassifierEvaluation) -> Accuracy:
    before = reference.by_class()
    return Accuracy(
        ap=result.top1.value,
        ap50=result.top5.value,
        change=result.top1.value - reference.top1.value,
        class_changes={label: share.value - before[label].value for label, share in result.by_class().items()},
        agreement=agreement(result, reference),
        evaluation=result,
    )
