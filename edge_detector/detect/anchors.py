"""The boxes that a raw SSD head corrects: one per place, scale and shape, in the order of the head's rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from edge_detector.types import Size, Tensor


@dataclass(frozen=True, slots=True)
class AnchorSpec:
    """Where the anchors come from: a generator with its settings, or a float32 .npy file of (A, 4) yc, xc, h, w."""

    generator: str = ""
    file: str = ""
    min_level: int = 3
    max_level: int = 7
    anchor_scale: float = 4.0
    scales_per_octave: int = 2
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 0.5)


def make_anchors(spec: AnchorSpec, *, input_size: Size, folder: Path) -> NDArray[np.float32]:
    """(A, 4) ycenter, xcenter, height, width, normalised to the input.

    Raises `ModelError` for an unknown generator or an unreadable file.
    """
    if spec.file:
        return _read(folder / spec.file)
    if spec.generator == "fpn":
        return fpn_anchors(spec, input_size)
    raise ModelError(f"unknown anchor generator {spec.generator!r}; known: fpn, or file = 'NAME.anchors.npy'")


def fpn_anchors(spec: AnchorSpec, input_size: Size) -> NDArray[np.float32]:
    """The multiscale anchors of RetinaNet (Lin et al. 2017, section 4), in the order of the TF2 SSD FPN models.

    Level l has stride 2^l and a grid of ceil(size / stride) cells. At each cell come all aspect ratios (width / height,
    at constant area), for each all scales of the octave: anchor_scale * stride * 2^(i / scales_per_octave).
    """
    width, height = input_size
    levels = [_level(2**level, spec, input_size) for level in range(spec.min_level, spec.max_level + 1)]
    return (np.concatenate(levels) / (height, width, height, width)).astype(np.float32)


def _level(stride: int, spec: AnchorSpec, input_size: Size) -> Tensor:
    scales = 2.0 ** (np.arange(spec.scales_per_octave) / spec.scales_per_octave) * spec.anchor_scale * stride
    roots = np.sqrt(spec.aspect_ratios)[:, None]
    shapes = np.stack([(scales / roots).ravel(), (scales * roots).ravel()], axis=1)  # height, width
    xcenters, ycenters = (_centers(length, stride) for length in input_size)
    cells = np.stack(np.meshgrid(ycenters, xcenters, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([cells.repeat(len(shapes), axis=0), np.tile(shapes, (len(cells), 1))], axis=1)


def _centers(length: int, stride: int) -> Tensor:
    # The middle of a cell. On a level whose stride does not divide the input (128 in 320) it is the start of the cell:
    # these models were trained that way, and must be decoded that way.
    offset = stride / 2 if length % stride == 0 else 0
    return np.arange(-(-length // stride)) * stride + offset


def _read(path: Path) -> NDArray[np.float32]:
    try:
        anchors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: cannot read the anchors: {error}") from None
    if anchors.ndim != 2 or anchors.shape[1] != 4:
        raise ModelError(f"{path}: anchors of shape {anchors.shape}; expected (A, 4): ycenter, xcenter, height, width")
    return anchors.astype(np.float32)
