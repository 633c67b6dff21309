from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.errors import ConfigError
from edge_detector.workstation.calibration.ranges import METHODS
from edge_detector.workstation.comparison.tasks import CLASSIFICATION
from edge_detector.workstation.comparison.variants import Variant, choose, every_variant
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique, TechniqueOptions

OPTIONS = TechniqueOptions(samples=64)
EVERY = every_variant(OPTIONS)


def names(wanted: str) -> list[str]:
    return [each.name for each in choose(EVERY, wanted)]


def test_every_technique_is_a_variant_and_the_reference_is_the_first() -> None:
    assert EVERY[0].name == "float32"
    assert {each.technique for each in EVERY} == set(TECHNIQUES)
    assert len({each.name for each in EVERY}) == len(EVERY)
    assert all(each.options.samples == 64 for each in EVERY)


def test_int8_has_a_variant_for_each_calibration_method() -> None:
    whole = [each for each in EVERY if each.input_scale == 1.0 and each.options.max_loss is None and each.whole is each]
    of_int8 = {each.name: each.options.calibration_method for each in whole if each.technique == "int8"}
    assert of_int8 == {"int8" if method == "minmax" else f"int8-{method}": method for method in METHODS}


def test_one_variant_takes_smaller_pictures() -> None:
    assert [each.name for each in EVERY if each.input_scale != 1.0] == ["int8-smaller-input"]


def test_a_mixed_model_needs_labelled_photographs_to_bound_its_loss_on() -> None:
    (mixed,) = [each for each in EVERY if each.options.max_loss is not None]
    assert mixed.name == "int8-mixed"
    assert mixed.missing({Data.CALIBRATION}).startswith("needs --training")
    assert not mixed.trains


def test_a_specialised_model_needs_the_names_of_its_classes_and_brings_the_one_that_it_is_compared_with() -> None:
    (unnamed,) = [each for each in EVERY if each.classes is not None]
    assert unnamed.missing({Data.CALIBRATION}) == "needs --classes: the names of those to keep, such as person,dog,cat"
    chosen = choose(every_variant(OPTIONS, ["dog", "cat"]), "int8-specialised")
    assert [each.name for each in chosen] == ["float32", "int8", "int8-specialised"]
    assert chosen[-1].missing({Data.CALIBRATION}) == ""
    assert chosen[-1].missing({Data.CALIBRATION}, CLASSIFICATION) == "it is made of detectors only"
    assert chosen[-1].whole == chosen[1]
    assert chosen[-1].description.endswith(", only the classes dog, cat")


def test_a_choice_names_techniques_or_variants_and_the_reference_is_always_there() -> None:
    assert names("all") == [each.name for each in EVERY]
    assert names("int8-mse, float16") == ["float32", "int8-mse", "float16"]
    assert names("int8") == ["float32", *(each.name for each in EVERY if each.technique == "int8")]


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"--techniques: unknown technique 'int8-msc'; did you mean 'int8-mse'\?"):
        names("float16,int8-msc")
    with pytest.raises(ConfigError, match="names no technique"):
        names(" , ")


def test_what_a_variant_lacks_is_named_by_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Technique("trained", "nowhere:at_all", 8, 8, needs=(Data.CALIBRATION, Data.TRAINING))
    monkeypatch.setitem(TECHNIQUES, "trained", entry)
    variant = Variant("trained", "trained", OPTIONS)
    assert variant.missing({Data.CALIBRATION}).startswith("needs --training: a COCO annotation file")
    assert variant.missing(set()).startswith("needs --calibration: ")
    assert variant.missing({Data.CALIBRATION, Data.TRAINING}) == ""
    assert variant.trains
    monkeypatch.setitem(TECHNIQUES, "trained", replace(entry, packages=("no_such_package",)))
    assert variant.missing({Data.CALIBRATION, Data.TRAINING}) == (
        "needs no_such_package, not installed here: pip install 'edge-detector[training]'"
    )
