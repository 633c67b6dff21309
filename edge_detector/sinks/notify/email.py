"""Messages by e-mail: ``email:ADDRESS?server=smtp.example.org&username=NAME&password_file=FILE``."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import argument, option
from edge_detector.secret_files import read_secret
from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.rules import NotifyOptions
from edge_detector.sinks.notify.sink import NotifySink

TIMEOUT_S = 20.0
TLS_PORT = 465  # TLS from the first byte (RFC 8314); others begin in plain text
SECURITIES = ("auto", "tls", "starttls", "none")


@dataclass(frozen=True, slots=True)
class EmailOptions(NotifyOptions):
    """``email:ada@example.org?server=smtp.example.org:587&username=ada&password_file=/etc/edge-detector/mail``."""

    to: str = argument("who gets it; several with commas", default="")
    server: str = option("", "HOST or HOST:PORT of the mail server; required; the usual port is 587")
    sender: str = option("", "the address it comes from; none: the first that gets it")
    username: str = option("", "the name to log in with; none: no login")
    password_file: Path | None = option(None, "a file that holds the password of username; none: no login")
    security: str = option("auto", "tls, starttls, none, or auto: tls at port 465, none on this machine, else starttls")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for what is missing or unknown."""
        NotifyOptions.__post_init__(self)
        if self.security not in SECURITIES:
            raise ConfigError(f"security is {self.security!r}; expected one of {', '.join(SECURITIES)}")
        if bool(self.username) != bool(self.password_file):
            raise ConfigError("username and password_file belong together")


class EmailSink(NotifySink[EmailOptions], options=EmailOptions):
    """Sends a mail for each visit, with its best picture attached."""

    def prepare(self, options: EmailOptions, *, where: str) -> None:
        if not options.to or not options.server:
            raise ConfigError(f"{where}: write email:ADDRESS?server=HOST, and whom it logs in as if it must")
        self._to = [_address(each, where) for each in options.to.split(",")]
        self._from = _address(options.sender, where) if options.sender else self._to[0]
        self._host, self._port = _server(options.server, where)
        self._security = _security(options.security, self._host, self._port)
        self._login = None
        if options.password_file:
            password = read_secret(options.password_file, what=f"{where}: the password")
            self._login = options.username, password
            if self._security == "none" and self._host not in LOCAL:
                raise ConfigError(f"{where}: security=none would send the password in plain text; use starttls or tls")

    def deliver(self, message: Message, picture: bytes | None) -> None:
        try:
            with self._connect() as server:
                if self._login:
                    server.login(*self._login)
                server.send_message(self._mail(message, picture))
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(f"{self._host}: {_said(error)} (are username and password right?)") from None
        except smtplib.SMTPResponseException as error:
            kind = Refused if 500 <= error.smtp_code < 600 else DeliveryFailed
            raise kind(f"{self._host}: {_said(error)}") from None
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed(f"{self._host}: takes no mail for {', '.join(error.recipients)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"{self._host}: {getattr(error, 'strerror', None) or error}") from None

    def _connect(self) -> smtplib.SMTP:
        """A connection that is as safe as it shall be. Raises `OSError` and `smtplib.SMTPException`."""
        if self._security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        if self._security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _mail(self, message: Message, picture: bytes | None) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = " ".join(f"{message.title}: {message.text}".split())
        mail["From"], mail["To"] = self._from, self._to
        mail["Date"], mail["Message-ID"] = localtime(), make_msgid(message.id, domain="edge-detector.local")
        seen = datetime.fromisoformat(message.time).astimezone()  # as clocks show it here
        mail.set_content(f"{message.text}\n{seen:%d %b %Y, %H:%M:%S}\n")
        if picture:
            mail.add_attachment(picture, maintype="image", subtype="jpeg", filename="visit.jpg")
        return mail


LOCAL = ("localhost", "127.0.0.1", "::1")


def _security(wanted: str, host: str, port: int) -> str:
    if wanted != "auto":
        return wanted
    if port == TLS_PORT:
        return "tls"
    return "none" if host in LOCAL else "starttls"


def _server(text: str, where: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if not host or (port and not port.isdecimal()) or int(port or 587) > 65535:
        raise ConfigError(f"{where}: server is {text!r}; expected HOST or HOST:PORT, such as smtp.example.org:587")
    return host, int(port or 587)


def _address(text: str, where: str) -> Address:
    try:
        address = Address(addr_spec=text.strip())
    except (ValueError, IndexError):
        address = Address()
    if not address.username or not address.domain:
        raise ConfigError(f"{where}: {text!r} is no mail address; expected NAME@DOMAIN")
    return address


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"answers {error.smtp_code} {' '.join(text.split())[:200]}"
