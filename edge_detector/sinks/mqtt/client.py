"""The MQTT client and its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge_detector.errors import ConfigError
from edge_detector.options import Seconds

PORT, TLS_PORT = 1883, 8883  # registered with IANA: mqtt, secure-mqtt
ONLINE, OFFLINE = "online", "offline"  # what Home Assistant expects


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """``mqtt:HOST[:PORT]?topic=porch/seen&interval=1s&username=ada&password_file=/etc/edge-detector/mqtt``."""

    broker: str
    topic: str = "edge-detector/detections"
    status_topic: str = "edge-detector/status"  # retained: online, or offline
    interval: Seconds = Seconds(0)  # between two messages, except the one that says that no object is left
    qos: int = 0  # 1: the broker confirms each message
    client_id: str = ""  # "" lets the broker choose
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None  # certificates that may sign the broker's; None: those that the system trusts
    discovery: str = ""  # Home Assistant's prefix, usually homeassistant; "" sends no discovery messages

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a value that no broker accepts."""
        if self.qos not in (0, 1, 2):
            raise ConfigError(f"sink mqtt: qos is {self.qos}; expected 0, 1 or 2")
        for name in ("topic", "status_topic"):
            topic = getattr(self, name)
            if not topic or set(topic) & set("+#"):  # those are for subscribers
                raise ConfigError(f"sink mqtt: {name} is {topic!r}; expected something like porch/seen")
        if self.password_file and not self.username:
            raise ConfigError("sink mqtt: a password_file needs a username=NAME")
        if self.ca_file and not self.tls:
            raise ConfigError("sink mqtt: a ca_file needs tls=true")


def address(options: MqttOptions) -> tuple[str, int]:
    """Host and port of the broker.

    Raises `ConfigError` for text that is not an address.
    """
    expected = "expected HOST or HOST:PORT, and ?username=NAME&password_file=FILE where the broker asks for them"
    try:
        parts = urlsplit(f"//{options.broker}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        raise ConfigError(f"sink mqtt: {options.broker!r}: {error}; {expected}") from None
    if not host or parts.netloc != options.broker or "@" in parts.netloc:
        raise ConfigError(f"sink mqtt: {options.broker!r} is not an address; {expected}")
    return host, port or (TLS_PORT if options.tls else PORT)


def make_client(options: MqttOptions) -> Client:
    """A client that is not connected yet. Its last will, sent by the broker if the connection breaks, is "offline".

    Raises `ConfigError` for a password or certificate file that cannot be read.
    """
    client = Client(CallbackAPIVersion.VERSION2, client_id=options.client_id)
    client.will_set(options.status_topic, OFFLINE, qos=1, retain=True)
    if options.username:
        client.username_pw_set(options.username, _password(options.password_file) if options.password_file else None)
    if options.tls:
        try:
            client.tls_set(str(options.ca_file) if options.ca_file else None)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"sink mqtt: ca_file {options.ca_file}: {error.strerror or error}") from None
    return client


def _password(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"sink mqtt: {path}: cannot read the password: {error}") from None
