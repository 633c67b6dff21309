"""The page with TLS, by certificates that openssl makes."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.sinks.web.limited_listener import MOST_OF_ONE_CLIENT
from edge_detector.sinks.web.tls import server_context
from edge_detector.types import Frame, Result, Timings
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import DEADLINE_S, TOKEN, Page, Stream, open_page

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl: apt-get install openssl")
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def openssl(*words: str | Path) -> None:
    subprocess.run([str(OPENSSL), *map(str, words)], check=True, capture_output=True, timeout=DEADLINE_S)


def make_certificate(folder: Path, name: str = "page", *, days: int = 30) -> tuple[Path, Path]:
    """A self-signed certificate and its key; with negative ``days`` it has expired."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    request = folder / f"{name}.csr"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-new", *curve, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    (folder / "names").write_text(NAMES)
    openssl(
        *("x509", "-req", "-in", request, "-signkey", key, "-out", certificate),
        *("-days", str(days), "-extfile", folder / "names"),
    )
    key.chmod(0o600)
    return certificate, key


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def options(files: tuple[Path, Path]) -> str:
    return f"certificate={files[0]}&key={files[1]}"


def trusting(certificate: Path) -> ssl.SSLContext:
    """What a client has who trusts the certificate."""
    return ssl.create_default_context(cafile=str(certificate))


def ask(page: Page, certificate: Path, path: str, **headers: str) -> HTTPResponse:
    with closing(
        HTTPSConnection("localhost", page.port, timeout=DEADLINE_S, context=trusting(certificate))
    ) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
    return response


def test_the_page_is_served_with_tls(make_context: MakeContext, files: tuple[Path, Path]) -> None:
    with open_page(make_context(), f"web:0?{options(files)}") as page:
        assert page.sink.url == f"https://127.0.0.1:{page.port}/"
        answer = ask(page, files[0], "/")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] is None  # it would bind other ports of this host
        own = ask(page, files[0], "/", Origin=f"https://localhost:{page.port}")
        foreign = ask(page, files[0], "/", Origin=f"https://localhost:{page.port + 1}")
        assert (own.status, foreign.status) == (200, 403)


def test_the_cookie_stays_within_tls(make_context: MakeContext, files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "web-token").write_text(TOKEN)
    with open_page(make_context(), f"web:0?{options(files)}&token_file={tmp_path / 'web-token'}") as page:
        name, *attributes = ask(page, files[0], f"/?token={TOKEN}").headers["Set-Cookie"].split("; ")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} < set(attributes)
        assert name.startswith(f"__Host-edge-detector-{page.port}=")
        assert ask(page, files[0], "/metrics", Cookie=name).status == 200
        forget = ask(page, files[0], "/metrics", Cookie=name.partition("=")[0] + "=old").headers["Set-Cookie"]
        assert {"Secure", "Path=/", "Max-Age=0"} < set(forget.split("; "))


@contextmanager
def viewer(page: Page, certificate: Path, *, receive_bytes: int | None = None) -> Iterator[Stream]:
    """Somebody who watches over TLS."""
    tls = trusting(certificate).wrap_socket(page.connect(receive_bytes=receive_bytes), server_hostname="localhost")
    with tls as connection:
        connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with connection.makefile("rb") as file:
            yield Stream(file)


def test_streams_end_with_the_page(make_context: MakeContext, files: tuple[Path, Path]) -> None:
    with ExitStack() as clients:
        with open_page(make_context(), f"web:0?{options(files)}") as page:
            watching = clients.enter_context(viewer(page, files[0]))
            page.sink.write(make.result())
            assert watching.picture().size
        assert watching.ended()


def test_a_slow_viewer_gets_few_old_pictures(make_context: MakeContext, files: tuple[Path, Path]) -> None:
    with (
        open_page(make_context(), f"web:0?{options(files)}&fps=60") as page,
        viewer(page, files[0], receive_bytes=4096) as slow,
        viewer(page, files[0]) as quick,
    ):
        for sequence in range(16):
            page.sink.write(noise(sequence))
            quick.picture()
        seen = [slow.picture().mean()]
        while seen[-1] < noise(15).frame.image.mean() - 2:
            seen.append(slow.picture().mean())
        assert len(seen) <= 5  # 4; it would be 8 with the buffers that TLS has by default


def noise(sequence: int) -> Result:
    """A picture of about 250 KB, brighter than the one before."""
    pixels = np.random.default_rng(0).integers(0, 100, (480, 640, 3), dtype=np.uint8)
    return Result(Frame(pixels + np.uint8(6 * sequence), sequence, 0), make.detections(), Timings(0, 0, 0, 0))


def test_older_versions_of_tls_are_refused(make_context: MakeContext, files: tuple[Path, Path]) -> None:
    assert server_context(*files).minimum_version == ssl.TLSVersion.TLSv1_2


