"""A new model family is one file and one line: here a YOLOv10, in a package that exists only for the test."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from edge_detector.detect import Detector, manifest, recognition
from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.heads import open_head
from edge_detector.errors import ConfigError, ModelError
from edge_detector.registry import HEADS
from edge_detector.types import Detection, Frame, Tensor, TensorInfo, Thresholds

LABELS = ("person", "dog", "cat")
FAMILY = '''
"""YOLOv10: one tensor (1, 300, 6) of x1, y1, x2, y2, score and class, without overlaps, best first."""

from dataclasses import dataclass

import numpy as np

from edge_detector.detect.heads import Family, by_role, unnamed
from edge_detector.detect.manifest import Decode
from edge_detector.detect.model_input import ZERO_TO_ONE, input_spec
from edge_detector.detect.postprocess import Candidates
from edge_detector.detect.quantized import to_real


@dataclass(frozen=True, slots=True)
class EndToEndDecode(Decode):
    kinds = ("pixels", "normalised")

    rows: int = 300


class EndToEnd(Family):
    settings = EndToEndDecode
    roles = (("rows",),)
    expects = "rows (1, 300, 6)"

    def recognise(self, description, answers):
        roles = answers.roles or {"rows": output.name for output in description.outputs if output.shape[2:] == (6,)}
        if set(roles) != {"rows"} or len(description.outputs) != 1:
            return None
        (output,) = description.outputs
        kind = "pixels" if output.maximum > 100 else "normalised"
        spec = input_spec(description, answers, resize="letterbox", trained_on=ZERO_TO_ONE)
        return unnamed(spec, outputs=roles, decode=EndToEndDecode(kind, rows=output.shape[1]))

    def open_head(self, manifest, outputs):
        return EndToEndHead(manifest, outputs)


class EndToEndHead:
    class_count = None

    def __init__(self, manifest, outputs):
        (self._info,) = by_role(manifest, outputs, "rows")
        self._rows = manifest.decode_as(EndToEndDecode).rows
        self._unit = manifest.input.size * 2 if manifest.decode.kind == "pixels" else (1, 1, 1, 1)

    def decode(self, tensors, lowest):
        rows = to_real(tensors[self._info.name][0, : self._rows], self._info)
        class_ids = rows[:, 5].astype(np.int32)
        keep = rows[:, 4] >= lowest[class_ids]
        return Candidates(rows[keep, :4] / np.float32(self._unit), rows[keep, 4], class_ids[keep])
'''


class RowsRuntime:
    """Answers every picture with the same rows."""

    input = TensorInfo("images", (1, 320, 320, 3), np.dtype(np.float32))
    outputs = (TensorInfo("output0", (1, 300, 6), np.dtype(np.float32)),)
    threads = 1

    def __init__(self, *rows: tuple[float, ...]) -> None:
        self._tensor = np.zeros((1, 300, 6), np.float32)
        self._tensor[0, : len(rows)] = rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def use_threads(self, threads: int) -> None:
        self.threads = threads

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        assert tensor.shape == self.input.shape
        return {"output0": self._tensor}


def bare(*, rows: int = 300, maximum: float = 319.0) -> Description:
    picture = TensorDescription("images", (1, 320, 320, 3), "float32", 0.0, 0)
    output = TensorDescription("output0", (1, rows, 6), "float32", 0.0, 0, 0.0, maximum)
    return Description("ab", 1, picture, (output,), (), (), {}, {}, 0)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one file, and the one line; the family's name."""
    (tmp_path / "toy_detectors").mkdir()
    (tmp_path / "toy_detectors" / "end_to_end.py").write_text(FAMILY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(HEADS, "yolov10", "toy_detectors.end_to_end:EndToEnd")
    for module in ("toy_detectors", "toy_detectors.end_to_end"):
        monkeypatch.setitem(sys.modules, module, None)  # so that the end of the test forgets what it imports
        del sys.modules[module]
    return "yolov10"


def test_without_the_line_nothing_recognises_such_a_file() -> None:
    with pytest.raises(ModelError, match=r"not a detector that is known here; its outputs are output0 \(1, 300, 6\)"):
        recognition.deduce(Path("m.tflite"), bare())


def test_a_bare_file_is_recognised(family: str) -> None:
    found = recognition.deduce(Path("there/m.tflite"), bare())
    assert (found.name, found.family, found.outputs, found.sha256) == ("m", family, {"rows": "output0"}, "ab")
    assert (found.folder, found.input.resize, found.input.std) == (Path("there"), "letterbox", 255.0)
    assert asdict(found.decode) == {"kind": "pixels", "rows": 300}


def test_its_roles_can_be_said_by_flag(family: str) -> None:
    assert recognition.deduce(Path("m.tflite"), bare(), Answers(outputs="rows=output0")).family == family
    with pytest.raises(ConfigError, match=r"unknown role 'row'; known: .*predictions.*, rows"):
        recognition.deduce(Path("m.tflite"), bare(), Answers(outputs="row=output0"))


def test_its_manifest_is_written_and_read_back_with_its_own_key(family: str, tmp_path: Path) -> None:
    found = recognition.deduce(Path("m.tflite"), bare())
    written = replace(found, decode=replace(found.decode, rows=7))
    manifest.write(written, tmp_path / "m.toml")
    assert '[decode]\nkind = "pixels"\nrows = 7\n' in (tmp_path / "m.toml").read_text()
    assert manifest.read(tmp_path / "m.toml") == written


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"pixels"', '"fused"', r"m\.toml: decode\.kind is 'fused'; expected one of pixels, normalised"),
        ("rows = 300", "row = 300", r"m\.toml: \[decode\]: unknown option 'row'; did you mean 'rows'"),
    ],
)
def test_its_manifest_is_checked_by_the_family(family: str, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "m.toml"
    manifest.write(recognition.deduce(Path("m.tflite"), bare()), path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ModelError, match=message):
        manifest.read(path)


def test_a_detector_finds_its_boxes(family: str) -> None:
    runtime = RowsRuntime((80, 120, 160, 200, 0.75, 1), (0, 80, 320, 240, 0.5, 2), (0, 80, 9, 90, 0.4, 0))
    found = recognition.deduce(Path("m.tflite"), bare())
    detector = Detector(found, runtime, open_head(found, runtime.outputs), LABELS, Thresholds(confidence=0.5))
    frame = Frame(np.zeros((360, 720, 3), np.uint8), 0, 0)  # letterboxed: 320x160, 80 pixels below the input's top
    assert list(detector.detect(frame).detections) == [
        Detection((180.0, 90.0, 360.0, 270.0), 0.75, 1, "dog"),
        Detection((0.0, 0.0, 720.0, 360.0), 0.5, 2, "cat"),
    ]


def test_a_file_that_two_families_recognise_is_an_error_that_names_both(family: str) -> None:
    either = bare(rows=6300)  # so many rows has a YOLOv5 of one class, too
    with pytest.raises(ModelError, match=r"could be those of yolo or yolov10; .* family = "):
        recognition.deduce(Path("m.tflite"), either)


def test_a_family_of_another_package_is_asked_too(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = HEADS[family]
    monkeypatch.delitem(HEADS, family)
    metadata = tmp_path / "toy_detectors-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy_detectors\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[edge_detector.heads]\n{family} = {target}\n")
    assert recognition.deduce(Path("m.tflite"), bare()).family == family
