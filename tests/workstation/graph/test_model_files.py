from __future__ import annotations

import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.errors import SinkError
from edge_detector.workstation.graph.model_files import make_folder, write_model, writing
from tests.workstation.graphs import anchors, save_with_manifest, tiny_detector


def test_a_model_is_written_with_manifest_and_anchors_beside_it(tmp_path: Path) -> None:
    start = manifests.read(manifests.manifest_path(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")))
    path = tmp_path / "new" / "folder" / "small.tflite"
    write_model(path, tiny_detector(), start, anchors=anchors(), labels=tmp_path / "tiny.txt")
    written = manifests.read(path.with_suffix(".toml"))
    assert (written.name, written.labels, written.sha256) == ("small", "../../tiny.txt", manifests.sha256(path))
    assert written.decode_as(SsdDecode).anchors == AnchorSpec(file="small.anchors.npy")
    np.testing.assert_array_equal(np.load(path.with_name("small.anchors.npy")), anchors())


def test_anchors_of_a_generator_need_no_file_and_labels_may_be_missing(tmp_path: Path) -> None:
    start = manifests.read(manifests.manifest_path(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")))
    path = tmp_path / "out" / "small.tflite"
    generated = replace(start, decode=replace(start.decode_as(SsdDecode), anchors=AnchorSpec(generator="fpn")))
    write_model(path, tiny_detector(), generated, anchors=None, labels=None)
    written = manifests.read(path.with_suffix(".toml"))
    assert (written.decode_as(SsdDecode).anchors, written.labels) == (AnchorSpec(generator="fpn"), "")
    assert sorted(file.name for file in path.parent.iterdir()) == ["small.tflite", "small.toml"]


def test_a_disk_that_is_full_in_the_middle_leaves_the_model_that_was_there(tmp_path: Path) -> None:
    path = save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    start, before = manifests.read(manifests.manifest_path(path)), path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # or the process ends
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(SinkError, match=r"tiny\.tflite: cannot be written: File too large"):
            write_model(path, tiny_detector(seed=2), start, anchors=None, labels=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_folder_that_cannot_be_made_or_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file/below: cannot be written: Not a directory"):
        make_folder(tmp_path / "file" / "below")
    with pytest.raises(SinkError, match=r"^/proc: cannot be written"):
        make_folder(Path("/proc"))
    make_folder(tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_what_fails_while_a_file_is_written_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match=r"gone/a\.json: cannot be written: No such file"),
        writing(tmp_path / "gone/a.json"),
    ):
        (tmp_path / "gone/a.json").write_text("")
