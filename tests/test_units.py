"""What the units promise beyond starting: a session ends, a camera may be away, a sandbox, a reason in the log."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_detector.sinks.window.sink import WindowOptions
from tests.test_deploy import DEPLOY, ROOT, SESSION_UNIT, UNIT, analyze, needs_systemd, runnable, settings

DISPLAY_UNIT = ROOT / "systemd" / "edge-detector-display.service"
AUTOSTART = ROOT / "systemd" / "edge-detector.desktop"
MACHINES = ROOT / "tests" / "machines"
LARGEST_EXPOSURE_OF_A_SESSION = 5.0  # systemd-analyze counts capabilities, which a user has none of

BOTH = pytest.mark.parametrize("unit", [UNIT, SESSION_UNIT], ids=["system", "user"])


def script_of(unit: Path, key: str) -> str:
    """What /bin/sh gets from ``key=`` of the unit, as systemd.service(5) unescapes it."""
    text = unit.read_text(encoding="utf-8").replace("\\\n", "")
    (line,) = re.findall(rf"^{key}=/bin/sh -c '(.*)'$", text, re.MULTILINE)
    return line.replace("$$", "$").replace("%%", "%")


# ---- the session


@needs_systemd
def test_systemd_knows_every_setting_of_the_displays_unit(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = analyze("--user", "verify", "--recursive-errors=yes", str(DISPLAY_UNIT))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_detector_ends_with_the_display_and_not_with_a_target_that_labwc_never_reaches() -> None:
    told = settings(SESSION_UNIT)
    assert told["BindsTo"] == told["After"] == [DISPLAY_UNIT.name]
    assert "PartOf" not in told
    assert "WantedBy" not in told


def test_a_login_starts_both_units_anew_with_the_display_of_the_session() -> None:
    (command,) = re.findall(r"^Exec=(.*)$", AUTOSTART.read_text(encoding="utf-8"), re.MULTILINE)
    shell, option, script = shlex.split(command)
    assert (shell, option) == ("/bin/sh", "-c")
    imported, started = (part.split() for part in script.split(";"))
    assert imported == ["systemctl", "--user", "import-environment", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"]
    assert started == ["exec", "systemctl", "--user", "--no-block", "restart", DISPLAY_UNIT.name, UNIT.name]


def run_display_unit(folder: Path, key: str = "ExecStart", **environ: str) -> subprocess.Popen[bytes]:
    script = script_of(DISPLAY_UNIT, key).replace("/tmp/.X", f"{folder}/.X").replace("sleep 1", "true")
    with (folder / "said").open("w") as said:
        environ = {"PATH": os.environ["PATH"]} | environ
        return subprocess.Popen(["sh", "-c", script], cwd=folder, env=environ, stderr=said)


@pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock")
def test_it_runs_as_long_as_a_compositor_holds_its_lock(tmp_path) -> None:
    with (tmp_path / "wayland-0.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch = run_display_unit(tmp_path, WAYLAND_DISPLAY="wayland-0", DISPLAY=":0")
        with pytest.raises(subprocess.TimeoutExpired):
            watch.wait(0.5)
    assert watch.wait(10) == 0


def test_it_runs_as_long_as_an_x_server(tmp_path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as server:
        (tmp_path / ".X7-lock").write_text(f"{server.pid:>10}\n")
        watch = run_display_unit(tmp_path, DISPLAY=":7.0")
        with pytest.raises(subprocess.TimeoutExpired):
            watch.wait(0.5)
    assert watch.wait(10) == 0


@pytest.mark.parametrize("environ", [{}, {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}], ids=["none", "gone"])
def test_without_a_display_it_does_not_start_and_says_why(environ, tmp_path) -> None:
    check = run_display_unit(tmp_path, "ExecStartPre", **environ)
    assert check.wait(10) == 1
    assert "nobody is logged in to the desktop" in (tmp_path / "said").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", ["wayland-0.lock", ".X7-lock"])
def test_with_a_display_it_starts(lock, tmp_path) -> None:
    (tmp_path / lock).touch()
    check = run_display_unit(tmp_path, "ExecStartPre", WAYLAND_DISPLAY="wayland-0", DISPLAY=":7")
    assert check.wait(10) == 0


# ---- the sandbox


@needs_systemd
def test_the_sessions_unit_is_confined_as_far_as_a_user_may(tmp_path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(runnable(SESSION_UNIT, tmp_path)))
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) <= LARGEST_EXPOSURE_OF_A_SESSION


def test_the_sessions_unit_asks_for_nothing_that_a_users_manager_cannot_do() -> None:
    """Seen in systemd 252 and 257: the program is then not started at all."""
    assert not {"CapabilityBoundingSet", "AmbientCapabilities", "User", "Group"} & settings(SESSION_UNIT).keys()


def test_the_window_on_wayland_may_make_the_system_call_that_mesa_needs() -> None:
    """Seen with Mesa 25.0 on labwc: without mincore the window's process ends with SIGSEGV."""
    assert "mincore" in " ".join(settings(SESSION_UNIT)["SystemCallFilter"]).split()


def test_the_mounts_of_a_users_manager_need_a_user_namespace() -> None:
    """systemd 252 leaves them all out without it, and says nothing."""
    assert settings(SESSION_UNIT)["PrivateUsers"] == ["yes"]
    assert settings(SESSION_UNIT)["BindReadOnlyPaths"] == ["-/tmp/.X11-unix"]  # PrivateTmp= hides it


