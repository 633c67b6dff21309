"""Which V4L2 cameras there are, by what the kernel and udev say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import SourceError

ROOT = Path("/")

# Names that the kernel gives to a Pi's receivers, codecs and image processors: video nodes, but no cameras to read.
# What they carry comes out through libcamera (picamera2).
NOT_CAMERAS = ("bcm2835-", "unicam", "rp1-cfe", "rpi-", "rpivid", "pispbe")


@dataclass(frozen=True, slots=True)
class Device:
    """One camera's video node."""

    path: Path  # /dev/videoN: the number may change with every plugging in
    name: str = ""  # as the driver gives it; the same after plugging in again
    by_id: Path | None = None  # udev's link, which has the serial number in it where the camera has one

    def __str__(self) -> str:
        return f"{self.path} ({self.name})" if self.name else str(self.path)


def cameras(*, root: Path = ROOT) -> list[Device]:
    """Every camera, by number. The second node of a USB camera, which has only metadata, is left out."""
    nodes = sorted(_nodes(root).glob("video*"), key=lambda node: int(node.name[5:]))
    found = [_device(node.name, root) for node in nodes if _read(node / "index") == "0"]
    return [device for device in found if not device.name.startswith(NOT_CAMERAS)]


def find(text: str, *, root: Path = ROOT) -> Device:
    """The node that ``text`` means: a number, /dev/videoN, or a link such as those in /dev/v4l/by-id.

    Raises `SourceError` that lists the cameras there are, if it is not there or is no camera.
    """
    path = root / f"dev/video{text}" if text.isdecimal() else Path(text)
    if not path.exists():
        raise SourceError(
            f"{path}: no such camera; {there_are(root=root)}; the one on a Pi's ribbon cable is --source picamera2:0"
        )
    device = _device(path.resolve().name, root)
    if device.name.startswith(NOT_CAMERAS):
        raise SourceError(
            f"{device}: a part of the Pi's own camera system, not a camera; use --source picamera2:0 for the camera "
            f"on the ribbon cable; {there_are(root=root)}"
        )
    return device


def find_again(lost: Device, *, root: Path = ROOT) -> Device | None:
    """``lost`` after it was plugged in again, on whatever number; None while it is away."""
    if lost.by_id is not None:
        return _device(lost.by_id.resolve().name, root) if lost.by_id.exists() else None
    alike = [device for device in cameras(root=root) if device.name == lost.name]
    return next((device for device in alike if device.path == lost.path), alike[0] if alike else None)


def is_camera(number: str, *, root: Path = ROOT) -> bool:
    """Whether /dev/video``number`` is a camera."""
    return root / f"dev/video{number}" in [device.path for device in cameras(root=root)]


def there_are(*, root: Path = ROOT) -> str:
    """A clause for error messages: the V4L2 cameras there are."""
    return f"V4L2 cameras here: {', '.join(str(device) for device in cameras(root=root)) or 'none'}"


def _device(node: str, root: Path) -> Device:
    path = root / "dev" / node
    links = sorted((root / "dev/v4l/by-id").glob("*"))
    by_id = next((link for link in links if link.resolve() == path.resolve()), None)
    return Device(path, _read(_nodes(root) / node / "name"), by_id)


def _nodes(root: Path) -> Path:
    return root / "sys/class/video4linux"


def _read(file: Path) -> str:
    """The line in a file of sysfs; "" where there is none, as in a container."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
