"""The techniques that train, from the source to the int8 file and its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.detect import manifest as manifests
from edge_detector.errors import ConfigError, ModelError
from edge_detector.image_files import read_image
from edge_detector.workstation import fingerprint
from edge_detector.workstation.compression import qat
from edge_detector.workstation.compression.int8_result import finished_in_int8
from edge_detector.workstation.compression.towards_source import TrainedGraph
from edge_detector.workstation.compression.weights import weight_statistics
from edge_detector.workstation.data.images import find_images
from edge_detector.workstation.graph.tflite_graph import BUILTIN_CODES, TFLiteGraph
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data
from edge_detector.workstation.training.views import Views
from tests.workstation.blocks import HIDDEN
from tests.workstation.graphs import run, save_with_manifest, tiny_detector

ZEROS = {"prune50": 0.5, "prune75": 0.75, "prune-cluster-qat": 0.5}  # of the weights
VALUES = {"cluster16": 16, "cluster32": 32, "prune-cluster-qat": 16}  # most different ones in a layer
TRAINED = [name for name, technique in TECHNIQUES.items() if Data.TRAINING in technique.needs]


def request(material: Material, name: str) -> ConversionRequest:
    source = material.data[Data.TRAINING].with_name("block.tflite")
    output = source.with_name("made") / f"{name}.tflite"
    return ConversionRequest(source, output, name, material.data, material.options, input_type="int8")


@pytest.mark.parametrize("name", TRAINED)
def test_each_writes_an_int8_file_that_runs_and_says_what_it_learnt(name: str, material: Material) -> None:
    wanted = request(material, name)
    report = make_model(wanted)
    graph = TFLiteGraph.load(wanted.output)
    assert report.float_operators == 0
    assert graph.dtype(graph.inputs[0]) == np.int8
    assert set(run(wanted.output.read_bytes(), np.zeros((1, 16, 16, 3)))) == {"raw_boxes", "scores"}
    assert "35 photographs to train on, 3 of" in report.text()
    assert "training steps; the error on photographs held out, relative to the float model, went from" in report.text()
    assert not wanted.output.with_suffix(".checkpoints").exists()
    check_weights(name, graph)


def check_weights(name: str, graph: TFLiteGraph) -> None:
    """Zeros are zero in int8, layers have few values, channels are gone."""
    found = weight_statistics(graph, ["hidden", "projected"])
    shapes = {graph.name(index): graph.shape(index) for index in range(len(graph.tensors))}
    zeros, most = ZEROS.get(name, 0.0), VALUES.get(name, 256)
    assert found.layers == 2
    assert zeros - 0.01 <= found.zeros < zeros + 0.15
    assert found.distinct <= most
    assert shapes["hidden"] == shapes["filtered"] == (1, 8, 8, HIDDEN - 8 * (name == "filter-pruning"))


@pytest.mark.parametrize(
    ("measured", "best_steps", "kept"),
    [([0.30, 0.29], 8, "plain"), ([0.29, 0.30], 8, "trained"), ([], 8, "trained"), ([], 0, "plain")],
)
def test_quantization_aware_training_is_never_worse_than_plain_int8_without_saying_it(
    measured: list[float], best_steps: int, kept: str, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[TFLiteGraph] = []
    train = qat.train_towards_source

    def trained(*args: object, **options: object) -> TrainedGraph:
        done = train(*args, **options)
        return replace(done, result=replace(done.result, best_steps=best_steps))

    def accuracies(_material: Material, both: list[TFLiteGraph], _held_out: object) -> list[float]:
        graphs.extend(both)
        return measured

    monkeypatch.setattr(qat, "accuracies", accuracies)
    monkeypatch.setattr(qat, "train_towards_source", trained)
    result = qat.to_qat(material)
    comparison = result.sections[-1]
    assert ("biases" in [section.key for section in result.sections]) == (kept == "plain")  # training learnt them
    assert result.graph is graphs[("plain", "trained").index(kept)]
    assert comparison.content.kept == kept
    assert ("training did not help" in comparison.lines[0]) == (kept == "plain")


def test_dead_channels_of_few_values_get_no_others(material: Material) -> None:
    graph = material.source.graph.copy()
    hidden = next(op for op in graph.operators if graph.name(int(op.outputs[0])) == "hidden")
    kernel, bias = (graph.constant(int(index)).copy() for index in hidden.inputs[1:])
    kernel = np.where(kernel < 0, np.float32(-0.5), np.float32(0.5))
    kernel[3], bias[3] = kernel[3] * 1e-12, 3.0
    graph.set_constant(int(hidden.inputs[1]), kernel)
    graph.set_constant(int(hidden.inputs[2]), bias)
    kept, plain = (finished_in_int8(material, graph, few_values=few) for few in (True, False))
    assert [weight_statistics(each.graph, ["hidden"]).distinct for each in (kept, plain)] == [2, 3]
    assert "1 dead channels before 'hidden': all their weights raised to at most" in kept.sections[1].lines[0]


def stop_in_the_middle(wanted: ConversionRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the fourth of eight steps."""
    steps = Views.steps

    def until_the_fifth(views: Views, first: int, end: int) -> Iterator[np.ndarray]:
        if first >= 4:
            raise KeyboardInterrupt
        yield from steps(views, first, end)

    with monkeypatch.context() as patched:
        patched.setattr(Views, "steps", until_the_fifth)
        with pytest.raises(KeyboardInterrupt):
            make_model(wanted)
    assert any(wanted.output.with_suffix(".checkpoints").rglob("*.index"))


