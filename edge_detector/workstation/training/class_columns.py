"""What each class starts from: its own weights in the base, or those of the base's class that sees it best.

A raccoon is seen by the filters for cats already: with their weights, raccoons are found after ten steps; without,
after hundreds. Which class that is, the photographs say; no name is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import normal_name
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import TargetEncoder
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.training.augmentation import View, read_rgb
from edge_detector.workstation.training.keras_twin import ssd_twin

LOOKED_AT = 64  # photographs
RIVALS = 20  # anchors of a photograph without an object whose score is the highest
LEAST_LEAD = 0.01  # a class that leads its rivals by less does not see the new one: it starts from nothing


@dataclass(frozen=True, slots=True)
class Start:
    """What a class starts from."""

    label: str
    column: int | None  # of the base's scores; None: from nothing
    relative: str = ""  # the base's class, if it is another


def class_starts(source: FloatSource, labels: Sequence[str], photographs: Sequence[Photograph]) -> list[Start]:
    """For each label, its column in the scores of the base, or that of the class which sees its objects best."""
    known, first = _known(source), _first_column(source)
    places = {normal_name(each): place for place, each in enumerate(known)}
    starts = {
        label: Start(label, places[normal_name(label)] + first) for label in labels if normal_name(label) in places
    }
    if len(starts) < len(labels):
        leads = _leads(source, labels, photographs)[:, first:]
        relatives = zip(labels, leads, strict=True)
        starts = {label: _relative(label, lead, known, first) for label, lead in relatives} | starts
    return [starts[label] for label in labels]


def _known(source: FloatSource) -> tuple[str, ...]:
    manifest = source.manifest
    if not manifest.labels:
        raise ConfigError(f"--base {manifest.name}: its manifest names no labels; expected a label file in it")
    return read_labels(manifest.folder / manifest.labels, class_count=None)


def _first_column(source: FloatSource) -> int:
    """The first column of the scores that is a class."""
    return int(source.manifest.decode_as(SsdDecode).background)


def _relative(label: str, lead: NDArray[np.float64], known: Sequence[str], first: int) -> Start:
    best = int(np.argmax(lead))
    return Start(label, best + first, known[best]) if lead[best] >= LEAST_LEAD else Start(label, None)


def _leads(source: FloatSource, labels: Sequence[str], photographs: Sequence[Photograph]) -> NDArray[np.float64]:
    """(labels, columns) by how much the score of a column is higher on objects of a label than anywhere else."""
    model, spec = ssd_twin(source.graph).model, source.manifest.input
    encoder = TargetEncoder.of(source.manifest)
    scores_of = tf.function(lambda image: tf.sigmoid(model(image, training=False)[1][0]))
    sums, rivals, counts = 0.0, [], np.zeros(len(labels))
    for photograph in [each for each in photographs if len(each.objects)][:LOOKED_AT]:
        image = View().image(read_rgb(photograph.path), spec.size[0])[np.newaxis]
        scores = scores_of((image.astype(np.float32) - spec.mean) / spec.std).numpy().astype(np.float64)
        targets = encoder.targets(photograph.objects)
        anchors, class_ids = targets.score_index.T
        there = np.eye(len(labels))[class_ids]  # (K, labels)
        sums, counts = sums + there.T @ scores[anchors], counts + there.sum(axis=0)
        rivals.append(np.sort(np.delete(scores, targets.box_index, axis=0), axis=0)[-RIVALS:].mean(axis=0))
    leads: NDArray[np.float64] = sums / np.maximum(counts, 1)[:, np.newaxis] - np.mean(rivals, axis=0)
    return leads
