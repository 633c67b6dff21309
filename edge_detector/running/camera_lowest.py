"""What counts before each of several cameras: the classes and the confidence of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.cameras import Camera
from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Result

UNSURE = 0.5  # of the lowest score that counts: as the detector leaves it for a tracker


class CameraLowest:
    """The lowest scores of each camera: those of the detector, or its own where they are higher."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        lowest: Callable[[], NDArray[np.float32]],
        labels: Callable[[], tuple[str, ...]],
    ) -> None:
        """``lowest()``: (C,) of the detector, by class_id. Raises `ConfigError` for a class that it lacks."""
        self._own = {camera.name: camera for camera in cameras if camera.confidence is not None or camera.classes}
        self._lowest, self._labels = lowest, labels
        for camera in self._own.values():
            for label in sorted(set(camera.classes) - set(labels())):
                raise ConfigError(f"{camera}: the model has no such class: {unknown('class', label, set(labels()))}")

    def __repr__(self) -> str:
        return f"<CameraLowest of {', '.join(self._own) or 'none'}>"

    def of(self, camera: str) -> NDArray[np.float32]:
        """(C,) the lowest score that counts there, by class_id; infinite for what is not wanted."""
        lowest = self._lowest()
        if camera not in self._own:
            return lowest
        own = self._own[camera]
        if own.confidence is not None:
            lowest = np.maximum(lowest, np.float32(own.confidence))
        if own.classes:
            wanted = np.isin(np.array(self._labels()), own.classes)
            lowest = np.where(wanted, lowest, np.float32(np.inf)).astype(np.float32)
        return lowest

    def without_unwanted(self, results: Iterable[Result], *, with_unsure: bool) -> Iterable[Result]:
        """The results without what does not count; ``with_unsure``: but with what is near that, for a tracker."""
        return self._filtered(results, UNSURE if with_unsure else 1.0) if self._own else results

    def _filtered(self, results: Iterable[Result], share: float) -> Iterator[Result]:
        for result in results:
            found = result.detections
            if result.camera not in self._own or not len(found):
                yield result
                continue
            lowest = np.float32(share) * self.of(result.camera)
            yield replace(result, detections=found[found.scores >= lowest[found.class_ids]])
