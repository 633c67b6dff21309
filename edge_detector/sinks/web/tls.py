"""TLS: a certificate and its key, tried out before anybody connects."""

from __future__ import annotations

import logging
import ssl
import stat
from pathlib import Path

from edge_detector.errors import ConfigError

log = logging.getLogger(__name__)

HAS_EXPIRED, NOT_YET_VALID = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED and ..._NOT_YET_VALID of OpenSSL's x509_vfy.h
HOW_TO_MAKE = "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=NAME -keyout key.pem -out certificate.pem"


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server needs to speak TLS 1.2 or newer with ``certificate`` and ``key``, two PEM files (or twice one).

    Raises `ConfigError` if a file cannot be read or is no such thing, if they do not belong together, and if the
    certificate has expired. One that is not valid yet is only remarked on: a Pi has no clock of its own, and its
    time may be wrong until the network has told it.
    """
    for path, what in ((certificate, "certificate"), (key, "key of the certificate")):
        _read(path, what)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_password(key))
    except ssl.SSLError as error:
        raise ConfigError(f"{certificate}: {_in_words(error, key)}") from None
    _check_dates(certificate, context)
    _warn_if_all_can_read(key)
    return context


def _read(path: Path, what: str) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the {what}: {error.strerror}; make one: {HOW_TO_MAKE}") from None


def _refuse_password(key: Path) -> str:
    raise ConfigError(f"{key}: the key has a password, and nobody is there to type it; remove it with openssl pkey")


def _in_words(error: ssl.SSLError, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} belongs to another certificate"
    if "EE_KEY_TOO_SMALL" in str(error):
        return f"the key in {key} is too short; make a new one: {HOW_TO_MAKE}"
    return f"this file and {key} are not a certificate and its key in PEM format; make them: {HOW_TO_MAKE}"


def _check_dates(certificate: Path, context: ssl.SSLContext) -> None:
    try:
        _shake_hands(certificate, context)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == HAS_EXPIRED:
            raise ConfigError(f"{certificate}: the certificate has expired; renew it, or: {HOW_TO_MAKE}") from None
        if error.verify_code != NOT_YET_VALID:
            raise ConfigError(f"{certificate}: browsers will refuse it: {error.verify_message}") from None
        log.warning("%s: the certificate is not valid yet; is the clock of this machine right?", certificate)
    except ssl.SSLError as error:
        raise ConfigError(f"{certificate}: cannot be used: {error.reason}") from None


def _shake_hands(certificate: Path, server: ssl.SSLContext) -> None:
    """A connection within memory, of a client who trusts this very certificate: only its dates can be wrong."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may hold a certificate without its authority
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)
    for end in (*ends, *ends):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


def _warn_if_all_can_read(key: Path) -> None:
    if key.stat().st_mode & stat.S_IROTH:
        log.warning("%s: every user of this machine can read the key; chmod 640 fixes it", key)
