"""The loop: frames in, results out, and everything closed however the run ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from edge_detector.config import Config
from edge_detector.detect.detector import Inferred, Prepared
from edge_detector.errors import PictureError
from edge_detector.masking import masked_value
from edge_detector.options import build
from edge_detector.prefetch import JOIN_TIMEOUT_S, Prefetch
from edge_detector.running.camera_lowest import CameraLowest
from edge_detector.running.camera_places import CameraPlaces
from edge_detector.running.context import ConfigFile, Context
from edge_detector.running.governor import Governor
from edge_detector.running.in_time import InTime, Waiting
from edge_detector.running.meter import Meter
from edge_detector.running.model_change import ModelChange
from edge_detector.running.places import LivePlaces
from edge_detector.running.reload import Reload
from edge_detector.running.turns import Line, Turns
from edge_detector.running.waiting import SourceWait
from edge_detector.sinks import open_sink
from edge_detector.sinks.base import Writer
from edge_detector.sources import open_source
from edge_detector.sources.base import Source
from edge_detector.sources.several import CameraSource, CameraSources
from edge_detector.swap.live_detector import LiveDetector
from edge_detector.swap.one_model import Step
from edge_detector.track.scene import Scene
from edge_detector.track.scenes import Scenes
from edge_detector.types import Result

log = logging.getLogger(__name__)

T = TypeVar("T")

INFERENCE_TIMEOUT_S = 120.0  # the largest models on the smallest Pi take seconds, never minutes
FRAMES_OF_SILENCE = 3  # of several cameras: without so many frames one may be silent
CAMERA_TIMEOUTS = 3  # one of silence, one to open the camera again, and one more of silence


# What the inference thread takes from: a camera's frames, a file's, or those of several cameras.
Frames = Prefetch[Waiting[Step[Prepared]]] | Prefetch[Step[Prepared]] | Turns


@dataclass(frozen=True, slots=True)
class Stages:
    """The two threads of a run, one that captures frames and one that runs the model; its outputs are decoded after.

    The second does as little else as can be: objects are made of the outputs by whoever takes the results, and the
    input of a file's frames is made where they come from. Of a camera's, most are dropped: see `InTime`.
    """

    source: Source | CameraSources
    governor: Governor
    frames: Frames
    inferred: Prefetch[Step[Inferred]]
    decode: Callable[[Step[Inferred]], Result]

    @classmethod
    def of(cls, config: Config, detector: LiveDetector, source: Source, places: LivePlaces) -> Stages:
        """Connected, but not started."""
        governor = governor_of(config, detector)
        visible = places.hidden(source)
        detector.leave_out_similar(lambda _: places.places)  # if the configuration wants that
        frames: Frames
        prepared: Iterator[Step[Prepared]]
        if source.live:  # most frames of a camera are dropped: only those that the model takes are prepared
            in_time = InTime(detector.prepare, unless=lambda: detector.skips_similar)
            frames = captured(in_time.waiting(visible), source, config)
            prepared = in_time.timed(Preparing(in_time.ready)(governor.pace(frames)))
        else:
            frames = captured(Preparing(detector.prepare)(visible), source, config)
            prepared = governor.pace(frames)
        return cls._connected(config, detector, source, governor, frames, prepared)

    @classmethod
    def of_cameras(cls, config: Config, detector: LiveDetector, sources: CameraSources, places: CameraPlaces) -> Stages:
        """The same of several cameras: a capture thread for each, and one for the model, which prepares, too."""
        governor = governor_of(config, detector)
        detector.leave_out_similar(lambda camera: places[camera].places)
        changed = threading.Condition()
        turns = Turns(
            [line(each, places[each.camera.name], changed) for each in sources.each],
            changed=changed,
        )
        prepared = Preparing(detector.prepare)(governor.pace(turns))
        return cls._connected(config, detector, sources, governor, turns, prepared)

    @classmethod
    def _connected(
        cls,
        config: Config,
        detector: LiveDetector,
        source: Source | CameraSources,
        governor: Governor,
        frames: Frames,
        prepared: Iterator[Step[Prepared]],
    ) -> Stages:
        inferred = Prefetch(
            map(detector.infer, prepared),
            name="inference",
            live=source.live,
            timeout_s=INFERENCE_TIMEOUT_S + CAMERA_TIMEOUTS * config.timeout,
            progress=lambda: source.reconnects,
            merge=with_outputs_of,
            kind=lambda step: step.frame.camera,
        )
        # Tracks live on detections that are too unsure to begin one.
        decode = partial(detector.decode, live=source.live, with_unsure=config.track)
        return cls(source, governor, frames, inferred, decode)

    @property
    def cameras(self) -> tuple[Line, ...]:
        """Each of several; none where there is one alone."""
        return self.frames.lines if isinstance(self.frames, Turns) else ()

    @contextmanager
    def running(self) -> Iterator[Iterator[Result]]:
        """The results as they come."""
        with self.frames, self.inferred:
            try:
                yield map(self.decode, self.inferred)
            finally:
                self.source.stop()  # ends the capture thread's wait for the camera
                self.governor.stop()  # ends the inference thread's rest
                self.frames.stop()  # ends the inference thread's wait for a frame


class Numbered(Protocol):
    """A frame, or one that waits."""

    @property
    def sequence(self) -> int: ...


N = TypeVar("N", bound=Numbered)


class Preparing(Generic[N]):
    """Makes the model's input of frames; leaves out those whose picture turns out to be damaged."""

    def __init__(self, prepare: Callable[[N], Step[Prepared]]) -> None:
        self.damaged = 0
        self._prepare = prepare

    def __call__(self, frames: Iterable[N]) -> Iterator[Step[Prepared]]:
        for frame in frames:
            try:
                prepared = self._prepare(frame)
            except PictureError as error:
                self.damaged += 1
                log.log(logging.WARNING if self.damaged == 1 else logging.DEBUG, "frame %d: %s", frame.sequence, error)
                continue
            yield prepared


