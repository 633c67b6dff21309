"""Unknown models: described in a child process, roles deduced, and what stays open is a question with its flag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.detect import recognition
from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.heads import unnamed
from edge_detector.detect.heads.ssd import Ssd, SsdDecode
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import Manifest, read, write
from edge_detector.detect.model_input import input_spec
from edge_detector.errors import ConfigError, ModelError
from edge_detector.registry import HEADS

PATH = Path("model.tflite")
PICTURE = TensorDescription("input", (1, 320, 320, 3), "uint8", 1 / 128, 128)
FLOAT_PICTURE = TensorDescription("input", (1, 320, 320, 3), "float32", 0.0, 0)
PLUS_MINUS_ONE = Answers(mean=127.5, std=127.5)


def output(name: str, shape: tuple[int, ...], minimum: float = 0.0, maximum: float = 0.5) -> TensorDescription:
    return TensorDescription(name, shape, "float32", 0.0, 0, minimum, maximum)


def description(*outputs: TensorDescription, **changes) -> Description:
    plain = Description("00", 1, PICTURE, outputs, (), (), {}, {}, 0)
    return replace(plain, **changes)


FOUR = (
    output("w", (1, 10), maximum=75.0),
    output("x", (1, 10, 4)),
    output("y", (1,), maximum=10.0),
    output("z", (1, 10), maximum=0.9),
)


def test_the_fused_op_itself_says_which_output_is_which() -> None:
    found = recognition.deduce(
        PATH, description(*FOUR, fused_outputs=("x", "z", "w", "y"), fused_options={"num_classes": 90})
    )
    assert found.outputs == {"boxes": "x", "classes": "z", "scores": "w", "count": "y"}
    assert (found.family, found.decode.kind, found.class_count) == ("ssd", "fused", 90)


def test_signature_names_come_next() -> None:
    names = {"detection_boxes": "x", "detection_classes": "z", "detection_scores": "w", "num_detections": "y"}
    assert recognition.deduce(PATH, description(*FOUR, signature=names)).outputs["classes"] == "z"


def test_values_on_a_picture_come_last() -> None:
    found = recognition.deduce(PATH, description(*FOUR))
    assert found.outputs == {"boxes": "x", "classes": "w", "scores": "z", "count": "y"}


def test_what_stays_ambiguous_is_an_error_that_names_the_flag() -> None:
    silent = tuple(replace(item, maximum=0.0) for item in FOUR)
    with pytest.raises(ModelError, match=r"which of w and z .* --outputs boxes=x,classes=NAME,scores=NAME,count=NAME"):
        recognition.deduce(PATH, description(*silent))
    answered = recognition.deduce(PATH, description(*silent), Answers(outputs="boxes=x,classes=w,scores=z,count=y"))
    assert answered.outputs["scores"] == "z"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boxes=x,klasses=w,scores=z,count=y", "unknown role 'klasses'"),
        ("boxes=x,classes=w,scores=z,count=q", "no output 'q'; it has w, x, y, z"),
        ("boxes=x,classes=w", "expected all of boxes, classes, scores and count"),
    ],
)
def test_a_wrong_answer_is_an_error(text, message) -> None:
    with pytest.raises(ConfigError, match=message):
        recognition.deduce(PATH, description(*FOUR), Answers(outputs=text))


def test_raw_heads_need_anchors_which_only_a_manifest_has() -> None:
    raw = description(output("b", (1, 1917, 4)), output("s", (1, 1917, 91)))
    with pytest.raises(ModelError, match=r"need to know their anchors; .* \[anchors\] table"):
        recognition.deduce(PATH, raw)


def test_yolo_v8_has_attributes_first() -> None:
    found = recognition.deduce(PATH, description(output("p", (1, 84, 2100), maximum=1.1), input=FLOAT_PICTURE))
    assert (found.family, found.decode.kind, found.decode.objectness) == ("yolo", "normalised", False)
    assert (found.input.mean, found.input.std, found.input.resize) == (0.0, 255.0, "letterbox")


def test_who_trained_a_yolo_on_stretched_pictures_can_say_so() -> None:
    v8 = description(output("p", (1, 84, 2100), maximum=1.0))
    assert recognition.deduce(PATH, v8, Answers(resize="stretch")).input.resize == "stretch"


def test_yolo_v5_in_pixels_has_objectness() -> None:
    found = recognition.deduce(PATH, description(output("p", (1, 6300, 85), maximum=320.0)))
    assert (found.decode.kind, found.decode.objectness, found.input.color) == ("pixels", True, "rgb")


def test_yolox_has_one_prediction_per_cell_and_negative_offsets() -> None:
    found = recognition.deduce(
        PATH, description(output("p", (1, 2100, 85), minimum=-2.0, maximum=3.0), input=FLOAT_PICTURE)
    )
    assert (found.decode.kind, found.input.color, found.input.std) == ("grid", "bgr", 1.0)


def test_a_classifier_is_no_detector_and_no_flag_makes_it_one() -> None:
    with pytest.raises(ModelError) as caught:
        recognition.deduce(PATH, description(output("softmax", (1, 1001))))
    assert str(caught.value) == (
        f"{PATH}: this is a classifier: its only output, softmax (1, 1001), has one score for each of 1001 classes "
        "and no boxes; expected a detector"
    )


@pytest.mark.parametrize("shapes", [[(1, 1)], [(1, 10), (1, 10)], [(1, 10, 10)]])
def test_other_outputs_are_not_known_and_the_flag_that_says_more_is_named(shapes) -> None:
    outputs = [output(f"output{number}", shape) for number, shape in enumerate(shapes)]
    with pytest.raises(ModelError, match=r"not a detector that is known here; .* --outputs ROLE=NAME"):
        recognition.deduce(PATH, description(*outputs))


def test_an_input_that_is_no_picture_is_refused() -> None:
    sound = replace(PICTURE, shape=(1, 16000))
    with pytest.raises(ModelError, match=r"the input is \(1, 16000\); expected a colour picture"):
        recognition.deduce(PATH, description(*FOUR, input=sound))


def test_a_quantized_input_tells_its_own_range() -> None:
    zero_to_one = replace(PICTURE, dtype="int8", scale=1 / 255, zero_point=-128)
    assert recognition.deduce(PATH, description(*FOUR, input=zero_to_one)).input.std == 255.0
    plus_minus_one = replace(PICTURE, dtype="uint8", scale=1 / 128, zero_point=128)
    assert recognition.deduce(PATH, description(*FOUR, input=plus_minus_one)).input.std == 127.5


def test_a_real_fused_model_of_tf1(shared) -> None:
    path = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    found = recognition.deduce(path, recognition.describe(path))
    op = "TFLite_Detection_PostProcess"
    assert found.outputs == {"boxes": op, "classes": f"{op}:1", "scores": f"{op}:2", "count": f"{op}:3"}
    assert (found.class_count, found.input.size) == (90, (300, 300))


def test_a_real_fused_model_of_tf2_whose_signature_names_say_nothing(shared) -> None:
    path = shared / "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
    found = recognition.deduce(path, recognition.describe(path), PLUS_MINUS_ONE)
    call = "StatefulPartitionedCall"
    assert found.outputs == {"boxes": f"{call}:3", "classes": f"{call}:2", "scores": f"{call}:1", "count": f"{call}:0"}


def test_a_manifest_survives_writing_and_reading(shared, tmp_path) -> None:
    path = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    found = replace(recognition.deduce(path, recognition.describe(path)), labels="x.txt")
    write(found, tmp_path / "detect.toml")
    assert read(tmp_path / "detect.toml") == found


def test_a_truncated_model_is_an_error_wherever_it_is_cut(shared, tmp_path) -> None:
    whole = (shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite").read_bytes()
    cut = tmp_path / "cut.tflite"
    for percent in (0, 1, 50, 99):
        cut.write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(ModelError, match=r"cut\.tflite"):
            recognition.describe(cut)


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"once upon a time", "is not a TFLite model")])
def test_a_file_that_is_no_model_is_refused_before_anything_loads_it(tmp_path, content, message) -> None:
    path = tmp_path / "story.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        recognition.check_file(path)


def test_a_missing_model_is_named(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.tflite: no such model file"):
        recognition.check_file(tmp_path / "nowhere.tflite")


def yolo(shape: tuple[int, ...], minimum: float = 0.0, maximum: float = 0.9) -> Description:
    return description(output("p", shape, minimum, maximum), input=FLOAT_PICTURE)


@pytest.mark.parametrize(
    ("maximum", "kind"), [(1.0, "normalised"), (2.0, "normalised"), (2.01, "pixels"), (320.0, "pixels")]
)
def test_fractions_pass_one_by_a_little_and_pixels_by_far(maximum, kind) -> None:
    assert recognition.deduce(PATH, yolo((1, 84, 2100), maximum=maximum)).decode.kind == kind
    assert recognition.deduce(PATH, yolo((1, 6300, 85), maximum=maximum)).decode.kind == kind


@pytest.mark.parametrize(
    ("shape", "objectness"),
    [
        ((1, 5, 2100), False),  # one class
        ((1, 6, 2100), False),
        ((1, 2100, 6), True),
        ((1, 2100, 5), False),  # no room for objectness and a class: v8, transposed
        ((1, 1500, 85), True),  # strides 16 and 32, three each: v3 tiny
        ((1, 84, 8500), False),  # strides 4 to 32: P2
        ((1, 6375, 85), True),  # strides 8 to 64, three each: v5 P6
    ],
)
def test_the_number_of_predictions_is_that_of_the_grid(shape, objectness) -> None:
    decode = recognition.deduce(PATH, yolo(shape)).decode_as(YoloDecode)
    assert (decode.objectness, decode.activation) == (objectness, "none")


@pytest.mark.parametrize("shape", [(1, 300, 6), (1, 84, 2101), (1, 6301, 85), (1, 4, 2100), (1, 2100), (1, 2100, 4)])
def test_what_does_not_fit_the_grid_is_no_yolo(shape) -> None:
    with pytest.raises(ModelError, match=r"not a detector that is known here|this is a classifier"):
        recognition.deduce(PATH, yolo(shape))


def test_the_user_may_say_that_it_is_a_yolo_all_the_same() -> None:
    found = recognition.deduce(PATH, yolo((1, 300, 6)), Answers(outputs="predictions=p"))
    assert (found.family, found.outputs) == ("yolo", {"predictions": "p"})


def test_a_grid_needs_values_below_zero_and_one_prediction_for_each_cell() -> None:
    assert recognition.deduce(PATH, yolo((1, 2100, 85))).decode.kind == "normalised"
    assert recognition.deduce(PATH, yolo((1, 6300, 85), minimum=-2.0)).decode.kind == "normalised"
    assert recognition.deduce(PATH, yolo((1, 84, 2100), minimum=-2.0)).decode.kind == "normalised"


def test_the_grid_is_counted_by_width_and_height() -> None:
    wide = replace(FLOAT_PICTURE, shape=(1, 160, 320, 3))  # 40x20 + 20x10 + 10x5 cells
    found = recognition.deduce(PATH, description(output("p", (1, 1050, 85), minimum=-1.0), input=wide))
    assert (found.decode.kind, found.input.size) == ("grid", (320, 160))


def apart(boxes: dict[str, float], scores: dict[str, float], columns: int = 80, rows: int = 2100) -> Description:
    outputs = (
        output("c", (1, rows, columns), **scores),
        output("b", (1, rows, 4), **boxes),
        output("o", (1, rows, 1)),
    )
    return description(*outputs, input=FLOAT_PICTURE)


@pytest.mark.parametrize(
    ("boxes", "scores", "kind", "activation", "std"),
    [
        ({"minimum": -1.0, "maximum": 3.0}, {}, "grid", "none", 1.0),
        ({"maximum": 1.5}, {"maximum": 1.0}, "normalised", "none", 255.0),
        ({"maximum": 300.0}, {"maximum": 1.01}, "pixels", "sigmoid", 255.0),
        ({"maximum": 300.0}, {"minimum": -0.01}, "pixels", "sigmoid", 255.0),
    ],
)
def test_boxes_objectness_and_classes_apart_are_told_by_their_columns(boxes, scores, kind, activation, std) -> None:
    found = recognition.deduce(PATH, apart(boxes, scores))
    assert (found.family, found.outputs) == ("yolo", {"boxes": "b", "objectness": "o", "scores": "c"})
    assert found.decode == YoloDecode(kind, activation=activation, objectness=True)
    assert (found.input.std, found.input.resize) == (std, "letterbox")


@pytest.mark.parametrize("unclear", [{"columns": 1}, {"columns": 4}, {"rows": 2000}])
def test_tensors_apart_that_could_be_each_other_are_said_by_flag(unclear) -> None:
    with pytest.raises(ModelError, match="say which output is what: --outputs ROLE=NAME"):
        recognition.deduce(PATH, apart({}, {}, **unclear))
    answered = recognition.deduce(PATH, apart({}, {}, **unclear), Answers(outputs="boxes=b,objectness=o,scores=c"))
    assert answered.outputs == {"boxes": "b", "objectness": "o", "scores": "c"}


def test_what_is_not_recognised_says_what_was_expected_of_each_family() -> None:
    with pytest.raises(ModelError) as caught:
        recognition.deduce(PATH, description(output("softmax", (1, 1001, 7))))
    said = str(caught.value)
    assert "ssd: the four outputs of TFLite_Detection_PostProcess" in said
    assert "yolo: predictions (1, 4 + classes, N)" in said
    assert said.endswith(
        "--outputs ROLE=NAME,... with boxes, classes, scores and count; or boxes and scores; or predictions; "
        "or boxes, objectness and scores"
    )


def test_a_question_is_asked_only_if_no_family_is_sure(monkeypatch) -> None:
    raw = description(output("b", (1, 1917, 4)), output("s", (1, 1917, 91)))
    monkeypatch.setitem(HEADS, "sure", "tests.detect.test_recognition:Sure")
    assert recognition.deduce(PATH, raw).family == "sure"


class Sure(Ssd):
    """A family that recognises everything."""

    def recognise(self, description: Description, answers: Answers) -> Manifest:
        return unnamed(input_spec(description, answers), outputs={}, decode=SsdDecode("fused"))


def test_outputs_that_are_named_but_not_all_there_are_no_detections() -> None:
    found = recognition.deduce(PATH, description(*FOUR, fused_outputs=("x", "z", "w", "elsewhere")))
    assert found.outputs["classes"] == "w"  # by the values


def test_a_signature_with_raw_boxes_as_well_means_the_detections() -> None:
    names = {"detection_boxes": "x", "detection_classes": "z", "detection_scores": "w", "num_detections": "y"}
    both = {**names, "raw_detection_boxes": "rb", "raw_detection_scores": "rs"}
    assert recognition.deduce(PATH, description(*FOUR, signature=both)).outputs["boxes"] == "x"
    with pytest.raises(ModelError, match=r"raw SSD outputs \(boxes 'rb', scores 'rs'\)"):
        recognition.deduce(PATH, description(*FOUR, signature=dict(list(both.items())[4:])))


@pytest.mark.parametrize(("classes", "scores"), [(1.0, 0.9), (75.0, 1.0), (75.0, 0.0), (75.0, 60.0), (0.5, 0.9)])
def test_values_that_could_be_either_are_a_question(classes, scores) -> None:
    w, x, y, z = FOUR
    unclear = (replace(w, maximum=classes), x, y, replace(z, maximum=scores))
    with pytest.raises(ModelError, match="which of w and z holds the classes"):
        recognition.deduce(PATH, description(*unclear))


def test_a_count_may_have_two_dimensions() -> None:
    w, x, y, z = FOUR
    assert recognition.deduce(PATH, description(w, x, replace(y, shape=(1, 1)), z)).outputs["count"] == "y"


@pytest.mark.parametrize("resize", ["auto", "letterbox"])
def test_an_ssd_stretches_unless_the_user_says_otherwise(resize) -> None:
    found = recognition.deduce(PATH, description(*FOUR), Answers(resize=resize))
    assert found.input.resize == {"auto": "stretch"}.get(resize, resize)
    assert (found.input.color, found.name, found.folder, found.sha256) == ("rgb", "model", Path(), "00")


def test_boxes_and_scores_of_different_length_are_no_ssd() -> None:
    with pytest.raises(ModelError, match="not a detector that is known here"):
        recognition.deduce(PATH, description(output("b", (1, 1917, 4)), output("s", (1, 1916, 91))))
