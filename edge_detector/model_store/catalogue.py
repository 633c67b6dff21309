"""Published models that ``edge-detector models pull NAME`` downloads, and where they are kept.

Each entry has the commit that published the file, and the file's git blob id; the download must have that id.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown

CORAL = "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"

EDGE_TPU = "compiled for the Coral Edge TPU, which no runtime here can use yet; not tried"
UNTRIED = "not tried with this project"


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One model to download. The downloaded file itself says what it is."""

    name: str
    url: str
    blob_id: str  # git's: sha1 of b"blob SIZE\0" + content
    note: str
    labels: str = "coco_90.txt"  # a file of labels/
    class_count: int = 90  # the number of its lines, if the model does not state it


def _coral(name: str, blob_id: str, note: str) -> PublishedModel:
    return PublishedModel(name, f"{CORAL}/{name}.tflite", blob_id, note)


PUBLISHED = {
    model.name: model
    for model in (
        _coral(
            "ssd_mobilenet_v2_coco_quant_postprocess",
            "28b6bdee3548170bb999ffcc7248b40d76f6b6b8",
            f"SSD MobileNetV2, COCO, 8 bit; {UNTRIED}",
        ),
        _coral(
            "tf2_ssd_mobilenet_v2_coco17_ptq",
            "76be13016daa10289021773d584e2244d252bd22",
            f"SSD MobileNetV2 of TensorFlow 2, COCO 2017, 8 bit; {UNTRIED}",
        ),
        _coral(
            "ssdlite_mobiledet_coco_qat_postprocess",
            "f2857fa8b4a89cc285194ab5a636ddbe2def7fde",
            f"SSDLite MobileDet, COCO, 8 bit by quantization-aware training; {UNTRIED}",
        ),
        _coral(
            "efficientdet_lite0_320_ptq",
            "8f419c65be6fb981a1aec8bffc670a236a892ba2",
            f"EfficientDet-Lite0 320, COCO, 8 bit; {UNTRIED}",
        ),
        _coral(
            "ssd_mobilenet_v2_coco_quant_postprocess_edgetpu",
            "67037e5ef832559e9b49beac96b11f2a0788ee63",
            f"SSD MobileNetV2, COCO; {EDGE_TPU}",
        ),
    )
}


def published_model(name: str) -> PublishedModel:
    """The model of the catalogue called ``name``.

    Raises `ConfigError` for a name that is not in it.
    """
    if name not in PUBLISHED:
        raise ConfigError(unknown("model", name, PUBLISHED))
    return PUBLISHED[name]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where downloaded models are: systemd's CacheDirectory=, else the user's cache (XDG Base Directory 0.8).

    Raises `ConfigError` for a user without a home.
    """
    service = environment.get("CACHE_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service) / "models"
    user = Path(environment.get("XDG_CACHE_HOME", ""))
    return (user if user.is_absolute() else _home() / ".cache") / "edge-detector" / "models"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise ConfigError("this user has no home; set XDG_CACHE_HOME=FOLDER for downloads") from None
