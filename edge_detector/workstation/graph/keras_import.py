"""A Keras file or SavedModel as a float .tflite with a batch of one, by TensorFlow's converter."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # read when TensorFlow is imported, on the next lines

import tensorflow as tf
import tf_keras

from edge_detector.errors import ModelError


def tflite_from_keras(path: Path) -> bytes:
    """The content of a float .tflite file.

    Raises `ModelError` if the source cannot be loaded, or if its input is not one picture.
    """
    holder, call, shape = _load(path)
    fixed = [1, *shape[1:]]
    if len(fixed) != 4 or None in fixed:
        raise ModelError(f"{path}: the input is {tuple(shape)}; expected (batch, height, width, 3) with a fixed size")
    module = tf.Module()
    module.holder = holder  # keeps the variables, which would otherwise be lost in the saved function
    module.serve = tf.function(call, input_signature=[tf.TensorSpec(fixed, tf.float32, name="image")])
    with TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        content: bytes = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    return content


def _load(path: Path) -> tuple[Any, Callable[[Any], dict[str, Any]], list[int | None]]:
    """(what holds the variables, picture -> outputs by name, input shape)."""
    try:
        return _load_saved_model(path) if path.is_dir() else _load_keras(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path}: TensorFlow cannot load it: {reason}") from error


def _load_saved_model(path: Path) -> tuple[Any, Callable[[Any], dict[str, Any]], list[int | None]]:
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]
    (name, spec), *more = signature.structured_input_signature[1].items()
    if more:
        raise ValueError(f"it has {1 + len(more)} inputs; expected one picture")
    return loaded, lambda image: signature(**{name: image}), spec.shape.as_list()


def _load_keras(path: Path) -> tuple[Any, Callable[[Any], dict[str, Any]], list[int | None]]:
    library = _keras_of(path)
    model = library.models.load_model(path, compile=False)

    def call(image: Any) -> dict[str, Any]:
        outputs = model(image, training=False)
        return dict(zip(model.output_names, outputs, strict=True)) if isinstance(outputs, list | tuple) else outputs

    # Keras 3 wraps TensorFlow's variables, and TensorFlow saves a function's variables only if it sees them.
    variables = model if library is tf_keras else [variable.value for variable in model.variables]
    return variables, call, list(model.input_shape)


def _keras_of(path: Path) -> Any:
    """The Keras that wrote the file: 2 (`tf_keras`) and 3 do not read each other's."""
    if path.suffix == ".keras" and zipfile.is_zipfile(path):
        version = json.loads(zipfile.ZipFile(path).read("metadata.json"))["keras_version"]
        if int(version.partition(".")[0]) >= 3:
            import keras

            return keras
    return tf_keras
