"""Classifiers measured on pictures whose class is known: how many they name rightly, and how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.labels import read_labels
from edge_detector.image_files import read_image
from edge_detector.model_store.find import find_model
from edge_detector.workstation.classification.classifier import Answer, Classifier, open_classifier
from edge_detector.workstation.classification.pictures import LabelledPicture, class_ids, labels_of
from edge_detector.workstation.classification.share import Share
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.evaluation.measurement import Latency
from edge_detector.workstation.progress import progress

TOP = 5  # guesses, of which one must be right


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierEvaluation:
    """One classifier on one set of pictures."""

    name: str
    model: Path
    size_bytes: int
    labels: tuple[str, ...]
    truths: NDArray[np.int64]  # (N,) class of each picture
    guesses: NDArray[np.int64]  # (N, `TOP`) classes of the highest scores, the highest first
    inference: Latency  # the interpreter's invoke alone
    total: Latency  # with the preparation of the picture

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the first guess is the picture's class."""
        found: NDArray[np.bool_] = self.guesses[:, 0] == self.truths
        return found

    @property
    def top1(self) -> Share:
        """The pictures whose class is the first guess."""
        return Share(int(self.right.sum()), len(self.truths))

    @property
    def top5(self) -> Share:
        """The pictures whose class is among the guesses."""
        return Share(int((self.guesses == self.truths[:, None]).any(axis=1).sum()), len(self.truths))

    @property
    def metrics(self) -> Metrics:
        """In the form of a detector's: top-1 and top-5, of all pictures and of each class, in place of precision."""
        curve = np.zeros(0)
        shares = sorted(self.by_class().items())
        classes = tuple(ClassMetrics(label, each.count, each.value, each.value, curve) for label, each in shares)
        return Metrics(self.top1.value, self.top5.value, classes)

    def by_class(self) -> dict[str, Share]:
        """Label -> top-1, of the classes that are on the pictures."""
        rights = {class_id: self.right[self.truths == class_id] for class_id in np.unique(self.truths).tolist()}
        return {self.labels[class_id]: Share(int(right.sum()), len(right)) for class_id, right in rights.items()}


def measure_classifiers(
    configs: Sequence[Config], pictures: Sequence[LabelledPicture]
) -> tuple[ClassifierEvaluation, ...]:
    """Run every model on every picture.

    Raises `ModelError` for a model that is no classifier, `ConfigError` for labels that do not fit model or pictures.
    """
    with ExitStack() as stack:
        paths = [find_model(config.model) for config in configs if config.model]
        classifiers = [
            stack.enter_context(open_classifier(path, config)) for path, config in zip(paths, configs, strict=True)
        ]
        labels = [_labels(*each, pictures) for each in zip(classifiers, configs, strict=True)]
        truths = [class_ids(pictures, each) for each in labels]  # now: they may not fit, before minutes of work
        answers = _ask(classifiers, pictures)
    return tuple(_evaluation(*each) for each in zip(paths, labels, truths, answers, strict=True))


def _labels(classifier: Classifier, config: Config, pictures: Sequence[LabelledPicture]) -> tuple[str, ...]:
    """Those asked for, else the manifest's, else the classes of the pictures."""
    manifest = classifier.manifest
    path = config.labels or (manifest.folder / manifest.labels if manifest.labels else None)
    if path is None:
        return labels_of(pictures, manifest.class_count, manifest.name)
    return read_labels(path, class_count=manifest.class_count, base=config.label_base)


def _ask(classifiers: Sequence[Classifier], pictures: Sequence[LabelledPicture]) -> list[list[Answer]]:
    """Picture by picture, each time another model first: a moment when the machine is slow is slow for all."""
    answers: list[list[Answer]] = [[] for _ in classifiers]
    first = read_image(pictures[0].path)
    for classifier in classifiers:
        classifier.answer(first)  # the first run is slower, and is not timed
    for turn, picture in enumerate(progress(pictures, "measuring")):
        frame = read_image(picture.path)
        for place in range(len(classifiers)):
            index = (turn + place) % len(classifiers)
            answers[index].append(classifiers[index].answer(frame))
    return answers


def _evaluation(
    path: Path, labels: tuple[str, ...], truths: NDArray[np.int64], answers: Sequence[Answer]
) -> ClassifierEvaluation:
    # Stable: of two equal scores, as int8 has them, the lower class comes first for every model.
    order = np.argsort([-each.scores for each in answers], axis=1, kind="stable")
    return ClassifierEvaluation(
        name=path.stem,
        model=path,
        size_bytes=path.stat().st_size,
        labels=labels,
        truths=truths,
        guesses=order[:, :TOP],
        inference=Latency.of([each.inference_ms for each in answers]),
        total=Latency.of([each.total_ms for each in answers]),
    )
