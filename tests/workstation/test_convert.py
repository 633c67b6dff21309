from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.errors import ConfigError, ModelError, SinkError
from edge_detector.image_files import read_image
from edge_detector.types import Detections
from edge_detector.workstation import convert, extras
from edge_detector.workstation.calibration.ranges import METHODS
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.float_operators import operator_names
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.report import ConversionReport
from edge_detector.workstation.quantization.techniques import TechniqueOptions
from tests.workstation.graphs import LABELS, anchors, photographs, save_with_manifest, tiny_detector

PLUS_MINUS_ONE = ("--mean", "127.5", "--std", "127.5")  # for sources that do not say what their input takes
FPNLITE = "models/ssd_mobilenet_v2_fpnlite_320_coco"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "float").mkdir()
    return save_with_manifest(tiny_detector(dead=True), tmp_path / "float" / "tiny.tflite")


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    return photographs(tmp_path / "calibration")


def converted(source: Path, *options: str | Path, output: Path | None = None) -> Path:
    """The model that the command makes of `source`, in the folder beside the source's."""
    output = output or source.parent.parent / "made" / "small.tflite"
    parser = argparse.ArgumentParser()
    convert.add_arguments(parser)
    words = [str(source), "--output", str(output), *map(str, options)]
    assert convert.main(parser.parse_args(words)) == 0
    return output


