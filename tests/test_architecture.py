"""The rules of the design that a test can check: imports point downhill, and the package is light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_detector import registry
from edge_detector.workstation.quantization.techniques import TECHNIQUES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edge_detector"

INIT = "__init__"  # what a room itself holds, imported by the room's name alone

# The floors of each room, lowest first. A part of a room may import the parts on lower floors, and what is outside
# the room as far as the rooms around it allow; two parts on one floor do not know each other.
FLOORS = {
    "": (
        (
            "backoff",
            "boxes",
            "buffers",
            "colors",
            "errors",
            "hours",
            "limits",
            "masking",
            "polygon",
            "text_table",
            "types",
            "version",
        ),
        ("scaling", "secret_files", "trails"),
        ("image_files", "logs", "overlay", "prefetch", "registry", "system", "toml"),
        ("model_store", "options", "resource", "toml_lines"),
        ("track",),
        ("cameras", "mask"),
        ("config",),
        ("events", "mistakes", "running"),
        ("detect", "sinks", "sources"),
        ("swap",),
        ("pipeline",),
        (INIT,),
        ("workstation",),
        ("commands",),
        ("cli",),
        ("__main__",),
    ),
    "system": (
        (
            INIT,
            "allocator",
            "child",
            "disk_writes",
            "energy",
            "restart_note",
            "sd_notify",
            "state",
            "stdio",
            "thermal",
            "termination",
            "throttling",
        ),
        ("machine",),
        ("conditions",),
    ),
    "model_store": ((INIT, "catalogue", "download"), ("find",)),
    "events": (
        (INIT, "heat", "place", "record", "schema", "writer_lock"),
        ("database", "index"),
        ("changes", "links"),
    ),
    "mistakes": ((INIT, "place", "record", "unsure"), ("judging", "store"), ("export",)),
    "running": (
        (INIT, "camera_lowest", "governor", "in_time", "meter", "model_change", "places", "reload", "turns", "waiting"),
        ("camera_places", "context"),
    ),
    "swap": ((INIT, "agreement", "identity", "one_model"), ("candidate",), ("shadow",), ("live_detector",)),
    "track": ((INIT, "association", "motion", "places", "visits"), ("tracker", "zones"), ("scene",), ("scenes",)),
    "sources": (
        ("base", "credentials", "decoding", "jpeg", "lean_decoding", "v4l2"),
        ("generated", "lasting", "motion_jpeg"),
        (INIT, "capture"),
        ("camera", "images", "picamera2", "several", "synthetic", "video"),
        ("stream",),
    ),
    "detect": (
        ("description", "labels", "manifest", "postprocess", "quantized", "score_scale"),
        ("anchors", "model_input", "preprocess"),
        ("heads",),
        ("runtimes",),
        ("probe",),
        ("recognition",),
        ("detector",),
        ("similar",),
        (INIT,),
    ),
    "detect.runtimes": ((INIT, "fake", "litert"),),
    "detect.heads": ((INIT,), ("ssd", "yolo")),
    "sinks": (
        ("base", "record"),
        ("background", "each_camera", "mosaic", "plain"),
        (INIT, "recording"),
        (
            "clips",
            "events",
            "gpio",
            "jsonl",
            "mqtt",
            "notify",
            "print",
            "snapshots",
            "telemetry",
            "timelapse",
            "video",
            "watchdog",
            "web",
            "window",
        ),
    ),
    "sinks.recording": (
        (INIT, "disk", "encoder", "filmed_visits", "playable", "preroll", "synced_file", "trigger"),
        ("line_file", "recording_folder"),
        ("mp4_writer",),
        ("recorder",),
    ),
    "sinks.events": ((INIT, "picture", "stay"), ("writer",), ("sink",)),
    "sinks.mqtt": (
        (INIT, "best_picture", "event_queue", "inside", "states", "topics"),
        ("assured", "client", "controls", "homeassistant"),
        ("sink",),
    ),
    "sinks.notify": (
        (INIT, "delivery", "message"),
        ("http", "outbox", "rules"),
        ("sender",),
        ("sink",),
        ("command", "email", "ntfy", "telegram", "webhook"),
    ),
    "sinks.telemetry": ((INIT, "csv_log", "latency_histogram", "sample"), ("sink",)),
    "sinks.window": ((INIT, "display", "notes", "screen_process"), ("screen",), ("sink",)),
    "sinks.web": (
        ("place_masks",),
        (
            "bodies",
            "feed",
            "in_thread",
            "last_seen",
            "listen",
            "marking",
            "pages",
            "rate_limiter",
            "samples",
            "server",
            "sessions",
            "settings",
            "settings_file",
            "tls",
            "token",
            "totals",
            "visit_files",
            "visit_frame",
            "visit_query",
            "which_camera",
        ),
        ("history", "limited_listener", "marks", "models", "pictures", "places_file", "security"),
        ("camera_places_file", "messages"),
        ("places", "views"),
        ("streams",),
        ("metrics", "status"),
        ("app",),
        ("sink",),
        (INIT,),
    ),
    "workstation": (
        (INIT, "extras", "html_page", "progress"),
        ("graph",),
        ("data",),
        ("evaluation",),
        ("classification",),
        ("calibration", "checking", "fingerprint"),
        ("quantization",),
        ("training",),
        ("compression", "improvement"),
        ("comparison",),
        ("compare", "convert", "dataset", "distill", "evaluate", "improve", "specialize", "train"),
    ),
    "workstation.data": (
        (INIT, "fingerprints", "format_table", "images", "picture_headers", "targets"),
        ("coco",),
        ("merging", "photographs"),
        ("labelled",),
        ("completing", "exhaustive", "formats", "grouping"),
        ("reading", "splitting"),
        ("measured_sets", "splitting_report"),
        ("writing",),
    ),
    "workstation.data.formats": (
        (INIT, "locating", "tfrecord_file", "yolo_line"),
        ("yolo_layout",),
        ("coco", "tfrecord", "voc", "yolo"),
    ),
    "workstation.graph": (
        (INIT, "classifier", "keras_import", "tflite_graph"),
        ("dequantize", "focus", "heads", "model_files", "repairs", "separate_predictions", "shape_rules", "silu"),
        ("equalization", "fusions", "postprocess_op", "shapes"),
        ("class_channels", "onnx_import"),
        ("fewer_classes", "float_source"),
        ("input_size",),
    ),
    "workstation.graph.onnx_import": (
        (INIT, "layout", "onnx_file"),
        ("builder",),
        ("arithmetic", "arranging", "slicing"),
        ("windows",),
        ("operators",),
        ("importer",),
    ),
    "workstation.evaluation": (
        (INIT, "coco_metrics", "manifest_scores", "truths"),
        ("score_quality",),
        ("measurement",),
        ("mistakes", "unmatched"),
        ("agreement",),
        ("html_report", "json_report", "text_report"),
        ("report_formats",),
    ),
    "workstation.classification": (
        (INIT, "classifier", "pictures", "share"),
        ("evidence", "measurement"),
        ("agreement",),
        ("reports",),
    ),
    "workstation.checking": (
        (INIT, "material"),
        ("boxes", "classes", "photographs"),
        ("checking",),
        ("reports",),
        ("page",),
    ),
    "workstation.calibration": (
        (INIT, "activations", "scenes"),
        ("channel_moments", "ranges"),
        ("channel_sizes", "statistics"),
        ("lint",),
        ("input_probe",),
    ),
    "workstation.quantization": (
        (INIT, "ai_edge", "bias_correction", "compatibility", "fidelity", "operator_versions", "techniques"),
        ("float_operators", "quantize_operators", "report"),
        ("accuracy_control",),
        ("material", "sections"),
        ("calibrated", "static", "written_models"),
        ("dynamic", "float16", "float32", "int16x8", "int8", "weights"),
        ("controlled",),
        ("make_model",),
    ),
    "workstation.comparison": (
        (INIT, "delegation", "store", "tasks", "timing", "wishes"),
        ("variants",),
        ("making", "rows"),
        ("calibration_check", "columns", "detections", "findings", "guesses", "pareto", "recommendation"),
        ("examination",),
        ("chart", "comparing", "json_report", "text_report"),
        ("html_report",),
        ("markdown_report",),
        ("reports",),
    ),
    "workstation.training": (
        (
            INIT,
            "augmentation",
            "base_model",
            "box_fusion",
            "checkpoints",
            "distillation",
            "graph_layers",
            "history",
            "losses",
            "onnx_runtime",
            "recipe",
            "schedule",
            "training_set",
            "views",
        ),
        ("distribution", "graph_twin", "reading", "scalars", "tuner"),
        ("keras_twin", "quiet"),
        ("class_columns", "teachers", "trainer", "validator"),
        ("results", "training_loop"),
        ("int8_training",),
        ("fine_tuning",),
        ("advice", "card"),
        ("training_report",),
        ("command",),
    ),
    "workstation.improvement": ((INIT, "marked", "replay", "verdict"), ("improving",)),
    "workstation.compression": (
        (INIT, "held_out", "int8_result", "weights", "work"),
        ("hidden_channels", "least_squares", "training_data"),
        ("towards_source",),
        ("constrained",),
        ("clustering", "filter_pruning", "pruning", "qat"),
        ("prune_cluster_qat",),
    ),
    "commands": (
        (INIT,),
        ("bench", "components", "doctor", "events", "inspect", "mistakes", "models"),
        ("sinks", "sources"),
    ),
    "commands.bench": (("measuring",), ("report",), ("tuning",), (INIT,)),
    "commands.doctor": (("finding", "isolated"), ("board", "detection", "devices", "libraries", "service"), (INIT,)),
}
NOT_FOR_THE_DEVICE = {"workstation"}  # it imports the device's side, never the other way round


def name_of(path: Path) -> str:
    """The module's dotted name below the package; a room's own is the room's: ``sinks`` for sinks/__init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == INIT else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
