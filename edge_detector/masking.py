"""Hides passwords and tokens in whatever people may see: log lines, error messages, reports, printed configurations.

Secrets stand in addresses. Many are not encoded as they should be, so a password is taken to be as long as it can be:
up to the last @ of its word. Where a text can be read in two ways, the secret is hidden rather than the host shown.
"""

from __future__ import annotations

import re

MASK = "***"

_COLON, _SLASHES, _AT = "(?::|%3a)", "(?:/|%2f)+", "(?=@|%40)"
# What stands after :// and is surely no user's name. With a name, as in http://porch:80/a@b, nobody can say.
_HOST = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.%]+\])(?::\d{1,5})?(?=[/?#,;:'\")>\s]|$)"
_PORT = r"\d{1,5}(?=[/?#,;:'\")>\]}\s]|$)"
_USER = rf"(\w{_COLON}{_SLASHES}(?!{_HOST})[^:/?#\s]*?{_COLON})"

_IN_ADDRESS = re.compile(rf"{_USER}\S*{_AT}", re.IGNORECASE)
# A password with a space: its @ is in a later word.
_IN_ADDRESS_WITH_SPACES = re.compile(rf"{_USER}(?!{_PORT}|\*\*\*{_AT})(?:(?!://)[^\n@])*(?=@)", re.IGNORECASE)
# ada:secret@porch at the start of a word, unless it is a time or a path. A sink's name may stand before it.
_WITHOUT_SCHEME = re.compile(
    r"(?<![^\s'\"=(,<])(?!mailto:|sips?:|\d{1,2}:\d\d(?!\w))"
    rf"([\w.%+@-]+?{_COLON})(?!{_HOST}|[/\\]|\S*:\*\*\*{_AT})\S*(?=@[\w\[])",
    re.IGNORECASE,
)

_LONG_NAMES = r"(?:passw(?:or)?d|passphrase|pwd|token|secret|api_?key)"  # secrets in any text, also at a name's end
_SHORT_NAMES = r"(?:login)?pas|pass|pw|psw|key|auth|authorization|sig|signature|sid|session|credentials?"
_LOGIN_NAMES = r"user|username|userid|usr|login|loginuser?|account"


def _parameter(names: str) -> re.Pattern[str]:
    """A parameter of a query; the second form is that of an address inside the query of another, with %3D for =."""
    name = rf"((?:[?&;/_]|%3f|%26)(?:{names})\d*"
    return re.compile(rf"{name}=)[^&\s]*|{name}%3d)(?:(?!%26)[^&\s])*", re.IGNORECASE)


_SECRET = _parameter(rf"[^\W_]*{_LONG_NAMES}|{_SHORT_NAMES}")
_LOGIN = _parameter(_LOGIN_NAMES)
_ASSIGNED = re.compile(rf"({_LONG_NAMES}\d*=)[^&\s]*", re.IGNORECASE)

_SPACE = "\ue000"  # stands for a space inside a value: for private use, and no space to a regular expression


def masked(text: str) -> str:
    """``text`` with *** for every password and token in it: ``rtsp://ada:***@porch/live``, ``?user=***&pwd=***``.

    A password with spaces cannot always be told from the text around it: see `masked_value`.
    """
    text = re.sub(r"\S+", _mask_query, text)  # first: an @ in a value belongs to no address
    for address in (_IN_ADDRESS, _IN_ADDRESS_WITH_SPACES, _WITHOUT_SCHEME):
        text = address.sub(rf"\1{MASK}", text)
    return _ASSIGNED.sub(rf"\1{MASK}", text)


def masked_value(value: str) -> str:
    """The same for one address that is not part of a text: what has spaces is one word, too."""
    return masked(value.replace(" ", _SPACE)).replace(_SPACE, " ")


def _mask_query(word: re.Match[str]) -> str:
    """The secrets of one word; beside one the user's name is a secret, too."""
    if not _SECRET.search(word[0]):
        return word[0]
    return _LOGIN.sub(_mask_parameter, _SECRET.sub(_mask_parameter, word[0]))


def _mask_parameter(found: re.Match[str]) -> str:
    return f"{found[1] or found[2]}{MASK}"
