"""The Keras twin of a .tflite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

import tensorflow as tf

from edge_detector.config import Config
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.data.images import InputTensors, find_images
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.training.keras_twin import select_classes, ssd_twin
from tests.workstation.graphs import SIDE, run, tiny_detector

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)
ZOO_MODEL = "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
PLUS_MINUS_ONE = Config(mean=127.5, std=127.5)  # what the zoo's models take
COCO = Path(__file__).parents[3] / "labels" / "coco.txt"


def test_the_twin_of_the_coco_ssd_answers_as_the_original_on_ten_photographs(shared: Path) -> None:
    graph = read_float_source(shared / ZOO_MODEL, PLUS_MINUS_ONE).graph
    original, twin = graph.to_bytes(), ssd_twin(graph).model
    photographs = InputTensors(find_images(shared / "data" / "coco_train_50.json")[:10], InputSpec((320, 320)))
    for image in photographs:
        expected = run(original, image)
        boxes, logits = twin(image)
        np.testing.assert_allclose(boxes, expected["raw_boxes"], atol=1e-3)
        np.testing.assert_allclose(tf.sigmoid(logits), expected["scores"], atol=1e-3)


def test_the_twin_has_one_layer_where_the_pyramid_shares_weights(shared: Path) -> None:
    graph = read_float_source(shared / ZOO_MODEL, PLUS_MINUS_ONE).graph
    convolutions = [layer for layer in ssd_twin(graph).model.layers if layer.weights]
    # 123 in the graph; the last two depthwise and pointwise pairs and four tower depthwises are used on five levels.
    assert (graph.op_counts()["CONV_2D"] + graph.op_counts()["DEPTHWISE_CONV_2D"], len(convolutions)) == (123, 91)


def test_the_eighty_classes_are_the_columns_of_their_names(shared: Path) -> None:
    source = read_float_source(shared / ZOO_MODEL, PLUS_MINUS_ONE)
    zoo = read_labels(shared / ZOO_MODEL.replace("model.tflite", "labels.txt"), class_count=None)
    columns = [1 + zoo.index(label) for label in read_labels(COCO, class_count=80)]
    _, logits = ssd_twin(select_classes(source.graph, columns)).model(image := _picture(shared))
    expected = run(source.graph.to_bytes(), image)["scores"]
    np.testing.assert_allclose(tf.sigmoid(logits), expected[..., columns], atol=1e-3)


def test_selected_classes_come_in_the_order_asked_for() -> None:
    graph = tiny_detector()
    logits = ssd_twin(graph).model(IMAGE)[1]
    selected = ssd_twin(select_classes(graph, [2, 0])).model(IMAGE)[1]
    np.testing.assert_allclose(selected, logits.numpy()[..., [2, 0]], atol=1e-6)


def test_a_new_class_starts_rare_everywhere() -> None:
    _, logits = ssd_twin(select_classes(tiny_detector(), [1, None])).model(IMAGE)
    np.testing.assert_allclose(tf.sigmoid(logits)[..., 1], 0.01, atol=1e-6)


def test_a_model_comes_back_from_tflite_as_it_went() -> None:
    twin = ssd_twin(tiny_detector())
    boxes, logits = twin.model(IMAGE)
    shipped = run(twin.trained_graph().to_bytes(), IMAGE)
    np.testing.assert_allclose(shipped["raw_boxes"], boxes, atol=1e-5)
    np.testing.assert_allclose(shipped["scores"], tf.sigmoid(logits), atol=1e-5)


def test_activations_are_rounded_as_int8_of_their_range() -> None:
    boxes = ssd_twin(tiny_detector(), {"raw_boxes": Range(-1.27, 1.28)}).model(IMAGE)[0].numpy()
    exact = ssd_twin(tiny_detector()).model(IMAGE)[0].numpy()
    np.testing.assert_allclose(boxes * 100, np.rint(boxes * 100), atol=1e-3)
    np.testing.assert_allclose(boxes, exact.clip(-1.27, 1.28), atol=0.0051)


def test_an_operator_without_a_twin_is_named() -> None:
    with pytest.raises(ModelError, match="TFLite_Detection_PostProcess cannot be trained"):
        ssd_twin(tiny_detector(fused=True))


def _picture(shared: Path) -> np.ndarray:
    return next(iter(InputTensors([shared / "stills" / "dog.jpg"], InputSpec((320, 320)))))
