"""The page's own files, read from the package: the only files that are ever served."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib import resources
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

FILES = {
    "app.js": "text/javascript",
    "boxes.js": "text/javascript",
    "camera.js": "text/javascript",
    "cameras.js": "text/javascript",
    "chart_scale.js": "text/javascript",
    "charts.js": "text/javascript",
    "class_picker.js": "text/javascript",
    "class_scores.js": "text/javascript",
    "confirm.js": "text/javascript",
    "corners.js": "text/javascript",
    "day_chart.js": "text/javascript",
    "detection.js": "text/javascript",
    "detection_switch.js": "text/javascript",
    "heat_map.js": "text/javascript",
    "history.js": "text/javascript",
    "history_address.js": "text/javascript",
    "label_places.js": "text/javascript",
    "live_picture.js": "text/javascript",
    "liveness.js": "text/javascript",
    "mark_boxes.js": "text/javascript",
    "mark_draft.js": "text/javascript",
    "mark_editor.js": "text/javascript",
    "mark_requests.js": "text/javascript",
    "marking.js": "text/javascript",
    "model_change.js": "text/javascript",
    "new_visits.js": "text/javascript",
    "place_changes.js": "text/javascript",
    "place_counts.js": "text/javascript",
    "place_draft.js": "text/javascript",
    "place_editor.js": "text/javascript",
    "place_form.js": "text/javascript",
    "place_requests.js": "text/javascript",
    "places.js": "text/javascript",
    "question.js": "text/javascript",
    "requests.js": "text/javascript",
    "review.js": "text/javascript",
    "run_charts.js": "text/javascript",
    "seen_list.js": "text/javascript",
    "setting_requests.js": "text/javascript",
    "visit_list.js": "text/javascript",
    "visit_view.js": "text/javascript",
    "words.js": "text/javascript",
    "cameras.css": "text/css",
    "charts.css": "text/css",
    "history.css": "text/css",
    "settings.css": "text/css",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
PARTS = ("charts", "marks", "settings")  # of the pages, in files of their own
PAGES = ("/", "/history", "/review")  # that a browser may be sent to after the login
PUBLIC_PATHS = frozenset({"/login", "/style.css", "/icon.svg"})  # the form that asks for the token needs them


def html_page(name: str) -> web.Response:
    """One of the HTML pages."""
    return web.Response(body=_read(name), content_type="text/html", charset="utf-8")


class Viewer(NamedTuple):
    """What a page must know of who opens it."""

    log_out: bool  # whether there is a session to end
    may_change: bool  # False: controls that change something are hidden, or disabled


def app_page(name: str, viewer: Viewer) -> web.Response:
    """The page with that file name, as ``viewer`` sees it."""
    body = _read(name).replace(b"{log out}", _read("logout.html").strip() if viewer.log_out else b"")
    for part in PARTS:
        body = body.replace(f"{{{part}}}".encode(), _read(f"{part}.html"))
    body = body.replace(b"{access}", b"change" if viewer.may_change else b"look")
    return web.Response(body=body, content_type="text/html", charset="utf-8")


def login_page(*, wanted: str = "", complaint: str = "") -> web.Response:
    """The form that asks for the token; ``complaint`` says what was wrong with the last attempt.

    ``wanted``: the address to which the login leads.
    """
    body = _read("login.html").replace(b"{complaint}", complaint.encode())
    body = body.replace(b"{wanted}", escape(own_page(wanted)).encode())
    return web.Response(body=body, status=401, content_type="text/html", charset="utf-8")


def own_page(address: str) -> str:
    """``address`` if it is one of `PAGES`, with what it asks for, else that of the live page: no open redirect.

    Source: OWASP, Unvalidated Redirects and Forwards Cheat Sheet: only known targets, whoever names them.
    """
    try:
        scheme, host, path, query, _ = urlsplit(address)
    except ValueError:
        return "/"
    if scheme or host or path not in PAGES:
        return "/"
    asked = urlencode([(name, value) for name, value in parse_qsl(query) if name != "token"])
    return f"{path}?{asked}" if asked else path


def page_file(name: str) -> web.Response:
    """One of `FILES`."""
    return web.Response(body=_read(name), content_type=FILES[name], charset="utf-8")


@cache
def _read(name: str) -> bytes:
    return resources.files(__package__).joinpath("page", name).read_bytes()
