"""The MQTT client and its options."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode

from edge_detector.errors import ConfigError
from edge_detector.options import Seconds, argument, option
from edge_detector.secret_files import read_secret
from edge_detector.sinks.mqtt.topics import HOME_ASSISTANT, Topics, check_prefix, check_topic

PORT, TLS_PORT = 1883, 8883  # registered with IANA: mqtt, secure-mqtt
ONLINE, OFFLINE = "online", "offline"  # what Home Assistant expects

# What a broker may send to every client (MQTT 3.1.1, section 2.2.1), each with so many bytes.
ANSWERS = (MessageType.CONNACK, MessageType.PUBACK, MessageType.PUBREC, MessageType.PUBCOMP, MessageType.PINGRESP)
LONGEST_ANSWER = 2
LONGEST_COMMAND = 1024  # topic and value
UNASKED, ACCEPTED_TWICE = "sends what nobody has asked for", "accepts one connection twice"


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """``mqtt:HOST[:PORT]?topic=porch/seen&interval=1s&username=ada&password_file=/etc/edge-detector/mqtt``.

    docs/mqtt.md has a line for each.
    """

    broker: str = argument("HOST or HOST:PORT of the broker")
    topic: str = option(
        "", "where detections are published; visits at TOPIC/visits; none: edge-detector/ and the machine's name"
    )
    status_topic: str = option("", "where the words online and offline are published, retained; none: TOPIC/status")
    interval: Seconds = option(
        Seconds(1), "time between two messages about frames in which the same kinds of objects are in view"
    )
    qos: int = option(
        0,
        "0, 1 or 2: the broker's quality of service for frames; from 1 it confirms each message, as always for visits",
    )
    keep: int = option(10_000, "messages about visits that wait for a broker that is away; more push out the oldest")
    queue: Path | None = option(None, "the folder in which they wait; none: mqtt/ in the folder for state")
    device_name: str = option("", "what Home Assistant calls the detector; none: Edge Detector and the machine's name")
    pictures: bool = option(True, "with discovery: publish the best picture of the newest visit at TOPIC/picture")
    control: bool = option(True, "with discovery: take commands at TOPIC/.../set")
    client_id: str = option("", "the client's name for the broker; none: one made of the machine and the topic")
    username: str = option("", "the name to log in with; none: no login")
    password_file: Path | None = option(None, "a file that holds the password of username and nothing else")
    tls: bool = option(False, "true: encrypt the connection")
    ca_file: Path | None = option(None, "certificates that may sign the broker's; none: those that the system trusts")
    cert_file: Path | None = option(None, "this client's certificate, for a broker that asks for one; none: none")
    key_file: Path | None = option(None, "the private key of cert_file; none: it is in cert_file")
    discovery: str = option(
        "",
        "true: Home Assistant finds the detector; or the prefix of its topics; none: no discovery",
    )

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a value that no broker accepts."""
        if self.qos not in (0, 1, 2):
            raise ConfigError(f"sink mqtt: qos is {self.qos}; expected 0, 1 or 2")
        if self.keep < 1:
            raise ConfigError(f"sink mqtt: keep is {self.keep}; expected 1 or more, such as 10000")
        check_topic("topic", self.topics.frames, example="porch/seen")
        check_topic("status_topic", self.topics.status, example="porch/status")
        if self.discovery_prefix:
            check_prefix(self.discovery_prefix)
        if self.password_file and not self.username:
            raise ConfigError("sink mqtt: a password_file needs a username=NAME")
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.tls:
                raise ConfigError(f"sink mqtt: a {name} needs tls=true")
        if self.key_file and not self.cert_file:
            raise ConfigError("sink mqtt: a key_file needs a cert_file")

    @property
    def topics(self) -> Topics:
        """Where everything is published: each detector has its own, unless the user says otherwise."""
        frames = self.topic or default_topic()
        return Topics(frames, self.status_topic or f"{frames}/status")

    def of_camera(self, camera: str) -> MqttOptions:
        """Topics, a device and a connection of its own for one of several cameras."""
        return replace(
            self,
            topic=f"{self.topics.frames}/{camera}",
            status_topic=f"{self.status_topic}/{camera}" if self.status_topic else "",
            device_name=f"{self.device_name or default_device_name()} {camera}",
            client_id=f"{self.client_id}-{camera}" if self.client_id else "",
        )

    @property
    def discovery_prefix(self) -> str:
        """The first part of the topics of Home Assistant's discovery; "": no discovery."""
        return {"true": HOME_ASSISTANT, "false": ""}.get(self.discovery, self.discovery)


