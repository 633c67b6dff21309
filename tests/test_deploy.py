"""What is installed on a Pi: the script, the units and what they promise. tests/machines/ really runs them."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_detector.config import MOVED, load
from edge_detector.errors import ConfigError, EdgeDetectorError, ModelError, SourceError, SourceTimeout, UsageError
from edge_detector.prefetch import JOIN_TIMEOUT_S

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy.sh"
UNIT = ROOT / "systemd" / "edge-detector.service"
SESSION_UNIT = ROOT / "systemd" / "edge-detector-session.service"
SINCE_254 = ROOT / "systemd" / "since-254.conf"
LARGEST_EXPOSURE = 3.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def runnable(unit: Path, folder: Path) -> Path:
    """The unit with a program that this machine has."""
    copy = folder / "edge-detector.service"
    text = unit.read_text(encoding="utf-8").replace("/opt/edge-detector/venv/bin/edge-detector", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "systemd" / "edge-detector-display.service", folder)  # the session's unit is bound to it
    return copy


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


# ---- units


@needs_systemd
@pytest.mark.parametrize(("unit", "scope"), [(UNIT, "--system"), (SESSION_UNIT, "--user")], ids=["system", "user"])
def test_systemd_knows_every_setting_of_the_unit(unit, scope, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = analyze(scope, "verify", "--recursive-errors=yes", str(runnable(unit, tmp_path)))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_service_is_well_confined(tmp_path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(runnable(UNIT, tmp_path)))
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) <= LARGEST_EXPOSURE


def test_the_service_may_use_cameras_graphics_and_the_firmware() -> None:
    allowed = {value.partition(" ")[0] for value in settings(UNIT)["DeviceAllow"]}
    assert {"char-video4linux", "char-media", "char-dma_heap", "char-drm", "/dev/vcio"} <= allowed
    assert "ProcSubset" not in settings(UNIT)  # the runtimes read /proc/cpuinfo, telemetry /proc/meminfo
    assert settings(UNIT)["ProtectHome"] == ["read-only"]  # models may lie in a home


@pytest.mark.parametrize("unit", [UNIT, SESSION_UNIT], ids=["system", "user"])
def test_a_restart_is_tried_for_what_it_can_mend_only(unit) -> None:
    (prevented,) = settings(unit)["RestartPreventExitStatus"]
    final = {int(status) for status in prevented.split()}
    assert {kind.exit_code for kind in (UsageError, ConfigError, ModelError)} == final
    assert not final & {kind.exit_code for kind in (EdgeDetectorError, SourceError, SourceTimeout)}
    assert settings(unit)["Restart"] == ["on-failure"]


def seconds(text: str) -> float:
    """A time span of a unit, such as ``10s`` or ``10min``, in seconds."""
    number, unit = re.fullmatch(r"(\d+)(s|min)", text).groups()
    return float(number) * {"s": 1, "min": 60}[unit]


@pytest.mark.parametrize("unit", [UNIT, SESSION_UNIT], ids=["system", "user"])
def test_a_camera_that_is_away_for_a_night_is_waited_for(unit) -> None:
    """With RestartSec= even a program that ends at once is started too seldom for systemd to give up."""
    told = settings(unit)
    (interval,), (burst,), (pause,) = (told[key] for key in ("StartLimitIntervalSec", "StartLimitBurst", "RestartSec"))
    assert int(burst) * seconds(pause) >= seconds(interval)


def test_the_back_off_is_never_given_up_either() -> None:
    told = settings(SINCE_254)
    first, last = (seconds(told[key][0]) for key in ("RestartSec", "RestartMaxDelaySec"))
    steps = int(told["RestartSteps"][0])
    burst, interval = int(settings(UNIT)["StartLimitBurst"][0]), seconds(settings(UNIT)["StartLimitIntervalSec"][0])
    pauses = [first * (last / first) ** (min(count, steps) / steps) for count in range(burst)]
    assert sum(pauses) >= interval


def test_the_modules_of_the_devices_are_loaded_before_the_service_asks_for_them() -> None:
    """systemd.resource-control(5): a DeviceAllow=char-... that /proc/devices does not have yet is ignored."""
    for key in ("After", "Wants"):
        assert {"modprobe@drm.service", "modprobe@videodev.service"} <= set(" ".join(settings(UNIT)[key]).split())


def test_the_service_cannot_read_what_is_typed_at_the_console() -> None:
    assert not {"char-input", "char-tty"} & {value.partition(" ")[0] for value in settings(UNIT)["DeviceAllow"]}
    assert "input" not in re.findall(r"for group in (.*); do", DEPLOY.read_text(encoding="utf-8"))[0].split()


@pytest.mark.parametrize("unit", [UNIT, SESSION_UNIT], ids=["system", "user"])
def test_an_orderly_end_has_time_before_systemd_kills(unit) -> None:
    (patience,) = settings(unit)["TimeoutStopSec"]
    assert float(patience.removesuffix("s")) >= 2 * JOIN_TIMEOUT_S  # capture and inference, one after the other


# ---- the script


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
@pytest.mark.parametrize("script", sorted([DEPLOY, *ROOT.glob("tests/machines/*.sh")]), ids=lambda script: script.name)
def test_shellcheck_has_nothing_to_say(script) -> None:
    command = ["shellcheck", "--external-sources", str(script.relative_to(ROOT))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "")


def deploy(*words: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(DEPLOY), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"PATH": path}
    )


def test_help_names_every_option_that_the_script_knows() -> None:
    known = set(re.findall(r"^ {12}(--[a-z-]+)(?: \| -h)?\)", DEPLOY.read_text(encoding="utf-8"), re.MULTILINE))
    told = set(re.findall(r"^ {2}(--[a-z-]+)", deploy("--help").stdout, re.MULTILINE))
    assert known == told


def test_an_unknown_option_is_bad_usage() -> None:
    done = deploy("--unistall")
    assert (done.returncode, "unknown option --unistall" in done.stderr) == (2, True)


# ---- the script on a machine of its own: every path lies in a folder, and what it calls is recorded and does little

PYTHON = """#!/bin/bash
# python3, venv and pip.
printf 'python %s\n' "$*" >>"$LAB/asked"
last=${!#}
after() { while [[ $1 != "$name" ]]; do shift; done; printf %s "$2"; }
case "$*" in
    *"-m venv"*) mkdir -p "$last/bin" "$last/lib/python3.11/site-packages"; cp "$LAB/bin/python3" "$last/bin/python" ;;
    *"pip "*" wheel "*)
        name=--wheel-dir folder=$(after "$@")
        case "$*" in *source.txt*) wheel=imutils ;; *) wheel=edge_detector ;; esac
        mkdir -p "$folder"; echo "$wheel" >"$folder/$wheel-0.1.0-py3-none-any.whl" ;;
    *"pip "*" download "*)
        name=--dest folder=$(after "$@")
        mkdir -p "$folder"; echo library >"$folder/numpy.whl"; echo "Saved numpy.whl" ;;
    *"pip "*" install "*)
        [[ ! -e $LAB/pip-fails ]] || { echo "no network" >&2; exit 1; }
        echo "Downloading numpy"; echo "  unimportant"
        folder=$(dirname "$(dirname "$0")"); touch "$folder/lib/python3.11/site-packages/library.py"
        case "$*" in *edge_detector-*) cp "$LAB/edge-detector" "$folder/bin" ;; esac ;;
    *"pip "*" check"*) cat "$LAB/pip-check" 2>/dev/null; [[ ! -e $LAB/pip-check ]] ;;
    *"import setuptools, pip"*) exit 1 ;;
    *"import numpy"*) echo 1.24.2 ;;
    *"sys.version_info"*) echo cp311 ;;
    *) exec "$REAL_PYTHON" "$@" ;;
