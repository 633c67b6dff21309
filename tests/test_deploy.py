"""What is installed on a Pi: the script, the units and what they promise. tests/machines/ really runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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


@pytest.fixture
def fake_ssh(tmp_path) -> Path:
    """An ``ssh`` that records its arguments; every host is this machine, but "down" does not answer."""
    program = tmp_path / "ssh"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/asked\n'
        'case "$*" in *down*) exit 255;; *mktemp*) echo /tmp/put-here;; esac\n'
    )
    program.chmod(0o755)
    rsync = tmp_path / "rsync"
    rsync.write_text(f'#!/bin/sh\nprintf "rsync %s\\n" "$*" >>{tmp_path}/asked\n')
    rsync.chmod(0o755)
    return tmp_path


def test_over_ssh_each_host_gets_the_options_and_its_copy_is_removed(fake_ssh) -> None:
    done = deploy("--source", "rtsp://a b/1", "--service", "pi@one", path=f"{fake_ssh}:{os.environ['PATH']}")
    asked = (fake_ssh / "asked").read_text()
    assert done.returncode == 0
    assert r"-- pi@one bash /tmp/put-here/deploy.sh --service --source rtsp://a\ b/1" in asked
    assert asked.splitlines()[-1] == "-- pi@one rm -rf -- /tmp/put-here"


def test_without_options_the_host_gets_none(fake_ssh) -> None:
    deploy("pi@one", path=f"{fake_ssh}:{os.environ['PATH']}")
    assert "-- pi@one bash /tmp/put-here/deploy.sh\n" in (fake_ssh / "asked").read_text()


def test_a_host_that_does_not_answer_is_named_and_the_others_are_done(fake_ssh) -> None:
    done = deploy("pi@down", "pi@one", path=f"{fake_ssh}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "== 1 of 2 done; failed: pi@down")


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