def test_the_windows_key_s_can_save() -> None:
    """`WindowOptions.snapshots`, in a home that is read-only otherwise."""
    assert f"-{str(WindowOptions().snapshots).replace('~', '%h')}" in settings(SESSION_UNIT)["ReadWritePaths"]


@BOTH
def test_relative_paths_start_in_a_folder_that_is_made_and_can_be_written(unit) -> None:
    told = settings(unit)
    assert told["StateDirectory"] == told["CacheDirectory"] == ["edge-detector"]
    assert told["WorkingDirectory"][0] in ("/var/lib/edge-detector", "%S/edge-detector")


# ---- a camera that is away, a network that is late


@BOTH
def test_what_a_start_leaves_for_the_next_outlives_a_restart(unit) -> None:
    assert (settings(unit)["RuntimeDirectory"], settings(unit)["RuntimeDirectoryPreserve"]) == (
        ["edge-detector"],
        ["restart"],
    )


@BOTH
def test_no_camera_waits_for_the_network(unit) -> None:
    """network-online.target is reached only after its own time-out where there is no network."""
    assert "network" not in " ".join(settings(unit).get("After", []) + settings(unit).get("Wants", []))


@BOTH
def test_the_allocator_is_the_programs_own_business(unit) -> None:
    assert "MALLOC_" not in unit.read_text(encoding="utf-8")


# ---- deploy.sh


def in_deploy(script: str, **environ: str) -> str:
    """What ``script`` prints after the functions of deploy.sh are defined."""
    done = subprocess.run(
        ["bash", "-c", f'source "$1"\nset --\n{script}', "test", str(DEPLOY)],
        capture_output=True, text=True, timeout=30, check=True, env=os.environ | environ,
    )  # fmt: skip
    return done.stdout


def test_root_finds_the_log_of_a_session_by_its_fields() -> None:
    """For root ``--user-unit=`` means units of root's own."""
    journalctl = 'journalctl() { printf "%s\\n" "$*"; }; '
    assert in_deploy(journalctl + "mode=session; log_of_the_unit --lines=10") == (
        "--quiet --no-pager --lines=10 _SYSTEMD_USER_UNIT=edge-detector.service + USER_UNIT=edge-detector.service "
        "+ _SYSTEMD_USER_UNIT=edge-detector-display.service\n"
    )
    assert (
        in_deploy(journalctl + "mode=service; log_of_the_unit") == "--quiet --no-pager --unit=edge-detector.service\n"
    )


def test_a_start_after_a_stop_fails_where_a_restart_would_wait_for_the_camera() -> None:
    said = in_deploy('ask() { echo "$*"; }; restart ask')
    asked = [f"{word} edge-detector.service" for word in ("reset-failed", "stop", "start")]
    assert said.splitlines() == ["daemon-reload", *asked]


@pytest.mark.parametrize(("mode", "host"), [("session", "127.0.0.1"), ("service", "0.0.0.0")])
def test_the_page_of_a_desktop_is_for_this_machine_only(mode, host) -> None:
    assert in_deploy(f"mode={mode}; page_host") == f"{host}\n"


@pytest.mark.parametrize("path", sorted([DEPLOY, *ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("systemd/*")]))
def test_no_text_names_a_command_that_shows_nothing_with_a_journal_in_memory(path) -> None:
    assert "journalctl --user --unit" not in path.read_text(encoding="utf-8")


# ---- the proofs on machines can fail


DEAD = "in_() { return 255; }; before_boot() { return 255; }; sleep() { :; }; order() { return 1; }; "


def on_a_dead_machine(name: str, function: str, folder: Path) -> int:
    """The outcome of one check of a script when nothing inside its machine answers."""
    lines = (MACHINES / name).read_text(encoding="utf-8").splitlines()
    assert lines[-1].startswith("main")
    script = "\n".join(lines[:-1]) + f"\n{DEAD}\n{function}\n"
    script = script.replace('$(dirname -- "${BASH_SOURCE[0]}")', str(MACHINES))
    environ = os.environ | {"LAB": str(folder)}
    return subprocess.run(
        ["bash", "-c", script, name, "trixie", "photograph.jpg"],
        capture_output=True,
        timeout=60,
        check=False,
        env=environ,
    ).returncode


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("machine.sh", "says_nothing_bad"),
        ("session.sh", "leaves_nothing"),
        ("session.sh", "unit_is_valid"),
        ("session.sh", "listens_on_loopback_only"),
        ("session.sh", "says_why_it_does_not_start"),
        ("session.sh", "does_not_start_without_a_desktop"),
        ("arm64.sh", "leaves_nothing"),
        ("picamera2.sh", "packages"),
    ],
)
def test_a_check_fails_when_the_machine_is_dead(name, function, tmp_path) -> None:
    assert on_a_dead_machine(name, function, tmp_path) != 0


@pytest.mark.parametrize("step", ["apt-get install", "venv", "pip", "import", "gcc"])
def test_every_step_of_the_packages_counts(step, tmp_path) -> None:
    answer = f'in_() {{ [[ "$*" != *"{step}"* ]]; }}; packages'
    assert on_a_dead_machine("picamera2.sh", answer, tmp_path) != 0
    assert on_a_dead_machine("picamera2.sh", "in_() { :; }; packages", tmp_path) == 0


def test_a_root_that_cannot_be_made_ends_the_script(tmp_path) -> None:
    make = 'mmdebstrap() { mkdir -p "$LAB/root"; return 1; }; make_root "$LAB/root" trixie arm64; echo went on'
    assert on_a_dead_machine("arm64.sh", make, tmp_path) == 1
    assert not (tmp_path / "root").exists()
