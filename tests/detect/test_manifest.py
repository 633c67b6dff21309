"""Manifests: complete, or an error that says what is missing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect.anchors import AnchorSpec, make_anchors
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest, ScoreSpec, manifest_path, read, sha256, write
from edge_detector.errors import ModelError

MODELS = Path(__file__).parents[2] / "models"
MINIMAL = """
family = "ssd"
[input]
size = [320, 320]
[outputs]
boxes = "b"
[decode]
kind = "fused"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "m.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_manifest_is_complete(path) -> None:
    found = read(path)
    assert found.name == path.stem
    assert (found.folder / found.labels).is_file()
    assert path.with_suffix(".tflite").is_file()


@pytest.mark.parametrize("table", ["family", "input", "outputs", "decode"])
def test_a_missing_part_is_named(tmp_path, table) -> None:
    text = MINIMAL.replace('family = "ssd"', "") if table == "family" else MINIMAL.replace(f"[{table}]", "[elsewhere]")
    with pytest.raises(ModelError, match=rf"m\.toml: \[{table}\] is missing"):
        read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ssd"', '"sdd"', "family is 'sdd'; expected one of ssd, yolo"),
        ("size = [320, 320]", 'size = "big"', r"\[input\]: size = 'big': expected a size such as"),
        ("size = [320, 320]", "sice = [320, 320]", "unknown option 'sice'; did you mean 'size'"),
        ('kind = "fused"', 'kind = "raw"', r"a raw ssd needs \[anchors\]"),
        ("[320, 320]", "[320, 320]\nstd = 0.0", "std is 0"),
        ('"ssd"', "ssd", "not valid TOML"),
        ('"fused"', '"fused"\n[scores]\nconfidence = 1.5', "scores.confidence is 1.5; expected a fraction from 0 to 1"),
        ('"fused"', '"fused"\n[scores]\ntemperature = 0', "scores.temperature is 0; expected 0.01 to 100"),
        ('"fused"', '"fused"\n[scores]\ntemperatur = 1', r"\[scores\]: unknown option 'temperatur'"),
        ('"fused"', '"fused"\n[scores]\nconfidence = "low"', r"\[scores\]: confidence = 'low': expected a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, message) -> None:
    with pytest.raises(ModelError, match=message):
        read(written(tmp_path, MINIMAL.replace(old, new)))


def test_the_fpn_anchors_are_those_the_original_model_carries() -> None:
    # Its first and last anchors, as read from the constant of its fused op, in pixels of the 320x320 input.
    anchors = make_anchors(AnchorSpec("fpn"), input_size=(320, 320), folder=Path()) * 320
    assert anchors.shape == (12804, 4)
    assert anchors[0].tolist() == pytest.approx([4, 4, 32, 32])
    assert anchors[2].tolist() == pytest.approx([4, 4, 22.627419, 45.254834])
    assert anchors[-1].tolist() == pytest.approx([256, 256, 1024, 512])


def test_an_unknown_generator_is_an_error() -> None:
    with pytest.raises(ModelError, match="unknown anchor generator 'grid'"):
        make_anchors(AnchorSpec("grid"), input_size=(320, 320), folder=Path())


def test_an_anchor_file_of_the_wrong_shape_is_an_error(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 5)))
    with pytest.raises(ModelError, match=r"a\.npy: anchors of shape \(3, 5\); expected \(A, 4\)"):
        make_anchors(AnchorSpec(file="a.npy"), input_size=(320, 320), folder=tmp_path)


