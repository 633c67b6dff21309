"""Where models are: those that come with the project."""

from __future__ import annotations

from pathlib import Path

from edge_detector.errors import ConfigError

DEFAULT_MODEL = "ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"
FOLDERS = (
    Path(__file__).parents[2] / "models",  # a checkout
    Path("/opt/edge-detector/models"),  # where deploy.sh puts them
)


def default_model() -> Path:
    """The model used when none is named.

    Raises `ConfigError` if it is not installed.
    """
    for folder in FOLDERS:
        if (folder / DEFAULT_MODEL).is_file():
            return folder / DEFAULT_MODEL
    places = " or ".join(str(folder) for folder in FOLDERS)
    raise ConfigError(f"the default model {DEFAULT_MODEL} is not in {places}; name one with --model FILE.tflite")