DEVICE_SIDE = [path for name, path in MODULES.items() if name.partition(".")[0] not in NOT_FOR_THE_DEVICE]


def imported(path: Path) -> Iterator[str]:
    """The modules of this package that a file imports, anywhere in it, by their names below the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (below(alias.name) for alias in node.names if alias.name.startswith("edge_detector"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edge_detector"):
            origin = below(node.module or "")
            for alias in node.names:
                module = f"{origin}.{alias.name}".lstrip(".")
                yield module if module in MODULES else origin


def below(name: str) -> str:
    return name.removeprefix("edge_detector").lstrip(".")


def rooms_around(name: str) -> Iterator[str]:
    """Every room that a module stands in, the house itself first."""
    parts = name.split(".") if name else []
    yield ""
    yield from (room for end in range(1, len(parts) + 1) if (room := ".".join(parts[:end])) in FLOORS)


def floor(room: str, name: str) -> int | None:
    """The floor of the part of ``room`` that holds the module ``name``; None for a module outside the room."""
    if room and name != room and not name.startswith(f"{room}."):
        return None
    part = name.removeprefix(room).lstrip(".").partition(".")[0] or INIT
    return next(number for number, parts in enumerate(FLOORS[room]) if part in parts)


def part(room: str, name: str) -> str:
    return name.removeprefix(room).lstrip(".").partition(".")[0]


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "edge_detector")
def test_imports_point_downhill(name: str) -> None:
    uphill = [
        f"{name} imports {other}, which is not below it in {room or 'the house'}"
        for other in set(imported(MODULES[name]))
        for room in rooms_around(name)
        if part(room, other) != part(room, name)
        and (there := floor(room, other)) is not None
        and there >= (floor(room, name) or 0)
    ]
    assert uphill == []


@pytest.mark.parametrize("room", FLOORS, ids=lambda room: room or "edge_detector")
def test_every_part_of_a_room_has_one_floor(room: str) -> None:
    here = {part(room, name) or INIT for name in MODULES if name == room or name.startswith(f"{room}." if room else "")}
    named = [each for parts in FLOORS[room] for each in parts]
    assert sorted(named) == sorted(here)


def test_every_room_has_floors() -> None:
    assert sorted(FLOORS) == sorted(name for name, path in MODULES.items() if path.stem == INIT)


@pytest.mark.parametrize("path", DEVICE_SIDE, ids=name_of)
def test_the_device_side_imports_nothing_of_the_workstation(path: Path) -> None:
    assert [name for name in imported(path) if name.partition(".")[0] in NOT_FOR_THE_DEVICE] == []


def test_every_name_in_the_tables_exists() -> None:
    techniques = {name: technique.function for name, technique in TECHNIQUES.items()}
    tables = {**registry.SOURCES, **registry.RUNTIMES, **registry.HEADS, **registry.SINKS, **techniques}
    missing = [name for name, target in tables.items() if not _defines(target)]
    assert missing == []


def _defines(target: str) -> bool:
    """Whether the file says ``class attribute`` or ``def attribute``, without importing it."""
    module, _, attribute = target.partition(":")
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute for node in body)


@pytest.mark.parametrize(
    "module", ["edge_detector", "edge_detector.types", "edge_detector.cli", "edge_detector.workstation.convert"]
)
def test_importing_is_light(module: str) -> None:
    heavy = "{'cv2', 'tensorflow', 'picamera2', 'pygame', 'av', 'ai_edge_litert', 'ai_edge_quantizer'}"
    code = f"import {module}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("flag", ["--help", "--version", "--print-config"])
def test_what_only_says_something_does_not_wait_for_numpy(flag: str) -> None:
    code = f"from edge_detector import cli; import sys; cli.main(['{flag}']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"


# Only files whose loop cannot be an iterator have a thread of their own.
THREADS = {
    "prefetch.py",
    "sinks/background.py",
    "sinks/web/server.py",  # the event loop of the web server
}


def test_threads_live_in_few_files() -> None:
    starters = {
        str(path.relative_to(PACKAGE))
        for path in DEVICE_SIDE
        if "threading.Thread(" in path.read_text(encoding="utf-8")
    }
    assert starters == THREADS
