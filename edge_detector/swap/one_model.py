"""One model of a run in which the model may change, and a frame on its way through it."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, Inferred, Prepared
from edge_detector.detect.similar import SimilarFrames
from edge_detector.errors import ModelError
from edge_detector.types import Frame, Result, Tensor

Item = TypeVar("Item", Prepared, Inferred)
Beside = TypeVar("Beside")


class OneModel:
    """A detector that more than one thread may use, each step by one at a time, and that may be taken out of use."""

    def __init__(self, detector: Detector, config: Config) -> None:
        """``config``: with which it was opened."""
        self.detector = detector
        self.config = config
        self.is_out = False  # what it has begun is done again by another model
        self._surroundings: Callable[[str], object] | None = None  # None: it runs on all frames
        self._similar: dict[str, SimilarFrames] = {}  # by camera, as the two below
        self._newest: dict[str, Result] = {}
        self._newest_made_of: dict[str, tuple[object, ...]] = {}
        self._preparing = threading.Lock()
        self._running = threading.Lock()

    def __repr__(self) -> str:
        return f"<OneModel {self.detector.name}{' out of use' if self.is_out else ''}>"

    def leave_out_similar(self, surroundings: Callable[[str], object]) -> None:
        """Do not run on frames that look like the last one of their camera, if the configuration says so.

        ``surroundings(camera)``: what else the results depend on; when it is another object, the model runs again.
        """
        if self.config.skip_similar:
            self._surroundings = surroundings

    @property
    def skips_similar(self) -> bool:
        """Whether it does not run on frames that look like the one before."""
        return self._surroundings is not None

    @property
    def skipped(self) -> int:
        """Frames on which it did not run, because they look like an earlier one."""
        return sum(similar.skipped for similar in list(self._similar.values()))

    def prepare(self, frame: Frame, *, again: bool = False) -> Prepared:
        """See `Detector.prepare`; ``again``: outside the order of the frames, so that the model must run."""
        with self._preparing:
            return self._steps(frame.camera, again=again).prepare(frame)

    def infer(self, prepared: Prepared, *, threads: int, check: bool, again: bool = False) -> Inferred:
        """See `Detector.infer`; ``check``: raises `ModelError` for an output that is no number."""
        with self._running:
            if self.is_out:
                raise ModelError(f"{self.detector.name}: out of use")
            if self.detector.threads != threads:
                self.detector.use_threads(threads)
            inferred = self._steps(prepared.frame.camera, again=again).infer(prepared)
        if check:
            check_numbers(inferred.outputs, self.detector)
        return inferred

    def decode(self, inferred: Inferred, *, live: bool, with_unsure: bool) -> Result:
        """See `Detector.decode`. Of a frame that looks like the one before, the same result comes again."""
        camera = inferred.frame.camera
        made_of = inferred.outputs, self.detector.thresholds, self.detector.labels
        is_known = all(map(operator.is_, made_of, self._newest_made_of.get(camera, ())))
        if is_known and inferred.skipped and camera in self._newest:
            return self.detector.repeat(self._newest[camera], inferred, live=live)
        self._newest_made_of[camera] = made_of  # first: other thresholds may come while it decodes
        self._newest[camera] = self.detector.decode(inferred, live=live, with_unsure=with_unsure)
        return self._newest[camera]

    def close(self) -> None:
        """Take it out of use and give its memory back, after the frame that it works on."""
        self.is_out = True
        with self._running:
            self.detector.close()

    def _steps(self, camera: str, *, again: bool) -> Detector | SimilarFrames:
        surroundings, detector = self._surroundings, self.detector
        if again or surroundings is None:
            return detector
        if camera not in self._similar:
            self._similar[camera] = SimilarFrames(
                detector,
                longest_s=self.config.longest_skip,
                settings=lambda: (detector.thresholds, detector.labels, surroundings(camera)),
            )
        return self._similar[camera]


@dataclass(frozen=True, slots=True, eq=False)
class Step(Generic[Item]):
    """A frame on its way: it ends in the model in which it has begun, whichever model takes the next frames."""

    model: OneModel
    item: Item
    beside: Prepared | Result | None = None  # the same frame on its way through a new model, if that one sees it
    shadow: object = None  # the new model's shadow: by the next step there may be another one
    is_off: bool = False  # detection is off: the models let it pass
    again: bool = False  # it has been through another model, or through this one, before: see `OneModel.prepare`

    @property
    def frame(self) -> Frame:
        return self.item.frame


def check_numbers(outputs: Mapping[str, Tensor], detector: Detector) -> None:
    """Raises `ModelError` if an output of the model holds NaN or infinity."""
    rows = _filled_rows(outputs, detector)
    for name, tensor in outputs.items():
        used = tensor[:, :rows] if tensor.ndim > 1 else tensor
        if np.issubdtype(tensor.dtype, np.floating) and not np.isfinite(used).all():
            raise ModelError(f"{detector.name}: the output {name!r} holds values that are no numbers (NaN or infinity)")


def _filled_rows(outputs: Mapping[str, Tensor], detector: Detector) -> int | None:
    """How many rows count: a model that counts its objects leaves the others as they were. None: all of them."""
    count = outputs.get(detector.manifest.outputs.get("count", ""))
    return int(count.flat[0]) if count is not None and np.isfinite(count).all() else None