YOLO = """
family = "yolo"
[input]
size = [64, 32]
[outputs]
predictions = "p"
[decode]
kind = "grid"
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (MINIMAL, '"fused"', '"grid"', "decode.kind is 'grid'; expected one of fused, raw"),
        (YOLO, '"grid"', '"fused"', "decode.kind is 'fused'; expected one of grid, pixels, normalised"),
        (
            MINIMAL,
            '"fused"',
            '"fused"\nactivation = "tanh"',
            "decode.activation is 'tanh'; expected one of none, sigmoid",
        ),
        (YOLO, '"grid"', '"grid"\nactivation = "tanh"', "decode.activation is 'tanh'; expected one of none, sigmoid"),
        (MINIMAL, '"fused"', '"fused"\nbox_scales = [1, 2, 3]', "expected four divisors"),
        (MINIMAL, '"fused"', '"fused"\nbox_scales = [1, 2, 3, 0]', "expected four divisors"),
        (MINIMAL, '"fused"', '"fused"\nanchors = "fpn"', r"\[decode\]: anchors is here; expected a table of its own"),
        (MINIMAL, '"fused"', '"fused"\n[anchors]\nlevel = 3', r"\[anchors\]: unknown option 'level'"),
        (YOLO, '"grid"', '"grid"\n[anchors]\ngenerator = "fpn"', "unknown option 'anchors'"),
        (YOLO, '"grid"', '"grid"\nobjectnes = true', "unknown option 'objectnes'; did you mean 'objectness'"),
        (
            MINIMAL,
            "[320, 320]",
            '[320, 320]\nresize = "crop"',
            "input.resize is 'crop'; expected one of stretch, letterbox",
        ),
        (MINIMAL, "[320, 320]", '[320, 320]\ncolor = "grey"', "input.color is 'grey'; expected one of rgb, bgr"),
        (MINIMAL, '"ssd"', "3", "family is 3; expected one of ssd, yolo"),
        (MINIMAL, '"ssd"', '"ssd"\nclass_cnt = 3', "unknown option 'class_cnt'"),
    ],
)
def test_each_family_checks_its_own_keys(tmp_path, text, old, new, message) -> None:
    with pytest.raises(ModelError, match=rf"m\.toml: .*{message}"):
        read(written(tmp_path, text.replace(old, new)))


def test_keys_that_earlier_versions_wrote_for_every_family_say_nothing(tmp_path) -> None:
    old = "\nactivation = 'none'\nbackground = false\nobjectness = true\nbox_scales = [10, 10, 5, 5]"
    assert read(written(tmp_path, MINIMAL + old)).decode == SsdDecode("fused")
    assert read(written(tmp_path, YOLO + old)).decode == YoloDecode("grid", objectness=True)


def test_what_is_written_is_read_back_whole(tmp_path) -> None:
    anchors = AnchorSpec("fpn", min_level=2, aspect_ratios=(1.0, 3.0))
    decode = SsdDecode("raw", "sigmoid", background=True, box_scales=(1.0, 2.0, 3.0, 4.0), anchors=anchors)
    spec = InputSpec((64, 32), "letterbox", "bgr", 1.0, 2.0)
    whole = Manifest("n", "ssd", spec, {"boxes": "b", "scores": "s"}, decode, 7, "l.txt", "ab", {"map": 0.25}, tmp_path)
    write(whole, tmp_path / "m.toml")
    assert read(tmp_path / "m.toml") == whole
    assert read(tmp_path / "m.toml").folder == tmp_path
    assert set(tomllib.loads((tmp_path / "m.toml").read_text())) >= {"input", "outputs", "decode", "anchors", "metrics"}


def test_a_manifest_without_measurements_or_anchors_has_no_such_tables(tmp_path) -> None:
    write(Manifest("n", "ssd", InputSpec((64, 32)), {"boxes": "b"}, SsdDecode("fused")), tmp_path / "m.toml")
    assert {"anchors", "scores", "metrics", "folder"}.isdisjoint(tomllib.loads((tmp_path / "m.toml").read_text()))


def test_anchors_of_a_level_whose_stride_does_not_divide_the_input_begin_at_the_corner() -> None:
    spec = AnchorSpec("fpn", min_level=3, max_level=3, anchor_scale=1.0, scales_per_octave=1, aspect_ratios=(4.0,))
    whole = make_anchors(spec, input_size=(16, 8), folder=Path()) * np.float32([8, 16, 8, 16])
    assert whole.tolist() == [[4, 4, 4, 16], [4, 12, 4, 16]]  # four times as wide as high, at the same area
    partial = make_anchors(spec, input_size=(12, 8), folder=Path()) * np.float32([8, 12, 8, 12])
    np.testing.assert_allclose(partial, [[4, 0, 4, 16], [4, 8, 4, 16]], rtol=1e-6)


def test_an_anchor_file_is_found_beside_the_manifest(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.full((3, 4), 0.5))
    found = make_anchors(AnchorSpec(file="a.npy"), input_size=(320, 320), folder=tmp_path)
    assert (found.dtype, found.tolist()) == (np.float32, [[0.5] * 4] * 3)


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_an_anchor_file_that_cannot_be_read_is_an_error(tmp_path, content) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ModelError, match=r"a\.npy: cannot read the anchors"):
        make_anchors(AnchorSpec(file="a.npy"), input_size=(320, 320), folder=tmp_path)


def test_anchors_of_one_dimension_are_an_error(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(4))
    with pytest.raises(ModelError, match=r"a\.npy: anchors of shape \(4,\)"):
        make_anchors(AnchorSpec(file="a.npy"), input_size=(320, 320), folder=tmp_path)


def test_the_decoding_of_another_family_is_an_error() -> None:
    manifest = Manifest("m", "yolo", InputSpec((320, 320)), {"predictions": "p"}, YoloDecode("grid"))
    assert manifest.decode_as(YoloDecode) is manifest.decode
    with pytest.raises(ModelError, match=r"^m: a model of the family 'yolo'; expected one with SsdDecode$"):
        manifest.decode_as(SsdDecode)


def test_a_manifest_lies_beside_its_model() -> None:
    assert manifest_path(Path("models/a.b.tflite")) == Path("models/a.b.toml")


def test_the_checksum_is_that_of_the_files_bytes(tmp_path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"abc")
    assert sha256(tmp_path / "m.tflite") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_manifest_leaves_out(tmp_path) -> None:
    lines = 'family = "ssd"\n[input]\nsize = [320, 300]\n[outputs]\nboxes = "b"\n[decode]\nkind = "fused"\n'
    (tmp_path / "m.toml").write_text(lines)
    found = read(tmp_path / "m.toml")
    assert found.input == InputSpec((320, 300), "stretch", "rgb", 127.5, 127.5)  # [-1, 1], as the TensorFlow zoo
    assert (found.class_count, found.labels, found.sha256, dict(found.metrics)) == (0, "", "", {})
    assert Manifest("m", "ssd", found.input, {}, found.decode).class_count == 0


def test_the_folder_is_no_part_of_what_a_manifest_says(tmp_path) -> None:
    here = Manifest("m", "ssd", InputSpec((320, 300)), {}, SsdDecode("fused"), folder=tmp_path)
    assert here == Manifest("m", "ssd", InputSpec((320, 300)), {}, SsdDecode("fused"))


def test_a_name_in_any_script_is_written_as_utf_8(tmp_path) -> None:
    manifest = Manifest("größe-猫", "ssd", InputSpec((320, 300)), {"boxes": "b"}, SsdDecode("fused"))
    write(manifest, tmp_path / "m.toml")
    assert "größe-猫" in (tmp_path / "m.toml").read_bytes().decode("utf-8")


def test_what_the_scores_mean_is_written_and_read_back(tmp_path) -> None:
    scores = ScoreSpec(confidence=0.25, temperature=0.5)
    manifest = Manifest("m", "ssd", InputSpec((320, 300)), {"boxes": "b"}, SsdDecode("fused"), scores=scores)
    write(manifest, tmp_path / "m.toml")
    assert read(tmp_path / "m.toml").scores == scores
    assert read(written(tmp_path, MINIMAL)).scores == ScoreSpec(confidence=0.5, temperature=1.0)
