"""Another model for a run that goes on: no frame is lost, tracks go on, and what fails is given up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector import pipeline, registry
from edge_detector.config import Config
from edge_detector.detect import Detector
from edge_detector.errors import ModelError
from edge_detector.options import Seconds, Spec
from edge_detector.running.context import Context
from edge_detector.running.reload import Reload
from edge_detector.sinks.base import Sink
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.swap import candidate
from edge_detector.swap.live_detector import LiveDetector
from edge_detector.swap.one_model import check_numbers
from edge_detector.track.places import Zone
from edge_detector.types import Result
from tests.swap.models import Made, MadeRuntime, live_runtimes, make

FRAMES = 200
FILM = f"synthetic:?live=false&frames={FRAMES}"
# No model is too slow, but where a test says so: on a busy machine one that takes no time may seem to.
RUNNING = Config(source=FILM, size=(64, 48), runtime="fake", shadow_frames=6, shadow_every=3, shadow_slower=0.0)
SQUARE = Made(labels=("triangle", "house", "square", "circle"), size=(160, 120))  # other numbers, another input
ASK_AT = 20  # the result after which the reload is asked for


@dataclass
class Run:
    """What happens to one run, and what came of it."""

    load: Callable[[Config], Detector]
    wanted: Config = RUNNING
    running: Config = RUNNING
    results: list[Result] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)  # at each result
    context: Context | None = None
    at: dict[int, Callable[[Run], object]] = field(default_factory=dict)  # after so many results
    loading: threading.Event = field(default_factory=threading.Event)  # `load` has been called
    seen_loading: threading.Event = field(default_factory=threading.Event)  # the result after the request is there
    stop_when: Callable[[Run], bool] = lambda _run: False

    def go(self) -> Run:
        """Raises what `pipeline.run` raises."""
        Seen.run = self
        pipeline.run(replace(self.running, sinks=("seen",)), Reload(self.running, lambda: self.wanted))
        return self

    def open(self, config: Config) -> LiveDetector:
        return LiveDetector(make("old", Made(), config), config, ("old",), load=self._loaded)

    def _loaded(self, config: Config) -> Detector:
        self.loading.set()
        assert self.seen_loading.wait(30)
        return self.load(config)

    @property
    def change(self):
        assert self.context is not None
        return self.context.models.change

    @property
    def models(self) -> list[str]:
        """In the order in which they made results, each once in a row."""
        names = [result.model for result in self.results]
        return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]


class Seen(Sink, adds=("run",)):
    """Keeps the results, and asks for the reload."""

    run: Run

    def __init__(self, _spec: Spec, context: Context) -> None:
        self.run.context = context

    def write(self, result: Result) -> None:
        run = self.run
        run.results.append(result)
        run.phases.append(run.change.phase)
        if len(run.results) == ASK_AT:
            run.context.models.request()
        if len(run.results) == ASK_AT + 1:
            run.seen_loading.set()
            assert run.loading.wait(30)
        run.at.get(len(run.results), lambda _run: None)(run)
        if run.stop_when(run):
            run.context.stop()


@pytest.fixture(autouse=True)
def _sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SINKS, "seen", "tests.swap.test_live_detector:Seen")
    monkeypatch.setattr(LiveDetector, "of", classmethod(lambda _cls, config: Seen.run.open(config)))


def run_with(made: Made, **changes: object) -> Run:
    """A film during which a model like ``made`` comes."""
    return Run(lambda config: make("new", made, config), **changes).go()


def is_whole(run: Run) -> bool:
    return [result.frame.sequence for result in run.results] == list(range(FRAMES))


def test_a_film_loses_no_frame_and_its_tracks_go_on_under_other_numbers() -> None:
    run = run_with(SQUARE)
    assert is_whole(run)
    assert run.models == ["old", "new"]
    phases = list(dict.fromkeys(run.phases))
    assert phases == ["none", "loading", "shadow", "trial"]
    assert (run.phases[-1], run.change.done, run.change.agreement) == ("none", 1, 1.0)
    assert "stays" in run.change.said
    tracks = {(one.track_id, one.label) for result in run.results[ASK_AT:] for one in result.detections}
    assert sorted(tracks) == [(1, "circle"), (2, "square"), (3, "triangle")]
    assert all(len(result.detections) == 3 for result in run.results[ASK_AT:])
    kinds = [change.kind for result in run.results for change in result.visits]
    assert (kinds.count("started"), kinds.count("ended")) == (3, 3)
    assert {kind for kind in kinds if kind == "renamed"} == set()


def test_the_agreement_and_both_speeds_are_said_at_the_change(caplog) -> None:
    caplog.set_level(logging.INFO)
    run = run_with(SQUARE)
    (line,) = [each for each in caplog.messages if "takes over" in each]
    assert line.startswith("new model new takes over from old: they agree in 100% of the boxes (18 of the old model, ")
    assert "in 6 frames" in line
    assert line.endswith(f"{run.change.new_ms:.1f} ms a frame instead of {run.change.running_ms:.1f}")


def test_a_camera_loses_only_what_its_queue_drops() -> None:
    camera = replace(RUNNING, source="synthetic", fps=200.0)
    run = run_with(SQUARE, running=camera, wanted=camera, stop_when=lambda run: run.change.done == 1)
    sequences = [result.frame.sequence for result in run.results]
    assert sequences == sorted(set(sequences))
    assert run.models == ["old", "new"]
    meter = run.context.meter
    on_their_way = 3  # one in each queue, and one in the model, when the run is stopped
    lost = meter.produced["capture"] - len(run.results) - sum(meter.dropped.values())
    assert 0 <= lost <= on_their_way


def test_the_old_model_is_out_of_memory_when_the_new_one_stays() -> None:
    alive = []
    run_with(SQUARE, at={FRAMES: lambda _run: alive.extend(live_runtimes())})
    assert [runtime.made for runtime in alive] == [SQUARE]


def test_the_new_model_is_out_of_memory_when_it_is_refused() -> None:
    alive = []
    run_with(Made(fails_at=4), at={FRAMES: lambda _run: alive.extend(live_runtimes())})
    assert [runtime.made for runtime in alive] == [Made()]


def fail(_config: Config) -> Detector:
    raise ModelError("new.tflite: cut short in a copy")


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (fail, "new.tflite: cut short in a copy"),
        (lambda config: make("new", Made(fails_at=0), config), "the accelerator is gone"),
        (lambda config: make("new", Made(fails_at=4), config), "the accelerator is gone"),
        (lambda config: make("new", Made(nan_at=3), config), "the output 'scores' holds values that are no numbers"),
        (lambda _config: 1 / 0, "division by zero"),
    ],
    ids=["file", "first run", "shadow", "nan", "anything"],
)
def test_a_model_that_fails_before_it_takes_over_is_refused_in_one_line(load, said, caplog) -> None:
    run = Run(load).go()
    assert is_whole(run)
    assert run.models == ["old"]
    (line,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.endswith(f"{said}; old goes on") or said in line
    assert "is refused" in line
    assert (run.change.phase, run.change.refused, run.change.said) == ("none", 1, line)


def test_a_model_that_never_answers_is_refused(monkeypatch, caplog) -> None:
    free = threading.Event()

    class Hanging(MadeRuntime):
        def invoke(self, tensor):
            if self.runs == 4:
                free.wait(60)
            return super().invoke(tensor)

    def load(config: Config) -> Detector:
        detector = make("new", Made(), config)
        detector._runtime = Hanging(Made())
        return detector

    monkeypatch.setattr(candidate, "ANSWER_S", 0.05)
    run = Run(load, at={FRAMES: lambda _run: free.set()}).go()
    assert is_whole(run)
    assert run.models == ["old"]
    assert "no answer within 0.05 s; old goes on" in caplog.text


def test_a_model_that_is_not_loaded_in_time_is_refused(monkeypatch, caplog) -> None:
    free = threading.Event()
    monkeypatch.setattr(candidate, "LOADING_S", 0.01)
    Run(lambda config: free.wait(60) and make("new", Made(), config), at={FRAMES: lambda _run: free.set()}).go()
    assert "not loaded within 0.01 s; old goes on" in caplog.text


def test_a_slower_model_is_refused_unless_that_is_allowed(monkeypatch, caplog) -> None:
    infer = Detector.infer

    def slow(self: Detector, prepared):
        inferred = infer(self, prepared)
        return replace(inferred, inference_ms=inferred.inference_ms + 1000 * (self.name == "new"))

    monkeypatch.setattr(Detector, "infer", slow)
    assert run_with(SQUARE, wanted=replace(RUNNING, shadow_slower=1.5)).models == ["old"]
    assert "ms; expected at most 1.5 times as long (shadow_slower; 0 allows any); old goes on" in caplog.text
    assert run_with(SQUARE).models == ["old", "new"]


def test_a_model_that_finds_nothing_is_said_and_not_decided(caplog) -> None:
    run = run_with(Made(finds_nothing=True))
    assert run.models == ["old", "new"]
    assert "new model new: nothing found in 6 of 6 frames in which old finds something" in caplog.text
    assert run.change.agreement == 0.0
    assert run.change.warned == "new: nothing found in 6 of 6 frames in which old finds something"


@pytest.mark.parametrize("fault", [{"fails_at": 38}, {"nan_at": 38}], ids=["raises", "nan"])
def test_a_model_that_fails_on_its_own_gives_way_to_the_one_before_and_no_frame_is_lost(fault, caplog) -> None:
    alive = []
    wanted = replace(RUNNING, shadow_frames=20, shadow_every=1)
    run = run_with(Made(**fault), wanted=wanted, at={FRAMES: lambda _run: alive.extend(live_runtimes())})
    assert is_whole(run)
    assert run.models == ["old", "new", "old"]
    assert all(len(result.detections) == 3 for result in run.results[ASK_AT:])
    assert "new model new fails: " in caplog.text
    assert "; back to old" in caplog.text
    assert (run.change.phase, run.change.returned, run.change.done) == ("none", 1, 0)
    assert [runtime.made for runtime in alive] == [Made()]


def test_a_model_whose_outputs_cannot_be_decoded_gives_way_too(monkeypatch) -> None:
    decode, decoded = Detector.decode, []

    def odd(self: Detector, inferred, **options):
        if self.name == "new":
            decoded.append(threading.current_thread().name)
            if decoded.count("MainThread") == 3:
                raise ModelError("found class 7 but there are only 3 labels")
        return decode(self, inferred, **options)

    monkeypatch.setattr(Detector, "decode", odd)
    run = run_with(Made())
    assert is_whole(run)
    assert run.models == ["old", "new", "old"]


def test_after_the_trial_a_failure_is_one_of_the_run() -> None:
    with pytest.raises(ModelError, match="the accelerator is gone"):
        run_with(Made(fails_at=40))


def test_without_a_shadow_it_takes_over_at_once() -> None:
    run = run_with(SQUARE, wanted=replace(RUNNING, shadow_frames=0))
    assert run.models == ["old", "new"]
    assert "shadow" not in run.phases
    assert run.change.said == "model new stays; old is gone"


def test_thresholds_and_classes_of_the_new_configuration_come_with_the_model() -> None:
    run = run_with(SQUARE, wanted=replace(RUNNING, classes=("house", "square")))
    assert {one.label for result in run.results[:ASK_AT] for one in result.detections} == {
        "circle",
        "square",
        "triangle",
    }
    assert {one.label for one in run.results[-1].detections} == {"square"}


def test_classes_that_the_new_model_lacks_are_refused(caplog) -> None:
    run = run_with(SQUARE, wanted=replace(RUNNING, classes=("dog",)))
    assert run.models == ["old"]
    assert "unknown class 'dog'" in caplog.text


def test_zones_of_classes_that_the_new_model_lacks_are_refused(caplog) -> None:
    zone = Zone("door", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), classes=("dog",))
    assert run_with(SQUARE, wanted=replace(RUNNING, zones=(zone,))).models == ["old"]
    assert "zone 'door'" in caplog.text


def test_what_somebody_sets_on_the_page_meanwhile_is_kept() -> None:
    def move(run: Run) -> None:
        detector = run.context.detector
        assert detector.name == "old"
        detector.thresholds = replace(detector.thresholds, confidence=0.25, classes=("circle",))

    run = run_with(SQUARE, at={ASK_AT + 2: move})
    thresholds = run.context.detector.thresholds
    assert (run.context.detector.name, thresholds.confidence, thresholds.classes) == ("new", 0.25, ("circle",))


def test_a_second_reload_that_wants_the_old_model_again_gives_the_new_one_up(caplog) -> None:
    caplog.set_level(logging.INFO)

    def back(run: Run) -> None:
        run.context.models.request()
        Seen.run.context.detector._identity = ("fake",)

    run = run_with(Made(), at={ASK_AT + 3: back}, wanted=replace(RUNNING, shadow_frames=10**6))
    assert run.models == ["old"]
    assert "not wanted any more; old goes on" in caplog.text


def test_a_run_may_end_while_a_new_model_is_on_its_way() -> None:
    run = run_with(Made(), wanted=replace(RUNNING, shadow_frames=10**6))
    assert is_whole(run)
    assert run.phases[-1] == "shadow"


def test_the_new_model_works_with_as_many_threads_as_the_governor_allows() -> None:
    threads: list[int] = []
    run_with(
        SQUARE,
        at={
            5: lambda run: run.context.detector.use_threads(3),
            FRAMES: lambda _run: threads.extend(runtime.threads for runtime in live_runtimes()),
        },
    )
    assert threads == [3]


def test_after_a_change_the_same_configuration_changes_nothing(caplog) -> None:
    caplog.set_level(logging.INFO)
    run_with(SQUARE, at={FRAMES - 10: lambda run: run.context.models.request()})
    assert caplog.messages.count("reloaded: nothing has changed") == 1
    assert "only a restart" not in caplog.text


def test_scores_that_no_row_fills_may_hold_anything() -> None:
    """A fused model leaves the rows after its count as they are in memory."""
    detector = make("new", Made(), RUNNING)
    outputs = MadeRuntime(Made()).invoke(np.zeros((1, 180, 320, 3), np.uint8))
    outputs["boxes"][:] = np.nan
    outputs["count"][:] = 0
    check_numbers(outputs, detector)
    outputs["count"][:] = 1
    with pytest.raises(ModelError, match="'boxes'"):
        check_numbers(outputs, detector)


def test_a_second_new_model_takes_the_place_of_the_first_on_its_way_in() -> None:
    """The first one's inputs, of another size, are still on their way then."""
    sizes = [(160, 120), (96, 64), (64, 64), (48, 32)]
    asked: list[int] = []

    def load(config: Config) -> Detector:
        asked.append(len(asked))
        return make(f"new {len(asked)}", Made(size=sizes[len(asked) - 1]), config)

    def other(run: Run) -> None:
        run.wanted = replace(run.wanted, iou=run.wanted.iou - 0.01)  # so that it is not on its way already
        run.context.models.request()

    run = Run(load, at=dict.fromkeys((40, 60, 80), other), wanted=replace(RUNNING, shadow_every=1)).go()
    assert is_whole(run)
    assert run.models[0] == "old"
    assert run.models[-1] == "new 4" or len(asked) < 4
    assert run.change.returned == run.change.refused == 0


