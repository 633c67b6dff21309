"""A new model on a thread of its own: whatever it does there, the running one goes on."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator

import numpy as np

from edge_detector.detect.detector import Prepared
from edge_detector.errors import ModelError
from edge_detector.prefetch import FrameQueue, Prefetch
from edge_detector.swap.one_model import OneModel
from edge_detector.types import Frame, Result

LOADING_S = 120.0  # the largest models on the smallest Pi take some seconds
ANSWER_S = 10.0  # for one frame; the running model waits meanwhile, and systemd restarts a service after 30 s
GREY = 114


class Candidate:
    """Loads a model, tries it on a grey picture, then on the frames that it is given, one after the other."""

    def __init__(self, load: Callable[[], OneModel], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins at once. ``load`` raises what `open_detector` raises."""
        self._tasks: FrameQueue[Prepared] = FrameQueue(capacity=1, drop_oldest=False)
        self._answers = Prefetch(self._work(load), name="new model", live=False)
        self._clock = clock
        self._begun_s = clock()
        self._is_kept = False
        self._answers.__enter__()

    def loaded(self) -> OneModel | None:
        """The model as soon as it works, once; None before.

        Raises `ModelError` if it has not come within `LOADING_S`, and whatever loading or trying it has raised.
        """
        model = self._take(timeout_s=0.0)
        if model is None and self._clock() - self._begun_s > LOADING_S:
            raise ModelError(f"not loaded within {LOADING_S:g} s")
        assert model is None or isinstance(model, OneModel)
        return model

    def attempt(self, prepared: Prepared) -> Result:
        """What it finds in a frame.

        Raises `ModelError` if it takes longer than `ANSWER_S`, and whatever it raises.
        """
        self._tasks.put(prepared, timeout_s=ANSWER_S)
        result = self._take(timeout_s=ANSWER_S)
        if result is None:
            raise ModelError(f"no answer within {ANSWER_S:g} s")
        assert isinstance(result, Result)
        return result

    @property
    def is_alive(self) -> bool:
        """Whether its thread still runs."""
        return self._answers.is_alive

    def end(self, *, keep: bool) -> None:
        """Ask the thread to end; returns at once. ``keep``: the model is somebody else's now, so it is not closed."""
        self._is_kept = keep
        self._tasks.shutdown(immediate=True)
        self._answers.stop()

    def close(self) -> None:
        """After `end`: wait for the thread. Raises `ShutdownTimeout` if it hangs."""
        self._answers.__exit__(None, None, None)

    def _take(self, *, timeout_s: float) -> OneModel | Result | None:
        try:
            return self._answers.queue.get(timeout_s=timeout_s)
        except queue.Empty:
            return None

    def _work(self, load: Callable[[], OneModel]) -> Iterator[OneModel | Result]:
        model = load()
        try:
            model.detector.open()
            for _ in range(2):  # the first run of a model is a slow one
                _attempt(model, model.prepare(_grey(model)))
            yield model
            while True:
                yield _attempt(model, self._tasks.get())
        finally:
            if not self._is_kept:
                model.close()


def _attempt(model: OneModel, prepared: Prepared) -> Result:
    inferred = model.infer(prepared, threads=model.detector.threads, check=True)
    return model.detector.decode(inferred)


def _grey(model: OneModel) -> Frame:
    width, height = model.detector.manifest.input.size
    return Frame(np.full((height, width, 3), GREY, np.uint8), 0, time.monotonic_ns())
