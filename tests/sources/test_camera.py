"""V4L2 cameras: found by name, lost, and found again. (Reading a real one: tests/machines/v4l2.sh.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.options import Seconds, Spec
from edge_detector.prefetch import Prefetch
from edge_detector.sources import v4l2
from edge_detector.sources.camera import CameraSource
from edge_detector.sources.capture import Capture, in_rows
from edge_detector.sources.jpeg import JpegPicture
from tests.sources import jpegs
from tests.sources.usb import FakeUsb

WEBCAM = "HD Webcam C270"


@pytest.fixture
def usb(tmp_path: Path) -> FakeUsb:
    return FakeUsb(tmp_path)


def camera(usb: FakeUsb, text: str = "0", *, timeout: float = 0.2) -> CameraSource:
    config = Config(size=(64, 48), timeout=Seconds(timeout))
    return CameraSource(Spec("camera", text), config, (320, 320), opener=usb.open, root=usb.root)


def test_the_cameras_are_listed_by_number_without_their_metadata_nodes(usb: FakeUsb) -> None:
    usb.plug(10, "bcm2835-codec-decode")
    usb.plug(2, "Other")
    usb.plug(0, WEBCAM)
    usb.plug(1, WEBCAM, index=1)
    assert [str(device) for device in v4l2.cameras(root=usb.root)] == [
        f"{usb.root}/dev/video0 ({WEBCAM})",
        f"{usb.root}/dev/video2 (Other)",
    ]


def test_a_camera_that_is_not_there_is_an_error_that_lists_those_that_are(usb: FakeUsb) -> None:
    usb.plug(2, WEBCAM)
    with pytest.raises(SourceError) as caught, camera(usb, "0"):
        pass
    message = str(caught.value)
    assert message.startswith(f"{usb.root}/dev/video0: no such camera")
    assert f"video2 ({WEBCAM})" in message
    assert "--source picamera2:0" in message


def test_without_any_camera_the_error_offers_the_demo(usb: FakeUsb) -> None:
    with pytest.raises(SourceError, match=r"without a camera, try --source \S*demo/demo\.mp4$"), camera(usb, "0"):
        pass
    usb.plug(2, WEBCAM)
    with pytest.raises(SourceError, match="no such camera") as caught, camera(usb, "0"):
        pass
    assert "without a camera" not in str(caught.value)


def test_where_the_demo_is_not_installed_it_is_the_synthetic_camera(tmp_path: Path) -> None:
    assert v4l2.demo((tmp_path,)) == "synthetic"


class FakeVideoCapture:
    """What OpenCV's would give: each of ``pictures`` in turn; None is one that it refuses."""

    def __init__(self, pictures: Iterable[NDArray[np.uint8] | None], fourcc: str = "YUYV") -> None:
        self.pictures = iter(pictures)
        self.values: dict[int, float] = {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*fourcc)}

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def release(self) -> None: ...

    def set(self, key: int, value: float) -> bool:
        if key != cv2.CAP_PROP_FOURCC:  # the camera keeps its own
            self.values[key] = value
        return True

    def get(self, key: int) -> float:
        return self.values.get(key, 0.0)

    def retrieve(self) -> tuple[bool, object]:
        picture = next(self.pictures)
        if picture is None:
            raise cv2.error("too many pixels")
        return True, picture

    @staticmethod
    def waitAny(_captures: object, _timeout_ns: int) -> tuple[bool, object]:  # noqa: N802 - OpenCV's name
        return True, None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[FakeVideoCapture], Capture]:
    """A camera that reads what `FakeVideoCapture` gives."""

    def opened(fake: FakeVideoCapture) -> Capture:
        def video_capture(*_: object) -> FakeVideoCapture:
            return fake

        video_capture.waitAny = fake.waitAny
        monkeypatch.setattr(cv2, "VideoCapture", video_capture)
        return Capture(v4l2.Device(tmp_path), Config())

    return opened


def test_a_picture_that_opencv_refuses_is_left_out_and_counted(opened) -> None:
    """As it refuses a JPEG that is larger than it may be."""
    capture = opened(FakeVideoCapture([None, np.zeros((48, 64, 3), np.uint8)]))
    image, _ = capture.read()
    assert (image.shape, capture.damaged) == ((48, 64, 3), 1)


