"""Which input a classifier wants, as far as pictures show it that lie in a folder of their class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import InputSpec
from edge_detector.image_files import read_image
from edge_detector.workstation.classification.classifier import open_classifier
from edge_detector.workstation.classification.pictures import LabelledPicture, class_ids, of_known_classes
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.model_files import write_model


class ClassEvidence:
    """The scores that a classifier gives to the classes of the same pictures with different inputs."""

    supervised = True  # it comes from pictures whose class is known

    def __init__(self, source: FloatSource, labels: Path, images: Sequence[Path]) -> None:
        self._source, self._labels, self._images = source, labels, images
        names = read_labels(labels, class_count=source.manifest.class_count)
        self._class_ids = class_ids([LabelledPicture(path, path.parent.name) for path in images], names)

    def of(self, spec: InputSpec) -> NDArray[np.float64]:
        """(N,) the score of each picture's class."""
        source = self._source
        with TemporaryDirectory() as folder:
            model = Path(folder) / "float.tflite"
            manifest = replace(source.manifest, input=spec)
            write_model(model, source.graph, manifest, anchors=None, labels=self._labels)
            with open_classifier(model, Config()) as classifier:
                answers = [classifier.answer(read_image(path)).scores for path in self._images]
        return np.array([scores[class_id] for scores, class_id in zip(answers, self._class_ids, strict=True)])


def in_their_folders(images: Sequence[Path], labels: Path) -> tuple[Path, ...]:
    """The pictures whose folder has the name of a class."""
    pictures = [LabelledPicture(path, path.parent.name) for path in images]
    return tuple(each.path for each in of_known_classes(pictures, read_labels(labels, class_count=None)))