def test_without_tls_nothing_is_answered(
    make_context: MakeContext, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with open_page(make_context(), f"web:0?{options(files)}") as page:
        with suppress(ConnectionResetError):
            assert b"HTTP" not in page.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ask(page, files[0], "/").status == 200
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_handshakes_that_never_end_count_as_connections(make_context: MakeContext, files: tuple[Path, Path]) -> None:
    with open_page(make_context(), f"web:0?{options(files)}") as page, ExitStack() as stack:
        for _ in range(MOST_OF_ONE_CLIENT):
            stack.enter_context(page.connect(source="127.0.0.2"))
        assert ask(page, files[0], "/").status == 200  # so all before it have been accepted
        with page.connect(source="127.0.0.2") as one_more, pytest.raises((ConnectionError, ssl.SSLEOFError)):
            trusting(files[0]).wrap_socket(one_more, server_hostname="localhost")


def test_a_handshake_that_never_ends_is_closed(
    make_context: MakeContext, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_detector.sinks.web.server.IDLE_S", 0.2)
    with open_page(make_context(), f"web:0?{options(files)}") as page, page.connect() as connection:
        connection.settimeout(20.0)  # before asyncio's own deadline of a minute
        assert connection.recv(1) == b""


def test_one_file_may_hold_both(make_context: MakeContext, files: tuple[Path, Path], tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(files[0].read_bytes() + files[1].read_bytes())
    both.chmod(0o600)
    with open_page(make_context(), f"web:0?certificate={both}") as page:
        assert ask(page, files[0], "/").status == 200


def test_what_is_no_certificate_is_one_clear_error(files: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = files
    other, _ = make_certificate(tmp_path, "other")
    rubbish, missing = tmp_path / "rubbish.pem", tmp_path / "missing.pem"
    rubbish.write_text("rubbish")
    locked = tmp_path / "locked.pem"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
    for pair, complaint in (
        ((missing, key), f"{missing}: cannot read the certificate: No such file or directory; make one: openssl req"),
        ((certificate, missing), f"{missing}: cannot read the key of the certificate: No such file or directory"),
        ((tmp_path, key), f"{tmp_path}: cannot read the certificate: Is a directory"),
        ((other, key), f"{other}: the key in {key} belongs to another certificate"),
        ((rubbish, key), f"{rubbish}: this file and {key} are not a certificate and its key in PEM format"),
        ((certificate, certificate), f"{certificate}: this file and {certificate} are not a certificate and its key"),
        ((certificate, locked), f"{locked}: the key has a password, and nobody is there to type it"),
    ):
        with pytest.raises(ConfigError) as caught:
            server_context(*pair)
        assert str(caught.value).startswith(complaint)


def test_an_unreadable_key_is_one_clear_error(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, as whom tests may run, can read everything
    with pytest.raises(ConfigError, match="cannot read the certificate: Permission denied"):
        server_context(*files)


def test_an_expired_certificate_is_one_clear_error(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, days=-1)
    with pytest.raises(ConfigError, match=f"^{certificate}: the certificate has expired; renew it, or: openssl req"):
        server_context(certificate, key)


def test_a_certificate_of_tomorrow_is_only_remarked_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority, authority_key = make_certificate(tmp_path, "authority")
    _, key = make_certificate(tmp_path)
    (tmp_path / "index").touch()
    (tmp_path / "serial").write_text("01")
    (tmp_path / "ca.conf").write_text(
        f"[ca]\ndefault_ca=a\n[a]\ndatabase={tmp_path}/index\nserial={tmp_path}/serial\nnew_certs_dir={tmp_path}\n"
        f"default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    tomorrow = tmp_path / "tomorrow.pem"
    openssl(
        *("ca", "-batch", "-notext", "-config", tmp_path / "ca.conf", "-in", tmp_path / "page.csr", "-out", tomorrow),
        *(
            "-cert",
            authority,
            "-keyfile",
            authority_key,
            "-startdate",
            "21000101000000Z",
            "-enddate",
            "21010101000000Z",
        ),
    )
    server_context(tomorrow, key)
    assert caplog.messages == [f"{tomorrow}: the certificate is not valid yet; is the clock of this machine right?"]


def test_a_key_that_all_may_read_is_remarked_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = make_certificate(tmp_path)
    server_context(certificate, key)
    assert caplog.messages == []
    key.chmod(0o644)
    server_context(certificate, key)
    assert caplog.messages == [f"{key}: every user of this machine can read the key; chmod 640 fixes it"]


def test_an_error_of_the_certificate_leaves_the_port_free(make_context: MakeContext, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConfigError):
        open_page(make_context(), f"web:{port}?certificate={tmp_path / 'missing'}").__enter__()
    with socket.create_server(("127.0.0.1", port)):
        pass
