"""Small .tflite graphs built by hand, and photographs to feed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.description import FUSED_OP
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

SIDE = 16  # pixels of the tiny detector's input
CELLS = 64  # its anchors: one for each 2x2 pixels
LABELS = ("person", "dog", "cat")
FLOAT = np.dtype(np.float32)


def tiny_detector(*, dead: bool = False, fused: bool = False, certain: bool = False, seed: int = 1) -> TFLiteGraph:
    """One convolution, then a head each for boxes and for scores of three classes without background.

    `dead`: two of the eight channels in between have almost no weights beside a bias of 3.
    `fused`: TFLite_Detection_PostProcess at the end.
    `certain`: cats are never there, by a logit of -40.
    """
    random = np.random.default_rng(seed)
    graph = empty_graph()
    image = graph.add_tensor("image", (1, SIDE, SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    features = convolve(graph, image, *_stem(random, dead=dead), stride=2, name="features")
    boxes = _head(graph, features, random.normal(0, 0.2, (4, 1, 1, 8)), "boxes")
    logits = _head(graph, features, random.normal(0, 1.0, (3, 1, 1, 8)), "logits", bias=(0, 0, -40 if certain else 0))
    scores = graph.add_tensor("probabilities", graph.shape(logits), FLOAT)
    add_operator(graph, "LOGISTIC", [logits], [scores])
    graph.set_outputs({"raw_boxes": boxes, "scores": scores})
    return _with_postprocess(graph, boxes, scores) if fused else graph


def empty_graph() -> TFLiteGraph:
    """A graph of nothing."""
    subgraph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name=b"main")
    buffers = [schema.BufferT()]
    return TFLiteGraph(schema.ModelT(version=3, operatorCodes=[], subgraphs=[subgraph], buffers=buffers))


def convolve(
    graph: TFLiteGraph, source: int, weights: NDArray[Any], bias: NDArray[Any], *, stride: int = 1, name: str
) -> int:
    """Append a convolution (SAME padding, no activation function); its output tensor."""
    _, height, width, _ = graph.shape(source)
    output = graph.add_tensor(name, (1, height // stride, width // stride, len(weights)), FLOAT)
    inputs = [source, add_constant(graph, f"{name}/weights", weights), add_constant(graph, f"{name}/bias", bias)]
    options = schema.Conv2DOptionsT(strideW=stride, strideH=stride, dilationWFactor=1, dilationHFactor=1)
    add_operator(graph, "CONV_2D", inputs, [output], schema.BuiltinOptions.Conv2DOptions, options)
    return output


def add_constant(graph: TFLiteGraph, name: str, value: NDArray[Any]) -> int:
    """Append a float32 or int32 constant; its index."""
    value = value if value.dtype == np.int32 else value.astype(np.float32)
    index = graph.add_tensor(name, value.shape, value.dtype)
    graph.set_constant(index, value)
    return index


def add_operator(
    graph: TFLiteGraph, name: str, inputs: list[int], outputs: list[int], options_type: int = 0, options: Any = None
) -> Any:
    """Append an operator; the operator."""
    operator = schema.OperatorT(
        opcodeIndex=graph.add_op_code(name, 1),
        inputs=np.array(inputs, np.int32),
        outputs=np.array(outputs, np.int32),
        builtinOptionsType=options_type,
        builtinOptions=options,
    )
    graph.operators.append(operator)
    return operator


def run(model: bytes, image: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The outputs by name, as real numbers; `image` is real too."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], _stored(image, detail))
    interpreter.invoke()
    return {
        each["name"]: _real(interpreter.get_tensor(each["index"]), each) for each in interpreter.get_output_details()
    }


def anchors() -> NDArray[np.float32]:
    """(64, 4) yc, xc, h, w: a square of a quarter of the picture in each cell."""
    centres = (np.arange(8) + 0.5) / 8
    rows, columns = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel(), *np.full((2, CELLS), 0.25)], axis=1).astype(np.float32)


def save_with_manifest(graph: TFLiteGraph, path: Path) -> Path:
    """Write the tiny detector (raw heads) with manifest, anchors and labels beside it."""
    graph.save(path)
    np.save(path.with_suffix(".anchors.npy"), anchors())
    path.with_suffix(".txt").write_text("\n".join(LABELS))
    manifest = Manifest(
        name=path.stem,
        family="ssd",
        input=InputSpec((SIDE, SIDE)),
        outputs={"boxes": "raw_boxes", "scores": "scores"},
        decode=SsdDecode("raw", anchors=AnchorSpec(file=path.with_suffix(".anchors.npy").name)),
        labels=path.with_suffix(".txt").name,
        sha256=manifests.sha256(path),
    )
    manifests.write(manifest, manifests.manifest_path(path))
    return path


def photographs(folder: Path, count: int = 20, *, seed: int = 0) -> Path:
    """`count` different colourful pictures in a folder: warm, from black to white, smooth with some noise."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03}.png"), photograph(random))
    return folder