def default_device_name() -> str:
    """What Home Assistant calls a detector without a name."""
    return f"Edge Detector {socket.gethostname()}"


def default_topic() -> str:
    """Of each machine its own, so that many can use one broker. A name may hold no signs that mean something."""
    return "edge-detector/" + re.sub(r"[^\w.-]+", "_", socket.gethostname() or "unnamed")


class PublishingClient(Client):
    """A client that hangs up on a broker that sends anything but answers and, where it listens, short commands.

    paho would keep each message with QoS 2 until the broker releases it, read a message of 256 MB to its end, and
    greet the broker again after each CONNACK. It has no public way to refuse a packet.
    """

    listens = False  # whether it takes commands: messages with QoS 0
    violation = ""  # what the broker did on the last connection that was given up for it

    def _sock_recv(self, bufsize: int) -> bytes:
        """paho asks for the rest of a packet at once, so ``bufsize`` is its length."""
        if bufsize > (LONGEST_COMMAND if self.listens else LONGEST_ANSWER):
            self.violation = UNASKED
            raise ConnectionAbortedError(UNASKED)
        return super()._sock_recv(bufsize)

    def _packet_handle(self) -> MQTTErrorCode:
        command = self._in_packet["command"]
        kind = command & 0xF0
        if kind not in ANSWERS and not (self.listens and self._is_for_a_listener(command)):
            self.violation = UNASKED
        elif kind == MessageType.CONNACK and self.is_connected():
            self.violation = ACCEPTED_TWICE
        else:
            return super()._packet_handle()
        return MQTTErrorCode.MQTT_ERR_CONN_LOST

    @staticmethod
    def _is_for_a_listener(command: int) -> bool:
        """Bits 1 and 2 are the QoS of a message."""
        return command & 0xF0 == MessageType.SUBACK or command & 0xF6 == MessageType.PUBLISH


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


def make_client(options: MqttOptions) -> PublishingClient:
    """A client that is not connected yet. Its last will, sent by the broker if the connection breaks, is "offline".

    Raises `ConfigError` for a password or certificate file that cannot be read.
    """
    client = PublishingClient(
        CallbackAPIVersion.VERSION2, client_id=options.client_id or _own_id(options), clean_session=False
    )
    client.will_set(options.topics.status, OFFLINE, qos=1, retain=True)
    if options.username:
        password = read_secret(options.password_file, what="sink mqtt: the password") if options.password_file else None
        client.username_pw_set(options.username, password)
    if options.tls:
        _use_tls(client, options)
    return client


def _own_id(options: MqttOptions) -> str:
    """The same in every run, so that the broker knows what it has; at most 23 characters (MQTT 3.1.1, 3.1.3.1)."""
    digest = hashlib.sha256(f"{socket.gethostname()} {options.topics.frames}".encode()).hexdigest()
    return f"detector{digest[:15]}"


def _use_tls(client: Client, options: MqttOptions) -> None:
    """Raises `ConfigError` for a certificate or key that cannot be read."""
    files = {"ca_file": options.ca_file, "cert_file": options.cert_file, "key_file": options.key_file}
    for name, path in files.items():
        if path is not None and not os.access(path, os.R_OK):
            reason = "Permission denied" if path.exists() else "No such file or directory"
            raise ConfigError(f"sink mqtt: {name} {path}: {reason}")
    try:
        authority, certificate, key = (str(path) if path else None for path in files.values())
        client.tls_set(authority, certificate, key, keyfile_password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is one
        used = ", ".join(f"{name} {path}" for name, path in files.items() if path)
        raise ConfigError(f"sink mqtt: {used}: {getattr(error, 'strerror', None) or error}") from None