esac
"""

EDGE_DETECTOR = """#!/bin/bash
printf 'edge-detector %s\n' "$*" >>"$LAB/asked"
case "$1" in
    --version) echo "edge-detector 0.1.0" ;;
    doctor) [[ ! -e $LAB/doctor-fails ]] || { echo "error self-test: it crashes"; exit 1; } ;;
    inspect) [[ $2 == known ]] || { echo "no model is called $2" >&2; exit 78; } ;;
    --config) ! grep -q nonsense "$2" || { echo "no such source" >&2; exit 78; } ;;
    --print-config) printf '# the model\n# model =\n\n# the camera\nsource = "0"\n' ;;
esac
"""

SSH = """#!/bin/bash
# Every host is this machine, but "down" does not answer.
printf 'ssh %s\n' "$*" >>"$LAB/asked"
[[ ! -e $LAB/secret ]] || grep -lszf "$LAB/secret" /proc/[0-9]*/cmdline >>"$LAB/seen-in-process-list"
case "$*" in
    *down*) exit 255 ;;
    *mktemp*) echo /tmp/put-here; [[ "$*" != *asks* || "$*" != *careful* ]] || echo asks ;;
    *tar*) cat >"$LAB/payload.tar.gz" ;;
    *deploy.sh*) echo "nothing to change" ;;
