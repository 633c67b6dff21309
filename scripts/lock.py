"""Pin what the installed service needs, with the SHA-256 of every wheel, for the Python that runs this.

    python3.11 scripts/lock.py      # Bookworm: requirements/cp311.txt
    python3.13 scripts/lock.py      # Trixie: requirements/cp313.txt

The Python counts: what a package needs depends on it. numpy is not pinned here: deploy.sh uses the one from apt.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
EXTRAS = ("window", "web", "mqtt")  # what the service may be configured to use
APT_NUMPY = {"cp311": "1.24.2", "cp313": "2.2.4"}  # Bookworm, Trixie: every pinned wheel must work with it
MACHINES = ("aarch64", "x86_64")
GLIBCS = (36, 34, 31, 28, 27, 24, 17)  # manylinux_2_N that Bookworm, with glibc 2.36, can load
ONLY_AS_SOURCE = ("imutils",)  # no wheel is published; deploy.sh builds one
PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"

Pins = Mapping[str, tuple[str, set[str]]]  # name: version, SHA-256 of the files


def main() -> None:
    """Write the lock files."""
    needed = [need for need in requirements() if name_of(need) not in ONLY_AS_SOURCE]
    wheels = merge([wheels_for(machine, [*needed, f"numpy=={APT_NUMPY[PYTHON]}"]) for machine in MACHINES])
    write(PYTHON, {name: pin for name, pin in wheels.items() if name != "numpy"})
    write("source", resolve("--no-deps", "--no-binary=:all:", *ONLY_AS_SOURCE))


def requirements() -> list[str]:
    """What pyproject.toml asks for, with the extras of the service, and setuptools to build the next version."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = table["project"]
    extras = [need for extra in EXTRAS for need in project["optional-dependencies"][extra]]
    return table["build-system"]["requires"] + project["dependencies"] + extras


def name_of(requirement: str) -> str:
    """The name of the package, as the index writes it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def wheels_for(machine: str, needed: Sequence[str]) -> Pins:
    """The wheels that satisfy ``needed`` on one kind of machine."""
    platforms = [f"--platform=manylinux_2_{glibc}_{machine}" for glibc in GLIBCS]
    return resolve("--only-binary=:all:", "--target=unused", *platforms, f"--platform=manylinux2014_{machine}", *needed)


def resolve(*words: str) -> Pins:
    """What pip would install."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report=-"]
    report = json.loads(subprocess.run([*command, *words], check=True, stdout=subprocess.PIPE).stdout)
    return dict(pin(package) for package in report["install"])


def pin(package: Mapping) -> tuple[str, tuple[str, set[str]]]:
    """One package of pip's report, by its name."""
    metadata, download = package["metadata"], package["download_info"]
    print(f"{PYTHON}: {Path(urlsplit(download['url']).path).name}")
    return name_of(metadata["name"]), (metadata["version"], {download["archive_info"]["hashes"]["sha256"]})


def merge(machines: Sequence[Pins]) -> Pins:
    """One version of each package for all machines, with the hashes for each.

    Raises `ValueError` if the machines would get different versions.
    """
    merged: dict[str, tuple[str, set[str]]] = {}
    for name, (version, hashes) in (item for pins in machines for item in pins.items()):
        known, found = merged.setdefault(name, (version, set()))
        if known != version:
            raise ValueError(f"{name}: {known} on one machine, {version} on another; expected one version")
        found |= hashes
    return merged


def write(name: str, pins: Pins) -> None:
    """A requirements file for ``pip install --require-hashes --no-deps``."""
    lines = [
        f"{name}=={version} {' '.join(f'--hash=sha256:{digest}' for digest in sorted(hashes))}"
        for name, (version, hashes) in sorted(pins.items())
    ]
    text = "\n".join(["# Written by scripts/lock.py; numpy comes from apt.", *lines, ""])
    (ROOT / "requirements" / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
