"""USB cameras to plug in and out: a tree of /dev and /sys in a folder, and what OpenCV would read from it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.sources.capture import Picture
from edge_detector.sources.v4l2 import Device

FRAME_S = 0.002  # quick cameras keep tests quick


class FakeUsb:
    """A bus on which cameras are plugged in under numbers. A reader notices within a frame that its camera is gone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changed = threading.Condition()
        self.silent: set[str] = set()  # names of cameras that are there and send nothing
        self.cured_by_opening: set[str] = set()  # names of those that send again when opened anew
        self.opened: list[Device] = []
        self.damaged_before_each = 0  # pictures that a camera sends broken before each whole one
        (root / "dev").mkdir(parents=True)
        (root / "sys/class/video4linux").mkdir(parents=True)

    def plug(self, number: int, name: str, *, serial: str = "", index: int = 0) -> Path:
        """A node appears; with a serial number udev makes its link too."""
        node = self.root / f"sys/class/video4linux/video{number}"
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
        device = self.root / f"dev/video{number}"
        device.touch()
        if serial:
            links = self.root / "dev/v4l/by-id"
            links.mkdir(parents=True, exist_ok=True)
            (links / f"usb-{serial}-video-index{index}").symlink_to(device)
        return device

    def unplug(self, number: int) -> None:
        """The node goes, and udev's links to it; whoever reads it is told at once."""
        device = self.root / f"dev/video{number}"
        for link in self.root.glob("dev/v4l/by-id/*"):
            if link.resolve() == device:
                link.unlink()
        node = self.root / f"sys/class/video4linux/video{number}"
        for file in ("name", "index"):
            (node / file).unlink()
        node.rmdir()
        with self.changed:
            device.unlink()
            self.changed.notify_all()

    def open(self, device: Device, config: Config) -> FakeCapture:
        """As `capture.Capture`: raises `SourceError` for a node that is not there, or open already."""
        if not device.path.exists():
            raise SourceError(f"{device}: cannot be opened")
        if device.name in self.cured_by_opening and self.opened:
            self.silent.discard(device.name)
        self.opened.append(device)
        return FakeCapture(self, device, config)


class FakeCapture:
    """A paced camera; each picture's first byte is the count of pictures since it was opened."""

    def __init__(self, usb: FakeUsb, device: Device, config: Config) -> None:
        self.usb = usb
        self.device = device
        self.closed = False
        self.damaged = 0
        self._timeout_s = float(config.timeout)
        self._shape = (config.size[1], config.size[0], 3)
        self._count = 0

    def read(self) -> Picture:
        silent = self.device.name in self.usb.silent
        with self.usb.changed:
            gone = self.usb.changed.wait_for(
                lambda: not self.device.path.exists(), timeout=self._timeout_s if silent else FRAME_S
            )
        if gone:
            raise SourceError(f"{self.device}: unplugged, or its driver failed")
        if silent:
            raise SourceTimeout(f"{self.device}: silent for {self._timeout_s:g} s; is the camera connected?")
        image = np.full(self._shape, self._count % 256, np.uint8)
        self._count += 1
        self.damaged += self.usb.damaged_before_each
        return image, time.monotonic_ns()

    def close(self) -> None:
        self.closed = True
