"""Sets that tools other than this program wrote, and what this program writes, read by those tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.writing import write_dataset
from tests.workstation.data.sets import picture, voc_set

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0, 0, 64, 48)
BOXES = {"cat": [8, 12, 40, 36], "dog": [1, 1, 64, 48]}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["pascal_voc_io", "yolo_io"])
def labelimg(request: pytest.FixtureRequest) -> Any:
    reason = "needs LabelImg's writers: pip install --no-deps labelImg && pip install lxml"
    return pytest.importorskip(f"libs.{request.param}", reason=reason)


def test_what_labelimg_writes(tmp_path: Path, labelimg: Any) -> None:
    path = picture(tmp_path / "Größe 猫.png")
    writer_class = getattr(labelimg, "PascalVocWriter", None) or labelimg.YOLOWriter
    writer = writer_class(tmp_path.name, path.name, (48, 64, 3), local_img_path=str(path))
    for name, corners in BOXES.items():
        writer.add_bnd_box(*corners, name, False)
    suffix = ".xml" if writer_class.__name__ == "PascalVocWriter" else ".txt"
    writer.save(target_file=str(path.with_suffix(suffix)))
    (photograph,) = read_dataset(tmp_path).labelled
    assert dict(zip(photograph.labels, photograph.boxes.round(3).tolist(), strict=True)) == BOXES


def test_what_tensorflow_writes(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'edge-detector[training]'")
    train = tf.train
    features = {
        "image/encoded": train.Feature(bytes_list=train.BytesList(value=[picture(tmp_path / "a.png").read_bytes()])),
        "image/filename": train.Feature(bytes_list=train.BytesList(value=[b"a.png"])),
        "image/height": train.Feature(int64_list=train.Int64List(value=[48])),
        "image/width": train.Feature(int64_list=train.Int64List(value=[64])),
        "image/object/bbox/xmin": train.Feature(float_list=train.FloatList(value=[0.125, 0.0])),
        "image/object/bbox/xmax": train.Feature(float_list=train.FloatList(value=[0.625, 1.0])),
        "image/object/bbox/ymin": train.Feature(float_list=train.FloatList(value=[0.25, 0.0])),
        "image/object/bbox/ymax": train.Feature(float_list=train.FloatList(value=[0.75, 1.0])),
        "image/object/class/text": train.Feature(bytes_list=train.BytesList(value=[b"cat", b"dog"])),
        "image/object/class/label": train.Feature(int64_list=train.Int64List(value=[2, 1])),
        "negative": train.Feature(int64_list=train.Int64List(value=[-5])),
        "nothing": train.Feature(),
    }
    with tf.io.TFRecordWriter(str(tmp_path / "train.record")) as writer:
        writer.write(train.Example(features=train.Features(feature=features)).SerializeToString())
    dataset = read_dataset(tmp_path / "train.record")
    assert (dataset.classes, dataset.splits) == (("dog", "cat"), ("train",))  # in the order of their numbers
    assert dataset.labelled[0].boxes.tolist() == [[8, 12, 40, 36], [0, 0, 64, 48]]
    assert dataset.labelled[0].labels == ("cat", "dog")


def test_tensorflow_reads_what_is_written(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'edge-detector[training]'")
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT, DOG], []])), tmp_path / "out", "tfrecord")
    records = list(tf.data.TFRecordDataset(str(tmp_path / "out/data.record")))  # it checks the checksums
    first, second = (tf.train.Example.FromString(record.numpy()).features.feature for record in records)
    assert first["image/object/class/text"].bytes_list.value == [b"cat", b"dog"]
    assert first["image/object/class/label"].int64_list.value == [1, 2]
    assert first["image/object/bbox/xmax"].float_list.value == [0.625, 1.0]
    assert first["image/encoded"].bytes_list.value[0] == (tmp_path / "set/images/shot0.png").read_bytes()
    assert list(second["image/object/bbox/xmax"].float_list.value) == []


def test_pycocotools_reads_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools: pip install 'edge-detector[workstation]'")
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT, DOG], []])), tmp_path / "out", "coco")
    read = coco.COCO(str(tmp_path / "out/annotations.json"))
    capsys.readouterr()
    found = read.loadAnns(read.getAnnIds())
    names = {each["id"]: each["name"] for each in read.loadCats(read.getCatIds())}
    assert [(names[each["category_id"]], each["bbox"], each["area"]) for each in found] == [
        ("cat", [8, 12, 32, 24], 768),
        ("dog", [0, 0, 64, 48], 3072),
    ]
    assert read.imgs[2] == {"id": 2, "file_name": "images/shot1.png", "width": 64, "height": 48}


def test_pycocotools_results_are_read_with_their_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools: pip install 'edge-detector[workstation]'")
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT]])), tmp_path / "out", "coco")
    truth = coco.COCO(str(tmp_path / "out/annotations.json"))
    results = truth.loadRes(np.array([[1, 8, 12, 32, 24, 0.5, 1]]))
    capsys.readouterr()
    plain = json.loads(json.dumps(results.dataset, default=float))  # numpy's numbers are not JSON
    (tmp_path / "out/annotations.json").write_text(json.dumps(plain))
    (photograph,) = read_dataset(tmp_path / "out").labelled
    assert (photograph.boxes.tolist(), photograph.scores.tolist()) == ([[8, 12, 40, 36]], [0.5])


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_what_label_studio_writes(tmp_path: Path, kind: str) -> None:
    reason = "needs Label Studio's converter: pip install label-studio-sdk"
    converter = pytest.importorskip("label_studio_sdk.converter", reason=reason)
    uploads, out = tmp_path / "media/upload", tmp_path / "out"
    picture(uploads / "1/3f2a-my_photo.jpg")
    boxes = (("dog", 8, 12, 32, 24), ("cat", 0, 0, 64, 48))
    task = {"id": 1, "data": {"image": "/data/upload/1/3f2a-my_photo.jpg"}, "annotations": [_label_studio_task(*boxes)]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    view = '<View><Image name="i" value="$image"/><RectangleLabels name="l" toName="i">{}</RectangleLabels></View>'
    config = view.format('<Label value="cat"/><Label value="dog"/>')
    out.mkdir()
    writer = converter.Converter(config, project_dir=str(tmp_path), download_resources=True, upload_dir=str(uploads))
    getattr(writer, f"convert_to_{kind}")(str(tmp_path / "tasks.json"), str(out), is_dir=False)
    dataset = read_dataset(out)
    assert (dataset.format, dataset.labelled[0].labels) == (kind, ("dog", "cat"))
    assert dataset.labelled[0].boxes.tolist() == [[8, 12, 40, 36], [0, 0, 64, 48]]


def _label_studio_task(*boxes: tuple[str, float, float, float, float]) -> dict[str, Any]:
    """An annotation with boxes given as name, x, y, width, height in pixels; Label Studio has percents."""
    results = [
        {
            "id": str(number),
            "type": "rectanglelabels",
            "from_name": "l",
            "to_name": "i",
            "original_width": 64,
            "original_height": 48,
            "value": {
                "x": x / 0.64,
                "y": y / 0.48,
                "width": width / 0.64,
                "height": height / 0.48,
                "rotation": 0,
                "rectanglelabels": [name],
            },
        }
        for number, (name, x, y, width, height) in enumerate(boxes)
    ]
    return {"id": 1, "completed_by": 1, "result": results}


def test_label_studio_coco(tmp_path: Path) -> None:
    """Names with Windows' slash, URL-quoted, with images\\ before them."""
    picture(tmp_path / "images/3f2a1b-my photo.jpg")
    content = {
        "images": [{"width": 64, "height": 48, "id": 0, "file_name": "images\\3f2a1b-my%20photo.jpg"}],
        "categories": [{"id": 0, "name": "cat"}],
        "annotations": [
            {"id": 0, "image_id": 0, "category_id": 0, "segmentation": [], "bbox": [8.0, 12.0, 32.0, 24.0], "ignore": 0}
        ],
        "info": {"contributor": "Label Studio"},
    }
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert read_dataset(tmp_path).labelled[0].boxes.tolist() == [[8, 12, 40, 36]]


