"""Model families. A head is a class ``Name(manifest, outputs)`` with ``class_count`` and ``decode``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.manifest import Manifest
from edge_detector.detect.postprocess import Candidates
from edge_detector.errors import ModelError
from edge_detector.registry import HEADS, resolve
from edge_detector.types import Tensor, TensorInfo


class Head(Protocol):
    """Turns one model family's output tensors into boxes."""

    class_count: int | None  # None: the tensors do not tell

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """The candidates whose score is at least ``lowest`` (C,) of their class; tensors come by name."""
        ...


def open_head(manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
    """The head for ``manifest.family``.

    Raises `ModelError` if the model lacks an output that the manifest names.
    """
    head: Head = resolve(HEADS, manifest.family, kind="model family")(manifest, outputs)
    return head


def by_role(manifest: Manifest, outputs: tuple[TensorInfo, ...], *roles: str) -> tuple[TensorInfo, ...]:
    """The output tensors that play ``roles``.

    Raises `ModelError` for a role without a tensor.
    """
    tensors = {info.name: info for info in outputs}
    for role in roles:
        if manifest.outputs.get(role) not in tensors:
            raise ModelError(
                f"{manifest.name}: no output tensor {manifest.outputs.get(role)!r} for the role {role!r}; "
                f"the model has {', '.join(tensors)}"
            )
    return tuple(tensors[manifest.outputs[role]] for role in roles)
