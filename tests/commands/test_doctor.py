"""The doctor: each check on machines with and without the fault."""

from __future__ import annotations

import argparse
import json
import pwd
import sys
from pathlib import Path

import pytest

from edge_detector.commands import doctor
from edge_detector.commands.doctor import board, detection, devices, isolated, libraries, service
from edge_detector.commands.doctor.finding import Severity, error, ok, warning
from edge_detector.commands.doctor.isolated import ProcessOutcome
from edge_detector.running.waiting import WAITING
from edge_detector.system.conditions import conditions
from edge_detector.system.throttling import Throttling

GIGABYTE = 10**9


def fine(printed: str):
    return lambda *_: ProcessOutcome(0, printed, "")


def failing(complaint: str, exit_code: int = 1):
    return lambda *_: ProcessOutcome(exit_code, "", complaint)


def only(*names: str):
    return lambda name: name in names or None


# ---- the report


def test_the_report_has_a_line_why_and_a_line_what_to_do(capsys) -> None:
    table = {"disk": lambda: warning("1 GB free", "delete something"), "Python": lambda: ok("3.11")}
    assert doctor.report(table, as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "warning  disk    1 GB free",
        "                 -> delete something",
        "ok       Python  3.11",
        "0 errors, 1 warnings",
    ]


def test_one_error_makes_the_exit_code_1() -> None:
    table = {"a": lambda: error("broken", "mend it"), "b": lambda: ok("fine")}
    assert (doctor.report(table, as_json=False), doctor.report(table, as_json=True)) == (1, 1)


def test_the_same_findings_as_json(capsys) -> None:
    doctor.report({"disk": lambda: warning("1 GB free", "delete something")}, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"check": "disk", "level": "warning", "why": "1 GB free", "remedy": "delete something"}
    ]


def test_every_check_of_the_table_finds_something_on_this_machine(tmp_path, capsys) -> None:
    config = tmp_path / "config.toml"
    config.write_text('runtime = "fake"\nsource = "synthetic"\n')
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    doctor.main(parser.parse_args(["--json", "--config", str(config)]))
    findings = {finding.pop("check"): finding for finding in json.loads(capsys.readouterr().out)}
    assert list(findings) == list(doctor.checks(None))
    assert all(finding["why"] for finding in findings.values())
    assert all(finding["remedy"] for finding in findings.values() if finding["level"] != "ok")
    assert findings["self-test"]["level"] == "ok"
    assert "3 labels" in findings["self-test"]["why"]


def test_of_an_installation_the_libraries_and_the_model_are_checked_and_no_camera(tmp_path, capsys) -> None:
    config = tmp_path / "config.toml"
    config.write_text('runtime = "fake"\n')
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    doctor.main(parser.parse_args(["--installation", "--json", "--config", str(config)]))
    checked = [finding["check"] for finding in json.loads(capsys.readouterr().out)]
    assert checked == ["Python", "virtual environment", "picamera2", "OpenCV", "runtime", "self-test"]


# ---- child processes


