"""The page's own files, read from the package: the only files that are ever served."""

from __future__ import annotations

from functools import cache
from importlib import resources

from aiohttp import web

FILES = {
    "app.js": "text/javascript",
    "boxes.js": "text/javascript",
    "charts.js": "text/javascript",
    "class_picker.js": "text/javascript",
    "corners.js": "text/javascript",
    "detection.js": "text/javascript",
    "live_picture.js": "text/javascript",
    "liveness.js": "text/javascript",
    "mark_boxes.js": "text/javascript",
    "mark_draft.js": "text/javascript",
    "mark_editor.js": "text/javascript",
    "mark_requests.js": "text/javascript",
    "marking.js": "text/javascript",
    "place_counts.js": "text/javascript",
    "place_draft.js": "text/javascript",
    "place_editor.js": "text/javascript",
    "place_form.js": "text/javascript",
    "place_requests.js": "text/javascript",
    "places.js": "text/javascript",
    "requests.js": "text/javascript",
    "review.js": "text/javascript",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
PUBLIC_PATHS = frozenset({"/login", "/style.css", "/icon.svg"})  # the form that asks for the token needs them


def html_page(name: str) -> web.Response:
    """One of the HTML pages."""
    return web.Response(body=_read(name), content_type="text/html", charset="utf-8")


def index_page(*, log_out: bool) -> web.Response:
    """The page itself; with ``log_out`` it has the button that ends the viewer's session."""
    body = _read("index.html").replace(b"{log out}", _read("logout.html").strip() if log_out else b"")
    body = body.replace(b"{marks}", _read("marks.html"))
    return web.Response(body=body, content_type="text/html", charset="utf-8")


def review_page() -> web.Response:
    """The page on which people review pictures."""
    body = _read("review.html").replace(b"{marks}", _read("marks.html"))
    return web.Response(body=body, content_type="text/html", charset="utf-8")


def login_page(*, complaint: str = "") -> web.Response:
    """The form that asks for the token; ``complaint`` says what was wrong with the last attempt."""
    body = _read("login.html").replace(b"{complaint}", complaint.encode())
    return web.Response(body=body, status=401, content_type="text/html", charset="utf-8")


def page_file(name: str) -> web.Response:
    """One of `FILES`."""
    return web.Response(body=_read(name), content_type=FILES[name], charset="utf-8")


@cache
def _read(name: str) -> bytes:
    return resources.files(__package__).joinpath("page", name).read_bytes()