def test_label_studio_coco_of_local_files(tmp_path: Path) -> None:
    picture(tmp_path / "images/my photo.jpg")
    content = {
        "images": [{"id": 0, "file_name": "/data/local-files/?d=photos/my%20photo.jpg"}],
        "categories": [{"id": 0, "name": "cat"}],
        "annotations": [],
    }
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert read_dataset(tmp_path).labelled[0].path.name == "my photo.jpg"


def test_label_studio_yolo(tmp_path: Path) -> None:
    """classes.txt instead of data.yaml, and notes.json beside it."""
    picture(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("1 0.5 0.5 1.0 1.0")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "cat"}], "info": {}}')
    dataset = read_dataset(tmp_path)
    assert (dataset.format, dataset.labelled[0].labels) == ("yolo", ("dog",))


def test_cvat_yolo(tmp_path: Path) -> None:
    """Darknet's obj.data, whose paths start at data/."""
    picture(tmp_path / "obj_train_data/street/a.png")
    (tmp_path / "obj_train_data/street/a.txt").write_text("0 0.5 0.5 1.0 1.0\n")
    picture(tmp_path / "obj_valid_data/b.png")
    (tmp_path / "obj_valid_data/b.txt").write_text("")
    (tmp_path / "obj.names").write_text("cat\ndog\n")
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (tmp_path / "train.txt").write_text("data/obj_train_data/street/a.png\n")
    (tmp_path / "valid.txt").write_text("data/obj_valid_data/b.png\n")
    dataset = read_dataset(tmp_path)
    assert [(each.path.name, each.split, each.labels) for each in dataset.labelled] == [
        ("a.png", "train", ("cat",)),
        ("b.png", "validation", ()),
    ]


