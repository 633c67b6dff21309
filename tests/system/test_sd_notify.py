"""What systemd says in the environment."""

from __future__ import annotations

import os

import pytest

from edge_detector.system.sd_notify import ServiceManager

SOCKET = {"NOTIFY_SOCKET": "/run/systemd/notify"}


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_says_so(environment: dict[str, str], watchdog_s: float | None) -> None:
    manager = ServiceManager.from_environment({**SOCKET, **environment})
    assert manager is not None
    assert manager.watchdog_s == watchdog_s
    manager.close()


def test_without_a_socket_there_is_no_service_manager() -> None:
    assert ServiceManager.from_environment({"WATCHDOG_USEC": "1"}) is None