def test_a_library_that_kills_its_process_is_a_finding() -> None:
    outcome = isolated.run_code("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (outcome.succeeded, outcome.problem) == (False, "it crashes with signal 9")


def test_a_library_that_raises_is_told_by_its_last_line() -> None:
    assert isolated.run_code("raise ImportError('no numpy')").problem == "ImportError: no numpy"


def test_a_library_that_hangs_is_given_up() -> None:
    assert "hangs" in isolated.run_code("import threading; threading.Event().wait()", timeout_s=0.2).problem


# ---- the machine


@pytest.mark.parametrize(
    ("release", "level"),
    [
        ({"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)", "VERSION_CODENAME": "bookworm"}, Severity.OK),
        ({"PRETTY_NAME": "Debian GNU/Linux 13 (trixie)", "VERSION_CODENAME": "trixie"}, Severity.OK),
        ({"PRETTY_NAME": "Raspbian GNU/Linux 11 (bullseye)", "VERSION_CODENAME": "bullseye"}, Severity.WARNING),
        ({}, Severity.WARNING),
    ],
)
def test_the_releases_that_were_tested_are_fine(release, level) -> None:
    assert board.check_operating_system(lambda: release).level is level


@pytest.mark.parametrize(
    ("name", "largest", "level"),
    [
        ("aarch64", 2**63 - 1, Severity.OK),
        ("x86_64", 2**63 - 1, Severity.OK),
        ("aarch64", 2**31 - 1, Severity.ERROR),  # a 64-bit kernel under a 32-bit Raspberry Pi OS
        ("armv7l", 2**31 - 1, Severity.ERROR),
        ("riscv64", 2**63 - 1, Severity.ERROR),
    ],
)
def test_only_64_bit_programs_will_do(name, largest, level) -> None:
    assert board.check_architecture(name, largest).level is level


@pytest.mark.parametrize(
    ("free", "level"), [(20 * GIGABYTE, Severity.OK), (GIGABYTE // 2, Severity.WARNING), (10**7, Severity.ERROR)]
)
def test_a_full_disk_is_an_error(tmp_path, free, level) -> None:
    assert board.check_disk_space(tmp_path, lambda _: (0, 0, free)).level is level


@pytest.mark.parametrize(
    ("celsius", "level", "why"),
    [
        (None, Severity.OK, "unknown"),
        (48.7, Severity.OK, "49 C"),
        (75.0, Severity.WARNING, "75 C"),
        (84.0, Severity.WARNING, "throttles"),
    ],
)
def test_heat_is_a_warning_and_silence_is_unknown(celsius, level, why) -> None:
    finding = board.check_temperature(lambda: celsius)
    assert finding.level is level
    assert why in finding.why


@pytest.mark.parametrize(
    ("bits", "level", "why"),
    [
        (None, Severity.OK, "unknown"),
        (0x0, Severity.OK, "none"),
        (0x50005, Severity.ERROR, "under-voltage, throttled now"),
        (0x50000, Severity.WARNING, "under-voltage, throttled since boot"),
        (0x4, Severity.WARNING, "throttled now"),
    ],
)
def test_throttling_is_told_with_its_cause_and_when(bits, level, why) -> None:
    finding = board.check_throttling_history(lambda: None if bits is None else Throttling.from_bits(bits))
    assert finding.level is level
    assert why in finding.why


def test_a_kernel_that_does_not_count_memory_cannot_limit_it(tmp_path) -> None:
    controllers = tmp_path / "cgroup.controllers"
    assert board.check_memory_limit(controllers).level is Severity.OK
    controllers.write_text("cpuset cpu io pids\n")
    assert "cgroup_enable=memory" in board.check_memory_limit(controllers).remedy
    controllers.write_text("cpuset cpu io memory pids\n")
    assert board.check_memory_limit(controllers).level is Severity.OK


# ---- Python and libraries


def test_an_old_python_is_an_error() -> None:
    assert (libraries.check_python((3, 9, 2)).level, libraries.check_python((3, 13, 5)).level) == (
        Severity.ERROR,
        Severity.OK,
    )


def test_an_environment_must_see_the_picamera2_that_apt_has_installed(tmp_path) -> None:
    prefix, apt = tmp_path / "venv", tmp_path / "dist-packages"
    prefix.mkdir()
    assert libraries.check_virtual_environment(prefix, apt).level is Severity.OK  # no environment at all
    settings = prefix / "pyvenv.cfg"
    settings.write_text("include-system-site-packages = false\n")
    assert libraries.check_virtual_environment(prefix, apt).level is Severity.OK  # nothing outside to see
    (apt / "picamera2").mkdir(parents=True)
    assert "--system-site-packages" in libraries.check_virtual_environment(prefix, apt).remedy
    settings.write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    assert libraries.check_virtual_environment(prefix, apt).level is Severity.OK


@pytest.mark.parametrize(
    "complaint",
    [
        "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88",
        "ImportError: numpy.core.multiarray failed to import",
        "AttributeError: _ARRAY_API not found",
    ],
)
def test_a_picamera2_made_for_another_numpy_is_told_from_other_failures(complaint) -> None:
    finding = libraries.check_picamera2(failing(complaint), only("picamera2", "simplejpeg"))
    assert finding.level is Severity.ERROR
    assert "uninstall numpy" in finding.remedy


def test_a_picamera2_that_is_broken_otherwise_should_be_installed_again() -> None:
    finding = libraries.check_picamera2(failing("ImportError: libcamera.so.0.5"), only("picamera2"))
    assert "apt install --reinstall python3-picamera2" in finding.remedy


def test_a_picamera2_that_imports_is_fine_and_none_is_fine_too() -> None:
    assert libraries.check_picamera2(fine("1.24.2 /usr/lib"), only("picamera2")).why == "numpy 1.24.2 fits picamera2"
    assert libraries.check_picamera2(failing("never run"), only()).level is Severity.OK


def test_two_opencv_packages_overwrite_each_other(tmp_path) -> None:
    both = lambda: ["opencv-python==4.10.0", "opencv-python-headless==4.11.0"]  # noqa: E731
    finding = libraries.check_opencv(fine("4.11.0 /venv/cv2/__init__.py"), both, tmp_path)
    assert finding.level is Severity.WARNING
    assert "/venv/cv2/__init__.py" in finding.why


def test_an_opencv_that_hides_that_of_apt_is_named(tmp_path) -> None:
    (tmp_path / "cv2.cpython-311-aarch64-linux-gnu.so").touch()
    finding = libraries.check_opencv(
        fine("4.11.0 /venv/cv2/__init__.py"), lambda: ["opencv-python-headless==4.11"], tmp_path
    )
    assert (finding.level, "hides apt's cv2.cpython" in finding.why) == (Severity.OK, True)


def test_no_opencv_and_no_runtime_are_errors(tmp_path) -> None:
    missing = libraries.check_opencv(failing("ModuleNotFoundError: No module named 'cv2'"), list, tmp_path)
    assert (missing.level, libraries.check_runtime(list).level) == (Severity.ERROR, Severity.ERROR)


# ---- what will be detected


def test_a_wrong_configuration_is_an_error_that_names_the_key(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("confidence = 7\n")
    finding = detection.check_configuration(path)
    assert (finding.level, "confidence is 7" in finding.why) == (Severity.ERROR, True)


def test_a_model_that_does_not_fit_is_an_error_with_the_models_own_words(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f'model = "{tmp_path}/none.tflite"\n')
    finding = detection.run_self_test(path)
    assert finding.level is Severity.ERROR
    assert "none.tflite" in finding.why


def test_a_class_of_a_zone_that_the_model_does_not_know_is_an_error(tmp_path) -> None:
    path = tmp_path / "c.toml"
    polygon = "polygon = [[0, 0], [1, 0], [1, 1]]"
    path.write_text(f'runtime = "fake"\n[[zones]]\nname = "door"\n{polygon}\nclasses = ["persn"]\n')
    finding = detection.run_self_test(path)
    assert finding.level is Severity.ERROR
    assert "the model has no such class: unknown class 'persn'" in finding.why


def test_a_slow_model_is_a_warning() -> None:
    answers = {12.5: Severity.OK, 900.0: Severity.WARNING}
    levels = {
        ms: detection.run_self_test(None, fine(json.dumps({"name": "m", "labels": 80, "ms": ms}))).level
        for ms in answers
    }
    assert levels == answers


def test_a_runtime_that_crashes_is_an_error() -> None:
    finding = detection.run_self_test(None, failing("", exit_code=-4))
    assert (finding.level, "signal 4" in finding.why) == (Severity.ERROR, True)


# ---- screen and cameras


@pytest.fixture
def empty(tmp_path) -> Path:
    """The root of a machine without any device."""
    return tmp_path


def test_without_a_screen_the_web_page_is_the_advice(empty) -> None:
    finding = devices.check_display({}, empty)
    assert (finding.level, finding.remedy) == (Severity.WARNING, "use the web page: --sink web")


def test_a_user_who_may_not_use_the_cameras_gets_the_command(empty) -> None:
    guest, member = devices.User("pi", frozenset({"adm"})), devices.User("pi", frozenset({"video", "render"}))
    assert devices.check_groups(guest, empty).level is Severity.OK  # there are no devices
    (empty / "dev").mkdir()
    (empty / "dev/video0").touch()
    assert "usermod -aG video,render pi" in devices.check_groups(guest, empty).remedy
    assert devices.check_groups(member, empty) == ok("pi is in video, render")


def test_for_root_the_services_user_is_checked(monkeypatch) -> None:
    monkeypatch.setattr(devices.os, "geteuid", lambda: 0)
    monkeypatch.setattr(devices, "SERVICE_USER", "daemon")
    assert devices._who_runs_it() == devices.User("daemon", frozenset({"daemon"}))
    monkeypatch.setattr(devices, "SERVICE_USER", "who is not installed")
    assert devices.check_groups() == ok("root needs no groups")


def test_cameras_on_usb_and_on_the_ribbon_cable_are_listed(empty) -> None:
    node = empty / "sys/class/video4linux/video0"
    node.mkdir(parents=True)
    (node / "index").write_text("0\n")
    (node / "name").write_text("HD Webcam\n")
    finding = devices.check_cameras(fine("libcamera talks\nimx708 ov5647"), only("picamera2"), empty)
    assert finding.why == f"{empty}/dev/video0 (HD Webcam), picamera2:0 (imx708), picamera2:1 (ov5647)"


def test_no_camera_is_only_a_warning(empty) -> None:
    assert devices.check_cameras(fine(""), only(), empty).level is Severity.WARNING


# ---- the service


@pytest.mark.parametrize(
    ("state", "level", "why"),
    [
        ({"LoadState": "not-found"}, Severity.OK, "not installed"),
        ({}, Severity.OK, "not installed"),
        (
            {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "StatusText": "9 fps"},
            Severity.OK,
            "active (running) 9 fps",
        ),
        (
            {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "NRestarts": "3"},
            Severity.WARNING,
            "restarted 3 times",
        ),
        (
            {
                "LoadState": "loaded",
                "ActiveState": "failed",
                "SubState": "failed",
                "Result": "exit-code",
                "ExecMainStatus": "78",
            },
            Severity.ERROR,
            "failed (failed): exit code 78",
        ),
        (
            {
                "LoadState": "loaded",
                "ActiveState": "failed",
                "SubState": "failed",
                "Result": "oom-kill",
                "ExecMainStatus": "9",
            },
            Severity.ERROR,
            "failed (failed): oom-kill",
        ),
        (
            {
                "LoadState": "loaded",
                "ActiveState": "activating",
                "SubState": "auto-restart",
                "Result": "exit-code",
                "ExecMainStatus": "1",
                "NRestarts": "0",
            },
            Severity.ERROR,
            "activating (auto-restart): exit code 1",
        ),
    ],
)
def test_the_service_is_well_or_says_where_to_read(state, level, why) -> None:
    finding = service.check_service(lambda _: state, lambda _: "")
    assert finding.level is level
    assert why in finding.why
    assert ("journalctl --unit=edge-detector" in finding.remedy) == (level is not Severity.OK)


FAILED = {"LoadState": "loaded", "ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}


def of_a_session(manager: service.Manager) -> dict[str, str]:
    return FAILED if manager else {"LoadState": "not-found"}


def test_a_unit_of_the_desktop_session_is_found_and_its_log_is_named(monkeypatch) -> None:
    """``journalctl --user`` shows nothing with a journal in memory."""
    monkeypatch.setattr(service.os, "geteuid", lambda: 1000)
    finding = service.check_service(of_a_session, lambda _: "")
    assert "journalctl --user-unit=edge-detector says why" in finding.remedy


def test_root_finds_it_in_the_session_of_whoever_is_logged_in(monkeypatch) -> None:
    monkeypatch.setattr(service.os, "geteuid", lambda: 0)
    monkeypatch.setattr(service, "_logged_in", lambda: ["pi"])
    asked: list[service.Manager] = []
    finding = service.check_service(lambda manager: asked.append(manager) or of_a_session(manager), lambda _: "")
    assert asked == [(), ("--user", "--machine=pi@.host")]
    assert "journalctl _SYSTEMD_USER_UNIT=edge-detector.service + USER_UNIT=edge-detector.service" in finding.remedy


def test_a_session_that_runs_counts_more_than_one_that_does_not(monkeypatch) -> None:
    monkeypatch.setattr(service.os, "geteuid", lambda: 0)
    monkeypatch.setattr(service, "_logged_in", lambda: ["ada", "pi"])
    idle = {"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead"}
    finding = service.check_service(
        lambda manager: {} if not manager else FAILED if "pi" in manager[1] else idle, lambda _: ""
    )
    assert finding.level is Severity.ERROR


def test_everybody_with_a_service_manager_is_asked_but_root(tmp_path) -> None:
    for name in ("0", "1", "987654"):  # root, daemon, nobody of that number
        (tmp_path / "run/user" / name).mkdir(parents=True)
    assert service._logged_in(tmp_path) == [pwd.getpwuid(1).pw_name]


@pytest.mark.parametrize(("scope", "field"), [("", "_SYSTEMD_UNIT"), ("--user", "_SYSTEMD_USER_UNIT")])
def test_a_failure_has_its_reason_from_the_log(scope, field, monkeypatch) -> None:
    monkeypatch.setattr(service.os, "geteuid", lambda: 1000)
    finding = service.check_service(
        lambda manager: FAILED if " ".join(manager) == scope else {},
        {f"{field}=edge-detector.service": "/dev/video0: no such camera"}.__getitem__,
    )
    assert finding.why.endswith("exit code None; /dev/video0: no such camera")


def test_a_service_that_waits_for_its_camera_is_a_warning_that_says_so() -> None:
    status = f"{WAITING}: /dev/video0: no such camera"
    state = {"LoadState": "loaded", "ActiveState": "activating", "SubState": "start", "StatusText": status}
    finding = service.check_service(lambda _: state, lambda _: "")
    assert (finding.level, finding.why) == (Severity.WARNING, f"activating (start) {status}")


def test_the_child_is_this_interpreter() -> None:
    assert isolated.run_code("import sys; print(sys.executable)").output == sys.executable


# ---- secrets


@pytest.mark.parametrize("as_json", [False, True])
def test_no_report_shows_a_password(tmp_path, capsys, as_json) -> None:
    path = tmp_path / "c.toml"
    path.write_text('source = "rtsp://ada:my sword/fish@porch/live"\nsinks = ["mqtt:ada:swordfish@porch"]\n')
    table = {
        "configuration": lambda: detection.check_configuration(path),
        "service": lambda: error("http://ada:swordfish@porch: lost", "ask http://porch?pwd=swordfish"),
    }
    doctor.report(table, as_json=as_json)
    printed = capsys.readouterr().out
    assert "sword" not in printed
    assert "rtsp://ada:***@porch/live to mqtt:***@porch" in printed


# ---- the processor


@pytest.mark.parametrize(
    ("governor", "driver", "level"),
    [
        ("ondemand", "cpufreq-dt", Severity.OK),
        (None, None, Severity.OK),
        ("powersave", "intel_pstate", Severity.OK),
        ("powersave", "cpufreq-dt", Severity.WARNING),
    ],
)
def test_a_clock_that_stays_low_is_a_warning(governor: str | None, driver: str | None, level: Severity) -> None:
    machine = {**conditions(()), "board": "Raspberry Pi 5", "governor": governor}
    found = board.check_processor(machine, driver)
    assert found.level is level
    assert found.why.startswith("Raspberry Pi 5, ")
    assert f"governor {governor or 'unknown'}" in found.why