esac
"""

RECORDS = """#!/bin/bash
printf '%s %s\n' "$(basename "$0")" "$*" >>"$LAB/asked"
"""

INSTALL = """#!/bin/bash
# Without the group, which only root can set.
words=()
for word in "$@"; do [[ $word == --group=* ]] || words+=("$word"); done
exec /usr/bin/install "${words[@]}"
"""

FILES = {
    "pyproject.toml": "[project]\n",
    "README.md": "",
    "LICENSE": "",
    "docs/pi.md": "",
    "edge_detector/version.py": '__version__ = "0.1.0"\n',
    "requirements/cp311.txt": "av==18.1.0 --hash=sha256:1\n",
    "requirements/cp313.txt": "av==19.0.2 --hash=sha256:2\n",
    "requirements/source.txt": "imutils==0.5.4 --hash=sha256:3\n",
    "demo/demo.mp4": "",
    "models/a.tflite": "",
    "models/a.toml": "",
    "labels/coco.txt": "",
    "systemd/edge-detector.service": "",
}


class Machine:
    """A machine in a folder: the script with its paths there, and programs that only record what they are asked."""

    def __init__(self, lab: Path) -> None:
        self.lab = lab
        self.checkout = lab / "checkout"
        self.bin = lab / "bin"
        for name, text in FILES.items():
            self.write(self.checkout / name, text)
        text = DEPLOY.read_text(encoding="utf-8").replace("/usr/bin/python3", str(self.bin / "python3"))
        for folder in ("/opt", "/etc", "/var", "/usr/local"):
            text = re.sub(rf"(?<![\w/])({folder})(?=/)", rf"{lab}\1", text)
        self.write(self.checkout / "deploy.sh", text)
        for name, text in {"python3": PYTHON, "ssh": SSH, "install": INSTALL}.items():
            self.program(name, text)
        for name in ("chgrp", "systemctl", "apt-get", "apt-mark", "userdel", "loginctl"):
            self.program(name, RECORDS)
        self.write(lab / "edge-detector", EDGE_DETECTOR).chmod(0o755)
        for folder in ("var/tmp", "opt", "usr/local/bin"):
            (lab / folder).mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, name: str, text: str) -> None:
        self.write(self.bin / name, text).chmod(0o755)

    def run(self, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LAB": str(self.lab),
            "REAL_PYTHON": sys.executable,
        }
        return subprocess.run(
            command,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
            cwd=self.lab,
        )

    def deploy(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("bash", str(self.checkout / "deploy.sh"), *words, typed=typed)

    def call(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run functions of the script, with the settings of an installation as a service."""
        preamble = (
            f'. {self.checkout}/deploy.sh; mode=service; trap clean_up EXIT; scratch=$(mktemp -d "$TMPDIR/x.XXX")'
        )
        return self.run("bash", "-c", f"{preamble}\n{script}")

    def install(self) -> subprocess.CompletedProcess[str]:
        return self.call("virtual_environment")

    def next_version(self, number: int = 2) -> None:
        self.write(self.checkout / "edge_detector/version.py", f'__version__ = "0.{number}.0"\n')

    def versions(self) -> list[str]:
        return sorted(path.name.partition("-")[0] for path in (self.lab / "opt/edge-detector/venvs").iterdir())

    @property
    def venv(self) -> Path:
        return self.lab / "opt/edge-detector/venv"

    @property
    def in_use(self) -> str:
        return self.venv.resolve().name.partition("-")[0]

    @property
    def config(self) -> Path:
        return self.lab / "etc/edge-detector/edge-detector.toml"

    def asked(self) -> str:
        """The command lines of all programs so far."""
        path = self.lab / "asked"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def installed(machine) -> Machine:
    done = machine.call("virtual_environment; settings")
    assert done.returncode == 0, done.stderr
    return machine


# ---- environments


def test_the_program_is_installed_beside_and_used_through_a_link(machine) -> None:
    done = machine.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine.venv.is_symlink(), machine.versions()) == (True, ["0.1.0"])
    assert (machine.lab / "usr/local/bin/edge-detector").readlink() == machine.venv / "bin/edge-detector"


