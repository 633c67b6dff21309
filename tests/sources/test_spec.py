"""What a user writes after --source, and which source that means."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge_detector import sources
from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.sources import open_source, source_spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Spec("camera", "0")),
        ("/dev/video2", Spec("camera", "/dev/video2")),
        ("/dev/v4l/by-id/usb-cam-video-index0", Spec("camera", "/dev/v4l/by-id/usb-cam-video-index0")),
        ("rtsp://user:pw@host:554/live?channel=1", Spec("stream", "rtsp://user:pw@host:554/live?channel=1")),
        ("http://host:8080/stream.mjpg", Spec("stream", "http://host:8080/stream.mjpg")),
        ("holiday.mp4", Spec("video", "holiday.mp4")),
        ("file:///films/holiday.mp4", Spec("video", "/films/holiday.mp4")),
        ("is it: a film?.mkv", Spec("video", "is it: a film?.mkv")),
        ("still.JPG", Spec("images", "still.JPG")),
        ("picamera2:1?hflip=true", Spec("picamera2", "1", {"hflip": "true"})),
        ("picamera2", Spec("picamera2")),
        ("synthetic:?seed=3", Spec("synthetic", "", {"seed": "3"})),
        ("synthetic?seed=3", Spec("synthetic", "", {"seed": "3"})),
    ],
)
def test_a_source_is_known_by_what_it_looks_like(text: str, expected: Spec) -> None:
    assert source_spec(text) == expected


def test_a_folder_is_a_source_of_images(tmp_path: Path) -> None:
    assert source_spec(str(tmp_path)) == Spec("images", str(tmp_path))


def test_camera_0_of_a_pi_without_a_usb_camera_is_the_one_on_the_ribbon_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: object() if name == "picamera2" else None)
    assert source_spec("0") == Spec("picamera2", "0")


def test_camera_0_is_a_usb_camera_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", ModuleType("picamera2"))
    monkeypatch.setattr(sources, "is_camera", lambda number: number == "0")
    assert source_spec("0") == Spec("camera", "0")


@pytest.mark.parametrize("text", ["camera:0?mode=3", "images:x?mode=3", "stream:x?mode=3", "video:x?mode=3"])
def test_an_option_that_a_source_does_not_have_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'mode'"):
        open_source(Config(source=text), model_size=(320, 320))


@pytest.mark.parametrize(("name", "what"), [("images", "path"), ("stream", "url"), ("video", "path")])
def test_a_source_of_nothing_is_an_error(name: str, what: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: {what} is missing; write {name}:{what.upper()}$"):
        open_source(Config(source=name), model_size=(320, 320))
