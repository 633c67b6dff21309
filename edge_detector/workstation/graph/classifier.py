"""What a classifier is: a picture in, one score for each class out; and its manifest.

The device detects: its families (`HEADS`) are detectors, and it says so when it is given a classifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_detector.config import Config
from edge_detector.detect import detector, recognition
from edge_detector.detect import manifest as manifests
from edge_detector.detect.description import Answers, Description
from edge_detector.detect.heads import unnamed
from edge_detector.detect.manifest import Decode, InputSpec, Manifest
from edge_detector.detect.model_input import input_spec
from edge_detector.errors import ModelError

CLASSIFIER = "classifier"  # the family in its manifests
SCORES = "scores"  # the role of its output


@dataclass(frozen=True, slots=True)
class ClassifierDecode(Decode):
    """[decode] of a classifier: which class is the likeliest is all that is asked of the scores."""

    kinds = ("highest",)


OTHERS: Mapping[str, type[Decode]] = {CLASSIFIER: ClassifierDecode}


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`, of a detector or a classifier. Raises `ModelError` as `manifest.read` does."""
    return manifests.read(path, others=OTHERS)


def load_manifest(path: Path, config: Config) -> Manifest:
    """What is known of the detector or classifier in `path`: as `detector.load_manifest`, which knows detectors only.

    Raises `ModelError` for a file that is neither, or that leaves a question open.
    """
    beside = manifests.manifest_path(path)
    if not beside.is_file():
        return _recognised(path, recognition.describe(path, config.runtime), detector.answers_of(config))
    manifest = read_manifest(beside)
    if manifest.family != CLASSIFIER:
        return detector.load_manifest(path, config)
    manifests.check_sum(manifest, path)
    return manifest


def classifier_manifest(spec: InputSpec, output: str, classes: int) -> Manifest:
    """The manifest of a classifier whose output tensor has that name; still without name and checksum."""
    manifest = unnamed(spec, outputs={SCORES: output}, decode=ClassifierDecode("highest"), class_count=classes)
    return replace(manifest, family=CLASSIFIER)


def _recognised(path: Path, description: Description, answers: Answers) -> Manifest:
    if not recognition.is_classifier(description):
        return recognition.deduce(path, description, answers)
    (output,) = description.outputs
    try:
        manifest = classifier_manifest(input_spec(description, answers), output.name, output.shape[1])
    except ModelError as question:
        raise ModelError(f"{path}: {question}") from None
    return replace(manifest, name=path.stem, sha256=description.sha256, folder=path.parent)
