# ruff: noqa: E402 - the environment is read when TensorFlow is imported
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before anything imports TensorFlow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
tf_keras = pytest.importorskip("tf_keras", reason="needs the extra [training]: TensorFlow is too heavy for every run")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.techniques import Data
from tests.workstation.graphs import LABELS, SIDE, anchors, photographs, run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)


def detector(keras: Any) -> Any:
    """The tiny detector of `graphs` in Keras, with a batch normalisation to fold."""
    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3), name="image")
    features = layers.BatchNormalization()(layers.Conv2D(8, 3, 2, padding="same", activation="relu")(image))
    boxes = layers.Reshape((64, 4), name="boxes")(layers.Conv2D(4, 1)(features))
    scores = layers.Activation("sigmoid", name="scores")(layers.Reshape((64, 3))(layers.Conv2D(3, 1)(features)))
    return keras.Model(image, [boxes, scores])


def write_manifest(source: Path) -> None:
    folder = source.parent
    np.save(folder / "anchors.npy", anchors())
    (folder / "labels.txt").write_text("\n".join(LABELS))
    manifest = Manifest(
        name=source.stem,
        family="ssd",
        input=InputSpec((SIDE, SIDE)),
        outputs={"boxes": "boxes", "scores": "scores"},
        decode=SsdDecode("raw", anchors=AnchorSpec(file="anchors.npy")),
        labels="labels.txt",
    )
    manifests.write(manifest, manifests.manifest_path(source))


@pytest.fixture(params=["keras 2", "h5", "SavedModel", "keras 3"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, np.ndarray[Any, Any]]:
    """A saved model, and the scores it gives for `IMAGE`."""
    import keras
    import tensorflow as tf

    model = detector(keras if request.param == "keras 3" else tf_keras)
    suffix = {"h5": ".h5", "SavedModel": ""}.get(request.param, ".keras")
    path = tmp_path / f"tiny{suffix}"
    tf.saved_model.save(model, str(path)) if request.param == "SavedModel" else model.save(path)
    write_manifest(path)
    return path, np.asarray(model(IMAGE)[1])


def test_a_saved_model_becomes_the_same_float_graph_and_then_int8(
    source: tuple[Path, np.ndarray[Any, Any]], tmp_path: Path
) -> None:
    path, expected = source
    opened = read_float_source(path)
    found = run(opened.graph.to_bytes(), IMAGE)[opened.manifest.outputs["scores"]]
    assert np.allclose(found, expected, atol=1e-5)
    assert opened.graph.op_counts() == {"CONV_2D": 3, "RESHAPE": 2, "LOGISTIC": 1}  # no batch normalisation left
    data = {Data.CALIBRATION: photographs(tmp_path / "calibration")}
    report = make_model(ConversionRequest(path, tmp_path / "out" / "tiny.tflite", data=data))
    assert report.float_operators == 0
    small = TFLiteGraph.load(tmp_path / "out" / "tiny.tflite")
    name = manifests.read(tmp_path / "out" / "tiny.toml").outputs["scores"]
    assert np.abs(run(small.to_bytes(), IMAGE)[name] - expected).mean() < 0.02


def test_a_keras_source_needs_its_manifest_and_must_be_readable(tmp_path: Path) -> None:
    path = tmp_path / "tiny.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"expected a manifest tiny\.toml beside it"):
        read_float_source(path)
    write_manifest(path)
    with pytest.raises(ModelError, match=r"tiny\.keras: TensorFlow cannot load it"):
        read_float_source(path)


def test_a_classifier_needs_no_manifest_but_its_input_range(tmp_path: Path) -> None:
    image = tf_keras.layers.Input((SIDE, SIDE, 3))
    scores = tf_keras.layers.Dense(3, activation="softmax")(tf_keras.layers.GlobalAveragePooling2D()(image))
    source = tmp_path / "breeds.keras"
    tf_keras.Model(image, scores).save(source)
    with pytest.raises(ModelError, match=r"expected a manifest breeds\.toml beside it, or, for a classifier, --mean"):
        read_float_source(source)
    manifest = read_float_source(source, Config(mean=0.0, std=255.0)).manifest
    assert (manifest.family, manifest.class_count, manifest.input.size) == ("classifier", 3, (SIDE, SIDE))
    assert (manifest.input.mean, manifest.input.std) == (0.0, 255.0)


def test_a_detector_without_a_manifest_is_not_taken_for_a_classifier(tmp_path: Path) -> None:
    source = tmp_path / "bare.keras"
    detector(tf_keras).save(source)
    with pytest.raises(ModelError, match=r"bare\.keras: a Keras or SavedModel source does not say"):
        read_float_source(source, Config(mean=0.0, std=255.0))
