"""Sinks of which each camera has one of its own, with its name in files and topics."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import av
import numpy as np

from edge_detector import pipeline
from edge_detector.cameras import Camera
from edge_detector.config import Config
from edge_detector.image_files import encode_jpeg
from edge_detector.running.meter import CameraVitals, Meter
from edge_detector.sinks.mqtt.client import MqttOptions
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from tests import make

FILM = "synthetic:?live=false&frames=40"
JPEG = encode_jpeg(np.zeros((8, 8, 3), np.uint8), quality=80)
CAMERAS = Camera(FILM, name="porch"), Camera(f"{FILM}&seed=3", name="yard")


def run(*sinks: str) -> None:
    pipeline.run(Config(cameras=CAMERAS, runtime="fake", sinks=sinks, size=(320, 180)))


def cameras_in(folder: Path, suffix: str) -> set[str]:
    return {path.stem.split("Z_")[1].partition("_")[0] for path in folder.glob(f"*{suffix}")}


def test_snapshots_and_clips_have_the_camera_in_their_names(tmp_path) -> None:
    run(f"snapshots:{tmp_path}/s", f"clips:{tmp_path}/c?encoder=software", f"timelapse:{tmp_path}/t?encoder=software")
    assert cameras_in(tmp_path / "s", ".jpg") == {"porch", "yard"}
    assert cameras_in(tmp_path / "c", ".mp4") == {"porch", "yard"}
    assert cameras_in(tmp_path / "t", ".mp4") == {"porch", "yard"}
    for path in (tmp_path / "s").glob("*.json"):
        assert json.loads(path.read_text())["camera"] == path.name.split("Z_")[1].partition("_")[0]


def test_each_camera_has_films_with_its_name(tmp_path) -> None:
    (tmp_path / "films").mkdir()
    run(f"video:{tmp_path}/day.mp4?encoder=software", f"video:{tmp_path}/films?encoder=software")
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["day_porch.mp4", "day_yard.mp4"]
    assert cameras_in(tmp_path / "films", ".mp4") == {"porch", "yard"}
    for path in tmp_path.rglob("*.mp4"):
        with av.open(str(path)) as film:
            assert sum(1 for _ in film.decode(video=0)) == 40


def test_the_films_of_one_camera_alone_have_no_name_of_a_camera(tmp_path) -> None:
    sinks = f"video:{tmp_path}/day.mp4?encoder=software", f"video:{tmp_path}/films?encoder=software"
    pipeline.run(Config(cameras=CAMERAS[:1], runtime="fake", sinks=sinks, size=(320, 180)))
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["day.mp4"]
    (film,) = (tmp_path / "films").iterdir()
    assert "porch" not in film.name


def test_a_cameras_folder_counts_and_removes_its_own_recordings_only(tmp_path) -> None:
    for name in ("porch_dog", "porch-2_dog", "yard_dog", "porch"):
        (tmp_path / f"2026-11-21_14-03-59.120Z_{name}.jpg").write_bytes(JPEG)
    folder = RecordingFolder(tmp_path, Limits(items=1, reserve_bytes=0), camera="porch")
    folder.open()
    new = tmp_path / f"{folder.new_name('cat')}.jpg"
    assert re.search(r"Z_porch_cat\.jpg$", new.name)
    new.write_bytes(JPEG)
    folder.add(new)
    left = {path.name.split("Z_")[1] for path in tmp_path.iterdir()}
    assert left == {"porch-2_dog.jpg", "yard_dog.jpg", "porch_cat.jpg"}


def test_events_name_the_camera_as_the_source(tmp_path) -> None:
    run(f"events:{tmp_path}")
    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as database:
        rows = database.execute("select source, count(*) from visits group by source").fetchall()
    assert sorted(rows) == [("porch", 3), ("yard", 3)]


def test_each_camera_has_topics_and_a_device_of_its_own() -> None:
    options = MqttOptions("broker", topic="home", client_id="pi", device_name="Eye").of_camera("porch")
    assert options.topics.visits == "home/porch/visits"
    assert options.topics.status == "home/porch/status"
    assert (options.client_id, options.device_name) == ("pi-porch", "Eye porch")
    assert MqttOptions("broker", topic="home", status_topic="alive").of_camera("porch").topics.status == "alive/porch"


class Silent:
    name, dropped, silent_s = "yard", 4, 12.4


class Working:
    name, dropped, silent_s = "porch", 0, None


def test_the_line_for_people_and_the_watchdog_speaks_of_each_camera() -> None:
    meter = Meter(cameras=(Working(), Silent()), temperature=lambda: None, throttling=lambda: None)
    meter.record(make.result())
    assert meter.vitals.cameras == {
        "porch": CameraVitals(None, 0, None),
        "yard": CameraVitals(None, 4, 12.4),
    }
    assert meter.line().endswith("  porch unknown  yard silent for 12 s")
    assert not [stage for stage in meter.vitals.fps if "porch" in stage]