def test_a_second_run_builds_nothing(installed) -> None:
    before = installed.asked()
    assert installed.install().stdout == ""
    assert "pip" not in installed.asked().removeprefix(before)


def test_every_library_is_compared_with_its_hash_and_none_is_added(machine) -> None:
    machine.install()
    installs = [line for line in machine.asked().splitlines() if " install " in line]
    assert [line.rpartition("/")[2] for line in installs] == [
        "cp311.txt",
        "imutils-0.1.0-py3-none-any.whl",
        "edge_detector-0.1.0-py3-none-any.whl",
    ]
    assert all("--no-deps" in line for line in installs)
    assert "--require-hashes" in installs[0]


@pytest.mark.parametrize(
    ("fault", "text", "reason"),
    [
        ("pip-fails", "", "no network"),
        ("doctor-fails", "", "it failed its test"),
        ("pip-check", "av 18.1.0 requires ffmpeg, which is not installed.\n", "do not fit together"),
    ],
)
def test_an_upgrade_that_fails_leaves_the_version_in_use_alone(installed, fault, text, reason) -> None:
    installed.next_version()
    (installed.lab / fault).write_text(text, encoding="utf-8")
    done = installed.install()
    assert (done.returncode, reason in done.stderr) == (1, True)
    assert (installed.in_use, installed.versions()) == ("0.1.0", ["0.1.0"])


def test_what_apt_installed_is_not_judged(machine) -> None:
    (machine.lab / "pip-check").write_text("reportlab 3.6 requires pillow, which is not installed.\n", encoding="utf-8")
    assert machine.install().returncode == 0


def test_one_earlier_version_is_kept(installed) -> None:
    for number in (2, 3):
        installed.next_version(number)
        installed.install()
    assert (installed.versions(), installed.in_use) == (["0.2.0", "0.3.0"], "0.3.0")


def test_an_upgrade_with_the_same_libraries_needs_no_network_and_no_space(installed) -> None:
    library = next(installed.venv.glob("lib/*/site-packages/library.py"))
    installed.next_version()
    before = installed.asked()
    installed.install()
    assert "cp311.txt" not in installed.asked().removeprefix(before)
    assert next(installed.venv.glob("lib/*/site-packages/library.py")).samefile(library)


def test_other_libraries_are_installed_afresh(installed) -> None:
    installed.write(installed.checkout / "requirements/cp311.txt", "av==18.2.0 --hash=sha256:1\n")
    before = installed.asked()
    installed.install()
    assert "cp311.txt" in installed.asked().removeprefix(before)


def test_the_folder_of_earlier_installations_becomes_the_earlier_version(machine) -> None:
    machine.write(machine.venv / "bin/edge-detector", EDGE_DETECTOR)
    assert machine.install().returncode == 0
    assert (machine.in_use, machine.versions()) == ("0.1.0", ["0.1.0", "before"])


def test_rollback_goes_back_and_starts_the_version_before(installed) -> None:
    installed.next_version()
    installed.install()
    done = installed.call('booted() { true; }; start_with() { say "start $*"; }; rollback_all')
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("  go back to 0.1.0 (commit unknown)", "start systemctl")
    assert (installed.in_use, installed.versions()) == ("0.1.0", ["0.1.0", "0.2.0"])


def test_rollback_takes_back_settings_that_the_earlier_program_does_not_understand(installed) -> None:
    before = installed.config.read_text(encoding="utf-8")
    installed.next_version()
    installed.install()
    installed.config.write_text("nonsense = 1\n", encoding="utf-8")
    done = installed.call("start() { true; }; rollback_all")
    assert (done.returncode, installed.config.read_text(encoding="utf-8")) == (0, before)
    assert (mode(installed.config), Path(f"{installed.config}.newer").read_text()) == ("0o640", "nonsense = 1\n")


def test_rollback_takes_back_settings_that_only_the_upgrade_has_changed(installed) -> None:
    before = installed.config.read_text(encoding="utf-8")
    installed.next_version()
    installed.install()
    installed.config.write_text("fps = 5\n", encoding="utf-8")
    folder = mode(installed.config.parent)
    installed.call("note_settings; start() { true; }; rollback_all")
    assert (installed.config.read_text(encoding="utf-8"), mode(installed.config.parent)) == (before, folder)
    installed.call("start() { true; }; rollback_all")
    assert installed.config.read_text(encoding="utf-8") == "fps = 5\n"