def test_a_second_new_model_may_come_while_the_first_is_on_trial() -> None:
    made = iter((SQUARE, Made(size=(48, 32))))
    run = Run(lambda config: make(f"new {next(counted)}", next(made), config))
    counted = iter((1, 2))

    seen: list[str] = []

    def ask(run: Run) -> bool:
        if run.change.phase == "trial" and not seen:
            seen.append(run.context.detector.name)
            run.context.detector._identity = ("other",)
            run.context.models.request()
        return False

    run.stop_when = ask
    run.go()
    assert is_whole(run)
    assert run.models == ["old", "new 1", "new 2"]
    assert run.change.done == 2


def test_detection_that_is_off_finds_nothing_and_loses_no_frame() -> None:
    run = Run(lambda config: make("new", SQUARE, config))
    run.at = {
        50: lambda run: setattr(run.context.detector, "is_on", False),
        150: lambda run: setattr(run.context.detector, "is_on", True),
    }
    run.go()
    assert is_whole(run)
    found = [len(result.detections) > 0 for result in run.results]
    assert all(found[1:50])  # a track is shown from its second frame on
    assert not any(found[100:150])  # what was there is held for a moment, as always
    assert all(found[-20:])
    off = [number for number, result in enumerate(run.results) if result.timings.inference_ms == 0.0]
    assert len(off) > 80
    assert run.context.meter.passed == run.context.detector.passed == len(off)
    ends = {change.visit.id for result in run.results[50:150] for change in result.visits if change.kind == "ended"}
    assert ends, "who was there while detection went off has gone"


class Still(SyntheticSource):
    """A camera before which nothing moves."""

    def draw(self, sequence: int) -> NDArray[np.uint8]:
        return super().draw(0)


def has_skipped_with_the_new_model(run: Run) -> bool:
    return run.change.done == 1 and run.results[-1].model == "new" and run.results[-1].skipped


def test_in_a_still_scene_each_model_leaves_out_frames_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "still", "tests.swap.test_live_detector:Still")
    config = replace(RUNNING, source="still:?frames=12000", fps=200.0, skip_similar=True, longest_skip=Seconds(0.05))
    run = run_with(SQUARE, running=config, wanted=config, stop_when=has_skipped_with_the_new_model)
    assert run.models == ["old", "new"]
    skipped = {name: sum(result.skipped for result in run.results if result.model == name) for name in run.models}
    assert all(skipped.values())
    assert run.context is not None
    assert run.context.meter.skipped >= sum(skipped.values())