def test_cvat_voc(tmp_path: Path) -> None:
    """Splits in ImageSets/Main, file names with a folder."""
    voc_set(tmp_path, [[CAT], [DOG]])
    (tmp_path / "images").rename(tmp_path / "JPEGImages")
    (tmp_path / "annotations").rename(tmp_path / "Annotations")
    main = tmp_path / "ImageSets/Main"
    main.mkdir(parents=True)
    (main / "train.txt").write_text("shot0\n")
    (main / "val.txt").write_text("shot1\n")
    (main / "cat_train.txt").write_text("shot0 1\n")
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\ncat:1,2,3::\n")
    dataset = read_dataset(tmp_path)
    assert [(each.path.name, each.split) for each in dataset.labelled] == [
        ("shot0.png", "train"),
        ("shot1.png", "validation"),
    ]


def test_cvat_coco(tmp_path: Path) -> None:
    """annotations/instances_default.json beside images/default/."""
    picture(tmp_path / "images/default/a.png")
    (tmp_path / "annotations").mkdir()
    content = {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": ""},
        "categories": [{"id": 1, "name": "cat", "supercategory": ""}],
        "images": [{"id": 1, "width": 64, "height": 48, "file_name": "a.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 12, 32, 24], "iscrowd": 0, "attributes": {}}
        ],
    }
    (tmp_path / "annotations/instances_default.json").write_text(json.dumps(content))
    for path in (tmp_path, tmp_path / "annotations/instances_default.json"):
        assert read_dataset(path).labelled[0].boxes.tolist() == [[8, 12, 40, 36]]


@pytest.mark.parametrize("kind", ["coco", "coco_instances", "voc", "voc_detection", "yolo", "yolo_ultralytics"])
def test_what_datumaro_writes(tmp_path: Path, kind: str) -> None:
    """CVAT exports with it. Names have spaces, and one photograph shows nothing."""
    dm = pytest.importorskip("datumaro", reason="needs CVAT's writers: pip install datumaro")
    boxes = [dm.Bbox(8, 12, 32, 24, label=1, id=1, group=1), dm.Bbox(0, 0, 64, 48, label=0, id=2, group=2)]
    items = [
        dm.DatasetItem(
            name, subset=subset, media=dm.Image.from_file(str(picture(tmp_path / f"{name}.png"))), annotations=found
        )
        for name, subset, found in (("Größe 猫 1", "train", boxes), ("b", "val", []))
    ]
    dm.Dataset.from_iterable(items, categories=["cat", "dog"]).export(str(tmp_path / "out"), kind, save_media=True)
    dataset = read_dataset(tmp_path / "out")
    empty = [] if kind.startswith("voc") or kind == "coco" else [("b.png", "validation", (), [])]  # others leave it out
    assert [(each.path.name, each.split, each.labels, each.boxes.tolist()) for each in dataset.labelled] == [
        ("Größe 猫 1.png", "train", ("dog", "cat"), [[8, 12, 40, 36], [0, 0, 64, 48]]),
        *empty,
    ]


def test_splits_of_voc_names_with_spaces_folders_and_flags(tmp_path: Path) -> None:
    voc_set(tmp_path, [[CAT]] * 3, stem="a shot ")
    main = tmp_path / "ImageSets/Main"
    main.mkdir(parents=True)
    (main / "train.txt").write_text("a shot 0\nsome folder/a shot 1  1\n")
    (main / "val.txt").write_text('"a shot 2" -1\n')
    assert [each.split for each in read_dataset(tmp_path).labelled] == ["train", "train", "validation"]


def test_cocos_own_folder_has_files_of_other_tasks(tmp_path: Path) -> None:
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT]])), tmp_path / "out", "coco")
    (tmp_path / "out/annotations.json").rename(tmp_path / "out/instances_train.json")
    captions = {"images": [], "annotations": [{"image_id": 1, "caption": "a cat"}]}
    (tmp_path / "out/captions_train.json").write_text(json.dumps(captions))
    assert read_dataset(tmp_path / "out").labelled[0].labels == ("cat",)


def test_roboflow_yolo_and_its_wrong_paths(tmp_path: Path) -> None:
    for split, path in (("train", "train"), ("validation", "valid")):
        picture(tmp_path / path / "images/a.jpg", seed=len(split))
        (tmp_path / path / "labels").mkdir()
        (tmp_path / path / "labels/a.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['cat']\n")
    (tmp_path / "README.dataset.txt").write_text("# a set with more than four words\n")
    dataset = read_dataset(tmp_path)
    assert [(each.split, each.labels) for each in dataset.labelled] == [("train", ("cat",)), ("validation", ("cat",))]
