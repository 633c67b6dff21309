"""Unknown models: described in a child process, roles deduced, and what stays open is a question with its flag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.detect import recognition
from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.manifest import read, write
from edge_detector.errors import ConfigError, ModelError

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


def test_a_classifier_is_no_detector() -> None:
    with pytest.raises(ModelError, match=r"not a detector that is known here; its outputs are softmax \(1, 1001\)"):
        recognition.deduce(PATH, description(output("softmax", (1, 1001))))


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
