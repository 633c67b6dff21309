"""A short film of each appearance of a wanted object, with the seconds before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.events.database import Database
from edge_detector.events.index import open_index
from edge_detector.options import Spec
from edge_detector.sinks.clips import ClipsSink
from edge_detector.sinks.recording.disk import MARGIN_BYTES
from edge_detector.types import Frame, Result, Timings, VisitChange
from tests import make
from tests.events.visits import record
from tests.sinks.conftest import MakeContext, SmallDisk
from tests.sinks.recording.test_mp4_writer import times_s
from tests.sinks.recording.test_preroll import noise

FPS = 10
DEFAULTS = {"reserve": "0", "encoder": "software", "before": "2s", "after": "1s"}


def results(seconds: float, *, seen_s: tuple[float, ...], size: tuple[int, int] = (64, 48)) -> list[Result]:
    """Frames at `FPS`, a person in those at ``seen_s``."""
    person = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0))
    nobody = make.detections()
    return [
        Result(
            make.frame(number, size=size, timestamp_ns=number * 10**9 // FPS),
            person if number / FPS in seen_s else nobody,
            Timings(0, 0, 0, 0),
        )
        for number in range(round(seconds * FPS))
    ]


def run(folder: Path, make_context: MakeContext, frames: list[Result], **options: str) -> list[int]:
    """Write the frames; returns how many pictures each clip has."""
    with ClipsSink(Spec("clips", str(folder), {**DEFAULTS, **options}), make_context()) as sink:
        for frame in frames:
            sink.write(frame)
    return [len(times_s(path)) for path in sorted(folder.iterdir())]


def test_a_clip_begins_before_the_first_sight_and_ends_after_the_last(
    tmp_path: Path, make_context: MakeContext
) -> None:
    (pictures,) = run(tmp_path, make_context, results(20, seen_s=(5.0, 5.5, 6.0)))
    assert pictures == (2 + 1 + 1) * FPS + 1  # from 3.0 to 7.0 s, both included
    (clip,) = tmp_path.iterdir()
    assert "person" in clip.name
    assert times_s(clip) == pytest.approx([number / FPS for number in range(pictures)], abs=1e-4)


def test_sights_far_apart_are_clips_of_their_own(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(20, seen_s=(5.0, 12.0))) == [31, 31]


def test_no_picture_is_in_two_clips(tmp_path: Path, make_context: MakeContext) -> None:
    clips = run(tmp_path, make_context, results(20, seen_s=(5.0, 6.5)))
    assert clips == [31, 15]  # 3.0 to 6.0, then 6.1 to 7.5


def test_the_end_of_the_run_ends_the_clip(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(5.2, seen_s=(5.0,))) == [22]


def test_the_end_of_the_run_does_not_lengthen_the_clip(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(5.6, seen_s=(5.0,)), after="0.2s") == [23]  # it is still catching up


def test_a_long_stay_is_cut_into_several_clips_without_a_gap(tmp_path: Path, make_context: MakeContext) -> None:
    everywhere = tuple(number / FPS for number in range(200))
    clips = run(tmp_path, make_context, results(20, seen_s=everywhere), longest="5s")
    assert sum(clips) == 200
    assert max(clips) == 51


def test_nothing_wanted_leaves_no_file(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(10, seen_s=(5.0,)), classes="dog") == []


def test_the_oldest_go_beyond_keep(tmp_path: Path, make_context: MakeContext) -> None:
    assert len(run(tmp_path, make_context, results(40, seen_s=(5.0, 15.0, 25.0, 35.0)), keep="2")) == 2


def test_the_seconds_before_do_not_hold_up_the_present(tmp_path: Path, make_context: MakeContext) -> None:
    frames = results(20, seen_s=(5.0,))
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context()) as sink:
        filmed = []
        for frame in frames[:60]:
            sink.write(frame)
            filmed.append(sink._writer.frames if sink._writer else 0)
    assert filmed[48:60] == [0, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30]  # three for each that comes, until caught up


def test_the_buffer_holds_no_more_than_the_seconds_before(tmp_path: Path, make_context: MakeContext) -> None:
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context()) as sink:
        for frame in results(10, seen_s=()):
            sink.write(frame)
            assert len(sink._buffer) <= 2 * FPS + 1
        assert sink._buffer.oldest_ns == round(7.9e9)


def test_pictures_over_the_limit_go_into_the_film_at_once(tmp_path: Path, make_context: MakeContext) -> None:
    person, nobody = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0)), make.detections()
    large, plain = noise(0, 720), np.zeros((720, 960, 3), np.uint8)
    images = [plain] * 15 + [large] * 2  # one large picture fits into the memory, two do not
    options = {**DEFAULTS, "memory": "1MB"}
    with ClipsSink(Spec("clips", str(tmp_path), options), make_context()) as sink:
        for number, image in enumerate(images):
            found = person if number == 16 else nobody
            sink.write(Result(Frame(image, number, number * 10**8), found, Timings(0, 0, 0, 0)))
            assert not sink._buffer.over_limit
        assert len(sink._buffer) == 1


def test_little_memory_shortens_the_time_before_and_loses_nothing_after(
    tmp_path: Path, make_context: MakeContext
) -> None:
    person, nobody = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0)), make.detections()
    frames = [
        Result(
            Frame(noise(number, 360), number, number * 10**8), person if number == 30 else nobody, Timings(0, 0, 0, 0)
        )
        for number in range(60)
    ]
    (pictures,) = run(tmp_path, make_context, frames, memory="1MB")
    assert 11 < pictures < 31


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"longest": "2s"}, "sink clips: longest = 2 s; expected more than before, which is 2 s"),
        ({"memory": "1KB"}, "sink clips: memory = 1000 bytes; expected 1MB or more, such as 64MB"),
        ({"keep": "0"}, "sink clips: keep is 0; expected 1 or more, such as 100"),
    ],
)
def test_clips_that_could_hold_nothing_are_refused(
    tmp_path: Path, make_context: MakeContext, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ClipsSink(Spec("clips", str(tmp_path), {**DEFAULTS, **options}), make_context())
    assert str(caught.value) == message


def test_a_full_disk_ends_a_clip_and_not_the_run(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    frames = results(60, seen_s=(5.0, 10.0, 25.0, 45.0))
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context(live=True)) as sink:
        for number, frame in enumerate(frames):
            if number == 24 * FPS:
                small_disk.fill()
            if number == 40 * FPS:
                small_disk.clear()
            sink.write(frame)
    assert [len(times_s(path)) for path in sorted(tmp_path.iterdir())] == [31, 31, 31]
    assert sink.lost == 1  # the sight at 25.0


def test_a_disk_that_is_full_in_the_middle_of_a_clip_raises_the_reserve(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context(live=True)) as sink:
        for number, frame in enumerate(results(10, seen_s=(5.0,))):
            if number == 55:
                assert sink._folder.reserve_bytes == 0
                small_disk.fill(file_bytes=2000)
            sink.write(frame)
        assert sink._folder.reserve_bytes == MARGIN_BYTES
        assert sink.lost > 0


def test_no_clip_begins_on_a_disk_with_less_than_the_reserve(tmp_path: Path, make_context: MakeContext) -> None:
    options = {**DEFAULTS, "reserve": "1000TB"}
    with ClipsSink(Spec("clips", str(tmp_path), options), make_context(live=True)) as sink:
        for frame in results(10, seen_s=(5.0,)):
            sink.write(frame)
    assert (list(tmp_path.iterdir()), sink.lost) == ([], 1)


def test_one_clip_is_enough_to_keep(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(20, seen_s=(5.0, 15.0)), keep="1") == [31]


def visits(seconds: float, *changes: VisitChange, size: tuple[int, int] = (64, 48)) -> list[Result]:
    """Frames at `FPS` with the ``changes`` in those at the times at which the objects were seen last."""
    frames = results(seconds, seen_s=(), size=size)
    for change in changes:
        number = round(change.visit.seen_ns * FPS / 1e9)
        frames[number] = replace(frames[number], visits=(*frames[number].visits, change))
    return frames


def track(folder: Path, make_context: MakeContext, frames: list[Result], **options: str) -> list[int]:
    """Write the frames of a run that tracks; returns how many pictures each clip has."""
    with ClipsSink(Spec("clips", str(folder), {**DEFAULTS, **options}), make_context(track=True)) as sink:
        for frame in frames:
            sink.write(frame)
    return [len(times_s(path)) for path in sorted(folder.iterdir())]


def change(kind: str, seen_s: float, number: int = 1, label: str = "person", **fields: Any) -> VisitChange:
    return make.visit_change(kind, number, label, seen_s=seen_s, **{"started_s": 5.0, **fields})


def test_a_visit_is_one_film_from_before_it_begins_until_after_it_ends(
    tmp_path: Path, make_context: MakeContext
) -> None:
    frames = visits(30, change("started", 5.2), change("updated", 9.0), change("ended", 12.0))
    assert track(tmp_path, make_context, frames) == [(2 + 7 + 1) * FPS + 1]  # from 3.0 to 13.0 s
    (clip,) = tmp_path.iterdir()
    assert clip.name.endswith("_person.mp4")


def test_an_end_that_is_known_late_ends_the_film_at_once(tmp_path: Path, make_context: MakeContext) -> None:
    frames = visits(30, change("started", 5.0))
    frames[150] = replace(frames[150], visits=(change("ended", 12.0),))
    assert track(tmp_path, make_context, frames) == [(15 - 3) * FPS]  # until 14.9, 2.9 s after it was seen


def test_detections_without_a_visit_are_not_filmed(tmp_path: Path, make_context: MakeContext) -> None:
    assert track(tmp_path, make_context, results(20, seen_s=(5.0, 5.1, 12.0))) == []


def test_visits_that_overlap_share_a_film(tmp_path: Path, make_context: MakeContext) -> None:
    first = change("started", 5.0), change("ended", 8.0)
    second = change("started", 7.0, 2, "dog", started_s=7.0), change("ended", 14.0, 2, "dog", started_s=7.0)
    third = change("started", 14.5, 3, started_s=14.5), change("ended", 15.0, 3, started_s=14.5)  # within after
    assert track(tmp_path, make_context, visits(30, *first, *second, *third)) == [(16 - 3) * FPS + 1]


def test_a_parked_car_holds_no_film_open_until_it_moves(tmp_path: Path, make_context: MakeContext) -> None:
    arrival = change("started", 5.0), change("stopped", 9.0)
    parked = (change("updated", at_s, stationary=True) for at_s in (12.0, 20.0, 28.0))
    departure = change("moved", 30.0), change("ended", 33.0)
    clips = track(tmp_path, make_context, visits(40, *arrival, *parked, *departure))
    assert clips == [(10 - 3) * FPS + 1, (34 - 27) * FPS + 1]  # 3 to 10 s; 27 to 34: it moved before that was told


def test_only_visits_of_wanted_classes_are_filmed(tmp_path: Path, make_context: MakeContext) -> None:
    cat = change("started", 5.0, 1, "cat"), change("ended", 20.0, 1, "cat")
    dog = change("started", 8.0, 2, "dog", started_s=8.0), change("ended", 9.0, 2, "dog", started_s=8.0)
    assert track(tmp_path, make_context, visits(30, *cat, *dog), classes="dog") == [(10 - 6) * FPS + 1]


def test_a_long_visit_is_cut_into_films_without_a_gap(tmp_path: Path, make_context: MakeContext) -> None:
    clips = track(tmp_path, make_context, visits(25, change("started", 5.0), change("ended", 22.0)), longest="5s")
    assert sum(clips) == (23 - 3) * FPS + 1
    assert max(clips) == 51


def test_a_visit_that_begins_and_ends_in_one_result_is_filmed(tmp_path: Path, make_context: MakeContext) -> None:
    frames = visits(20)
    frames[80] = replace(
        frames[80], visits=(change("started", 7.5, started_s=7.5), change("ended", 7.9, started_s=7.5))
    )
    assert track(tmp_path, make_context, frames) == [round((8.9 - 5.5) * FPS) + 1]


def test_of_photographs_detections_count_although_the_run_tracks(tmp_path: Path, make_context: MakeContext) -> None:
    one = results(6, seen_s=(5.0,))[50]
    photograph = replace(one, frame=replace(one.frame, file=Path("street.jpg")))
    assert track(tmp_path, make_context, [photograph]) == [1]


def linked(folder: Path, make_context: MakeContext, frames: list[Result], **options: str) -> dict[str, list[str]]:
    """Film the frames beside a database of visits; returns the clips of each visit, by its number.

    A clip that is not there any more has "gone" behind its number, which is its place among all that there were.
    """
    database = folder / "events.sqlite"
    context = make_context(track=True, live=True, sinks=(f"events:{database}",))
    with Database(database) as writer:
        with ClipsSink(Spec("clips", str(folder / "clips"), {**DEFAULTS, **options}), context) as sink:
            for frame in frames:
                sink.write(frame)
        writer.put([record(number) for number in (1, 2, 3)], {})
    with open_index(database) as index:
        files = {visit.id: visit.files for visit in index.visits()}
    names = sorted({link.path.name for links in files.values() for link in links.values()})
    return {
        id_.partition("-")[2]: [
            f"{kind}: {names.index(link.path.name)}{' gone' * link.gone}" for kind, link in links.items()
        ]
        for id_, links in files.items()
    }


def test_a_film_is_linked_to_every_visit_that_it_shows(tmp_path: Path, make_context: MakeContext) -> None:
    first = change("started", 5.0), change("ended", 8.0)
    second = change("started", 7.0, 2, "dog", started_s=7.0), change("ended", 10.0, 2, "dog", started_s=7.0)
    third = change("started", 20.0, 3, started_s=20.0), change("ended", 22.0, 3, started_s=20.0)
    assert linked(tmp_path, make_context, visits(30, *first, *second, *third)) == {
        "1": ["clip: 0"],
        "2": ["clip: 0"],
        "3": ["clip: 1"],
    }


def test_a_visit_has_its_clip_while_it_goes_on(tmp_path: Path, make_context: MakeContext) -> None:
    database = tmp_path / "events.sqlite"
    context = make_context(track=True, live=True, sinks=(f"events:{database}",))
    with Database(database) as writer:
        writer.put([record()], {})
        with ClipsSink(Spec("clips", str(tmp_path / "clips"), DEFAULTS), context) as sink:
            for frame in visits(12, change("started", 5.0), change("updated", 11.0)):
                sink.write(frame)
            with open_index(database) as index:
                (visit,) = index.visits()
    assert visit.files["clip"].path.parent == tmp_path / "clips"
    assert not visit.files["clip"].gone


def test_a_parked_car_has_a_clip_of_its_arrival_and_one_of_its_departure(
    tmp_path: Path, make_context: MakeContext
) -> None:
    car = change("started", 5.0), change("stopped", 9.0), change("moved", 30.0), change("ended", 33.0)
    person = change("started", 20.0, 2, started_s=20.0), change("ended", 22.0, 2, started_s=20.0)
    assert linked(tmp_path, make_context, visits(40, *car, *person)) == {
        "1": ["clip: 0", "clip-2: 2"],
        "2": ["clip: 1"],
        "3": [],
    }


def test_a_clip_that_made_room_for_newer_ones_is_said_to_be_gone(tmp_path: Path, make_context: MakeContext) -> None:
    one = change("started", 5.0), change("ended", 6.0)
    two = change("started", 15.0, 2, started_s=15.0), change("ended", 16.0, 2, started_s=15.0)
    assert linked(tmp_path, make_context, visits(30, *one, *two), keep="1") == {
        "1": ["clip: 0 gone"],
        "2": ["clip: 1"],
        "3": [],
    }


def test_unwanted_visits_are_linked_to_no_film(tmp_path: Path, make_context: MakeContext) -> None:
    dog = change("started", 5.0, 1, "dog"), change("ended", 9.0, 1, "dog")
    cat = change("started", 6.0, 2, "cat", started_s=6.0), change("ended", 7.0, 2, "cat", started_s=6.0)
    clips = linked(tmp_path, make_context, visits(20, *dog, *cat), classes="dog")
    assert clips == {"1": ["clip: 0"], "2": [], "3": []}


def test_a_visit_is_not_linked_to_a_film_that_ends_before_it(tmp_path: Path, make_context: MakeContext) -> None:
    one = change("started", 5.0), change("ended", 9.0)
    late = change("started", 5.8, 2, started_s=5.8), change("ended", 9.0, 2, started_s=5.8)
    # The first film is of 3.0 to 5.5 s; at 5.8 s its last pictures still wait to be filmed.
    clips = linked(tmp_path, make_context, visits(25, *one, *late), longest="2.5s")
    assert clips["1"][:2] == ["clip: 0", "clip-2: 1"]
    assert clips["2"][0] == "clip: 1"


def test_a_database_that_cannot_be_written_costs_no_film(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"no database at all, but as long as one is, at least a little")
    context = make_context(track=True, live=True, sinks=(f"events:{tmp_path}",))
    frames = visits(20, change("started", 5.0), change("ended", 8.0))
    with ClipsSink(Spec("clips", str(tmp_path / "clips"), DEFAULTS), context) as sink:
        for frame in frames:
            sink.write(frame)
    assert [len(times_s(path)) for path in (tmp_path / "clips").iterdir()] == [61]
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == 2  # once that it cannot be linked, and at the end how many are not
    assert "file is not a database" in warnings[0]
