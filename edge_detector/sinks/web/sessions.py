"""The browsers that are logged in: random ids in memory, so that each can be logged out, and all of them at once.

After a restart people log in again. Source: OWASP, Session Management Cheat Sheet.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

ID_BYTES = 32  # of randomness; OWASP asks for 8
IDLE_S = 30 * 24 * 3600.0  # a session that nobody uses for so long ends
LONGEST_S = 180 * 24 * 3600.0  # and every session ends after so long
MOST_SESSIONS = 256  # beyond that, the one that was not used for the longest time ends


@dataclass(frozen=True, slots=True)
class Session:
    """When a browser logged in, and when it last asked for something."""

    started_s: float
    used_s: float
    may_change: bool  # False: it may look at everything, and change nothing


class Sessions:
    """Sessions by name: the SHA-256 digest of the id that the browser sends.

    A look-up by the id itself could take a time that depends on how much of a guess is right.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # the one used last is the last

    def __len__(self) -> int:
        return len(self._sessions)

    def start(self, *, may_change: bool = True) -> str:
        """The id of a new session, for the browser to keep."""
        session_id = secrets.token_urlsafe(ID_BYTES)
        now_s = self._clock()
        self._sessions[_name(session_id)] = Session(now_s, now_s, may_change)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session_id

    def use(self, session_id: str) -> str | None:
        """The name of the session with this id, which counts as used now; None if there is none, or it has ended."""
        name, now_s = _name(session_id), self._clock()
        session = self._sessions.pop(name, None)
        if session is None or now_s - session.used_s > IDLE_S or now_s - session.started_s > LONGEST_S:
            return None
        self._sessions[name] = replace(session, used_s=now_s)
        return name

    def may_change(self, name: str) -> bool:
        """Whether the session with this name may change something."""
        session = self._sessions.get(name)
        return session is not None and session.may_change

    def end(self, name: str) -> None:
        """Log one browser out."""
        self._sessions.pop(name, None)

    def end_all(self) -> None:
        """Log every browser out."""
        self._sessions.clear()


def _name(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "surrogateescape")).hexdigest()
