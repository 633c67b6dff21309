"""A MobileNetV2 in the forms of the table that quantization guides quote: accuracy, time and size, all made here.

    TF_USE_LEGACY_KERAS=1 python benchmarks/classifiers.py \
        ../shared/models/mobilenet_v2_imagenet/mobilenet_v2_imagenet_bn.npz \
        --pictures ../shared/data/pets_300 --unlabelled ../shared/data/catdog_1500 --output made

A picture's class is the beginning of its name: basset_hound_107.jpg. Half of the pictures of each class train a head on
the features of ImageNet's network, and calibrate; the other half measures. Then the halves change places, so that every
picture is measured once, by a model that has not seen it. Quantization-aware training is the technique `qat-per-tensor`
of `convert`: it teaches the int8 network what the float one says of the training half and of unlabelled pictures.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # read when TensorFlow is imported

import numpy as np
import tf_keras
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.classification.measurement import ClassifierEvaluation, measure_classifiers
from edge_detector.workstation.classification.pictures import LabelledPicture, class_ids, read_pictures
from edge_detector.workstation.classification.reports import text_report
from edge_detector.workstation.comparison.timing import time_models
from edge_detector.workstation.compression.qat import to_qat_per_tensor, with_biases
from edge_detector.workstation.data.images import InputTensors, find_images
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.quantization.calibrated import Calibrated
from edge_detector.workstation.quantization.int8 import int8_of, quantize_graph
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions

SIDE = 224
LABELS, KERAS = "labels.txt", "float.keras"
SPEC = InputSpec((SIDE, SIDE))  # RGB from -1 to 1
HEAD_EPOCHS, HEAD_RATE, DROPOUT = 60, 1e-3, 0.3
HALVES = ("first", "second")
BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="MobileNetV2's, in an .npz file, by their Keras names")
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of CLASS_NUMBER.jpg")
    parser.add_argument("--unlabelled", type=Path, required=True, help="more pictures of such things")
    parser.add_argument("--output", type=Path, required=True, help="a folder for models and pictures of each half")
    parser.add_argument("--steps", type=int, default=100, help=f"of quantization-aware training, {BATCH} pictures each")
    parser.add_argument("--rate", type=float, default=2e-5, help="the highest learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--halves", nargs="+", default=HALVES, choices=HALVES, help="which to train on (both)")
    args = parser.parse_args()
    halves = split(args.pictures, args.output / "pictures")
    network = backbone(args.weights)
    results = []
    for name in args.halves:
        folder = args.output / name
        Half(
            network, halves[name], folder, lambda half: trained(half, args.unlabelled, args.steps, args.rate)
        ).make_all()
        (test,) = (half for other, half in halves.items() if other != name)
        configs = [Config(model=path, threads=args.threads) for path in (folder / f"{each}.tflite" for each in MAKERS)]
        results.append(measure_classifiers(configs, read_pictures(test)))
        print(text_report(results[-1]), flush=True)
    if len(results) == len(HALVES):
        report([joined(*pair) for pair in zip(*results, strict=True)], read_pictures(test)[0].path)


def report(results: Sequence[ClassifierEvaluation], picture: Path) -> None:
    """Of both halves together; the times are of one thread, which a busy machine hardly changes."""
    print(text_report(results))
    models = {each.name: each.model for each in results}
    times = time_models(models, picture, reference=results[0].name, threads=1)
    for name, each in times.items():
        print(f"{name}: {each.ratio:.2f} of the time of {results[0].name}")


def split(pictures: Path, output: Path) -> dict[str, Path]:
    """Two folders, by name, with a folder for each class: links to every other picture."""
    by_class = defaultdict(list)
    for path in find_images(pictures):
        by_class[re.sub(r"_\d+$", "", path.stem)].append(path)
    halves = {name: output / name for name in HALVES}
    for label, paths in by_class.items():
        for number, path in enumerate(sorted(paths)):
            link = halves[HALVES[number % 2]] / label / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    return halves


def backbone(weights: Path) -> Any:
    """MobileNetV2 without its head: pictures (N, 224, 224, 3) to features (N, 1280)."""
    shape = (SIDE, SIDE, 3)
    network = tf_keras.applications.MobileNetV2(weights=None, include_top=False, pooling="avg", input_shape=shape)
    with np.load(weights) as stored:
        for variable in network.weights:
            variable.assign(stored[variable.name].astype(np.float32))
    return network


def save_classifier(network: Any, pictures: Sequence[LabelledPicture], labels: Sequence[str], folder: Path) -> None:
    """Write the network with a new head as a Keras file, and its labels."""
    images = np.concatenate(list(tensors([each.path for each in pictures])))
    features = np.concatenate([network.predict(each, verbose=0) for each in (images, images[:, :, ::-1])])
    head = trained_head(features, np.tile(class_ids(pictures, labels), 2), len(labels))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LABELS).write_text("\n".join(labels), encoding="utf-8")
    tf_keras.Model(network.input, head(network.output)).save(folder / KERAS)


def tensors(paths: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
    return (tensor.copy() for tensor in InputTensors(paths, SPEC))


def trained_head(features: NDArray[np.float32], truths: NDArray[np.int64], classes: int) -> Any:
    """The layer from features to probabilities."""
    tf_keras.utils.set_random_seed(0)
    layer = tf_keras.layers.Dense(classes, activation="softmax")
    model = tf_keras.Sequential([tf_keras.layers.Dropout(DROPOUT), layer])
    model.compile(tf_keras.optimizers.Adam(HEAD_RATE), "sparse_categorical_crossentropy")
    model.fit(features, truths, epochs=HEAD_EPOCHS, verbose=0)
    return layer


class Half:
    """The models that one half of the pictures makes; those that are in the folder already are kept."""

    def __init__(self, network: Any, training: Path, folder: Path, tune: Callable[[Half], TFLiteGraph]) -> None:
        self.folder, self.tune, self.training, self.pictures = folder, tune, training, read_pictures(training)
        self.labels = sorted({each.label for each in self.pictures})
        self.paths = [each.path for each in self.pictures]
        if not (folder / KERAS).is_file():
            save_classifier(network, self.pictures, self.labels, folder)
        self.source = read_float_source(folder / KERAS, Config(mean=SPEC.mean, std=SPEC.std))
        repairs.tidy(self.source.graph)

    @cached_property
    def calibrated(self) -> Calibrated:
        return Calibrated.of(Material(self.source, data={Data.CALIBRATION: self.training}))

    @cached_property
    def corrected(self) -> TFLiteGraph:
        """Post-training int8 with a scale for each tensor."""
        path = self.folder / f"{CORRECTED}.tflite"
        return TFLiteGraph.load(path) if path.is_file() else int8_of(self.calibrated, per_channel=False).graph

    def make_all(self) -> None:
        for name, make in MAKERS.items():
            path = self.folder / f"{name}.tflite"
            if not path.is_file():
                graph = make(self)
                manifest = replace(self.source.manifest, outputs={"scores": graph.name(graph.outputs[0])})
                write_model(path, graph, manifest, anchors=None, labels=self.folder / LABELS)


CORRECTED = "per tensor, biases corrected"
MAKERS: dict[str, Callable[[Half], TFLiteGraph]] = {  # the rows of the table, the float model first
    "original float": lambda half: half.source.graph,
    "per tensor, as rounded": lambda half: quantize_graph(half.source.graph, half.calibrated.ranges, per_channel=False),
    CORRECTED: lambda half: half.corrected,
    "per tensor, corrected, new head": lambda half: with_new_head(with_biases(half.source.graph, half.corrected), half),
    "per channel": lambda half: int8_of(half.calibrated).graph,
    "QAT, per tensor": lambda half: half.tune(half),
}


def trained(half: Half, unlabelled: Path, steps: int, rate: float) -> TFLiteGraph:
    """What `convert --quantize qat-per-tensor` makes, in the ranges of the other rows, of unlabelled pictures, too."""
    seen = half.folder / "seen in training"
    for path in (*half.paths, *find_images(unlabelled)):
        link = seen / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    material = Material(
        half.source,
        half.folder / LABELS,
        "int8",
        {Data.CALIBRATION: seen, Data.TRAINING: half.training},
        TechniqueOptions(steps=steps, batch=BATCH, rate=rate),
        ranges=half.calibrated.ranges,
    )
    result = to_qat_per_tensor(material)
    print("\n".join(line for section in result.sections[-2:] for line in section.lines), flush=True)
    return result.graph


def with_new_head(trained: TFLiteGraph, half: Half) -> TFLiteGraph:
    """The int8 graph, a scale for each tensor, whose head is trained on the features that the int8 network gives."""
    ranges = half.calibrated.ranges
    quantized = quantize_graph(trained, ranges, per_channel=False)
    (dense,) = (each for each in trained.operators if trained.op_name(each) == "FULLY_CONNECTED")
    names = [trained.name(int(index)) for index in (dense.inputs[0], dense.outputs[0])]
    features = np.concatenate(list(features_of(quantized, names[0], half.paths)))
    truths = np.repeat(class_ids(half.pictures, half.labels), 2)  # a picture and its mirror image
    head = trained_head(features, truths, len(half.labels))
    kernel, bias = head.get_weights()
    for index, value in zip(op_tensors(dense.inputs)[1:], (kernel.T, bias), strict=True):
        trained.set_constant(index, np.ascontiguousarray(value))
    logits = features @ kernel + bias
    ranges = {**ranges, names[1]: Range(float(logits.min()), float(logits.max()))}
    return quantize_graph(trained, ranges, per_channel=False)


def features_of(graph: TFLiteGraph, name: str, paths: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
    """(1, F) of every picture, and of its mirror image."""
    activations = Activations(graph.to_bytes())
    for image in tensors(paths):
        for each in (image, np.ascontiguousarray(image[:, :, ::-1])):
            activations.run(each)
            yield activations[name].copy()


def joined(one: ClassifierEvaluation, other: ClassifierEvaluation) -> ClassifierEvaluation:
    """Both halves of the pictures together; the times are those of the second."""
    truths, guesses = (np.concatenate([getattr(each, key) for each in (one, other)]) for key in ("truths", "guesses"))
    return replace(other, truths=truths, guesses=guesses)


if __name__ == "__main__":
    main()
