"""Real-time object detection with quantized TFLite models on a Raspberry Pi.

Photographs, or arrays (H, W, 3) as OpenCV gives them:

    from edge_detector import open_detector

    with open_detector(confidence=0.4) as detector:
        print(detector.detect("photo.jpg").detections)

A camera, a film or a folder:

    from edge_detector import watch

    for result in watch("0", classes="dog"):
        print(result)

``dir(edge_detector)`` lists what is for programs. Each name is imported when it is first used, so that importing the
package is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge_detector.version import __version__

if TYPE_CHECKING:
    from edge_detector.config import Config
    from edge_detector.detect.detector import Detector, open_detector
    from edge_detector.errors import EdgeDetectorError
    from edge_detector.image_files import decode_image, read_image
    from edge_detector.overlay import annotate
    from edge_detector.pipeline import run, watch
    from edge_detector.sinks.base import Sink
    from edge_detector.sources.base import Source
    from edge_detector.types import Detection, Detections, Frame, Result

__all__ = [
    "Config",
    "Detection",
    "Detections",
    "Detector",
    "EdgeDetectorError",
    "Frame",
    "Result",
    "Sink",
    "Source",
    "__version__",
    "annotate",
    "decode_image",
    "open_detector",
    "read_image",
    "run",
    "watch",
]

_HOMES = {
    "Config": "config",
    "Detection": "types",
    "Detections": "types",
    "Detector": "detect.detector",
    "EdgeDetectorError": "errors",
    "Frame": "types",
    "Result": "types",
    "Sink": "sinks.base",
    "Source": "sources.base",
    "annotate": "overlay",
    "decode_image": "image_files",
    "open_detector": "detect.detector",
    "read_image": "image_files",
    "run": "pipeline",
    "watch": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edge_detector' has no attribute {name!r}")
    return getattr(import_module(f"edge_detector.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
