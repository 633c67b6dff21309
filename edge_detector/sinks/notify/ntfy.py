"""Messages on telephones through ntfy, its public server or one of your own: ``ntfy:https://ntfy.sh/TOPIC``.

https://docs.ntfy.sh/publish/#attach-local-file and #message-title
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_detector.errors import ConfigError
from edge_detector.options import argument, option
from edge_detector.secret_files import read_secret
from edge_detector.sinks.notify import http
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.rules import NotifyOptions
from edge_detector.sinks.notify.sink import NotifySink

PRIORITIES = ("min", "low", "default", "high", "max")


@dataclass(frozen=True, slots=True)
class NtfyOptions(NotifyOptions):
    """``ntfy:https://ntfy.sh/TOPIC?classes=person&token_file=/etc/edge-detector/ntfy``."""

    url: str = argument("the topic's address: https://SERVER/TOPIC; who knows it can read it", default="")
    url_file: Path | None = option(None, "a file that holds the address instead; none: it is given as argument")
    token_file: Path | None = option(None, "a file that holds the access token; none: the topic is open")
    priority: str = option("default", "min, low, default, high or max")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an unknown priority."""
        NotifyOptions.__post_init__(self)
        if self.priority not in PRIORITIES:
            raise ConfigError(f"priority is {self.priority!r}; expected one of {', '.join(PRIORITIES)}")


class NtfySink(NotifySink[NtfyOptions], options=NtfyOptions):
    """Sends a message with the best picture of each visit to telephones, through ntfy."""

    def prepare(self, options: NtfyOptions, *, where: str) -> None:
        self._url = http.address(options.url, options.url_file, where=where)
        if not urlsplit(self._url).path.strip("/"):
            raise ConfigError(f"{where}: the topic is missing; write the address as https://SERVER/TOPIC")
        self._headers = {"X-Priority": options.priority}
        if options.token_file:
            token = read_secret(options.token_file, what=f"{where}: the token")
            self._headers["Authorization"] = f"Bearer {token}"

    def deliver(self, message: Message, picture: bytes | None) -> None:
        headers = {**self._headers, "X-Title": http.header_text(message.title), "X-Tags": "eyes"}
        if picture:
            said = {"X-Message": http.header_text(message.text), "X-Filename": "visit.jpg"}
            http.post(self._url, picture, {**headers, **said, "Content-Type": "image/jpeg"}, method="PUT")
        else:
            http.post(self._url, message.text.encode(), headers)
