"""How far a model is from its float form."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

import tensorflow as tf

from edge_detector.workstation.training.distillation import (
    ClassScores,
    Distillation,
    class_scores,
    probability_tensors,
    stages,
)
from tests.workstation.blocks import block_detector, yolox_like
from tests.workstation.classification.classifiers import tiny_classifier
from tests.workstation.graphs import tiny_detector

BOXES = tf.random.stateless_normal((2, 6, 4), (0, 1))
SCORES = tf.constant(np.tile([[0.9, 0.01], *[[0.01, 0.01]] * 5], (2, 1, 1)), tf.float32)


def test_a_model_is_not_far_from_itself() -> None:
    assert float(Distillation((False, True)).loss([BOXES, SCORES], [BOXES, SCORES])) == 0.0


def test_boxes_count_where_the_float_model_sees_something() -> None:
    distillation = Distillation((False, True))
    seen, empty = np.zeros((2, 6, 4), np.float32), np.zeros((2, 6, 4), np.float32)
    seen[:, 0], empty[:, 1] = 1.0, 1.0
    errors = [float(distillation.loss([BOXES + wrong, SCORES], [BOXES, SCORES])) for wrong in (seen, empty)]
    assert errors[0] > 20 * errors[1] > 0


def test_a_lost_object_counts_more_than_noise_on_the_background() -> None:
    distillation = Distillation((True,))
    lost, noisy = SCORES.numpy(), SCORES.numpy()
    lost[:, 0, 0], noisy[:, 1:] = 0.5, 0.02
    assert float(distillation.loss([lost], [SCORES])) > 5 * float(distillation.loss([noisy], [SCORES]))


def test_outputs_that_are_no_places_are_compared_as_a_whole() -> None:
    logits = tf.constant([[1.0, -1.0, 3.0], [0.0, 2.0, -3.0]])
    flat = tf.reduce_mean(logits, axis=0, keepdims=True) + 0 * logits
    assert float(Distillation((False,)).loss([flat], [logits])) == pytest.approx(1.0, abs=1e-3)


def test_the_classes_of_one_picture_are_compared_as_probabilities() -> None:
    true, other = tf.constant([[0.7, 0.2, 0.1]]), tf.constant([[0.2, 0.7, 0.1]])
    expected = pytest.approx(0.5 * np.log(3.5), abs=1e-4)
    assert float(Distillation((False,), ClassScores(softmax=True)).loss([other], [true])) == expected
    logits = Distillation((False,), ClassScores(softmax=False))
    assert float(logits.loss([tf.math.log(other) + 3], [tf.math.log(true)])) == expected
    assert float(logits.loss([tf.math.log(true) + 3], [tf.math.log(true)])) == pytest.approx(0.0, abs=1e-6)


def test_a_graph_tells_whether_it_is_a_classifier() -> None:
    assert class_scores(tiny_classifier()) == ClassScores(softmax=True)
    assert Distillation.of(tiny_classifier()).classes == ClassScores(softmax=True)
    assert Distillation.of(tiny_detector()).classes is None


def test_the_probabilities_of_a_graph_are_found() -> None:
    graph = tiny_detector()
    assert Distillation.of(graph).probabilities == (False, True)
    assert Distillation.of(yolox_like()).probabilities == (False, True)
    assert probability_tensors(yolox_like(), yolox_like().outputs[1]) == {"scores", "rows/turned", "probabilities"}


def test_a_stage_that_is_the_same_everywhere_counts_half_an_output() -> None:
    distillation = Distillation((True,))
    stage = tf.random.stateless_normal((2, 4, 4, 3), (2, 3), mean=5.0)
    flat = tf.reduce_mean(stage, axis=[0, 1, 2], keepdims=True) + 0 * stage
    assert float(distillation.training_loss([SCORES, stage], [SCORES, stage])) == 0.0
    assert float(distillation.training_loss([SCORES, flat], [SCORES, stage])) == pytest.approx(0.5, abs=1e-3)
    both = distillation.training_loss([SCORES, flat, stage], [SCORES, stage, stage])
    assert float(both) == pytest.approx(0.25, abs=1e-3)  # the mean of the stages


def test_without_stages_only_the_outputs_count() -> None:
    distillation = Distillation((True,))
    lost = SCORES * 0.5
    assert float(distillation.training_loss([lost], [SCORES])) == float(distillation.loss([lost], [SCORES])) > 0


def test_stages_are_what_several_operators_read_in_both_graphs() -> None:
    graph, other = block_detector(), block_detector()
    assert stages(graph, other) == ["features", "joined"]
    (joined,) = [index for index in range(len(other.tensors)) if other.name(index) == "joined"]
    other.tensors[joined].shape = np.asarray([1, 8, 8, 4], np.int32)
    assert stages(graph, other) == ["features"]
    other.rename(joined, "other")
    assert stages(graph, other) == ["features"]