def with_outputs_of(dropped: Step[Inferred], following: Step[Inferred]) -> Step[Inferred]:
    """``following``, which counts as inferred if it has the outputs of ``dropped`` and that was: they are new."""
    if dropped.model is not following.model or dropped.item.skipped or not following.item.skipped:
        return following
    return replace(following, item=replace(following.item, skipped=False))


def governor_of(config: Config, detector: LiveDetector) -> Governor:
    """What keeps the processor cool."""
    return Governor(config.max_temperature, detector, threads_first=config.cool_by == "threads")


def captured(
    items: Iterable[T], source: Source, config: Config, *, camera: str = "", changed: threading.Condition | None = None
) -> Prefetch[T]:
    """The capture thread, which runs ``items``: what is made of the frames of ``source``.

    ``changed``: as of `Prefetch`.
    """
    # The camera notices stop() only when its own read times out.
    join_timeout_s = JOIN_TIMEOUT_S + config.timeout
    frames = Prefetch(
        items,
        name=f"capture {camera}".strip(),
        live=source.live,
        join_timeout_s=join_timeout_s,
        undone=lambda: source.undecoded,
        changed=changed,
    )
    source.note_drops(lambda: frames.queue.dropped)
    return frames


def line(one: CameraSource, places: LivePlaces, changed: threading.Condition) -> Line:
    """One camera's place before the model, with a capture thread of its own."""
    name = one.camera.name
    named = (replace(frame, camera=name) for frame in places.hidden(one.source))
    frames = captured(named, one.source, one.config, camera=name, changed=changed)
    # A camera that was asked for one frame a minute is not silent between two.
    patience_s = max(one.config.timeout, FRAMES_OF_SILENCE / one.config.fps)
    return Line(name, frames, patience_s=patience_s, min_fps=one.camera.min_fps, lost=one.lost)


def run(config: Config, reload: Reload | None = None, *, config_file: ConfigFile | None = None) -> None:
    """Detect until the source ends, a sink stops the run, or an error or a signal ends it.

    ``reload`` gives another model, labels, thresholds and, if there is a ``config_file``, places while it runs; changes
    on the web page are saved in that file.

    Raises what the parts raise: `ConfigError`, `ModelError`, `SourceError`, `SinkError`, `ShutdownTimeout`.
    """
    with ExitStack() as stack:  # opened last, closed first
        wait = stack.enter_context(SourceWait.from_environment())
        detector = stack.enter_context(LiveDetector.of(config))

        def made() -> AbstractContextManager[Source | CameraSources]:
            return make_source(config, detector, lost_at_start=wait.waits)

        source = wait.enter(made)
        stack.push(source)
        stages, places = connect(config, detector, source)
        meter = Meter(
            (stages.frames, stages.inferred),
            work_share=lambda: stages.governor.share,
            skipped=(lambda: detector.skipped) if config.skip_similar else None,
            passed=lambda: detector.passed,
            cameras=stages.cameras,
        )
        models = RunningModels(detector, reload) if reload else None
        drawable, each = (places, {}) if isinstance(places, LivePlaces) else (None, places.each)
        stop = stages.inferred.stop
        context = Context(config, detector, meter, source.live, stop, config_file, drawable, models, camera_places=each)
        sinks = [stack.enter_context(open_sink(text, context)) for text in config.sinks]
        results: Iterable[Result] = stack.enter_context(stages.running())
        log.info("%s: %s to %s", detector.name, *(", ".join(map(masked_value, each)) for each in ends_of(config)))
        results = followed(results, config, detector, places, live=source.live)
        # Without a configuration file there is nothing that could name other places.
        readable = places if config_file else None
        write_all(reload.watch(results, detector, readable) if reload else results, sinks, meter)


