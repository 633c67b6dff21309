"""Messages to a program of your own, Node-RED, n8n or Home Assistant: ``webhook:http://HOST/PATH``."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import argument, option
from edge_detector.secret_files import read_secret
from edge_detector.sinks.notify import http
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.rules import NotifyOptions
from edge_detector.sinks.notify.sink import NotifySink

PICTURES = ("part", "inline", "none")
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class WebhookOptions(NotifyOptions):
    """``webhook:http://hub.local:8123/api/webhook/porch?classes=person&picture=inline``."""

    url: str = argument("the address that takes a POST request", default="")
    url_file: Path | None = option(None, "a file that holds the address instead; none: it is given as argument")
    token_file: Path | None = option(None, "a file that holds a token for the header Authorization: Bearer; none: none")
    picture: str = option(
        "part", "part: a form with the parts event (JSON) and picture (JPEG); inline: JSON, base64; none: JSON only"
    )

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an unknown way to send pictures."""
        NotifyOptions.__post_init__(self)
        if self.picture not in PICTURES:
            raise ConfigError(f"picture is {self.picture!r}; expected one of {', '.join(PICTURES)}")


class WebhookSink(NotifySink[WebhookOptions], options=WebhookOptions):
    """Sends JSON and the best picture of each visit to a program of yours, as a POST request.

    The header Idempotency-Key is the visit's id: after a lost answer, the same message comes again.
    """

    def prepare(self, options: WebhookOptions, *, where: str) -> None:
        self._url = http.address(options.url, options.url_file, where=where)
        self._way = options.picture
        self._headers = {}
        if options.token_file:
            token = read_secret(options.token_file, what=f"{where}: the token")
            self._headers["Authorization"] = f"Bearer {token}"

    def deliver(self, message: Message, picture: bytes | None) -> None:
        body, kind = self._body(message, picture)
        http.post(self._url, body, {**self._headers, "Content-Type": kind, "Idempotency-Key": message.id})

    def _body(self, message: Message, picture: bytes | None) -> tuple[bytes, str]:
        event = message.as_dict()
        if self._way == "inline":
            event["picture"] = base64.b64encode(picture).decode() if picture else None
        text = json.dumps(event).encode()
        if self._way != "part":
            return text, JSON_TYPE
        return http.form({"event": (JSON_TYPE, text)}, file=("picture", picture) if picture else None)
