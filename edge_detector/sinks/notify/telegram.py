"""Messages in a Telegram chat, from a bot of your own: ``telegram:CHAT_ID?token_file=FILE``.

https://core.telegram.org/bots/api#sendphoto
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import argument, option
from edge_detector.secret_files import read_secret
from edge_detector.sinks.notify import http
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.rules import NotifyOptions
from edge_detector.sinks.notify.sink import NotifySink

SERVER = "https://api.telegram.org"
MOST_CAPTION = 1024  # characters


@dataclass(frozen=True, slots=True)
class TelegramOptions(NotifyOptions):
    """``telegram:123456789?classes=person&token_file=/etc/edge-detector/telegram``."""

    chat: str = argument("the chat's id, such as 123456789, or @NAME of a channel", default="")
    token_file: Path | None = option(None, "a file that holds the token that BotFather gave; required")
    server: str = option(SERVER, "the address of the Bot API")


class TelegramSink(NotifySink[TelegramOptions], options=TelegramOptions):
    """Sends the best picture of each visit to a Telegram chat, with the message as its caption."""

    def prepare(self, options: TelegramOptions, *, where: str) -> None:
        if not options.chat:
            raise ConfigError(f"{where}: the chat is missing; write telegram:CHAT_ID?token_file=FILE")
        if options.token_file is None:
            raise ConfigError(f"{where}: token_file is missing; it holds the token that BotFather gave")
        http.check_url(options.server, where=f"{where}: server")
        token = read_secret(options.token_file, what=f"{where}: the token")
        self._chat = options.chat.encode()
        self._url = f"{options.server.rstrip('/')}/bot{token}"
        http.check_url(self._url, where=f"{where}: the token")

    def deliver(self, message: Message, picture: bytes | None) -> None:
        text = f"{message.title}: {message.text}"[:MOST_CAPTION].encode()
        method, field = ("sendPhoto", "caption") if picture else ("sendMessage", "text")
        body, kind = http.form(
            {"chat_id": ("", self._chat), field: ("text/plain; charset=utf-8", text)},
            file=("photo", picture) if picture else None,
        )
        http.post(f"{self._url}/{method}", body, {"Content-Type": kind})
