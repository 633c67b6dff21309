"""Model families: which keys their manifests have, how a bare file is recognised, how output tensors become boxes.

A family is one file here with a subclass of `Family`, and one line in the table `HEADS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.description import Answers, Description
from edge_detector.detect.manifest import Decode, InputSpec, Manifest
from edge_detector.detect.postprocess import Candidates
from edge_detector.errors import ModelError
from edge_detector.registry import HEADS, resolve
from edge_detector.types import Tensor, TensorInfo


class Head(Protocol):
    """Turns the output tensors of one model into boxes."""

    class_count: int | None  # None: the tensors do not tell

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """The candidates whose score is at least ``lowest`` (C,) of their class.

        ``tensors`` come by name; their memory is used again, so the candidates must be copies.
        """
        ...


class Family(ABC):
    """One model family.

    A subclass must set ``settings`` and override ``recognise`` and ``open_head``. It may set ``roles`` and ``expects``.
    """

    settings: ClassVar[type[Decode]]  # the keys of [decode] in its manifests
    roles: ClassVar[tuple[tuple[str, ...], ...]] = ()  # what --outputs may say of it: each a complete set of roles
    expects: ClassVar[str] = ""  # the outputs by which it is recognised, for the error when no family recognises a file

    @abstractmethod
    def recognise(self, description: Description, answers: Answers) -> Manifest | None:
        """The manifest of a bare file, made with `unnamed`; None if it is not of this family.

        Raises `ModelError` if it is of this family but leaves a question open; the message says how to answer.
        The message needs no path: `recognition.deduce` puts it in front.
        """

    @abstractmethod
    def open_head(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
        """The head of one model of the family.

        Raises `ModelError` if the output tensors do not fit the manifest.
        """


def family(name: str) -> Family:
    """The model family called ``name``.

    Raises `ConfigError` for a name that is not in `HEADS`.
    """
    found: Family = resolve(HEADS, name, kind="model family")()
    return found


def open_head(manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
    """The head for ``manifest.family``.

    Raises `ModelError` if the model lacks an output that the manifest names.
    """
    return family(manifest.family).open_head(manifest, outputs)


def unnamed(spec: InputSpec, *, outputs: Mapping[str, str], decode: Decode, class_count: int = 0) -> Manifest:
    """A manifest with all that a family finds out; `recognition.deduce` adds the name, the family and the checksum."""
    return Manifest(name="", family="", input=spec, outputs=outputs, decode=decode, class_count=class_count)


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