def ends_of(config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """From where to where results go: the sources, and the sinks."""
    return tuple(f"{each.name} {each.source}" for each in config.cameras) or (config.source,), config.sinks


def make_source(config: Config, detector: LiveDetector, *, lost_at_start: bool = False) -> Source | CameraSources:
    """The source or the cameras of ``config``, not opened yet; ``lost_at_start``: as of `CameraSources`."""
    if config.cameras:
        return CameraSources(config, picture_size=detector.picture_size, lost_at_start=lost_at_start)
    return open_source(config, model_size=detector.picture_size(config.size))


def connect(
    config: Config, detector: LiveDetector, source: Source | CameraSources
) -> tuple[Stages, LivePlaces | CameraPlaces]:
    """What the frames of ``source`` pass, not started yet, and what is drawn on them."""
    if isinstance(source, CameraSources):
        drawn = CameraPlaces(config, lambda: detector.labels)
        return Stages.of_cameras(config, detector, source, drawn), drawn
    places = LivePlaces(config, lambda: detector.labels)
    return Stages.of(config, detector, source, places), places


@dataclass(frozen=True, slots=True)
class RunningModels:
    """What sinks may know of the change to another model, and how they ask for one: see `ModelChanges`."""

    detector: LiveDetector
    reload: Reload

    @property
    def change(self) -> ModelChange:
        """Where the run stands between two models."""
        return replace(self.detector.change, reloads=self.reload.done, reloaded=self.reload.said)

    def request(self) -> None:
        """Read the configuration again before the next result."""
        self.reload.request()


def watch(source: str | int | Path = "0", **options: Any) -> Watch:
    """The results of a camera, film or folder for a loop of your own: a camera's newest, all of a file's.

        for result in watch("0", classes="dog", confidence=0.6):
            print(result.detections)

    The camera is opened when the loop starts and closed when it ends, also by ``break`` or an error. To say yourself
    when, or to use several loops: ``with watch("0") as results:``.

    ``source`` is what ``--source`` takes; a number is a camera, a `Path` a file or a folder. ``options`` are those of
    `Config`. Raises `ConfigError` for an unknown option or a wrong value, and while it is used what `run` raises.
    """
    return Watch(build(Config, {"source": _source_text(source), **options}, where="watch"))


class Watch:
    """The results of one source, once: in a ``for`` loop, or as a context manager, which gives an iterator of them."""

    def __init__(self, config: Config) -> None:
        """Opens nothing yet."""
        self._config = config
        self._session = _opened(config)
        self._used = False
        self._results: Iterator[Result] | None = None  # while in a ``with`` block

    def __repr__(self) -> str:
        state = "used" if self._used else "not opened yet"
        return f"<Watch {', '.join(map(masked_value, self._config.all_sources))}: {state}>"

    def __enter__(self) -> Iterator[Result]:
        self._use()
        self._results = self._session.__enter__()
        return self._results

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._results = None
        return self._session.__exit__(exc_type, exc, traceback)

    def __iter__(self) -> Iterator[Result]:
        return self._until_the_loop_ends() if self._results is None else self._results

    def _until_the_loop_ends(self) -> Iterator[Result]:
        """Python closes a generator that a loop has left, and so the source."""
        self._use()
        with self._session as results:
            yield from results

    def _use(self) -> None:
        """Raises `RuntimeError` the second time."""
        if self._used:
            raise RuntimeError(
                f"{self!r} can be iterated over once; call watch(...) again, "
                "or put several loops into one block: with watch(...) as results:"
            )
        self._used = True


@contextmanager
def _opened(config: Config) -> Iterator[Iterator[Result]]:
    with LiveDetector.of(config) as detector, ExitStack() as stack:
        source = make_source(config, detector)
        stack.enter_context(source)
        stages, places = connect(config, detector, source)
        with stages.running() as results:
            yield iter(followed(results, config, detector, places, live=source.live))


def followed(
    results: Iterable[Result],
    config: Config,
    detector: LiveDetector,
    places: LivePlaces | CameraPlaces,
    *,
    live: bool,
) -> Iterable[Result]:
    """The results without what is in ignore masks, and with tracks and visits unless ``config`` wants none."""
    lowest = CameraLowest(config.cameras, lambda: detector.lowest, lambda: detector.labels)
    results = lowest.without_unwanted(places.without_ignored(results), with_unsure=config.track)
    if not config.track:
        return results
    return places.counted(scenes(detector, places, lowest).follow(results, live=live))


def scenes(detector: LiveDetector, places: LivePlaces | CameraPlaces, lowest: CameraLowest) -> Scene | Scenes:
    """Who is before the camera, or before each of several."""
    if isinstance(places, LivePlaces):
        return Scene(lambda: detector.lowest, places=lambda: places.places, model=lambda: detector.model)
    return Scenes(
        lambda camera: Scene(
            lambda: lowest.of(camera), places=lambda: places[camera].places, model=lambda: detector.model
        )
    )


def _source_text(source: str | int | Path) -> str:
    """What ``--source`` says for it. The dot keeps a folder called 0 from being camera 0."""
    if isinstance(source, Path) and not source.is_absolute():
        return f"./{source}"
    return str(source)


def write_all(results: Iterable[Result], sinks: Iterable[Writer[Result]], meter: Meter) -> None:
    """Give every result to every sink, in order."""
    sinks = list(sinks)
    for result in results:
        meter.record(result)
        for sink in sinks:
            sink.write(result)
