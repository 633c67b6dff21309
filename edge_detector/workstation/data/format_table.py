"""The formats of labelled data sets, by name."""

# Each module finds the annotation files of its format, reads them, and writes a set: see `reading.Format`.
FORMATS = {
    "coco": "edge_detector.workstation.data.formats.coco",
    "tfrecord": "edge_detector.workstation.data.formats.tfrecord",
    "voc": "edge_detector.workstation.data.formats.voc",
    "yolo": "edge_detector.workstation.data.formats.yolo",
}
MADE_OF_OTHERS = "tfrecord"  # beside annotations of another format, its files were made of those
