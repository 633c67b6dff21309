"""Which input a float model wants, found by running it.

A wrong mean and std, or red and blue exchanged, cannot be seen in the input tensors alone. But a detector gives higher
scores to pictures that look like those it was trained on. So the float model runs with each likely input; if one does
clearly better than the chosen one, that is a finding. With annotated photographs the scores of the annotated objects
are compared: this shows every such mistake, and stops the conversion. Without annotations all scores are compared: this
shows only a range that is very wrong, and warns. Of a classifier the scores of the right classes are compared, where
pictures lie in folders of that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import InputSpec
from edge_detector.image_files import read_image
from edge_detector.workstation.calibration.lint import LintFinding, LintSeverity
from edge_detector.workstation.calibration.scenes import MIN_SCENES, first_of_each_scene, outline
from edge_detector.workstation.classification.evidence import ClassEvidence, in_their_folders
from edge_detector.workstation.data import coco
from edge_detector.workstation.data.images import spread
from edge_detector.workstation.evaluation.truths import MATCHING_IOU, Truths
from edge_detector.workstation.graph.classifier import CLASSIFIER
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.progress import progress

IMAGES = 48
LOWEST_SCORE = 0.05
BEST = 10  # detections of a picture, those with the highest scores, that count without annotations
# Student's t of the paired differences. On 48 photographs of each of seven sets, no wrong input did better than the
# right one (t at most -0.6). On annotated COCO photographs the right one did better than the wrong ones with t from 4.4
# to 8.2, and better than pixels that were not normalised with t from 10 to 40.
CLEARLY_T = 4.0
NORMALISATIONS = {"[-1, 1]": (127.5, 127.5), "[0, 1]": (0.0, 255.0), "[0, 255]": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An input the model might want."""

    spec: InputSpec
    words: str

    @property
    def flags(self) -> str:
        """The options of the command that choose it."""
        spec = self.spec
        return f"--mean {spec.mean:g} --std {spec.std:g} --color {spec.color}"


def candidates(chosen: InputSpec) -> tuple[Candidate, ...]:
    """The usual ranges in both colour orders, without the chosen input."""
    specs = [
        Candidate(replace(chosen, mean=mean, std=std, color=color), f"{color.upper()} in {words}")
        for words, (mean, std) in NORMALISATIONS.items()
        for color in ("rgb", "bgr")
    ]
    return tuple(candidate for candidate in specs if candidate.spec != chosen)


def probe(source: FloatSource, labels: Path, images: Sequence[Path], origin: Path) -> tuple[LintFinding, ...]:
    """A finding if the model does clearly better with another input than its manifest says.

    Frames of one scene are not independent, and count once; fewer than `MIN_SCENES` scenes say nothing.
    `origin`: the folder or the annotation file that the images come from.
    """
    classifier = source.manifest.family == CLASSIFIER
    usable = in_their_folders(images, labels) if classifier else images
    independent = one_of_each_scene(spread(usable, IMAGES)) if usable else ()
    if len(independent) < MIN_SCENES:
        return ()
    annotated = origin if origin.suffix == ".json" else None
    evidence = (
        ClassEvidence(source, labels, independent) if classifier else Evidence(source, labels, independent, annotated)
    )
    wanted = source.manifest.input
    chosen = evidence.of(wanted)
    others = [
        (evidence.of(candidate.spec), candidate) for candidate in progress(candidates(wanted), "trying other inputs")
    ]
    better = [each for each in others if student_t(each[0] - chosen) >= CLEARLY_T]
    if not better:
        return ()
    values, best = max(better, key=lambda each: each[0].mean())
    severity = LintSeverity.ERROR if evidence.supervised else LintSeverity.WARNING
    sentence = (
        f"the model recognises clearly more when it is shown {best.words} than with the input of its manifest "
        f"(Student's t {student_t(values - chosen):.1f} over {len(chosen)} comparisons): {best.flags}"
    )
    return (LintFinding("input-mismatch", severity, sentence),)


def one_of_each_scene(images: Sequence[Path]) -> tuple[Path, ...]:
    """The first of the photographs of every scene."""
    outlines = [outline(read_image(path).image, span=255.0) for path in images]
    return tuple(images[place] for place in first_of_each_scene(outlines))


def student_t(differences: NDArray[np.float64]) -> float:
    """The mean in units of its standard error; 0 if there is no difference at all."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean() / error) if error > 0 else 0.0


class Evidence:
    """The scores that the model gives to the same photographs with different inputs."""

    def __init__(self, source: FloatSource, labels: Path, images: Sequence[Path], annotated: Path | None) -> None:
        self._source = source
        self._labels = labels
        self._images = images
        self._annotations = coco.load_annotations(annotated) if annotated else None
        self._category_ids = self._pair_up(read_labels(labels, class_count=None))

    @property
    def supervised(self) -> bool:
        """Whether it comes from annotated objects, not from all scores of a photograph."""
        return bool(self._category_ids)

    def of(self, spec: InputSpec) -> NDArray[np.float64]:
        """A score for each annotated object; for each photograph if none of the labels is annotated."""
        source = self._source
        with TemporaryDirectory() as folder:
            model = Path(folder) / "float.tflite"
            manifest = replace(source.manifest, input=spec)
            write_model(model, source.graph, manifest, anchors=source.anchors, labels=self._labels)
            with open_detector(Config(model=model, confidence=LOWEST_SCORE)) as detector:
                return self._objects(detector) if self.supervised else self._photographs(detector)

    def _pair_up(self, labels: Sequence[str]) -> Mapping[int, int]:
        if self._annotations is None or not self._annotations.content["annotations"]:
            return {}
        return coco.pair_up(labels, self._annotations).category_ids

    def _photographs(self, detector: Detector) -> NDArray[np.float64]:
        scores = [detector.detect(read_image(path)).detections.scores[:BEST] for path in self._images]
        return np.array([each.sum() / BEST for each in scores], np.float64)

    def _objects(self, detector: Detector) -> NDArray[np.float64]:
        assert self._annotations is not None
        ids = {path: image_id for image_id, path in self._annotations.images}
        annotated = self._annotations.by_image()
        scores: list[float] = []
        for path in self._images:
            found = detector.detect(read_image(path)).detections
            found_ids = np.array([self._category_ids.get(int(each), -1) for each in found.class_ids])
            truths = Truths.of(annotated[ids[path]])
            for box, category_id in zip(truths.boxes[~truths.crowd], truths.category_ids[~truths.crowd], strict=True):
                fits = (found_ids == category_id) & (iou(box, found.boxes) >= MATCHING_IOU)
                scores.append(float(found.scores[fits].max(initial=0.0)))
        return np.array(scores)