def test_rollback_keeps_settings_that_were_edited_since(installed) -> None:
    installed.next_version()
    installed.install()
    installed.config.write_text("fps = 5\n", encoding="utf-8")
    installed.call("start() { true; }; rollback_all")
    assert installed.config.read_text(encoding="utf-8") == "fps = 5\n"


def test_without_an_earlier_version_there_is_no_way_back(installed) -> None:
    done = installed.call("rollback_all")
    assert (done.returncode, "no earlier version" in done.stderr) == (1, True)


def test_pip_and_apt_say_what_they_are_doing(machine) -> None:
    done = machine.install()
    assert "    Downloading numpy" in done.stdout.splitlines()
    assert "unimportant" not in done.stdout


# ---- settings

SECRET = "rtsp://admin:s3cret@camera/1"


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_others_cannot_read_the_configuration(installed) -> None:
    assert mode(installed.config) == "0o640"
    assert f"chgrp -- edge-detector {installed.config}" in installed.asked()


def test_a_source_with_a_password_is_written_and_never_shown(installed) -> None:
    done = installed.call(f"source={SECRET}; settings")
    assert f'source = "{SECRET}"' in installed.config.read_text(encoding="utf-8").splitlines()
    assert "s3cret" not in done.stdout + done.stderr + installed.asked()


@pytest.mark.parametrize(("before", "after"), [(0o600, "0o600"), (0o640, "0o640"), (0o644, "0o640"), (0o660, "0o660")])
def test_a_stricter_mode_is_the_administrators(installed, before, after) -> None:
    installed.config.chmod(before)
    installed.call(f"source={SECRET}; settings")
    assert (mode(installed.config), SECRET in installed.config.read_text(encoding="utf-8")) == (after, True)


def test_a_source_is_written_as_toml(installed) -> None:
    installed.call(r"""source='a"b\c'; settings""")
    assert tomllib.loads(installed.config.read_text(encoding="utf-8"))["source"] == 'a"b\\c'


def test_an_option_that_the_program_refuses_is_not_written(installed) -> None:
    before = installed.config.read_text(encoding="utf-8")
    done = installed.call("source=nonsense; settings")
    assert (done.returncode, "no such source" in done.stderr) == (1, True)
    assert installed.config.read_text(encoding="utf-8") == before


def test_a_model_is_written_by_its_name_in_the_place_of_its_comment(installed) -> None:
    installed.call("model=known; settings")
    assert installed.config.read_text(encoding="utf-8").splitlines()[:2] == ["# the model", 'model = "known"']


def test_a_model_that_is_not_known_is_not_written(installed) -> None:
    before = installed.config.read_text(encoding="utf-8")
    done = installed.call("model=unheard-of; settings")
    assert (done.returncode, "no model is called unheard-of" in done.stderr) == (1, True)
    assert installed.config.read_text(encoding="utf-8") == before


def test_a_token_left_empty_is_made_again_and_another_one_is_kept(installed) -> None:
    token = installed.lab / "etc/edge-detector/web-token"
    token.write_text("", encoding="utf-8")
    installed.call("settings")
    made = token.read_text(encoding="utf-8")
    installed.call("settings")
    assert (len(made.strip()) >= 24, token.read_text(encoding="utf-8")) == (True, made)


# ---- removal


@pytest.mark.parametrize("function", ["remove_service_unit", "uninstall_all"])
def test_the_administrators_settings_of_the_unit_stay_and_ours_go(machine, function) -> None:
    units = machine.lab / "etc/systemd/system"
    drop_ins = units / "edge-detector.service.d"
    machine.write(units / "edge-detector.service", "")
    for name in ("override.conf", "since-254.conf", "back-off.conf"):
        machine.write(drop_ins / name, "")
    done = machine.call(f"booted() {{ false; }}; {function}")
    assert (done.returncode, [path.name for path in drop_ins.iterdir()]) == (0, ["override.conf"])
    assert f"kept: the administrator's settings in {drop_ins}" in done.stdout


def test_purge_removes_the_administrators_settings_too(machine) -> None:
    drop_in = machine.write(machine.lab / "etc/systemd/system/edge-detector.service.d/override.conf", "")
    machine.write(machine.lab / "etc/systemd/system/edge-detector.service", "")
    machine.call("booted() { false; }; purge=true; uninstall_all")
    assert not drop_in.parent.exists()


