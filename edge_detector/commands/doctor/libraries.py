"""Checks of Python and of the libraries whose versions must match."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from edge_detector.commands.doctor import isolated
from edge_detector.commands.doctor.finding import Finding, error, ok, warning
from edge_detector.commands.doctor.isolated import ProcessOutcome

OLDEST = (3, 11)
APT_PACKAGES = Path("/usr/lib/python3/dist-packages")
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
RUNTIMES = ("ai-edge-litert", "tflite-runtime")
# Messages of libraries that are imported with another numpy than they were compiled for.
NUMPY_MISMATCH = ("numpy.dtype size changed", "_ARRAY_API", "numpy.core.multiarray", "compiled using NumPy 1.x")

Run = Callable[[str], ProcessOutcome]


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Python is new enough."""
    text = ".".join(map(str, version))
    if version < OLDEST:
        return error(f"Python {text}; expected {'.'.join(map(str, OLDEST))} or newer", "use Debian 12 or newer")
    return ok(f"Python {text}")


def check_virtual_environment(prefix: Path = Path(sys.prefix), apt: Path = APT_PACKAGES) -> Finding:
    """The virtual environment sees apt's picamera2."""
    settings = prefix / "pyvenv.cfg"
    if not settings.is_file():
        return ok("none: this is the system's Python")
    if "include-system-site-packages = true" in settings.read_text():
        return ok(f"{prefix}, sees the system's packages")
    if not (apt / "picamera2").is_dir():
        return ok(f"{prefix}, does not see the system's packages; no picamera2 is among them")
    return error(
        f"{prefix} does not see apt's picamera2",
        f"create it again: /usr/bin/python3 -m venv --clear --system-site-packages {prefix}",
    )


def check_picamera2(run: Run = isolated.run_code, is_there: Callable[[str], object] = find_spec) -> Finding:
    """picamera2 and the simplejpeg that it needs fit the numpy that is imported here."""
    names = [name for name in ("simplejpeg", "picamera2") if is_there(name)]
    if not names:
        return ok("not installed: no cameras on a ribbon cable; USB, network and files work")
    outcome = run(f"import numpy, {', '.join(names)}; print(numpy.__version__, numpy.__file__)")
    if outcome.succeeded:
        return ok(f"numpy {outcome.output.partition(' ')[0]} fits {' and '.join(names)}")
    if any(sign in outcome.problem for sign in NUMPY_MISMATCH):
        return error(
            f"this numpy does not fit {' and '.join(names)}: {outcome.problem}",
            f"go back to the system's numpy: {sys.executable} -m pip uninstall numpy",
        )
    return error(f"does not import: {outcome.problem}", "sudo apt install --reinstall python3-picamera2")


def check_opencv(
    run: Run = isolated.run_code,
    installed: Callable[[], Iterable[str]] = lambda: _installed(OPENCV),
    apt: Path = APT_PACKAGES,
) -> Finding:
    """Which cv2 is imported, and which others it hides or conflicts with."""
    outcome = run("import cv2; print(cv2.__version__, cv2.__file__)")
    if not outcome.succeeded:
        return error(f"does not import: {outcome.problem}", f"{sys.executable} -m pip install opencv-python-headless")
    version, _, file = outcome.output.partition(" ")
    packages = sorted(installed())
    if len(packages) > 1:
        return warning(
            f"{version} from {file}; {' and '.join(packages)} overwrite each other's files",
            f"keep one: {sys.executable} -m pip uninstall {' '.join(packages)}, then install opencv-python-headless",
        )
    hidden = [path.name for path in apt.glob("cv2*") if not file.startswith(str(apt))]
    return ok(f"{version} from {file}" + (f"; hides apt's {hidden[0]}" if hidden else ""))


def check_runtime(installed: Callable[[], Iterable[str]] = lambda: _installed(RUNTIMES)) -> Finding:
    """A model runtime is installed."""
    found = sorted(installed())
    if not found:
        return error("no model runtime is installed", f"{sys.executable} -m pip install ai-edge-litert")
    return ok(", ".join(found))


def _installed(names: Iterable[str]) -> list[str]:
    """Those of the packages that are installed, with their versions."""
    versions = ((name, _version(name)) for name in names)
    return [f"{name}=={version}" for name, version in versions if version]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