def photograph(random: np.random.Generator) -> NDArray[np.uint8]:
    """(48, 64, 3) BGR."""
    patches = cv2.resize(random.uniform(0, 255, (4, 5, 3)), (64, 48), interpolation=cv2.INTER_CUBIC)
    warm = patches + np.array([-20, 0, 20]) + random.normal(0, 8, patches.shape)
    warm[:4], warm[-4:] = 0, 255
    return np.clip(warm, 0, 255).astype(np.uint8)


def _stem(random: np.random.Generator, *, dead: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    weights, bias = random.normal(0, 0.3, (8, 3, 3, 3)), random.normal(0, 0.3, 8)
    if dead:
        weights[[2, 5]] *= 1e-8
        bias[[2, 5]] = 3.0
    return weights, bias


def _head(
    graph: TFLiteGraph, features: int, weights: NDArray[Any], name: str, *, bias: tuple[float, ...] | None = None
) -> int:
    raw = convolve(graph, features, weights, np.array(bias or np.zeros(len(weights))), name=f"{name}/raw")
    shape = np.array([1, CELLS, len(weights)], np.int32)
    output = graph.add_tensor(name, tuple(shape), FLOAT)
    inputs = [raw, add_constant(graph, f"{name}/shape", shape)]
    options = schema.ReshapeOptionsT(newShape=shape)
    add_operator(graph, "RESHAPE", inputs, [output], schema.BuiltinOptions.ReshapeOptions, options)
    return output


def _with_postprocess(graph: TFLiteGraph, boxes: int, scores: int) -> TFLiteGraph:
    table = add_constant(graph, "anchors", anchors())
    names = ("out/boxes", "out/classes", "out/scores", "out/count")
    shapes = ((1, 10, 4), (1, 10), (1, 10), (1,))
    outputs = [graph.add_tensor(name, shape, FLOAT) for name, shape in zip(names, shapes, strict=True)]
    operator = add_operator(graph, "CUSTOM", [boxes, scores, table], outputs)
    graph.op_code(operator).customCode = FUSED_OP.encode()
    operator.customOptions = np.frombuffer(bytes(_options()), np.uint8)
    graph.subgraph.outputs = np.array(outputs, np.int32)
    graph.write_signature()
    return graph


def _options() -> bytearray:
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in {"max_detections": 10, "max_classes_per_detection": 1, "num_classes": 3}.items():
            builder.Int(key, value)
        for key, value in {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}.items():
            builder.Float(key, value)
        builder.Float("nms_iou_threshold", 0.6)
        builder.Float("nms_score_threshold", 0.01)
        builder.Bool("use_regular_nms", False)
    return builder.Finish()


def _stored(real: NDArray[Any], detail: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = detail["quantization"]
    if not scale:
        return real.astype(np.float32)
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(real / scale + zero_point), limits.min, limits.max).astype(detail["dtype"])


def _real(stored: NDArray[Any], detail: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = detail["quantization"]
    return (stored.astype(np.float32) - zero_point) * scale if scale else stored
