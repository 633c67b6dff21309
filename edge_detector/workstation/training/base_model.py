"""The float model that a training starts from."""

from __future__ import annotations

from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.model_store.find import find_model, installed_models

BASE = "ssd_mobilenet_v2_fpnlite_320_coco_float16"


def find_base(base: Path) -> Path:
    """The file that ``--base`` means. Raises `ConfigError` if there is none, or `ModelError` for an unknown name."""
    if base == Path(BASE) and BASE not in installed_models():
        raise ConfigError(
            f"--base {BASE}: not installed, for pip installs the int8 models only; it is in models/ of the project's "
            f"source: run this in a checkout, or give its path there, --base CHECKOUT/models/{BASE}.tflite"
        )
    found = find_model(base)
    if not found.is_file():
        raise ConfigError(f"--base {base}: no such file; expected a float .tflite with its manifest")
    return found