def report(model: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(model.with_suffix(".report.json").read_text())
    return content


def detect(model: Path, image: Path) -> Detections:
    with open_detector(Config(model=model, confidence=0.3)) as detector:
        return detector.detect(read_image(image)).detections


def test_int8_detects_what_the_float_model_does(source: Path, calibration: Path) -> None:
    model = converted(source, "--calibration", calibration)
    for image in sorted(calibration.iterdir())[:3]:
        reference, found = detect(source, image), detect(model, image)
        assert len(reference) > 0
        assert found.labels == LABELS
        assert abs(len(found) - len(reference)) <= 0.3 * len(reference)
        assert found.scores[0] == pytest.approx(reference.scores[0], abs=0.05)


def test_int8_is_int8_from_end_to_end(source: Path, calibration: Path) -> None:
    graph = TFLiteGraph.load(converted(source, "--calibration", calibration))
    ends = [*graph.inputs, *graph.outputs]
    assert {graph.dtype(index) for index in ends} == {np.dtype(np.int8)}
    (scale,), (zero_point,) = graph.quantization(graph.inputs[0]) or ((), ())
    assert (scale, zero_point) == (pytest.approx(1 / 127.5), -1)  # so that int8 = pixel - 128


def test_manifest_labels_and_anchors_lie_beside_the_model(source: Path, calibration: Path) -> None:
    model = converted(source, "--calibration", calibration)
    manifest = manifests.read(manifests.manifest_path(model))
    assert (manifest.name, manifest.family, manifest.decode.kind) == ("small", "ssd", "raw")
    assert manifest.outputs == {"boxes": "raw_boxes", "scores": "scores"}
    assert manifest.labels == "../float/tiny.txt"
    assert manifest.sha256 == manifests.sha256(model)
    spec = manifest.decode_as(SsdDecode).anchors
    assert spec is not None
    assert np.array_equal(np.load(model.parent / spec.file), anchors())


def test_the_report_says_what_was_done_and_what_it_cost(
    source: Path, calibration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = converted(source, "--calibration", calibration)
    content = report(model)
    assert content["output_bytes"] == model.stat().st_size
    assert content["operators"] == {"CONV_2D": 3, "RESHAPE": 2, "LOGISTIC": 1}
    assert content["float_operators"] == 0
    assert [dead["channels"] for dead in content["dead_channels"]] == [[2, 5]]  # type: ignore[attr-defined]
    assert content["calibration"]["distinct"] == 20  # type: ignore[index]
    assert content["compatibility"]["runtimes"]["ai-edge-litert"] == "ok"  # type: ignore[index]
    assert content["compatibility"]["edgetpu"] == []  # type: ignore[index]
    assert content["biases"]["operators"] == 3  # type: ignore[index]
    assert content["biases"]["after"] < content["biases"]["before"]  # type: ignore[index]
    assert min(each["db"] for each in content["snr"]) > 15  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert printed == model.with_suffix(".report.txt").read_text()
    assert "2 dead channels before 'features'" in printed


@pytest.mark.parametrize("chosen", ["2", "boxes/raw,features"])
def test_chosen_operators_stay_float_and_the_report_names_them(source: Path, calibration: Path, chosen: str) -> None:
    model = converted(source, "--calibration", calibration, "--float-operators", chosen)
    assert report(model)["kept_in_float"] == ["features", "boxes/raw"]
    assert report(model)["float_operators"] == 2
    assert "2 operators were kept in float: features, boxes/raw" in model.with_suffix(".report.txt").read_text()
    assert detect(model, min(calibration.iterdir())).labels == LABELS


def test_other_input_types_detect_the_same(source: Path, calibration: Path) -> None:
    image = min(calibration.iterdir())
    expected = detect(converted(source, "--calibration", calibration), image)
    uint8 = detect(converted(source, "--calibration", calibration, "--input-type", "uint8"), image)
    assert np.array_equal(uint8.scores, expected.scores)
    assert np.array_equal(uint8.boxes, expected.boxes)
    real = detect(converted(source, "--calibration", calibration, "--input-type", "float32"), image)
    assert real.scores[0] == pytest.approx(expected.scores[0], abs=0.02)


@pytest.mark.parametrize("kind", ["dynamic", "weights", "float16", "float32"])
def test_float_activations_need_no_calibration(source: Path, calibration: Path, kind: str) -> None:
    model = converted(source, "--quantize", kind)
    image = min(calibration.iterdir())
    assert detect(model, image).scores[0] == pytest.approx(detect(source, image).scores[0], abs=0.02)


def test_int16_activations_are_float_at_both_ends_and_detect_what_float_does(source: Path, calibration: Path) -> None:
    model = converted(source, "--calibration", calibration, "--quantize", "int16x8")
    graph = TFLiteGraph.load(model)
    assert {graph.dtype(index) for index in (*graph.inputs, *graph.outputs)} == {np.dtype(np.float32)}
    assert report(model)["float_operators"] == 0
    assert "25 to 45 times slower" in model.with_suffix(".report.txt").read_text()
    image = min(calibration.iterdir())
    assert detect(model, image).scores[0] == pytest.approx(detect(source, image).scores[0], abs=0.01)


def test_one_scale_for_all_weights_of_an_operator_can_be_had_for_comparison(source: Path, calibration: Path) -> None:
    graph = TFLiteGraph.load(converted(source, "--calibration", calibration, "--quantize", "int8-per-tensor"))
    convolutions = [each for each in graph.operators if graph.op_name(each) == "CONV_2D"]
    scales = [len((graph.quantization(int(each.inputs[1])) or ([], []))[0]) for each in convolutions]
    assert scales == [1, 1, 1]


def test_requests_for_a_bounded_loss_that_cannot_be_right_say_why(source: Path, calibration: Path) -> None:
    bounded = ("--calibration", calibration, "--max-loss", "0.01")
    with pytest.raises(ConfigError, match="--max-loss needs --annotations"):
        converted(source, *bounded)
    with pytest.raises(ConfigError, match="--max-loss: float16 has no operators to choose"):
        converted(source, *bounded, "--quantize", "float16", "--annotations", calibration)
    with pytest.raises(ConfigError, match="expected no --float-operators beside it"):
        converted(source, *bounded, "--float-operators", "3", "--annotations", calibration)
    with pytest.raises(ConfigError, match="--max-loss -1: expected at least 0"):
        converted(source, "--calibration", calibration, "--max-loss", "-1", "--annotations", calibration)
    with pytest.raises(ConfigError, match="--max-loss nan: expected at least 0"):
        converted(source, "--calibration", calibration, "--max-loss", "nan", "--annotations", calibration)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "0"), "--steps 0: expected at least 1"),
        (("--batch", "-2"), "--batch -2: expected at least 1"),
        (("--rate", "0"), "--rate 0: expected more than 0, such as 1e-5"),
        (("--rate", "nan"), "--rate nan: expected more than 0"),
    ],
)
def test_a_number_with_which_nothing_can_be_trained_is_refused(source: Path, words: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        converted(source, "--quantize", "float32", *words)


def test_what_is_missing_for_a_technique_that_trains_is_named(
    source: Path, calibration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in ("tensorflow", "tf_keras") else name)
    words = ["--quantize", "qat", "--calibration", calibration, "--training", source]
    with pytest.raises(ConfigError, match=r"the technique qat needs tensorflow, tf_keras, not installed here: pip"):
        converted(source, *words)


def test_the_numbers_of_a_training_reach_the_technique(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TechniqueOptions] = []

    def noting(request: ConversionRequest) -> ConversionReport:
        seen.append(request.options)
        return make_model(request)

    monkeypatch.setattr("edge_detector.workstation.quantization.make_model.make_model", noting)
    converted(source, "--quantize", "float32", "--steps", "7", "--batch", "3", "--rate", "2e-5")
    assert seen == [TechniqueOptions(steps=7, batch=3, rate=2e-5)]


def test_every_calibration_method_can_be_chosen() -> None:
    parser = argparse.ArgumentParser()
    convert.add_arguments(parser)
    for method in METHODS:
        parsed = parser.parse_args(["a.tflite", "--output", "b.tflite", "--calibration-method", method])
        assert parsed.calibration_method == method


def test_a_technique_that_does_not_exist_is_an_error_that_lists_those_that_do(source: Path) -> None:
    request = ConversionRequest(source, source.with_name("small.tflite"), quantize="int9")
    with pytest.raises(ConfigError, match=r"unknown technique 'int9'; did you mean 'int8'\? known: .*dynamic, "):
        make_model(request)


@pytest.mark.parametrize("method", ["percentile", "mse"])
def test_each_calibration_method_keeps_the_scores(source: Path, calibration: Path, method: str) -> None:
    model = converted(source, "--calibration", calibration, "--calibration-method", method)
    image = min(calibration.iterdir())
    assert detect(model, image).scores[0] == pytest.approx(detect(source, image).scores[0], abs=0.05)


def fused_source(tmp_path: Path) -> tuple[Path, Path]:
    """A bare third-party model with the fused operator, and a label file."""
    folder = tmp_path / "float"
    folder.mkdir()
    tiny_detector(fused=True).save(folder / "fused.tflite")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    return folder / "fused.tflite", folder / "labels.txt"


def test_the_fused_operator_is_cut_off_and_its_knowledge_kept(tmp_path: Path, calibration: Path) -> None:
    source, labels = fused_source(tmp_path)
    model = converted(source, "--calibration", calibration, "--labels", labels, *PLUS_MINUS_ONE)
    manifest = manifests.read(manifests.manifest_path(model))
    assert manifest.decode.kind == "raw"
    assert not manifest.decode_as(SsdDecode).background
    spec = manifest.decode_as(SsdDecode).anchors
    assert spec is not None
    assert np.array_equal(np.load(model.parent / spec.file), anchors())
    assert detect(model, min(calibration.iterdir())).labels == LABELS


def test_the_fused_operator_can_be_kept(tmp_path: Path, calibration: Path) -> None:
    source, labels = fused_source(tmp_path)
    model = converted(
        source, "--calibration", calibration, "--labels", labels, *PLUS_MINUS_ONE, "--postprocess", "keep"
    )
    assert manifests.read(manifests.manifest_path(model)).decode.kind == "fused"
    assert report(model)["float_operators"] == 0  # before the heads
    assert len(detect(model, min(calibration.iterdir()))) > 0


def test_calibration_images_that_look_wrong_stop_the_conversion_unless_forced(source: Path, tmp_path: Path) -> None:
    few = photographs(tmp_path / "few", 3)
    with pytest.raises(ConfigError, match=r"few: 3 different calibration images.*--force"):
        converted(source, "--calibration", few)
    assert converted(source, "--calibration", few, "--force").is_file()


def test_requests_that_cannot_be_right_say_why(source: Path, calibration: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="int8 needs --calibration"):
        converted(source)
    with pytest.raises(ConfigError, match=r"model\.pb: not a \.tflite, \.onnx, \.keras or \.h5 file"):
        converted(tmp_path / "x" / "model.pb", "--calibration", calibration)
    with pytest.raises(ModelError, match=r"gone\.tflite: no such model file"):
        converted(tmp_path / "x" / "gone.tflite", "--calibration", calibration)
    with pytest.raises(ConfigError, match=r"gone\.txt: cannot read the labels"):
        converted(source, "--calibration", calibration, "--labels", tmp_path / "gone.txt")
    with pytest.raises(SinkError, match="/proc/nowhere: cannot be written: No such file or directory"):
        converted(source, "--quantize", "float16", output=Path("/proc/nowhere/small.tflite"))
    with pytest.raises(ConfigError, match="--input-type uint8: a model made with float16 takes float32"):
        converted(source, "--quantize", "float16", "--input-type", "uint8")
    (tmp_path / "two.txt").write_text("person\ndog")
    with pytest.raises(ConfigError, match="2 labels but the model has 3 classes"):
        converted(source, "--quantize", "float16", "--labels", tmp_path / "two.txt")
    with pytest.raises(ConfigError, match="--float-operators: float16 computes in float anyway"):
        converted(source, "--quantize", "float16", "--float-operators", "2")
    with pytest.raises(ConfigError, match="--samples 0"):
        converted(source, "--calibration", calibration, "--samples", "0")


def test_what_is_int8_already_is_refused(source: Path, calibration: Path) -> None:
    model = converted(source, "--calibration", calibration)
    moved = model.rename(model.with_name("already.tflite"))
    manifests.manifest_path(model).rename(manifests.manifest_path(moved))
    with pytest.raises(ModelError, match="already quantized"):
        converted(moved, "--calibration", calibration)


def test_a_missing_package_is_one_sentence(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"converting needs .*: pip install 'edge-detector\[workstation\]'$"):
        converted(source, "--quantize", "float16")


def test_the_shared_model_becomes_an_int8_detector_that_sees_the_dog(shared: Path, tmp_path: Path) -> None:
    folder = shared / FPNLITE
    output = tmp_path / "fpnlite.tflite"
    parser = argparse.ArgumentParser()
    convert.add_arguments(parser)
    words = [folder / "model.tflite", "--output", output, "--labels", folder / "labels.txt", "--samples", "32"]
    words += PLUS_MINUS_ONE
    words += ["--calibration", shared / "data/coco_train_128.json"]
    assert convert.main(parser.parse_args([str(word) for word in words])) == 0
    content = report(output)
    assert sum(len(dead["channels"]) for dead in content["dead_channels"]) == 11  # type: ignore[attr-defined]
    assert content["float_operators"] == 0
    assert output.stat().st_size < 4_200_000
    manifest = manifests.read(manifests.manifest_path(output))
    decode = manifest.decode_as(SsdDecode)
    assert (decode.background, decode.anchors.generator if decode.anchors else "") == (True, "fpn")
    best = detect(output, shared / "stills/dog.jpg")
    assert {"dog", "bicycle"} <= {each.label for each in best}


def test_a_float_source_that_does_not_say_its_input_asks_for_the_flags(tmp_path: Path, calibration: Path) -> None:
    source, labels = fused_source(tmp_path)
    with pytest.raises(ModelError, match=r"--mean 127\.5 --std 127\.5 for -1 to 1"):
        converted(source, "--calibration", calibration, "--labels", labels, "--mean", "127.5")


def test_a_classifier_that_is_quantized_already_is_no_source(shared: Path, tmp_path: Path) -> None:
    model = shared / "models/mobilenet_v2_imagenet/mobilenet_v2_1.0_224_quant.tflite"
    with pytest.raises(ModelError, match="already quantized"):
        converted(model, "--quantize", "float32", output=tmp_path / "small.tflite")


def test_the_outputs_of_a_source_can_be_named(tmp_path: Path) -> None:
    source = tmp_path / "bare.tflite"
    source.write_bytes(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite").read_bytes())
    with pytest.raises(ConfigError, match="has no output 'nobody'"):
        converted(
            source,
            *("--outputs", "boxes=nobody,scores=nobody", *PLUS_MINUS_ONE, "--quantize", "float32"),
            output=tmp_path / "made" / "small.tflite",
        )


def test_what_stays_float_is_not_equalized_and_the_rest_is(calibration: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs the extra [workstation]")
    from tests.workstation.onnx_graphs import tiny_yolox  # imports onnx

    source = tiny_yolox(tmp_path / "yolox.onnx")
    names = operator_names(read_float_source(source).graph)
    words = ("--calibration", calibration, "--equalize", "1", "--force", "--float-operators")

    def outputs(floats: str) -> dict[str, np.dtype]:
        graph = TFLiteGraph.load(converted(source, *words, floats, output=tmp_path / "made" / "mixed.tflite"))
        return {graph.name(int(each.outputs[0])): graph.dtype(int(each.outputs[0])) for each in graph.operators}

    last = outputs(f"{names[-1]},")
    assert last["stem/divided"] == np.int8
    assert np.float32 in last.values()
    first = outputs("3")  # the stem and its SiLU
    assert first["stem_silu"] == np.float32
    assert [name for name in first if name.endswith("/divided")] == ["s8/divided"]


def test_equalizing_is_for_plain_int8_of_networks_of_silus(source: Path, calibration: Path) -> None:
    with pytest.raises(ConfigError, match=r"--equalize: float16 does not do that; expected --quantize int8"):
        converted(source, "--quantize", "float16", "--equalize", "3")
    bound = ("--max-loss", "0.1", "--annotations", "val.json")
    with pytest.raises(ConfigError, match=r"--equalize: expected no --max-loss beside it"):
        converted(source, "--calibration", calibration, "--equalize", "3", *bound)
    with pytest.raises(ConfigError, match=r"--equalize 3: the network has no SiLU that allows it"):
        converted(source, "--calibration", calibration, "--equalize", "3")
    with pytest.raises(ConfigError, match=r"--equalize -1: expected 0 or more"):
        converted(source, "--calibration", calibration, "--equalize", "-1")