# ---- before it starts


@pytest.mark.parametrize(
    ("fake", "check", "said"),
    [
        ("free_mb() { echo 100; }", "check_disk", "100 MB free; expected 900 MB or more"),
        ("memory_mb() { echo 200; }", "check_memory", "200 MB of RAM; expected 300 MB or more"),
    ],
)
def test_a_machine_that_is_too_small_is_named_before_anything_is_done(machine, fake, check, said) -> None:
    done = machine.call(f"{fake}; {check}")
    assert (done.returncode, said in done.stderr) == (1, True)


def test_an_upgrade_of_the_program_alone_needs_little_space(installed) -> None:
    installed.next_version()
    assert installed.call("free_mb() { echo 100; }; check_disk").returncode == 0


def test_little_free_memory_is_a_warning(machine) -> None:
    done = machine.call("memory_mb() { case $1 in MemTotal) echo 512 ;; *) echo 50 ;; esac; }; check_memory")
    assert (done.returncode, "warning: 100 MB of memory are free" in done.stdout) == (0, True)


def test_without_a_network_the_graphics_may_be_missing_but_not_python(machine) -> None:
    script = 'apt_get() { false; }; is_installed() { [[ $1 == python3* && $1 != "$absent" ]]; }; apt_install libgbm1 x'
    assert machine.call(f"absent=none; {script}").returncode == 0
    done = machine.call(f"absent=python3-venv; {script}")
    assert (done.returncode, "could not install python3-venv" in done.stderr) == (1, True)


@pytest.mark.parametrize(("avahi", "names"), [("true", ["porch.local", "10.0.0.7"]), ("false", ["10.0.0.7"])])
def test_the_page_has_a_local_name_only_where_avahi_runs_and_an_address_besides(machine, avahi, names) -> None:
    address = 'hostname() { case ${1-} in -I) echo "10.0.0.7 fe80::1" ;; *) echo porch ;; esac; }'
    fakes = f"systemctl() {{ {avahi}; }}; {address}"
    assert machine.call(f"{fakes}; names_of_this_machine").stdout.split() == names


def test_the_version_has_its_commit(machine) -> None:
    assert machine.deploy("--version").stdout.splitlines() == [
        "edge-detector 0.1.0 (commit unknown)",
        "installed: nothing",
    ]
    machine.run("git", "-C", str(machine.checkout), "init", "--quiet")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    machine.run("git", "-C", str(machine.checkout), *identity, "commit", "--quiet", "--allow-empty", "--message=a")
    assert re.match(r"edge-detector 0\.1\.0 \([0-9a-f]{10}\)", machine.deploy("--version").stdout)


# ---- over ssh


def test_over_ssh_each_host_gets_the_options_and_its_copy_is_removed(machine) -> None:
    done = machine.deploy("--service", "--model", "a b", "pi@one")
    assert done.returncode == 0
    assert r"-- pi@one bash /tmp/put-here/deploy.sh --service --model a\ b" in machine.asked()
    assert machine.asked().splitlines()[-2].endswith("-- pi@one rm -rf -- /tmp/put-here")
    assert machine.asked().splitlines()[-1].endswith("-O exit -- pi@one")


def test_without_options_the_host_gets_none(machine) -> None:
    machine.deploy("pi@one")
    assert "-- pi@one bash /tmp/put-here/deploy.sh\n" in machine.asked()


def test_all_that_is_said_to_a_host_goes_through_one_connection(machine) -> None:
    machine.deploy("pi@one")
    calls = [line for line in machine.asked().splitlines() if line.startswith("ssh ")]
    assert len(calls) == 5
    assert all("-o ControlMaster=auto -o ControlPath=" in call for call in calls)


def test_a_host_that_does_not_answer_is_named_and_the_others_are_done(machine) -> None:
    done = machine.deploy("pi@down", "pi@one")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "== 1 of 2 done; failed: pi@down")


def test_what_several_hosts_say_has_their_names(machine) -> None:
    done = machine.deploy("pi@one", "pi@two")
    said = {"pi@one | nothing to change", "pi@two | nothing to change"}
    assert (done.returncode, said <= set(done.stdout.splitlines())) == (0, True)