def test_motion_jpeg_stays_encoded_until_somebody_looks(opened) -> None:
    image = jpegs.smooth(64, 48)
    fake = FakeVideoCapture([np.frombuffer(jpegs.encoded(image), np.uint8).reshape(1, -1)], "MJPG")
    picture, _ = opened(fake).read()
    assert fake.values[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert isinstance(picture, JpegPicture)
    assert picture.size == (64, 48)
    assert np.abs(picture.image.astype(int) - image).mean() < 8


def test_a_camera_that_gives_no_jpeg_is_converted_by_opencv(opened) -> None:
    fake = FakeVideoCapture([np.zeros((48, 64, 3), np.uint8)])
    opened(fake).read()
    assert cv2.CAP_PROP_CONVERT_RGB not in fake.values


@pytest.mark.parametrize("code", [-1.0, 0.0, float(0xB1363159)])  # unknown, none, "Y16" with its bytes turned round
def test_a_camera_of_an_odd_format_is_converted_by_opencv(opened, code: float) -> None:
    fake = FakeVideoCapture([np.zeros((48, 64, 3), np.uint8)])
    fake.values[cv2.CAP_PROP_FOURCC] = code
    opened(fake).read()
    assert cv2.CAP_PROP_CONVERT_RGB not in fake.values


@pytest.mark.parametrize("spoil", [lambda data: data[:500], lambda data: data[:-2], lambda data: b"\0" * 500])
def test_a_broken_jpeg_is_left_out_and_counted(opened, caplog: pytest.LogCaptureFixture, spoil) -> None:
    whole = jpegs.encoded(jpegs.smooth(64, 48))
    broken, good = (np.frombuffer(data, np.uint8).reshape(1, -1) for data in (spoil(whole), whole))
    capture = opened(FakeVideoCapture([broken, broken, good], "MJPG"))
    picture, _ = capture.read()
    assert (picture.size, capture.damaged) == ((64, 48), 2)
    capture.close()
    assert "2 damaged pictures left out" in caplog.text


def test_a_jpeg_larger_than_may_be_is_left_out(opened) -> None:
    whole = jpegs.encoded(jpegs.smooth(64, 48))
    place = whole.index(b"\xff\xc0") + 5
    huge = whole[:place] + (16000).to_bytes(2) + (16000).to_bytes(2) + whole[place + 4 :]
    pictures = [np.frombuffer(data, np.uint8).reshape(1, -1) for data in (huge, whole)]
    picture, _ = opened(FakeVideoCapture(pictures, "MJPG")).read()
    assert picture.size == (64, 48)


def test_a_damaged_picture_is_a_gap_in_the_sequence(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    usb.damaged_before_each = 2
    with camera(usb) as source:
        frames = iter(source)
        assert [frame.sequence for frame in islice(frames, 3)] == [2, 5, 8]
        frames.close()


def test_the_receiver_of_a_pis_own_camera_is_no_v4l2_camera(usb: FakeUsb) -> None:
    usb.plug(0, "unicam")
    with pytest.raises(SourceError, match="use --source picamera2:0"), camera(usb):
        pass


def test_a_node_that_is_no_video_device_is_an_error() -> None:
    source = CameraSource(Spec("camera", "/dev/null"), Config(), (320, 320))
    with pytest.raises(SourceError, match="/dev/null: cannot be opened: is another program using it"), source:
        pass


def test_a_usb_camera_that_comes_back_on_another_number_goes_on(usb: FakeUsb, caplog: pytest.LogCaptureFixture) -> None:
    usb.plug(0, WEBCAM)
    with camera(usb, timeout=30.0) as source:
        frames = iter(source)
        before = [frame.sequence for frame in islice(frames, 3)]
        usb.unplug(0)
        usb.plug(4, WEBCAM)
        after = [frame.sequence for frame in islice(frames, 3)]
        assert source.restarts == 1
        frames.close()
    assert (before, after) == ([0, 1, 2], [3, 4, 5])
    assert [device.path.name for device in usb.opened] == ["video0", "video4"]
    assert "video4 (HD Webcam C270): opened again" in caplog.text


def test_of_two_like_cameras_the_one_with_the_serial_number_is_found_again(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM, serial="AAA")
    usb.plug(2, WEBCAM, serial="BBB")
    with camera(usb, timeout=30.0) as source:
        frames = iter(source)
        next(frames)
        usb.unplug(0)
        usb.plug(6, WEBCAM, serial="AAA")
        next(frames)
        frames.close()
    assert [device.path.name for device in usb.opened] == ["video0", "video6"]


def test_a_camera_opened_through_its_link_is_the_device_behind_it(usb: FakeUsb) -> None:
    usb.plug(3, WEBCAM, serial="AAA")
    with camera(usb, str(usb.root / "dev/v4l/by-id/usb-AAA-video-index0")) as source:
        next(iter(source))
    assert [device.path.name for device in usb.opened] == ["video3"]


def test_a_camera_that_falls_silent_is_opened_once_more(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    usb.cured_by_opening.add(WEBCAM)
    with camera(usb) as source:
        frames = iter(source)
        next(frames)
        usb.silent.add(WEBCAM)
        assert next(frames).sequence == 1
        frames.close()
    assert len(usb.opened) == 2


def test_a_camera_that_stays_silent_is_a_timeout(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    usb.silent.add(WEBCAM)
    with camera(usb) as source, pytest.raises(SourceTimeout, match=r"silent for 0\.2 s"):
        next(iter(source))
    assert len(usb.opened) == 2


def test_a_camera_that_stays_away_is_a_timeout_that_names_it(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    with camera(usb) as source:
        frames = iter(source)
        next(frames)
        usb.unplug(0)
        with pytest.raises(SourceTimeout, match=r"HD Webcam C270\): gone, and not back within 0\.2 s"):
            next(frames)


def test_the_error_reaches_the_consumer_of_the_capture_thread(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    usb.silent.add(WEBCAM)
    with (
        camera(usb) as source,
        Prefetch(source, name="capture", live=True) as frames,
        pytest.raises(SourceTimeout, match="is the camera connected"),
    ):
        next(frames)


def test_stopping_ends_the_search_for_a_lost_camera_at_once(usb: FakeUsb) -> None:
    usb.plug(0, WEBCAM)
    with camera(usb, timeout=3600.0) as source:
        frames = Prefetch(source, name="capture", live=True)
        with frames:
            next(frames)
            usb.unplug(0)
            source.stop()
    assert "closed" in repr(source)


def test_a_picture_that_opencv_gives_in_one_row_gets_its_own_rows_again() -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    for given in (picture, picture.reshape(1, -1)):
        np.testing.assert_array_equal(in_rows(given, (6, 4)), picture)
