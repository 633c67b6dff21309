from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.workstation.comparison.findings import findings
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique
from tests.workstation.comparison.figures import BEFORE, DYNAMIC, FLOAT32, INT8, comparison, row


def test_a_good_model_gives_no_finding() -> None:
    assert findings(comparison(FLOAT32, INT8)) == []


def test_a_slow_model_is_named_with_what_runs_in_plain_kernels() -> None:
    assert findings(comparison(FLOAT32, DYNAMIC)) == [
        "dynamic takes 3.4 times as long as float32: XNNPACK takes 3 of 5 operators in 2 groups, but not "
        "2 DEPTHWISE_CONV_2D, which run in the plain kernels."
    ]


def test_a_ruined_model_is_named() -> None:
    ruined = row("int8", name="int8-per-tensor", ap=0.002, ratio=0.4, megabytes=3.6)
    assert findings(comparison(FLOAT32, ruined)) == [
        f"int8-per-tensor ruins the model: mAP 0.002 in place of {BEFORE:.3f}."
    ]


def test_zeros_that_only_shrink_the_download_are_named() -> None:
    pruned = row("int8", name="prune75", ap=0.27, ratio=0.4, megabytes=3.6, gzip_bytes=1_400_000)
    assert findings(comparison(FLOAT32, INT8, pruned)) == [
        "prune75 is no faster than int8 (0.40 and 0.40 of float32's time): only the download is smaller, "
        "1.40 MB after gzip against 2.88 MB."
    ]
    faster = replace(pruned, figures=replace(pruned.figures, times={2: replace(pruned.figures.times[2], ratio=0.3)}))
    assert findings(comparison(FLOAT32, INT8, faster)) == []


def test_training_that_gains_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Technique("trained", "nowhere:at_all", 8, 8, needs=(Data.TRAINING,))
    monkeypatch.setitem(TECHNIQUES, "trained", entry)
    trained = row("trained", ap=INT8.figures.ap + 0.004, ratio=0.4, megabytes=3.6, made_in_s=600.0)
    assert findings(comparison(FLOAT32, INT8, trained)) == [
        "trained had 10 minutes of training and measures +0.004 mAP against int8, which needs none; "
        "0.015 is noise on these photographs."
    ]


def test_a_runtime_that_refuses_a_model_is_named() -> None:
    refused = row("int8", ap=0.27, ratio=0.4, megabytes=3.6, runtimes={"tflite-runtime": "op version 12"})
    assert findings(comparison(FLOAT32, refused)) == ["int8 does not run in tflite-runtime: op version 12"]