def test_hosts_are_done_at_the_same_time(machine) -> None:
    """Each host waits for a word of the other one, which only comes if both are at work."""
    fifos = 'case "$*" in *pi@one*deploy.sh*) echo >$LAB/fifo ;; *pi@two*deploy.sh*) read -r <$LAB/fifo ;; esac\n'
    os.mkfifo(machine.lab / "fifo")
    machine.program("ssh", SSH + fifos)
    assert machine.deploy("pi@one", "pi@two").returncode == 0


def test_a_host_where_sudo_asks_for_a_password_has_the_terminal_to_itself(machine) -> None:
    done = machine.deploy("pi@careful", "pi@one")
    lines = done.stdout.splitlines()
    assert lines[-3:] == ["== pi@careful", "nothing to change", "== 2 of 2 done"]
    assert "pi@one | nothing to change" in lines


def test_a_host_gets_what_is_built_here_and_no_sources(machine) -> None:
    machine.deploy("pi@one")
    with tarfile.open(machine.lab / "payload.tar.gz") as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {
        "deploy.sh",
        "RELEASE",
        "SOURCES",
        "requirements/cp313.txt",
        "wheels/edge_detector-0.1.0-py3-none-any.whl",
    } <= names
    assert not {"pyproject.toml", "edge_detector", "source"} & names


def test_a_release_and_its_checkout_are_the_same_version(machine) -> None:
    stamps = 'stamp_of_environment; make_release "$scratch/r"; here=$scratch/r; stamp_of_environment'
    first, second = machine.call(stamps).stdout.split()
    assert first == second


@pytest.mark.parametrize("typed", ["", SECRET], ids=["command line", "standard input"])
def test_the_password_of_a_source_is_in_no_process_list(machine, typed) -> None:
    (machine.lab / "secret").write_text("s3cre[t]", encoding="utf-8")
    machine.deploy("--source", "-" if typed else SECRET, "pi@one", typed=typed)
    assert "bash /tmp/put-here/deploy.sh --source - </tmp/put-here/source" in machine.asked()
    assert (machine.lab / "seen-in-process-list").read_text(encoding="utf-8") == ""
    with tarfile.open(machine.lab / "payload.tar.gz") as archive:
        assert archive.extractfile("./source").read().decode() == f"{SECRET}\n"
        assert archive.getmember("./source").mode & 0o777 == 0o600


def test_no_source_on_standard_input_is_bad_usage(machine) -> None:
    done = machine.deploy("--source", "-")
    assert (done.returncode, "nothing on standard input" in done.stderr) == (2, True)


# ---- bundles


@pytest.fixture
def bundle(machine) -> Machine:
    """A machine whose checkout is an unpacked bundle."""
    done = machine.deploy("--bundle")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(machine.checkout)
    with tarfile.open(machine.lab / "edge-detector-0.1.0-arm64.tar.gz") as archive:
        archive.extractall(machine.lab, filter="data")
    (machine.lab / "edge-detector-0.1.0-arm64").rename(machine.checkout)
    return machine


def test_a_bundle_has_the_wheels_of_both_debians(bundle) -> None:
    downloads = [line for line in bundle.asked().splitlines() if " download " in line]
    assert [re.search(r"--python-version=(\S+)", line)[1] for line in downloads] == ["3.11", "3.13"]
    assert all("--require-hashes" in line and "manylinux_2_34_aarch64" in line for line in downloads)
    assert bundle.call("check_bundle arm64").returncode == 0


def test_a_bundle_installs_without_an_index(bundle) -> None:
    before = bundle.asked()
    assert bundle.install().returncode == 0
    (libraries,) = [line for line in bundle.asked().removeprefix(before).splitlines() if "cp311.txt" in line]
    assert f"--no-index --find-links {bundle.checkout}/wheels/libraries" in libraries
    assert " wheel " not in bundle.asked().removeprefix(before)


def test_a_damaged_bundle_is_refused(bundle) -> None:
    bundle.write(bundle.checkout / "labels/coco.txt", "other\n")
    done = bundle.call("check_bundle arm64")
    assert (done.returncode, "is damaged" in done.stderr) == (1, True)


def test_a_bundle_for_another_architecture_is_refused(bundle) -> None:
    done = bundle.call("check_bundle amd64")
    assert (done.returncode, "--bundle --architecture amd64" in done.stderr) == (1, True)


# ---- locked libraries


