"""A float model for pictures of another size: the graph's shapes, and what the manifest says, follow its input."""

from __future__ import annotations

import logging
from dataclasses import replace

from edge_detector.detect.heads import open_head
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.types import Size, TensorInfo
from edge_detector.workstation.graph.classifier import CLASSIFIER
from edge_detector.workstation.graph.float_source import FloatSource, require_anchors_that_follow
from edge_detector.workstation.graph.shape_rules import Shape
from edge_detector.workstation.graph.shapes import set_shapes, shapes_after
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

log = logging.getLogger(__name__)

STRIDES = (2, 4, 8, 16, 32, 64, 128, 256)  # what a size may have to be a multiple of


def with_input_size(source: FloatSource, size: Size) -> FloatSource:
    """The source for pictures of ``size``. The metrics in its manifest go: they were measured of another model.

    Raises `ModelError` that names the operator which does not allow it, or the multiple that the size must be of.
    """
    if size == source.manifest.input.size:
        return source
    _require_anchors_that_follow(source, size)
    shapes = _fitting_shapes(source, size)
    graph = source.graph.copy()
    set_shapes(graph, shapes)
    _warn_of_overhanging_cells(source.manifest, size)
    return replace(source, graph=graph, manifest=_manifest_for(source.manifest, size))


def _require_anchors_that_follow(source: FloatSource, size: Size) -> None:
    if source.manifest.decode.kind == "fused":
        raise ModelError(
            f"{_flag(size)}: the fused operator holds the anchors of {_text(source.manifest.input.size)}; "
            "leave out --postprocess keep"
        )
    require_anchors_that_follow(source.manifest, size)


def _fitting_shapes(source: FloatSource, size: Size) -> dict[int, Shape]:
    try:
        return _shapes(source, size)
    except ModelError as error:
        raise ModelError(f"{_flag(size)}: {_sizes_that_fit(source, size) or error}") from None


def _shapes(source: FloatSource, size: Size) -> dict[int, Shape]:
    """The shapes of the graph for pictures of ``size``, whose outputs the head can read."""
    width, height = size
    batch, *_, channels = source.graph.shape(source.graph.inputs[0])
    shapes = shapes_after(source.graph, (batch, height, width, channels))
    _require_readable(_manifest_for(source.manifest, size), _outputs(source.graph, shapes))
    return shapes


def _require_readable(manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
    if manifest.family != CLASSIFIER:
        open_head(manifest, outputs)
    elif outputs[0].shape != (1, manifest.class_count):
        raise ModelError(f"the scores would be {outputs[0].shape}; expected {(1, manifest.class_count)}")


def _outputs(graph: TFLiteGraph, shapes: dict[int, Shape]) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(graph.name(index), shapes[index], graph.dtype(index)) for index in graph.outputs)


def _sizes_that_fit(source: FloatSource, size: Size) -> str:
    """Of which number a size must be a multiple, as part of a message; empty if that is not why it does not fit."""
    for stride in STRIDES:
        below, above = (_multiples(size, stride, more) for more in (0, stride - 1))
        if below != size and _fits(source, below) and _fits(source, above):
            return (
                f"expected multiples of {stride}, the coarsest stride whose layers are joined with finer ones, such as "
                f"{_text(below)} or {_text(above)}"
            )
    return ""


def _multiples(size: Size, stride: int, more: int) -> Size:
    width, height = (max(stride, (length + more) // stride * stride) for length in size)
    return width, height


def _fits(source: FloatSource, size: Size) -> bool:
    try:
        _shapes(source, size)
    except ModelError:
        return False
    return True


def _manifest_for(manifest: Manifest, size: Size) -> Manifest:
    return replace(manifest, input=replace(manifest.input, size=size), metrics={}, sha256="")


def _warn_of_overhanging_cells(manifest: Manifest, size: Size) -> None:
    anchors = manifest.decode.anchors if isinstance(manifest.decode, SsdDecode) else None
    coarsest = 2**anchors.max_level if anchors is not None else 1
    if any(length % coarsest for length in size):
        log.warning(
            "%s is no multiple of %d, the coarsest stride: cells of that level reach beyond the picture; "
            "measure what that costs",
            _flag(size),
            coarsest,
        )


def _flag(size: Size) -> str:
    return f"--input-size {_text(size)}"


def _text(size: Size) -> str:
    width, height = size
    return f"{width}x{height}"


def read_size(text: str) -> Size:
    """The size that "256" or "320x256" means, as (width, height). Raises `ConfigError` for anything else."""
    width, _, height = text.lower().partition("x")
    try:
        size = int(width), int(height or width)
    except ValueError:
        size = (0, 0)
    if min(size) < 1:
        raise ConfigError(f"--input-size {text}: expected pixels, such as 256, or WIDTHxHEIGHT, such as 320x256")
    return size
