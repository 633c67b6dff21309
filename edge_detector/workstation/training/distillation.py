"""Distillation from the float model: its own outputs are what the trained model should give; no labels are needed.

This works for every family of models, and for photographs of anything: the float model says what is on them. It also
keeps what a few labelled photographs would make a model forget (Hinton et al. 2015, "Distilling the Knowledge in a
Neural Network"). What it computes on the way says more than its outputs, so that fewer steps are needed (Romero et al.
2015, "FitNets: Hints for Thin Deep Nets").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import tensorflow as tf

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

Tensor = Any

MOVES = ("CONCATENATION", "RESHAPE", "STRIDED_SLICE", "TRANSPOSE")  # operators that only move values about
LEAST_PROBABILITY = 1e-6
LEAST_ATTENTION = 1e-3  # how much a box counts where the float model sees nothing
STAGES_WEIGHT = 0.5  # of all stages together, beside the outputs


@dataclass(frozen=True, slots=True)
class ClassScores:
    """The one output of a classifier, of whose classes one is right: (N, C)."""

    softmax: bool  # they are probabilities already; else logits

    def divergence(self, outputs: Tensor, expected: Tensor) -> Tensor:
        """The mean Kullback-Leibler divergence of the classes' probabilities, in nats: a guess has ln C."""
        found, true = (each if self.softmax else tf.nn.softmax(each) for each in (outputs, expected))
        found, true = (tf.clip_by_value(each, LEAST_PROBABILITY, 1.0) for each in (found, true))
        # The sums are 1 but for rounding and clipping; with them, it is never below 0.
        return tf.reduce_mean(tf.reduce_sum(true * tf.math.log(true / found) - true + found, axis=1))


@dataclass(frozen=True, slots=True)
class Distillation:
    """How far the outputs of a model are from those of its float form; 0 if they are the same.

    Each output counts relative to what it tells: 1 is about as bad as an output that is the same everywhere.
    """

    probabilities: tuple[bool, ...]  # of each output: whether all its values come out of a LOGISTIC
    classes: ClassScores | None = None  # of a classifier

    @classmethod
    def of(cls, graph: TFLiteGraph) -> Distillation:
        """As the operators before the outputs, and their shapes, tell."""
        return cls(tuple(bool(probability_tensors(graph, index)) for index in graph.outputs), class_scores(graph))

    def loss(self, outputs: Sequence[Tensor], expected: Sequence[Tensor]) -> Tensor:
        """The sum over the outputs, each (N, ...)."""
        if self.classes is not None:
            return self.classes.divergence(outputs[0], expected[0])
        attention = self._attention(expected)
        pairs = zip(self.probabilities, outputs, expected, strict=True)
        return tf.add_n([_divergence(o, e) if certain else _distance(o, e, attention) for certain, o, e in pairs])

    def training_loss(self, results: Sequence[Tensor], expected: Sequence[Tensor]) -> Tensor:
        """The loss of the outputs, and of the stages that come after them in both."""
        count = len(self.probabilities)
        loss = self.loss(results[:count], expected[:count])
        errors = [_relative_error(r, e) for r, e in zip(results[count:], expected[count:], strict=True)]
        return loss + STAGES_WEIGHT * tf.add_n(errors) / len(errors) if errors else loss

    def _attention(self, expected: Sequence[Tensor]) -> Tensor | None:
        """(N, A) how likely the float model sees something at each place; None where outputs are not (N, A, K)."""
        if any(len(each.shape) != 3 or each.shape[1] != expected[0].shape[1] for each in expected):
            return None
        seen = [tf.reduce_max(e, axis=2) for e, certain in zip(expected, self.probabilities, strict=True) if certain]
        return reduce(tf.multiply, seen) if seen else None


def stages(graph: TFLiteGraph, other: TFLiteGraph) -> list[str]:
    """The names of the activations that several operators read, where both graphs have them with the same shape.

    Those are what a network's parts give to each other: the sums of residual blocks, the levels of a pyramid, the ends
    of the heads' towers.
    """
    shapes = [_shared_activations(each) for each in (graph, other)]
    return [name for name, shape in shapes[0].items() if shapes[1].get(name) == shape]


def class_scores(graph: TFLiteGraph) -> ClassScores | None:
    """What a classifier's output is; None of a graph with other outputs, or with a LOGISTIC for each class."""
    if len(graph.outputs) != 1 or len(graph.shape(graph.outputs[0])) != 2:
        return None
    producer = graph.producer(graph.outputs[0])
    name = None if producer is None else graph.op_name(producer)
    return None if name == "LOGISTIC" else ClassScores(softmax=name == "SOFTMAX")


def probability_tensors(graph: TFLiteGraph, output: int) -> set[str]:
    """The names of the tensors from the LOGISTICs to the output; none if not all of its values are probabilities."""
    producer = graph.producer(output)
    name = None if producer is None else graph.op_name(producer)
    if producer is None or name not in ("LOGISTIC", *MOVES):
        return set()
    if name == "LOGISTIC":
        return {graph.name(output)}
    sources = [index for index in op_tensors(producer.inputs) if graph.constant(index) is None]
    found = [probability_tensors(graph, index) for index in sources]
    return {graph.name(output)}.union(*found) if all(found) else set()


def _shared_activations(graph: TFLiteGraph) -> dict[str, tuple[int, ...]]:
    """The shapes of the activations that several operators read, by name."""
    made = {index for operator in graph.operators for index in op_tensors(operator.outputs)}
    read = Counter(index for operator in graph.operators for index in op_tensors(operator.inputs) if index in made)
    return {graph.name(index): graph.shape(index) for index, count in read.items() if count > 1}


def _relative_error(results: Tensor, expected: Tensor) -> Tensor:
    """The mean squared error, relative to how all channels together vary: 1 is a result that is the same everywhere.

    Not relative to each, as in `_distance`: a channel that hardly varies says little, and would count as much as any.
    """
    channels = list(range(len(expected.shape) - 1))
    variance = tf.reduce_sum(tf.math.reduce_variance(expected, axis=channels)) + 1e-6
    return tf.reduce_sum(tf.reduce_mean(tf.square(results - expected), axis=channels)) / variance


def _divergence(outputs: Tensor, expected: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of all probabilities together, relative to how much is to be seen.

    A probability counts as much as it is large, here or there: nearly all places of a picture are empty, and small
    changes at a million of them would count more than all objects.
    """
    found = tf.clip_by_value(outputs, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    true = tf.clip_by_value(expected, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    divergence = true * tf.math.log(true / found) + (1 - true) * tf.math.log((1 - true) / (1 - found))
    weights = tf.stop_gradient(tf.maximum(true, found))
    return tf.reduce_sum(weights * divergence) / (tf.reduce_sum(tf.square(true)) + 1.0)


def _distance(outputs: Tensor, expected: Tensor, attention: Tensor | None) -> Tensor:
    """The mean squared error, relative to the variance of each column, weighted by `attention` (N, A) if known."""
    columns = list(range(len(expected.shape) - 1))
    variance = tf.math.reduce_variance(expected, axis=columns) + 1e-6
    error = tf.reduce_mean(tf.square(outputs - expected) / variance, axis=-1)
    weights = tf.ones_like(error) if attention is None else attention + LEAST_ATTENTION
    return tf.reduce_sum(error * weights) / tf.reduce_sum(weights)