def lock(name: str) -> Mapping[str, list[str]]:
    """Name and version of each library, with its hashes."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if not line.startswith("#")}


def required() -> set[str]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = itertools.chain(*(table["project"]["optional-dependencies"][name] for name in ("window", "web", "mqtt")))
    return {re.match(r"[\w-]+", need)[0] for need in [*table["project"]["dependencies"], *extras]}


@pytest.mark.parametrize("name", ["cp311", "cp313"])
def test_everything_that_the_service_needs_is_locked_but_apts_numpy(name) -> None:
    names = {line.partition("==")[0] for line in (*lock(name), *lock("source"))}
    assert required() - names == {"numpy"}
    assert "numpy" not in names


@pytest.mark.parametrize("name", ["cp311", "cp313", "source"])
def test_a_locked_library_has_a_version_and_hashes_and_no_address(name) -> None:
    for library, hashes in lock(name).items():
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+", library)
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in hashes)


def test_the_setuptools_that_is_locked_can_build_the_program() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    (oldest,) = re.findall(r"SETUPTOOLS=(\d+)", DEPLOY.read_text(encoding="utf-8"))
    assert build["requires"] == [f"setuptools>={oldest}"]
    for name in ("cp311", "cp313"):
        (version,) = [line.partition("==")[2] for line in lock(name) if line.startswith("setuptools==")]
        assert int(version.split(".")[0]) >= int(oldest)


def test_what_the_wheel_is_made_of_is_there_when_it_is_built(tmp_path) -> None:
    """setuptools refuses a file of data-files that is missing; of a pattern, it takes what there is."""
    shown = 'build_wheel() { (cd "$2" && find . -type f); }'
    done = subprocess.run(
        ["bash", "-c", f'. {DEPLOY}; scratch={tmp_path}; {shown}; build_program {tmp_path}'],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = {line.removeprefix("./") for line in done.stdout.splitlines()}
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    named = {path for paths in tool["data-files"].values() for path in paths if "*" not in path}
    assert named
    assert named | {"pyproject.toml", "README.md", "LICENSE", "edge_detector/cli.py"} <= found


# ---- the configuration of an earlier version

EARLIER = """\
# a file
source = "0"

# where results go
sinks = ["window", "web:0.0.0.0:8080"]

# how often telemetry logs a line
telemetry_interval = 10.0

# also write telemetry to this CSV file, which at 50 MB becomes FILE.1
# telemetry_csv =

# the secret for viewers of the web page from other machines
web_token_file = "/etc/edge-detector/web-token"
"""


def moved(text: str, folder: Path) -> str:
    file = folder / "edge-detector.toml"
    file.write_text(text)
    subprocess.run([sys.executable, str(ROOT / "systemd/move_sink_options.py"), str(file)], check=True, timeout=60)
    return file.read_text()


def test_the_configuration_that_an_earlier_version_wrote_becomes_one_that_is_understood(tmp_path) -> None:
    text = moved(EARLIER, tmp_path)
    assert load(tmp_path / "edge-detector.toml", {}).sinks == (
        "window",
        "web:0.0.0.0:8080?token_file=/etc/edge-detector/web-token",
    )
    assert text.startswith('# a file\nsource = "0"\n\n# where results go\nsinks = [')
    assert moved(text, tmp_path) == text


def test_what_was_chosen_for_telemetry_is_kept(tmp_path) -> None:
    moved('sinks = ["print"]\ntelemetry_interval = 5\ntelemetry_csv = "a b.csv"\nfps = 5.0\n', tmp_path)
    config = load(tmp_path / "edge-detector.toml", {})
    assert (config.sinks, config.fps) == (("print", "telemetry?csv=a%20b.csv&interval=5"), 5.0)


@pytest.mark.parametrize(
    "text", ['telemetry_csv = "t.csv"\n', 'sinks = [\n  "print",\n]\ntelemetry_csv = "t.csv"\n', "web_token_file = \n"]
)
def test_what_cannot_be_moved_stays(text, tmp_path) -> None:
    assert moved(text, tmp_path) == text


def test_deploy_moves_the_options_that_the_program_has_moved() -> None:
    (pattern,) = re.findall(r"grep -qsE '\^\((.*)\) ", DEPLOY.read_text(encoding="utf-8"))
    program = (ROOT / "systemd/move_sink_options.py").read_text(encoding="utf-8")
    assert sorted(pattern.split("|")) == sorted(MOVED)
    assert all(f'"{name}": (' in program for name in MOVED)
