"""``edge-detector events``: which visits it lists, and how."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from edge_detector import cli, config
from edge_detector.events.database import Database
from edge_detector.events.record import HERE, Crossing
from edge_detector.sinks.record import duration
from tests.events.visits import DAY_S, record, write

COUNTED = "2026-11-21T14:03:59"


def at(text: str) -> float:
    return datetime.fromisoformat(text).astimezone().timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three visits of one afternoon."""
    path = tmp_path / "events.sqlite"
    write(
        path,
        record(1, seen_s=at(COUNTED), zones={"door": 4.0}, crossings=(Crossing("gate", "in", 2.5),)),
        record(2, seen_s=at(COUNTED) + 60, label="dog"),
        record(3, seen_s=at(COUNTED) + DAY_S),
    )
    return path


def listed(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert cli.main(["events", *map(str, words)]) == 0
    return capsys.readouterr().out.splitlines()


def failed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert cli.main(["events", *map(str, words)]) == 78
    return capsys.readouterr().err


def test_visits_are_a_table_for_people(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = path.with_name("clip.mp4")
    with Database(path) as database:
        database.link("3f9a1c2e-2", "clip", clip)
    assert [" ".join(line.split()) for line in listed(capsys, "--file", path.parent)] == [
        "time class score duration zones file",
        "2026-11-21 14:03:49 person 80% 10 s door 4 s -",
        f"2026-11-21 14:04:49 dog 80% 10 s - {clip} (gone)",
        "2026-11-22 14:03:49 person 80% 10 s - -",
    ]


def test_of_several_clips_the_first_that_is_still_there_is_listed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [path.with_name(f"{number}.mp4") for number in range(1, 12)]  # the last one is called clip-11
    with Database(path) as database:
        for clip in clips:
            database.link("3f9a1c2e-2", "clip", clip)
    assert listed(capsys, "--file", path)[2].endswith(f"{clips[0]} (gone)")
    clips[10].touch()
    clips[1].touch()
    assert listed(capsys, "--file", path)[2].endswith(f" {clips[1]}")
    rows = csv.DictReader(listed(capsys, "--file", path, "--csv"))
    assert [row["clip"] for row in rows] == ["", str(clips[1]), ""]


def test_a_visit_that_its_run_did_not_end_says_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Database(path) as database:
        database.put([record(4, state=HERE, seen_s=time.time())], {})
        assert "10 s, here" in listed(capsys, "--file", path)[-1]
    assert "10 s, cut off" in listed(capsys, "--file", path)[-1]


@pytest.mark.parametrize(
    ("ago_s", "stationary", "is_here"),
    [(30, False, True), (70, False, False), (330, True, True), (370, True, False)],
)
def test_what_was_last_found_more_than_a_minute_ago_is_not_said_to_be_here(
    path: Path, capsys: pytest.CaptureFixture[str], ago_s: float, stationary: bool, is_here: bool
) -> None:
    seen_s = time.time() - ago_s
    with Database(path) as database:  # a visit goes on only as long as its database is written
        database.put([record(4, state=HERE, seen_s=seen_s, stationary=stationary)], {})
        line = listed(capsys, "--file", path)[-1]
    expected = "here" if is_here else f"last seen {datetime.fromtimestamp(seen_s).astimezone():%H:%M}"
    assert f"10 s, {expected} " in line


def test_a_visit_of_less_than_a_second_has_a_duration(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        path, replace(record(4, seen_s=at(COUNTED) + 2 * DAY_S), started_s=at(COUNTED) + 2 * DAY_S, zones={"door": 0})
    )
    assert " ".join(listed(capsys, "--file", path)[-1].split()[3:]) == "80% under 1 s door under 1 s -"


@pytest.mark.parametrize(("words", "numbers"), [
    (["--since", "2026-11-22"], ["3"]),
    (["--since", "2026-11-21", "--until", "2026-11-22"], ["1", "2"]),
    (["--class", "person"], ["1", "3"]),
    (["--zone", "door"], ["1"]),
    (["--since", COUNTED, "--class", "dog"], ["2"]),
])  # fmt: skip
def test_flags_choose(path: Path, capsys: pytest.CaptureFixture[str], words: list[str], numbers: list[str]) -> None:
    rows = csv.DictReader(listed(capsys, "--file", path, "--csv", *words))
    assert [row["id"].partition("-")[2] for row in rows] == numbers


def test_since_may_be_a_duration(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(path, record(4, seen_s=time.time() - 7000), record(5, seen_s=time.time() - 60))
    lines = listed(capsys, "--file", path, "--json", "--since", "1h", "--until", "1s")
    assert [json.loads(line)["id"] for line in lines] == ["3f9a1c2e-5"]


def test_json_says_all_that_is_known(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(listed(capsys, "--file", path, "--json")[0])
    assert datetime.fromisoformat(first.pop("end")).timestamp() == at(COUNTED)
    assert datetime.fromisoformat(first.pop("start")).timestamp() == at(COUNTED) - 10
    assert first == {
        "id": "3f9a1c2e-1",
        "duration_s": 10.0,
        "state": "ended",
        "source": "0",
        "label": "person",
        "score": 0.8,
        "box": [100.0, 40.0, 180.0, 200.0],
        "size": [320, 240],
        "stationary": False,
        "zones": {"door": 4.0},
        "crossings": [{"line": "gate", "direction": "in", "after_s": 2.5}],
        "path": [],
        "files": {},
    }


@pytest.mark.parametrize(("by", "expected"), [
    ("hour", {"14:00": 3}),
    ("day", {"2026-11-21": 2, "2026-11-22": 1}),
    ("class", {"dog": 1, "person": 2}),
    ("zone", {"door": 1}),
])  # fmt: skip
def test_visits_are_counted(path: Path, capsys: pytest.CaptureFixture[str], by: str, expected: dict[str, int]) -> None:
    assert json.loads(listed(capsys, "counts", "--file", path, "--by", by, "--json")[0]) == expected
    rows = csv.reader(listed(capsys, "counts", "--file", path, "--by", by, "--csv"))
    assert [*rows] == [[by, "visits"], *([part, str(number)] for part, number in expected.items())]


def test_counts_are_a_table_for_people(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "counts", "--file", path, "--by", "class") == ["class   visits", "dog     1", "person  2"]


def test_a_name_that_no_visit_has_is_said_with_the_known_ones(
    path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert listed(capsys, "--file", path, "--class", "persn", "--csv") == []
    assert caplog.messages == ["no visit has the class 'persn'; known: dog, person"]


def test_the_configuration_names_the_database(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = path.with_name("settings.toml")
    settings.write_text(f'sinks = ["print", "events:{path.parent}?days=30"]\n')
    assert len(listed(capsys, "--config", settings)) == 4


def test_a_relative_path_of_the_service_starts_in_its_folder(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = path.with_name("settings.toml")
    settings.write_text('sinks = ["events:events.sqlite"]\n')
    monkeypatch.setattr(config, "SERVICE_FOLDER", path.parent)
    assert len(listed(capsys, "--config", settings)) == 4


def test_without_a_database_it_says_what_to_give(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = path.with_name("settings.toml")
    settings.write_text("")
    assert "which database? Give --file events.sqlite, or --config" in failed(capsys)
    assert f"{settings}: no events sink" in failed(capsys, "--config", settings)
    assert "there is no such file" in failed(capsys, "--file", path.with_name("none.sqlite"))


def test_a_time_that_is_none_is_an_error(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--since is 'noon'; expected a duration such as 1h or 7d, or a date" in failed(
        capsys, "--file", path, "--since", "noon"
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.4, "12 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7500, "2 h 5 min")]
)
def test_durations_are_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
