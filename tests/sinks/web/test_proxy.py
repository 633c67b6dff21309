"""The page behind nginx, set up as docs/web.md says."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest

from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import DEADLINE_S, TOKEN, Page, Stream, open_page

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(
    NGINX is None or OPENSSL is None, reason="needs nginx: apt-get install nginx-light openssl"
)
GUIDE = Path(__file__).parents[3] / "docs/web.md"
NAME = "camera.example"
MAIN = """pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {recipe}
}}
"""


def recipe(port: int, page_port: int, certificate: Path, buffering: str) -> str:
    """What docs/web.md says, with other ports and another certificate."""
    (text,) = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    for found, replacement in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("proxy_buffering off", f"proxy_buffering {buffering}"),
        ("127.0.0.1:8080", f"127.0.0.1:{page_port}"),
        ("/etc/letsencrypt/live/camera.example/fullchain.pem", str(certificate)),
        ("/etc/letsencrypt/live/camera.example/privkey.pem", str(certificate.with_name("key.pem"))),
    ):
        assert found in text
        text = text.replace(found, replacement)
    return text


@contextmanager
def nginx(folder: Path, page: Page, buffering: str) -> Iterator[int]:
    """The proxy; gives its port."""
    certificate = folder / "certificate.pem"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={NAME}")
    name = ("-addext", f"subjectAltName=DNS:{NAME}")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(certificate))
    subprocess.run([str(OPENSSL), "req", "-x509", *kind, *name, *files], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = recipe(port, page.port, certificate, buffering)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, recipe=site))
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run(command, check=True, timeout=DEADLINE_S)  # returns when it listens
    try:
        yield port
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, timeout=DEADLINE_S)


def connect(folder: Path, port: int) -> ssl.SSLSocket:
    """A connection to the proxy by the name that its certificate has."""
    trusting = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    return trusting.wrap_socket(socket.create_connection(("127.0.0.1", port), DEADLINE_S), server_hostname=NAME)


def ask(folder: Path, port: int, path: str, *, method: str = "GET", body: str = "", **headers: str) -> HTTPResponse:
    with closing(HTTPSConnection(NAME, port, timeout=DEADLINE_S)) as connection:
        connection.sock = connect(folder, port)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        response.read()
    return response


@contextmanager
def behind_proxy(make_context: MakeContext, folder: Path, buffering: str = "off") -> Iterator[tuple[Page, int]]:
    token_file = folder / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    options = re.findall(r"web:127\.0\.0\.1:8080\?(token_file=web-token&.*)'", GUIDE.read_text())[0]
    options = options.replace("token_file=web-token", f"token_file={token_file}")
    with open_page(make_context(), f"web:127.0.0.1:0?{options}") as page, nginx(folder, page, buffering) as port:
        yield page, port


def test_the_page_works_behind_nginx(make_context: MakeContext, tmp_path: Path) -> None:
    with behind_proxy(make_context, tmp_path) as (page, port):
        login = ask(tmp_path, port, f"/?token={TOKEN}")
        assert login.status == 200
        cookie, *attributes = login.headers["Set-Cookie"].split("; ")
        assert "Secure" in attributes
        own = {"cookie": cookie, "origin": f"https://{NAME}:{port}", "content_type": "application/json"}
        change = {"method": "PATCH", "body": '{"confidence": 0.25}'}
        assert ask(tmp_path, port, "/api/settings", **change, **own).status == 200
        assert ask(tmp_path, port, "/api/settings", **change, **{**own, "origin": "https://evil.example"}).status == 403
        assert page.context.detector.thresholds.confidence == 0.25
        guesses = [ask(tmp_path, port, "/metrics", authorization="Bearer guess").status for _ in range(6)]
        assert guesses == [401] * 5 + [429]


@pytest.mark.parametrize("buffering", ["off", "on"])
def test_streams_come_through_nginx_at_once(make_context: MakeContext, tmp_path: Path, buffering: str) -> None:
    with behind_proxy(make_context, tmp_path, buffering) as (page, port):
        for path in ("/stream.mjpg", "/api/detections"):
            with connect(tmp_path, port) as connection, connection.makefile("rb") as file:
                lines = [f"GET {path} HTTP/1.1", f"Host: {NAME}:{port}", f"Authorization: Bearer {TOKEN}", "", ""]
                connection.sendall("\r\n".join(lines).encode())
                viewer = Stream(file)
                for sequence in range(3):
                    page.sink.write(make.result(sequence, ((10.0, 20.0, 110.0 + sequence, 220.0), 0.9, 0)))
                    assert viewer.picture().size if path == "/stream.mjpg" else viewer.event()
