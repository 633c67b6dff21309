"""Make demo/demo.mp4: slow pans and zooms over photographs that come with scikit-image, all free of copyright.

    pip install scikit-image && python scripts/make_demo_clip.py

The clip is in the repository already; this is how it was made. demo/CREDITS.md says whose photographs they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

SIZE = (640, 480)  # width, height
FPS = 25
SCENE_FRAMES = 4 * FPS
FADE_FRAMES = FPS // 2
QUALITY = {"crf": "23", "preset": "veryslow"}  # of x264: 2 MB is the limit for the repository

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees: a centre in fractions of the photograph, and a width in fractions of the largest view."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Photographs side by side, and the camera's path over them."""

    photographs: tuple[str, ...]  # functions of skimage.data
    start: View
    end: View


SCENES = (
    Scene(("astronaut",), View(0.50, 0.30, 1.00), View(0.45, 0.36, 0.90)),
    Scene(("cat",), View(0.40, 0.50, 0.95), View(0.60, 0.48, 1.00)),
    Scene(("coffee",), View(0.45, 0.50, 1.00), View(0.52, 0.52, 0.88)),
    Scene(("astronaut", "cat", "coffee"), View(0.0, 0.5, 1.0), View(1.0, 0.5, 1.0)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "demo" / "demo.mp4")
    output = parser.parse_args().output
    write(output, clip())
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


def clip() -> Iterator[Image]:
    """The frames of all scenes, each faded into the one before."""
    last: Image | None = None
    for scene in SCENES:
        photograph = side_by_side([getattr(data, name)() for name in scene.photographs])
        for number in range(SCENE_FRAMES):
            frame = look(photograph, between(scene.start, scene.end, number / (SCENE_FRAMES - 1)))
            yield frame if last is None else fade(last, frame, number / FADE_FRAMES)
        last = frame


def side_by_side(photographs: list[Image]) -> Image:
    """One picture as high as the first photograph."""
    height = photographs[0].shape[0]
    scaled = [cv2.resize(each, (round(each.shape[1] * height / each.shape[0]), height)) for each in photographs]
    return np.asarray(np.hstack(scaled), np.uint8)


def between(start: View, end: View, fraction: float) -> View:
    """The view on the way; the camera starts and stops gently."""
    eased = fraction * fraction * (3 - 2 * fraction)
    return View(*(a + (b - a) * eased for a, b in ((start.x, end.x), (start.y, end.y), (start.zoom, end.zoom))))


def look(photograph: Image, view: View) -> Image:
    """The part of the photograph in view, (480, 640, 3), never beyond its edges."""
    height, width = photograph.shape[:2]
    scale = min(width / SIZE[0], height / SIZE[1]) * view.zoom  # pixels of the photograph per pixel of the frame
    left, top = (
        np.clip(middle * length - side * scale / 2, 0, length - side * scale)
        for middle, length, side in ((view.x, width, SIZE[0]), (view.y, height, SIZE[1]))
    )
    to_photograph = np.array([[scale, 0, left], [0, scale, top]], np.float64)
    frame = cv2.warpAffine(
        photograph, to_photograph, SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(frame, np.uint8)


def fade(last: Image, frame: Image, fraction: float) -> Image:
    weight = min(fraction, 1.0)
    return np.asarray(cv2.addWeighted(frame, weight, last, 1 - weight, 0), np.uint8)


def write(path: Path, frames: Iterator[Image]) -> None:
    """Write an H.264 video that browsers play."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=QUALITY)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