def rounds_of(wanted: ConversionRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the model; the first step of each round that this trains."""
    seen, steps = [], Views.steps

    def noted(views: Views, first: int, end: int) -> Iterator[np.ndarray]:
        seen.append(first)
        yield from steps(views, first, end)

    with monkeypatch.context() as patched:
        patched.setattr(Views, "steps", noted)
        make_model(wanted)
    return seen


def test_ctrl_c_leaves_checkpoints_from_which_the_same_command_goes_on(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request(material, "prune50")
    stop_in_the_middle(wanted, monkeypatch)
    assert rounds_of(wanted, monkeypatch) == [4, 6]


def test_another_program_begins_anew(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request(material, "prune50")
    stop_in_the_middle(wanted, monkeypatch)
    monkeypatch.setattr(fingerprint, "program_digest", lambda *_rooms: "a newer one")
    assert rounds_of(wanted, monkeypatch) == [0, 2, 4, 6]


def test_other_photographs_of_the_same_names_begin_anew(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request(material, "prune50")
    stop_in_the_middle(wanted, monkeypatch)
    changed = find_images(material.data[Data.CALIBRATION])[0]
    cv2.imwrite(str(changed), read_image(changed).image[:, ::-1])
    assert rounds_of(wanted, monkeypatch) == [0, 2, 4, 6]


@pytest.mark.parametrize("name", TRAINED)
def test_without_labelled_photographs_it_is_refused(name: str, material: Material) -> None:
    wanted = request(material, name)
    with pytest.raises(ConfigError, match=rf"{name} needs --training: a COCO annotation file of labelled photographs"):
        make_model(replace(wanted, data={Data.CALIBRATION: material.data[Data.CALIBRATION]}))


def test_a_model_that_cannot_be_trained_is_refused_by_the_name_of_its_operator(
    material: Material, tmp_path: Path
) -> None:
    source = save_with_manifest(tiny_detector(), tmp_path / "block.tflite")
    graph = TFLiteGraph.load(source)
    graph.op_code(graph.operators[-1]).builtinCode = BUILTIN_CODES["TANH"]  # in place of the LOGISTIC
    graph.op_code(graph.operators[-1]).deprecatedBuiltinCode = BUILTIN_CODES["TANH"]
    graph.save(source)
    described = manifests.read(manifests.manifest_path(source))
    manifests.write(replace(described, sha256=""), manifests.manifest_path(source))
    with pytest.raises(ModelError, match="operator TANH cannot be trained here; known: CONV_2D"):
        make_model(request(material, "prune50"))
