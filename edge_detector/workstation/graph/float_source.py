"""The model to convert, as a float graph that ends in its heads, with its manifest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec, fpn_anchors
from edge_detector.detect.heads.ssd import SsdDecode, anchors_of
from edge_detector.detect.heads.yolo import JOINED_ROLES, YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.types import Size
from edge_detector.workstation import extras
from edge_detector.workstation.graph import dequantize
from edge_detector.workstation.graph.classifier import classifier_manifest, load_manifest, read_manifest
from edge_detector.workstation.graph.focus import merge_focus
from edge_detector.workstation.graph.postprocess_op import (
    RAW_BOXES,
    SCORES,
    PostProcess,
    cut_postprocess,
    read_postprocess,
)
from edge_detector.workstation.graph.separate_predictions import separate_predictions
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

PYTORCH = (".pt", ".pth", ".ckpt")
ANCHOR_TOLERANCE = 1e-4  # of the input: the exporter computed in float32


@dataclass(frozen=True, slots=True)
class FloatSource:
    """A float graph and what is known about it."""

    graph: TFLiteGraph
    manifest: Manifest
    anchors: NDArray[np.float32] | None = None  # (A, 4), where the manifest names no generator for them
    widened: int = 0  # how many weights were compressed, and are float32 now


def output_places(source: FloatSource) -> dict[str, int]:
    """Role -> place among the outputs: a technique may change their names, but not their order."""
    names = [source.graph.name(index) for index in source.graph.outputs]
    return {role: names.index(name) for role, name in source.manifest.outputs.items()}


def with_outputs(manifest: Manifest, graph: TFLiteGraph, places: dict[str, int]) -> Manifest:
    """The manifest with the names that the graph gives to the outputs at these `output_places`."""
    return replace(manifest, outputs={role: graph.name(graph.outputs[place]) for role, place in places.items()})


def read_float_source(
    path: Path, config: Config | None = None, *, keep_postprocess: bool = False, input_size: Size | None = None
) -> FloatSource:
    """The float graph of a .tflite, .onnx, .keras or .h5 file or a SavedModel folder.

    ``config`` answers what a .tflite or .onnx file without a manifest leaves open, such as ``mean`` and ``std``.
    ``input_size`` (width, height) of an .onnx file, where it leaves that open or another one is wanted.
    Raises `ModelError` for what is damaged, already quantized, or neither a detector nor a classifier.
    """
    config = config or Config()
    if path.suffix == ".tflite":
        return _from_tflite(path, load_manifest(path, config), keep_postprocess)
    if path.suffix == ".onnx":
        return _from_onnx(path, config, input_size)
    if path.is_dir() or path.suffix in (".keras", ".h5"):
        return _from_keras(path, config)
    if path.suffix in PYTORCH:
        raise ConfigError(
            f"{path}: a PyTorch file holds the weights without the network; export it first, in the program that "
            "trained it: torch.onnx.export(model.eval(), torch.zeros(1, 3, 320, 320), 'model.onnx')"
        )
    raise ConfigError(f"{path}: not a .tflite, .onnx, .keras or .h5 file, nor a SavedModel folder")


def _from_tflite(path: Path, manifest: Manifest, keep_postprocess: bool) -> FloatSource:
    graph = TFLiteGraph.load(path)
    widened = dequantize.to_float(graph, name=str(path))
    postprocess = None if keep_postprocess else read_postprocess(graph)
    if postprocess is None:
        return FloatSource(graph, manifest, _anchors_of(manifest), widened)
    cut_postprocess(graph)
    manifest = _raw_manifest(manifest, graph, postprocess)
    spec = manifest.decode_as(SsdDecode).anchors
    generated = spec is not None and bool(spec.generator)
    return FloatSource(graph, manifest, None if generated else postprocess.anchors, widened)


def _anchors_of(manifest: Manifest) -> NDArray[np.float32] | None:
    spec = manifest.decode.anchors if isinstance(manifest.decode, SsdDecode) else None
    return anchors_of(manifest) if spec and spec.file else None


def _raw_manifest(fused: Manifest, graph: TFLiteGraph, postprocess: PostProcess) -> Manifest:
    """The manifest of the graph without the fused operator, with what the operator's options said."""
    columns = graph.shape(graph.outputs[1])[2]
    background = columns == postprocess.num_classes + 1
    return replace(
        fused,
        outputs={"boxes": RAW_BOXES, "scores": SCORES},
        decode=SsdDecode(
            "raw",
            background=background,
            box_scales=postprocess.box_scales,
            anchors=_anchor_spec(fused.input, postprocess),
        ),
    )


def _anchor_spec(spec: InputSpec, postprocess: PostProcess) -> AnchorSpec:
    """The generator's settings if they give exactly these anchors; else no generator: the anchors go to a file."""
    generated = AnchorSpec(generator="fpn")
    anchors = fpn_anchors(generated, spec.size)
    same = anchors.shape == postprocess.anchors.shape and np.allclose(
        anchors, postprocess.anchors, rtol=0, atol=ANCHOR_TOLERANCE
    )
    return generated if same else AnchorSpec()


