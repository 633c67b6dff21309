from __future__ import annotations

import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.workstation.comparison.recommendation import (
    for_accelerator,
    recommend,
    sentences,
    usual_choice,
)
from edge_detector.workstation.comparison.rows import noise
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique
from tests.workstation.comparison.figures import BEFORE, DYNAMIC, FLOAT16, FLOAT32, INT8, comparison, row

FOUR = comparison(FLOAT32, FLOAT16, DYNAMIC, INT8, given=(Data.CALIBRATION,))
RUINED = row("int8", name="ruined", ap=0.05, ratio=0.2, megabytes=1.0, float_operators=0, edgetpu=())


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Technique("trained", "nowhere:at_all", 8, 8, needs=(Data.CALIBRATION, Data.TRAINING))
    monkeypatch.setitem(TECHNIQUES, "trained", entry)


@pytest.mark.parametrize(("wish", "name"), [("fast", "int8"), ("small", "dynamic"), ("accurate", "float16")])
def test_each_wish_has_its_model(wish: str, name: str) -> None:
    assert recommend(FOUR, wish).name == name


def test_a_download_that_is_hardly_smaller_is_not_worth_a_slower_model() -> None:
    slow = row("dynamic", ap=BEFORE - 0.005, ratio=3.4, megabytes=3.5)
    assert recommend(comparison(FLOAT32, FLOAT16, slow, INT8), "small").name == "int8"


def test_a_ruined_model_is_never_recommended() -> None:
    with_ruined = comparison(FLOAT32, INT8, RUINED)
    names = [recommend(with_ruined, wish).name for wish in ("fast", "small", "accurate")]
    assert names == ["int8", "int8", "float32"]


def test_rounding_that_measures_better_than_float_is_chance() -> None:
    lucky = row("int8", name="lucky", ap=BEFORE + 0.012, ratio=0.4, megabytes=3.6, found=80)
    assert recommend(comparison(FLOAT32, INT8, lucky), "fast").name == "int8"


def test_accuracy_beyond_the_noise_outweighs_time() -> None:
    worse = row("int8", ap=BEFORE - 0.018, ratio=0.4, megabytes=3.6, found=99)
    assert recommend(comparison(FLOAT32, FLOAT16, worse), "accurate").name == "float16"
    assert recommend(comparison(FLOAT32, FLOAT16, worse), "fast").name == "int8"


@pytest.mark.parametrize(("gain", "name"), [(0.003, "int8"), (0.02, "trained")])
def test_training_is_recommended_only_where_it_measures_clearly_better(gain: float, name: str) -> None:
    qat = row("trained", ap=INT8.figures.ap + gain, ratio=0.4, megabytes=3.6)
    assert recommend(comparison(FLOAT32, INT8, qat), "fast").name == name


def test_among_equals_the_nearest_to_float_wins() -> None:
    nearer = row("int8", name="int8-mse", ap=INT8.figures.ap, ratio=0.41, megabytes=3.6, found=95)
    assert recommend(comparison(FLOAT32, INT8, nearer), "fast").name == "int8-mse"


def test_an_accelerator_needs_integers_and_no_broken_rule() -> None:
    assert for_accelerator(comparison(FLOAT32, FLOAT16, DYNAMIC)) is None
    found = for_accelerator(FOUR)
    assert found is not None
    assert found.name == "int8"


def test_the_sentence_has_the_figures_and_says_what_is_noise() -> None:
    first, *_, accelerator, usual = sentences(FOUR, "fast")
    assert first == (
        "For the least time for a picture: take int8 (0.40 of float32's time with 2 threads, 3.60 MB, "
        "2.88 MB after gzip, mAP 0.276: float32 has 0.280, the difference is noise)."
    )
    assert "take int8" in accelerator
    assert usual == "The usual advice is int8, too: with photographs but no labels, calibrate."


@pytest.mark.parametrize(
    ("given", "wish", "technique"),
    [
        ((), "fast", "float16"),
        ((Data.CALIBRATION,), "fast", "int8"),
        ((Data.CALIBRATION, Data.TRAINING), "fast", "qat"),
        ((Data.CALIBRATION, Data.TRAINING), "accurate", "qat"),
        ((Data.CALIBRATION, Data.TRAINING), "small", "cluster16"),
        ((Data.CALIBRATION,), "small", "int8"),
        ((), "small", "weights"),
    ],
)
def test_the_usual_advice_follows_from_the_data(given: tuple[Data, ...], wish: str, technique: str) -> None:
    assert usual_choice(comparison(FLOAT32, given=given), wish)[0] == technique


def test_more_photographs_mean_less_noise() -> None:
    assert noise(50) == pytest.approx(0.015)
    assert noise(200) == pytest.approx(0.0075)
