"""A pin that is on while somebody is there, on gpiozero's own fake pins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("gpiozero", reason="needs the extra [gpio]")

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge_detector.cameras import Camera
from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Spec
from edge_detector.sinks.gpio import GpioSink
from edge_detector.types import Result, VisitChange
from tests import make
from tests.sinks.conftest import MakeContext

PIN = 17
PERSON = ((20.0, 20.0, 200.0, 200.0), 0.9, 0)


@pytest.fixture(autouse=True)
def pins() -> Iterator[MockFactory]:
    factory = Device.pin_factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


@pytest.fixture
def clock() -> list[int]:
    """What the clock shows, in nanoseconds."""
    return [0]


@pytest.fixture
def sink(make_context: MakeContext, clock: list[int]):
    def build(text: str = f"gpio:{PIN}?after=10s", *, live: bool = True, **config: object) -> GpioSink:
        context = make_context(live=live, **{"track": True, **config})
        return GpioSink(Spec.parse(text), context, clock_ns=lambda: clock[0])

    return build


def is_high(pins: MockFactory) -> bool:
    return bool(pins.pin(PIN).state)


def test_it_is_on_during_a_visit_and_some_seconds_longer(sink, pins: MockFactory) -> None:
    states = []
    with sink() as pin:
        changes = {0: "started", 5: "updated", 20: "ended"}
        for at_s in range(40):
            told = [make.visit_change(changes[at_s], seen_s=at_s)] if at_s in changes else []
            pin.write(make.moment(at_s, *told))
            states.append(is_high(pins))
    assert [at_s for at_s, state in enumerate(states) if state] == list(range(30))  # last there at 19 s


def test_it_is_off_after_the_end_of_the_run(sink, pins: MockFactory) -> None:
    with sink() as pin:
        pin.write(make.moment(0, make.visit_change("started")))
        assert is_high(pins)
    assert not is_high(pins)


def test_only_wanted_classes_count(sink, pins: MockFactory) -> None:
    with sink(f"gpio:{PIN}?classes=person") as pin:
        pin.write(make.moment(0, make.visit_change("started", 1, "dog")))
        assert not is_high(pins)
        pin.write(make.moment(1, make.visit_change("started", 2, "person")))
        assert is_high(pins)


def test_only_the_zone_counts(sink, pins: MockFactory) -> None:
    states = []
    with sink(f"gpio:{PIN}?zones=drive&after=0") as pin:
        for at_s, (kind, place) in enumerate(
            [("started", ""), ("entered", "street"), ("entered", "drive"), ("left", "street"), ("left", "drive")]
        ):
            pin.write(make.moment(at_s, make.visit_change(kind, place=place)))
            states.append(is_high(pins))
    assert states == [False, False, True, True, False]


def test_it_goes_off_when_no_more_pictures_come(sink, pins: MockFactory, clock: list[int]) -> None:
    with sink() as pin:
        pin.write(make.moment(0, make.visit_change("started")))
        clock[0] = 10 * 10**9
        pin.idle()
        assert is_high(pins)
        clock[0] += 1
        pin.idle()
        assert not is_high(pins)


def test_a_relay_board_may_want_the_pin_low(sink, pins: MockFactory) -> None:
    with sink(f"gpio:{PIN}?active_high=false") as pin:
        assert is_high(pins)
        pin.write(make.moment(0, make.visit_change("started")))
        assert not is_high(pins)


def test_without_tracks_what_is_detected_counts(sink, pins: MockFactory) -> None:
    with sink(track=False) as pin:
        pin.write(make.result(0, PERSON))
        assert is_high(pins)


def test_a_machine_without_such_a_pin_says_so(sink) -> None:
    with pytest.raises(SinkError, match=r"pin BOARD99: .*'pinout' lists"):
        sink("gpio:BOARD99").open()


def test_a_class_that_the_model_lacks_is_an_error(sink) -> None:
    with pytest.raises(ConfigError, match="unknown class 'persn'"):
        sink(f"gpio:{PIN}?classes=persn")


# --- several cameras ---

CAMERAS = Camera("0", name="porch"), Camera("1", name="yard")


def at(camera: str, at_s: float, *changes: VisitChange) -> Result:
    """A moment of one camera."""
    result = make.moment(at_s, *changes)
    return replace(result, frame=replace(result.frame, camera=camera))


def test_a_pin_is_on_for_any_camera_or_for_one(sink, pins: MockFactory) -> None:
    with sink(f"gpio:{PIN}?after=0", cameras=CAMERAS) as pin:
        pin.write(at("yard", 0, make.visit_change("started")))
        assert is_high(pins)
    with sink(f"gpio:{PIN}?after=0&camera=porch", cameras=CAMERAS) as pin:
        pin.write(at("yard", 0, make.visit_change("started")))
        assert not is_high(pins)
        pin.write(at("porch", 0, make.visit_change("started", 2)))
        pin.write(at("yard", 0, make.visit_change("ended")))
        assert is_high(pins)


def test_who_was_before_a_camera_that_is_lost_does_not_count_for_ever(sink, pins: MockFactory) -> None:
    states = []
    with sink(cameras=CAMERAS) as pin:
        pin.write(at("porch", 0, make.visit_change("started")))
        for at_s in (5, 10, 11):
            pin.write(at("yard", at_s))
            states.append(is_high(pins))
        pin.write(at("porch", 12))  # it is there again, and so is the visit
        states.append(is_high(pins))
    assert states == [True, True, False, True]


def test_each_film_has_a_time_of_its_own(sink, pins: MockFactory) -> None:
    with sink(cameras=CAMERAS, live=False) as pin:
        pin.write(at("porch", 0, make.visit_change("started")))
        pin.write(at("yard", 100))  # read faster
        assert is_high(pins)


def test_an_unknown_camera_is_an_error(sink) -> None:
    with pytest.raises(ConfigError, match=r"sink gpio: camera: unknown camera 'prch'.*porch"):
        sink(f"gpio:{PIN}?camera=prch", cameras=CAMERAS)
    with pytest.raises(ConfigError, match="one camera without a name, not 'porch'"):
        sink(f"gpio:{PIN}?camera=porch")
