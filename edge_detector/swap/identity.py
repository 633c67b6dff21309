"""Which model a configuration means, told by the content of its files."""

from __future__ import annotations

from edge_detector.config import Config
from edge_detector.detect import recognition
from edge_detector.detect.detector import answers_of
from edge_detector.detect.manifest import manifest_path, sha256
from edge_detector.model_store.find import default_model, meant_model

ANCHORS = ".anchors.npy"  # beside the model, of those whose anchors no generator makes


def model_identity(config: Config) -> tuple[object, ...]:
    """Equal for equal models: the same file name and content, manifest, runtime, and answers that stand for one.

    Raises `ModelError` if no model has that name or its file is none, `OSError` if it cannot be read.
    """
    if config.runtime == "fake":
        return ("fake",)
    path = meant_model(config.model) if config.model else default_model()
    recognition.check_file(path)
    beside = [file for file in (manifest_path(path), path.with_suffix(ANCHORS)) if file.is_file()]
    return path, config.runtime, answers_of(config), *(sha256(file) for file in (path, *beside))
