"""The fused TFLite_Detection_PostProcess operator: read its options, and cut it off.

Models exported by the TensorFlow Object Detection API end in it: it decodes the boxes and does NMS for each class; its
scores are probabilities already. When it is cut off, its two inputs (raw boxes, class scores) become the model's
outputs, and its options (anchors, box coder scales) go to the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from edge_detector.detect.description import FUSED_OP
from edge_detector.errors import ModelError
from edge_detector.workstation.graph.dequantize import dequantized
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

RAW_BOXES, SCORES = "raw_boxes", "scores"


@dataclass(frozen=True, slots=True, eq=False)
class PostProcess:
    """The options of the fused operator.

    anchors: (A, 4) ycenter, xcenter, height, width, normalised. num_classes does not count the background.
    """

    anchors: NDArray[np.float32]
    box_scales: tuple[float, float, float, float]  # y, x, h, w
    num_classes: int
    iou_threshold: float
    score_threshold: float
    max_detections: int


def find_postprocess(graph: TFLiteGraph) -> Any | None:
    """The fused operator, or None if the graph ends in raw heads."""
    return next((op for op in graph.operators if graph.op_name(op) == FUSED_OP), None)


def read_postprocess(graph: TFLiteGraph) -> PostProcess | None:
    """The fused operator's options and anchors, or None if the graph ends in raw heads."""
    operator = find_postprocess(graph)
    if operator is None:
        return None
    options = flexbuffers.Loads(bytearray(operator.customOptions))
    return PostProcess(
        anchors=dequantized(graph, int(operator.inputs[2])),
        box_scales=tuple(float(options[f"{axis}_scale"]) for axis in "yxhw"),  # type: ignore[arg-type]
        num_classes=int(options["num_classes"]),
        iou_threshold=float(options["nms_iou_threshold"]),
        score_threshold=float(options["nms_score_threshold"]),
        max_detections=int(options["max_detections"]),
    )


def cut_postprocess(graph: TFLiteGraph) -> None:
    """Make the operator's two inputs the graph's outputs, named raw_boxes and scores."""
    operator = find_postprocess(graph)
    if operator is None:
        raise ModelError(f"there is no {FUSED_OP} to cut off")
    boxes, scores = (int(index) for index in operator.inputs[:2])
    graph.set_outputs({RAW_BOXES: boxes, SCORES: scores})
