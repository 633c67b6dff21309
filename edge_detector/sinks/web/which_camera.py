"""The camera that a request is about: ``?camera=porch``."""

from __future__ import annotations

import json
from collections.abc import Collection

from aiohttp import web

from edge_detector.registry import unknown


def camera_of(request: web.Request, cameras: Collection[str]) -> str:
    """Its name; "" where the request names none. Raises 404 for one that is not among ``cameras``."""
    if why := unknown_camera(request, cameras):
        raise _error(web.HTTPNotFound, why)
    return request.query.get("camera", "")


def unknown_camera(request: web.Request, cameras: Collection[str]) -> str:
    """Why there is no such camera as the request names; "" if there is, or if it names none."""
    name = request.query.get("camera", "")
    if not name or name in cameras:
        return ""
    return unknown("camera", name, cameras) if cameras else _nameless(name)


def one_camera_of(request: web.Request, cameras: Collection[str]) -> str:
    """The same where one camera must be meant: raises 409 if the request names none, and there are several."""
    name = camera_of(request, cameras)
    if not name and len(cameras) > 1:
        raise _error(web.HTTPConflict, f"this run has several cameras; add ?camera=NAME: {', '.join(cameras)}")
    return name


def _nameless(name: str) -> str:
    return f"unknown camera {name!r}; this run has one camera, without a name: leave out ?camera"


def _error(kind: type[web.HTTPException], why: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": why}), content_type="application/json")
