"""The camera on the ribbon cable, against a fake with picamera2's signatures and physics."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import time
from itertools import islice, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceError, SourceTimeout
from edge_detector.options import Spec
from edge_detector.sources.picamera2 import BUFFERS, Picamera2Source, on_monotonic_clock
from tests.sources import fake_picamera2
from tests.sources.fake_picamera2 import Sensor

SIZE = (100, 60)  # rows of 300 bytes, which the hardware pads to 320
SMALL = (40, 40)

# As `ast` reads them in the wheel of picamera2 0.3.38 (the last of each name, after its @overload entries).
SIGNATURES = {
    "__init__": "self, camera_num=0, verbose_console=None, tuning=None, allocator=None",
    "create_video_configuration": (
        "self, main={}, lores=None, raw={}, transform=libcamera.Transform(), colour_space=None, buffer_count=6, "
        "controls={}, display='main', encode='main', queue=True, sensor={}, use_case='video'"
    ),
    "configure": "self, camera_config=None",
    "camera_configuration": "self",
    "start": "self, config=None, show_preview=False",
    "capture_request": "self, wait=None, signal_function=None, flush=None",
    "cancel_all_and_flush": "self",
    "stop": "self",
    "close": "self",
    "global_camera_info": "",
}


def open_camera(text: str = "picamera2:0", *, small: tuple[int, int] = SMALL, **options: object) -> Picamera2Source:
    return Picamera2Source(Spec.parse(text), Config(**{"size": SIZE, "fps": 50.0, **options}), small)


def quarters(number: int) -> NDArray[np.uint8]:
    """In R, G, B: red top left, green top right, blue bottom left, white bottom right."""
    width, height = SIZE
    scene = np.zeros((height, width, 3), np.uint8)
    scene[: height // 2, : width // 2] = (255, 0, 0)
    scene[: height // 2, width // 2 :] = (0, 255, 0)
    scene[height // 2 :, : width // 2] = (0, 0, 255)
    scene[height // 2 :, width // 2 :] = 255
    return scene


def corners(image: NDArray[np.uint8]) -> list[list[int]]:
    """The colours of the four quarters, each channel rounded to 0 or 255 (YUV is not exact)."""
    height, width = image.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [(image[row, column] > 127).astype(int).tolist() for row in rows for column in columns]


RED, GREEN, BLUE, WHITE = [0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]  # B, G, R


@pytest.mark.parametrize("rgb_lores", [True, False], ids=["Pi 5", "Pi 4"])
def test_both_streams_are_bgr_without_padding(sensor: Sensor, rgb_lores: bool) -> None:
    sensor.rgb_lores = rgb_lores
    sensor.scene = quarters
    with open_camera() as source:
        frame = next(iter(source))
    assert frame.small is not None
    assert (frame.size, frame.small.shape) == (SIZE, (SMALL[1], SMALL[0], 3))
    assert corners(frame.image) == corners(frame.small) == [RED, GREEN, BLUE, WHITE]
    assert frame.small.flags.c_contiguous


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hflip=true", [GREEN, RED, WHITE, BLUE]),
        ("vflip=true", [BLUE, WHITE, RED, GREEN]),
        ("hflip=true&vflip=true", [WHITE, BLUE, GREEN, RED]),
    ],
)
def test_a_camera_that_hangs_upside_down_is_turned(sensor: Sensor, query: str, expected: list[list[int]]) -> None:
    sensor.scene = quarters
    with open_camera(f"picamera2:0?{query}") as source:
        assert corners(next(iter(source)).image) == expected


def test_a_model_larger_than_the_picture_gets_no_second_stream(sensor: Sensor) -> None:
    with open_camera(small=(320, 320)) as source:
        assert next(iter(source)).small is None


def test_a_frame_has_the_sensors_time_stamp(sensor: Sensor) -> None:
    with open_camera() as source:
        frames = list(islice(source, 3))
    start_ns = 1_000_000_000
    assert [frame.timestamp_ns for frame in frames] == [start_ns, start_ns + 20_000_000, start_ns + 40_000_000]


def test_no_request_is_kept_however_long_it_runs(sensor: Sensor) -> None:
    with open_camera() as source:
        frames = list(islice(source, 10 * BUFFERS))
    assert [frame.sequence for frame in frames] == list(range(10 * BUFFERS))


def test_frames_that_the_camera_could_not_hand_over_are_gaps_in_the_sequence(sensor: Sensor) -> None:
    with open_camera() as source:
        frames = iter(source)
        first = next(frames)
        sensor.sleep(0.2)  # ten frames at 50 per second, while nobody looked
        later = next(frames)
        frames.close()
    assert later.sequence - first.sequence == round((later.timestamp_ns - first.timestamp_ns) / 20_000_000)
    assert later.sequence >= 9


def test_a_frame_keeps_its_pixels_when_the_camera_reuses_the_buffer(sensor: Sensor) -> None:
    with open_camera() as source:
        frames = list(islice(source, 3 * BUFFERS))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == list(range(3 * BUFFERS))
    assert not any(np.shares_memory(earlier.image, later.image) for earlier, later in pairwise(frames))


def test_a_silent_camera_is_stopped_and_started_once_and_goes_on(sensor: Sensor) -> None:
    sensor.mended_by_restart = True
    with open_camera() as source:
        frames = iter(source)
        next(frames)
        sensor.silent = True
        assert next(frames).sequence >= 250  # five seconds at 50 per second are gone
        assert (source.restarts, sensor.openings) == (1, 1)
        assert [frame.sequence for frame in islice(frames, 3 * BUFFERS)][-1] >= 250 + 3 * BUFFERS
        frames.close()


def test_a_camera_that_stays_silent_is_a_timeout_and_never_opened_again(sensor: Sensor) -> None:
    sensor.silent = True
    with open_camera() as source, pytest.raises(SourceTimeout, match="silent for 5 s, and again after a restart"):
        next(iter(source))
    assert (sensor.openings, sensor.acquired) == (1, False)


def test_stopping_a_silent_camera_ends_it_without_an_error(sensor: Sensor) -> None:
    sensor.silent = True
    with open_camera() as source:
        frames = iter(source)
        source_stop, sensor.sleep = sensor.sleep, lambda seconds: (source.stop(), source_stop(seconds))[1]
        assert list(frames) == []


def test_the_camera_is_free_again_after_the_source(sensor: Sensor) -> None:
    for _ in range(2):
        with open_camera() as source:
            next(iter(source))
    assert sensor.acquired is False


def test_a_camera_in_use_is_an_error_that_asks_by_whom(sensor: Sensor) -> None:
    with open_camera(), pytest.raises(SourceError, match="is another program using the camera"), open_camera():
        pass


def test_a_camera_that_is_not_there_is_an_error_that_lists_those_that_are(sensor: Sensor) -> None:
    with pytest.raises(SourceError, match=r"picamera2:3: no such camera; libcamera finds: imx708"):
        open_camera("picamera2:3").__enter__()


def test_a_camera_without_an_isp_is_sent_to_the_v4l2_source(sensor: Sensor) -> None:
    sensor.only_format = "YUYV"
    with pytest.raises(SourceError, match="it gives YUYV pictures; if it is a USB camera, use --source 0"):
        open_camera().__enter__()
    assert sensor.acquired is False


def test_autofocus_runs_where_the_camera_has_it(sensor: Sensor) -> None:
    continuous = fake_picamera2.libcamera.controls.AfModeEnum.Continuous
    with open_camera() as source:
        assert source._camera.camera_configuration()["controls"]["AfMode"] == continuous
    sensor.autofocus = False
    with open_camera() as source:
        assert "AfMode" not in source._camera.camera_configuration()["controls"]


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "libcamera", None)
    with pytest.raises(SourceError, match="sudo apt install python3-picamera2"), open_camera():
        pass


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("picamera2:front", "expected the camera's number"),
        ("picamera2:0?flip=true", "unknown option 'flip'"),
        ("picamera2:0?hflip=yes", "expected true or false"),
    ],
)
def test_wrong_options_are_errors(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        open_camera(text)


def test_a_stamp_of_either_clock_ends_up_on_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    slept_ns = 3_600_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: 100_000_000_000)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: 100_000_000_000 + slept_ns)
    exposed_ns = 99_980_000_000
    assert on_monotonic_clock(exposed_ns) == exposed_ns
    assert on_monotonic_clock(exposed_ns + slept_ns) == exposed_ns
    assert on_monotonic_clock(None) == 100_000_000_000


def test_the_fake_stalls_when_its_requests_are_not_released(sensor: Sensor) -> None:
    """The physics that the source has to live with: all buffers out, and no frame ever comes."""
    camera = fake_picamera2.Picamera2()
    camera.configure(camera.create_video_configuration(buffer_count=2))
    camera.start()
    held = [camera.capture_request(wait=1.0) for _ in range(2)]
    with pytest.raises(TimeoutError):
        camera.capture_request(wait=1.0)
    camera.cancel_all_and_flush()
    held[0].release()
    assert camera.capture_request(wait=1.0) is not None


def test_the_fake_hangs_on_stop_behind_a_capture_that_timed_out(sensor: Sensor) -> None:
    sensor.silent = True
    camera = fake_picamera2.Picamera2()
    camera.configure(camera.create_video_configuration())
    camera.start()
    with pytest.raises(TimeoutError):
        camera.capture_request(wait=1.0)
    with pytest.raises(RuntimeError, match="would wait for ever"):
        camera.stop()


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_fake_has_the_signatures_of_picamera2(name: str) -> None:
    parameters = inspect.signature(getattr(fake_picamera2.Picamera2, name)).parameters.values()
    written = ", ".join(
        parameter.name if parameter.default is parameter.empty else f"{parameter.name}={default(parameter.default)}"
        for parameter in parameters
    )
    assert written == SIGNATURES[name]


def default(value: object) -> str:
    return "libcamera.Transform()" if isinstance(value, fake_picamera2.Transform) else repr(value)


@pytest.mark.skipif(not importlib.util.find_spec("picamera2"), reason="picamera2 is not installed here")
@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_installed_picamera2_has_the_signatures_of_the_fake(name: str) -> None:
    import picamera2

    real = inspect.signature(getattr(picamera2.Picamera2, name)).parameters
    fake = inspect.signature(getattr(fake_picamera2.Picamera2, name)).parameters
    assert list(real)[: len(fake)] == list(fake)