def _from_onnx(path: Path, config: Config, input_size: Size | None) -> FloatSource:
    """The graph of the file, with YOLO's heads apart; the manifest beside it, else what an inspection finds."""
    extras.require("converting an ONNX source", "onnx", extra=extras.WORKSTATION)
    from edge_detector.workstation.graph.onnx_import.importer import import_onnx  # not every workstation has onnx

    graph = import_onnx(path, input_size)
    merge_focus(graph)
    with TemporaryDirectory() as folder:
        imported = Path(folder) / f"{path.stem}.tflite"
        graph.save(imported)
        beside = manifests.manifest_path(path)
        manifest = read_manifest(beside) if beside.is_file() else load_manifest(imported, config)
    if manifest.input.size != _input_size(graph):
        require_anchors_that_follow(manifest, _input_size(graph))
        manifest = replace(manifest, input=replace(manifest.input, size=_input_size(graph)), metrics={})
    separate = separate_predictions(graph) if _is_yolox(manifest) else {}
    manifest = replace(manifest, sha256="", folder=path.parent, outputs=separate or manifest.outputs)
    return FloatSource(graph, manifest, _anchors_of(manifest))


def require_anchors_that_follow(manifest: Manifest, size: Size) -> None:
    """Raises `ModelError` for a list of anchors, which is right for pictures of the manifest's size only."""
    spec = manifest.decode.anchors if isinstance(manifest.decode, SsdDecode) else None
    if spec is not None and not spec.generator:
        width, height = manifest.input.size
        raise ModelError(
            f"--input-size {size[0]}x{size[1]}: the anchors of this model are a list for {width}x{height}; expected "
            "a generator for them in [anchors] of its manifest, such as 'fpn'"
        )


def _is_yolox(manifest: Manifest) -> bool:
    decode = manifest.decode
    return isinstance(decode, YoloDecode) and decode.objectness and set(manifest.outputs) == set(JOINED_ROLES)


def _input_size(graph: TFLiteGraph) -> Size:
    _, height, width, _ = graph.shape(graph.inputs[0])
    return width, height


def _from_keras(path: Path, config: Config) -> FloatSource:
    """The graph of the float .tflite file that TensorFlow's converter makes of the source."""
    extras.require("converting a Keras or SavedModel source", "tensorflow", "tf_keras", extra=extras.TRAINING)
    from edge_detector.workstation.graph import keras_import  # imports TensorFlow, which takes seconds

    beside = manifests.manifest_path(path)
    if not beside.is_file() and None in (config.mean, config.std):
        raise _unsaid(path)  # now, not after the conversion
    with TemporaryDirectory() as folder:
        converted = Path(folder) / f"{path.stem}.tflite"
        converted.write_bytes(keras_import.tflite_from_keras(path))
        graph = TFLiteGraph.load(converted)
    manifest = _manifest_beside(path, graph) if beside.is_file() else _classifier_in(path, graph, config)
    return FloatSource(graph, manifest, _anchors_of(manifest))


def _unsaid(path: Path) -> ModelError:
    return ModelError(
        f"{path}: a Keras or SavedModel source does not say its input range, its outputs and its anchors; "
        f"expected a manifest {manifests.manifest_path(path).name} beside it, or, for a classifier, --mean and --std: "
        "--mean 127.5 --std 127.5 for -1 to 1, --mean 0 --std 255 for 0 to 1, --mean 0 --std 1 for 0 to 255"
    )


def _manifest_beside(path: Path, graph: TFLiteGraph) -> Manifest:
    manifest = replace(read_manifest(manifests.manifest_path(path)), sha256="")
    return replace(manifest, outputs=_roles_by_shape(path, graph, manifest))


def _classifier_in(path: Path, graph: TFLiteGraph, config: Config) -> Manifest:
    """The manifest of a source without one. Raises `ModelError` if it is no classifier."""
    shapes = [graph.shape(index) for index in graph.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2 or config.mean is None or config.std is None:
        raise _unsaid(path)
    _, height, width, _ = graph.shape(graph.inputs[0])
    spec = InputSpec((width, height), mean=config.mean, std=config.std)
    manifest = classifier_manifest(spec, graph.name(graph.outputs[0]), shapes[0][1])
    return replace(manifest, name=path.stem, folder=path.parent)


def _roles_by_shape(path: Path, graph: TFLiteGraph, manifest: Manifest) -> dict[str, str]:
    """Role -> output name. TensorFlow chooses the names of output tensors itself; boxes are those with four columns."""
    names = {graph.name(index): graph.shape(index) for index in graph.outputs}
    if set(manifest.outputs.values()) <= set(names):
        return dict(manifest.outputs)
    if len(names) == len(manifest.outputs) == 1:  # a YOLO's predictions, or the scores of a classifier
        return {role: next(iter(names)) for role in manifest.outputs}
    boxes = [name for name, shape in names.items() if shape[-1] == 4]
    scores = [name for name in names if name not in boxes]
    if len(boxes) == len(scores) == 1 and set(manifest.outputs) == {"boxes", "scores"}:
        return {"boxes": boxes[0], "scores": scores[0]}
    raise ModelError(f"{path}: which of the outputs {names} play the roles {', '.join(manifest.outputs)}?")
