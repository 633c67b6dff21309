"""A tiny classifier that tells red, green and blue pictures apart, and such pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import FLOAT, SIDE, add_constant, add_operator, convolve, empty_graph, photograph

COLORS = {"red": 2, "green": 1, "blue": 0}  # name of the class -> channel of BGR
NAMES = tuple(COLORS)  # in the order of the classifier's outputs, which is not the alphabet's


def tiny_classifier() -> TFLiteGraph:
    """The mean of each channel of an RGB picture, through a convolution, as the logit of its class."""
    graph = empty_graph()
    image = graph.add_tensor("image", (1, SIDE, SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    weights = np.eye(3).reshape(3, 1, 1, 3) * 8
    features = convolve(graph, image, weights, np.zeros(3), name="features")
    means = graph.add_tensor("means", (1, 3), FLOAT)
    axes = add_constant(graph, "axes", np.array([1, 2], np.int32))
    options = schema.ReducerOptionsT(keepDims=False)
    add_operator(graph, "MEAN", [features, axes], [means], schema.BuiltinOptions.ReducerOptions, options)
    scores = graph.add_tensor("probabilities", (1, 3), FLOAT)
    softmax = schema.SoftmaxOptionsT(beta=1.0)
    add_operator(graph, "SOFTMAX", [means], [scores], schema.BuiltinOptions.SoftmaxOptions, softmax)
    graph.set_outputs({"probabilities": scores})
    return graph


def save_classifier(path: Path) -> Path:
    """Write the tiny classifier, with nothing beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tiny_classifier().save(path)
    return path


def colored_pictures(folder: Path, count: int = 4) -> Path:
    """`count` pictures of each color, in a folder for each."""
    random = np.random.default_rng(3)
    for name, channel in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = photograph(random).astype(float)
            image[..., channel] += 60
            cv2.imwrite(str(folder / name / f"{number}.png"), image.clip(0, 255).astype(np.uint8))
    return folder


def write_labels(path: Path, *names: str) -> Path:
    path.write_text("\n".join(names or NAMES), encoding="utf-8")
    return path
