"""Several cameras from the configuration to the results."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from edge_detector import cli, pipeline
from edge_detector.cameras import Camera
from edge_detector.config import Config, dump, load
from edge_detector.errors import ConfigError, SourceTimeout, UsageError
from edge_detector.options import Spec
from edge_detector.registry import SINKS
from edge_detector.running.camera_places import CameraPlaces
from edge_detector.running.context import Context
from edge_detector.running.reload import Reload
from edge_detector.sinks.base import Sink
from edge_detector.track.places import Zone
from edge_detector.types import Result

CORNERS = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
FILM = "synthetic:?live=false&frames=40"
OTHER_FILM = "synthetic:?live=false&frames=30&seed=3"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(tmp_path: Path, *cameras: Camera, **options: Any) -> list[dict[str, Any]]:
    pipeline.run(Config(cameras=cameras, runtime="fake", sinks=(f"jsonl:{tmp_path}/all.jsonl",), **options))
    return rows(tmp_path / "all.jsonl")


def of(camera: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in found if row["camera"] == camera]


def without_times(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("camera", "timestamp_ns", "latency_ms")}


def alone(tmp_path: Path, source: str) -> list[dict[str, Any]]:
    pipeline.run(Config(source=source, runtime="fake", sinks=(f"jsonl:{tmp_path}/one.jsonl",)))
    return rows(tmp_path / "one.jsonl")


def test_each_film_gives_what_it_gives_alone(tmp_path) -> None:
    """So tracks of one never touch those of the other, and no frame is lost or out of order."""
    found = run(tmp_path, Camera(FILM, name="a"), Camera(OTHER_FILM, name="b"))
    for name, source in (("a", FILM), ("b", OTHER_FILM)):
        assert [without_times(row) for row in of(name, found)] == [
            without_times(row) for row in alone(tmp_path, source)
        ]


def test_one_camera_without_a_name_is_not_named_in_its_results(tmp_path) -> None:
    assert all("camera" not in row for row in alone(tmp_path, FILM))


def test_visits_have_ids_of_their_own_and_all_end(tmp_path) -> None:
    sink = f"jsonl:{tmp_path}/visits.jsonl?visits=true"
    cameras = Camera(FILM, name="a"), Camera(OTHER_FILM, name="b")
    pipeline.run(Config(cameras=cameras, runtime="fake", sinks=(sink,)))
    kinds: dict[str, list[str]] = defaultdict(list)
    whose: dict[str, set[str]] = defaultdict(set)
    for row in rows(tmp_path / "visits.jsonl"):
        kinds[row["id"]].append(row["kind"])
        whose[row["id"]].add(row["camera"])
    assert Counter(min(names) for names in whose.values()) == {"a": 3, "b": 3}
    assert all(len(names) == 1 for names in whose.values())
    assert all(each[0] == "started" and each[-1] == "ended" for each in kinds.values())


def test_zones_belong_to_one_camera(tmp_path) -> None:
    sink = f"jsonl:{tmp_path}/visits.jsonl?visits=true"
    cameras = Camera(FILM, name="a", zones=(Zone("door", CORNERS),)), Camera(FILM, name="b")
    pipeline.run(Config(cameras=cameras, runtime="fake", sinks=(sink,)))
    assert {row["camera"] for row in rows(tmp_path / "visits.jsonl") if row["kind"] == "entered"} == {"a"}


@pytest.mark.parametrize("track", [True, False])
def test_classes_and_confidence_of_one_camera(tmp_path, track) -> None:
    cameras = (
        Camera(FILM, name="a", classes=("circle",)),
        Camera(FILM, name="b"),
        Camera(FILM, name="c", confidence=1.0),
    )
    found = run(tmp_path, *cameras, track=track)
    labels = {name: {each["label"] for row in of(name, found) for each in row["detections"]} for name in "abc"}
    assert labels == {"a": {"circle"}, "b": {"circle", "square", "triangle"}, "c": set()}


def test_a_class_that_the_model_lacks_names_the_camera(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"^camera 'a': the model has no such class: unknown class 'cow'"):
        run(tmp_path, Camera(FILM, name="a", classes=("cow",)))


def test_similar_frames_are_those_of_one_camera(tmp_path) -> None:
    """Two scenes that differ: compared with each other, no frame would ever be skipped."""
    still = "synthetic:?live=false&frames=60&objects=0"
    found = run(tmp_path, Camera(still, name="a"), Camera(f"{still}&seed=5", name="b"), skip_similar=True, fps=60.0)
    assert all(sum("skipped" in row for row in of(name, found)) > 5 for name in "ab")


def test_a_silent_camera_does_not_disturb_the_other() -> None:
    """It hangs for longer than this test may take; so nobody waits for it, not even the end."""
    cameras = Camera("synthetic:?silent_after=3", name="a"), Camera("synthetic", name="b")
    with pipeline.Watch(Config(cameras=cameras, runtime="fake", fps=40.0, timeout=1000.0)) as results:
        seen = Counter(result.camera for result in islice(results, 43))
    assert seen["b"] >= 40


def test_one_camera_alone_ends_the_run_when_it_is_silent_and_is_named(tmp_path) -> None:
    with pytest.raises(SourceTimeout, match=r"^camera porch: synthetic: silent for 0.125 s"):
        run(tmp_path, Camera("synthetic:?silent_after=3", name="porch"), fps=100.0, timeout=0.125)
    assert {row["camera"] for row in rows(tmp_path / "all.jsonl")} == {"porch"}


def test_a_reload_moves_the_zones_of_one_camera_and_refuses_other_cameras(caplog) -> None:
    before = Config(cameras=(Camera(FILM, name="a"), Camera(FILM, name="b")))
    zone = Zone("door", CORNERS)
    wanted = replace(before, cameras=(Camera(FILM, name="a", zones=(zone,)), Camera("0", name="b")))
    places = CameraPlaces(before, lambda: ("person",))
    assert places.use(wanted) == "a: 1 zone, no lines, no masks"
    assert list(places["a"].places) == [zone]
    with pytest.raises(ConfigError, match=r"^camera 'a': zone 'door': the model has no such class"):
        places.use(replace(before, cameras=(Camera(FILM, name="a", zones=(replace(zone, classes=("cow",)),)),)))
    assert list(places["a"].places) == [zone]
    Reload(before, lambda: wanted)._warn_of_the_fixed(before, wanted)
    assert caplog.messages == ["reload: only a restart can change the cameras"]


# Configuration


def test_sources_given_several_times_are_cameras(tmp_path) -> None:
    assert load(None, {"source": ["0", "rtsp://porch/1"]}).cameras == (
        Camera("0", name="camera-1"),
        Camera("rtsp://porch/1", name="camera-2"),
    )
    assert load(None, {"source": ["0"]}) == Config(source="0")


def test_tables_are_cameras_and_are_written_and_read_back(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        '[[source]]\nname = "porch"\nsource = 0\nmin_fps = 2\nclasses = ["person"]\n'
        '[[source.zones]]\nname = "door"\npolygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]\n'
        '[[source]]\nsource = "rtsp://yard/1"\nsize = "640x480"\n'
    )
    found = load(path, {})
    assert found.cameras == (
        Camera("0", name="porch", min_fps=2.0, classes=("person",), zones=(Zone("door", CORNERS),)),
        Camera("rtsp://yard/1", name="camera-2", size=(640, 480)),
    )
    assert [found.of_camera(each).size for each in found.cameras] == [(1280, 720), (640, 480)]
    path.write_text(dump(found))
    assert load(path, {}) == found
    assert load(path, {"source": ["demo.mp4"]}) == Config(source="demo.mp4")


def test_passwords_of_cameras_are_not_shown_to_people() -> None:
    config = Config(cameras=(Camera("rtsp://ada:secret@porch/1"),))
    assert "secret" not in dump(config, mask=True)
    assert "secret" in dump(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[[source]]\nsource = "0"\nname = "a"\n[[source]]\nsource = "1"\nname = "A"\n', "two cameras have the name"),
        ('[[source]]\nsorce = "0"\n', "source 1: unknown option 'sorce'; did you mean 'source'"),
        ('[[source]]\nname = "a"\n', "source 1: source is missing"),
        ('[[source]]\nsource = "0"\nname = "a/b"\n', "a camera has the name 'a/b'; expected at most 32 letters"),
        ('[[source]]\nsource = "0"\nmin_fps = -1\n', "min_fps is -1; expected 0 to 1000"),
        ('[[source]]\nsource = "0"\nfps = 0\n', "camera 'camera-1': fps is 0; expected"),
        ('[[source]]\nsource = "0"\n[[masks]]\nkind = "ignore"\npolygon = [[0,0],[1,0],[1,1]]\n',
         "masks: with several cameras they belong to one"),
        ('[[cameras]]\nsource = "0"\n', r"unknown option 'cameras'; several cameras are tables"),
    ],
)  # fmt: skip
def test_mistakes_in_tables_are_said(tmp_path, content, message) -> None:
    path = tmp_path / "c.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path, {})
    assert str(caught.value).startswith(str(path))


def test_a_mistake_on_the_command_line_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fps is 0"):
        load(None, {"source": ["0", "1"], "fps": "0"})


class OneCameraSink(Sink):
    """As that of a plug-in that says nothing of cameras."""

    def __init__(self, _spec: Spec, _context: Context) -> None: ...

    def write(self, _result: Result) -> None: ...


def test_a_sink_for_one_camera_refuses_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "toy", f"{__name__}:OneCameraSink")
    cameras = Camera(FILM, name="a"), Camera(FILM, name="b")
    with pytest.raises(ConfigError, match=r"^sink toy: takes the results of one camera only, and this run has 2: a, b"):
        pipeline.run(Config(cameras=cameras, runtime="fake", sinks=("toy",)))


def test_the_command_line_takes_several_sources(capfd) -> None:
    arguments = ["--runtime", "fake", "--source", FILM, "--source", OTHER_FILM, "--sink", "print"]
    assert cli.main(arguments) == 0
    lines = capfd.readouterr().out.splitlines()
    assert {line.split("  ")[1].partition(":")[0] for line in lines} == {"camera-1", "camera-2"}
