from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.workstation.comparison import making
from edge_detector.workstation.comparison.making import ComparisonRequest
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.quantization.material import NotApplicable
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique, TechniqueOptions
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector

INT8 = Variant("int8", "int8", TechniqueOptions())


@pytest.fixture
def request_(tmp_path: Path) -> ComparisonRequest:
    source = save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    data = {Data.CALIBRATION: photographs(tmp_path / "calibration", 2)}
    return ComparisonRequest(source, tmp_path / "val.json", tmp_path / "out", data, source_size=(416, 320))


def test_a_smaller_input_has_sides_that_detectors_can_have(request_: ComparisonRequest) -> None:
    smaller = replace(INT8, input_scale=0.8)
    assert making._conversion(smaller, request_, Path("x.tflite")).input_size == "320x256"
    assert making._conversion(INT8, request_, Path("x.tflite")).input_size == ""
    with pytest.raises(NotApplicable, match=r"no side near 0\.8 of the source's is a multiple of 32 pixels"):
        making._conversion(smaller, replace(request_, source_size=(32, 16)), Path("x.tflite"))


def test_the_loss_is_bounded_on_other_photographs_than_it_is_measured_on(request_: ComparisonRequest) -> None:
    mixed = replace(INT8, options=TechniqueOptions(max_loss=0.01))
    training = request_.data[Data.CALIBRATION]
    request_ = replace(request_, data={**request_.data, Data.TRAINING: training})
    assert making._conversion(mixed, request_, Path("x.tflite")).options.annotations == training
    assert making._conversion(INT8, request_, Path("x.tflite")).options.annotations is None


def test_a_technique_gets_only_the_data_that_it_needs(request_: ComparisonRequest) -> None:
    assert making._conversion(Variant("float16", "float16", TechniqueOptions()), request_, Path("x.tflite")).data == {}
    assert making._conversion(INT8, request_, Path("x.tflite")).data == request_.data


def test_the_key_follows_the_options_that_the_technique_reads(
    request_: ComparisonRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Technique("trained", "nowhere:at_all", 8, 8, needs=(Data.TRAINING,))
    monkeypatch.setitem(TECHNIQUES, "trained", entry)
    request_ = replace(request_, data={**request_.data, Data.TRAINING: request_.data[Data.CALIBRATION]})

    def changes(variant: Variant, **options: int) -> bool:
        other = replace(variant, options=replace(variant.options, **options))
        return making._key(variant, request_) != making._key(other, request_)

    assert changes(INT8, samples=7)
    assert not changes(INT8, steps=7)
    assert changes(Variant("trained", "trained", TechniqueOptions()), steps=7)
    assert making._key(INT8, request_) != making._key(replace(INT8, input_scale=0.8), request_)
    kept = replace(INT8, classes=("dog",))
    assert making._key(kept, request_) not in (
        making._key(INT8, request_),
        making._key(replace(kept, classes=("cat",)), request_),
    )
