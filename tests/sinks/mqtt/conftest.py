"""Fixtures for MQTT: a broker, and what the sink says. Without the extra [mqtt] nobody asks for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sinks.mqtt.mosquitto import Broker, Heard


@pytest.fixture
def heard() -> Iterator[Heard]:
    from tests.sinks.mqtt.mosquitto import Heard

    handler = Heard()
    logging.getLogger("edge_detector.sinks.mqtt").addHandler(handler)
    logging.getLogger("edge_detector.sinks.mqtt").setLevel(logging.INFO)
    yield handler
    logging.getLogger("edge_detector.sinks.mqtt").removeHandler(handler)
    logging.getLogger("edge_detector.sinks.mqtt").setLevel(logging.NOTSET)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    from tests.sinks.mqtt.mosquitto import Broker

    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()
