"""Passwords and tokens in addresses, right ones and wrong ones, alone and in texts."""

from __future__ import annotations

import re
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.masking import masked, masked_value

# Whatever can be typed, in any script; spaces are words apart.
TYPED = st.characters(exclude_categories=["C", "Z"])
PASSWORDS = st.text(TYPED | st.sampled_from("/#@:?&=%"), min_size=1, max_size=30)
PHRASES = st.lists(PASSWORDS, min_size=1, max_size=4).map(" ".join)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
SCHEMES = st.sampled_from(["rtsp", "rtsps", "http", "https", "rtmp", "mqtt"])
HOSTS = st.sampled_from(["porch", "porch.local", "10.0.0.2", "[2001:db8::1]", "porch:554", "10.0.0.2:8080"])
PATHS = st.sampled_from(["", "/", "/live", "/Streaming/Channels/101", "/cam?channel=1&subtype=0", "/a#b"])
SECRETS = st.sampled_from(["pwd", "password", "PASS", "passwd", "token", "access_token", "key", "secret", "auth", "pw"])


def is_no_query(password: str) -> bool:
    """Whether no part of it looks like the query of an address, which is masked before."""
    return not re.search(r"(pas|pwd|pw|key|auth|token|secret|sig|sid|session|credential)\w*(=|%3d)", password, re.I)


@given(SCHEMES, NAMES, PASSWORDS.filter(is_no_query), HOSTS, PATHS)
def test_a_password_in_an_address_is_hidden_and_nothing_else(scheme, user, password, host, path) -> None:
    assert masked(f"{scheme}://{user}:{password}@{host}{path}") == f"{scheme}://{user}:***@{host}{path}"


@given(SCHEMES, NAMES, PHRASES.filter(is_no_query), HOSTS, PATHS)
def test_an_address_that_is_alone_may_have_spaces_in_its_password(scheme, user, password, host, path) -> None:
    assert masked_value(f"{scheme}://{user}:{password}@{host}{path}") == f"{scheme}://{user}:***@{host}{path}"


@given(NAMES, PASSWORDS.filter(is_no_query), HOSTS, PATHS)
def test_an_encoded_password_is_hidden(user, password, host, path) -> None:
    written = quote(password, safe="")
    assert masked(f"rtsp://{user}:{written}@{host}{path}") == f"rtsp://{user}:***@{host}{path}"
    inner = quote(f"rtsp://{user}:{written}@{host}", safe="")
    shown = masked(f"http://go2rtc/api?src={inner}")
    assert shown == f"http://go2rtc/api?src=rtsp%3A%2F%2F{user}%3A***%40{quote(host, safe='')}"


@given(NAMES, PASSWORDS.filter(lambda text: is_no_query(text) and text[0] not in "/\\"), HOSTS, PATHS)
def test_a_password_without_a_scheme_is_hidden(user, password, host, path) -> None:
    assert masked(f"{user}:{password}@{host}{path}") == f"{user}:***@{host}{path}"


@given(HOSTS, SECRETS, PASSWORDS.filter(lambda text: "&" not in text))
def test_a_password_in_a_query_is_hidden_with_the_users_name(host, name, password) -> None:
    shown = masked(f"http://{host}/snap?channel=1&user=admin&{name}={password}&size=2")
    assert shown == f"http://{host}/snap?channel=1&user=***&{name}=***&size=2"
    assert masked(f"http://{host}/snap?{name}={password}") == f"http://{host}/snap?{name}=***"


@given(SCHEMES, NAMES, PASSWORDS.filter(is_no_query), HOSTS, st.sampled_from(["{}: no answer", "a {} b", "('{}', 1)"]))
def test_a_text_around_an_address_stays(scheme, user, password, host, sentence) -> None:
    text = masked(sentence.format(f"{scheme}://{user}:{password}@{host}/live"))
    assert text == sentence.format(f"{scheme}://{user}:***@{host}/live")


@given(st.text(TYPED | st.sampled_from("/#@:?&= %")))
def test_what_is_masked_stays_as_it_is(text) -> None:
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:secret@10.0.0.2:554/live?x=1", "rtsp://admin:***@10.0.0.2:554/live?x=1"),
        ("rtsp://admin:s@cret@10.0.0.2/live", "rtsp://admin:***@10.0.0.2/live"),
        ("source = http://ada:secret@porch, timeout = 5.0", "source = http://ada:***@porch, timeout = 5.0"),
        ("rtsp://ada@home.org:secret@porch/live", "rtsp://ada@home.org:***@porch/live"),
        ("rtsp://:secret@porch/live", "rtsp://:***@porch/live"),
        ("rtsp://ada:my secret@porch/live is silent", "rtsp://ada:***@porch/live is silent"),
        ("rtsp:/ada:secret@porch", "rtsp:/ada:***@porch"),
        ("ada%3Asecret@porch", "ada%3A***@porch"),
        ("sink mqtt: 'ada:secret@porch' is not an address", "sink mqtt: 'ada:***@porch' is not an address"),
        ("mqtt:ada:secret@porch", "mqtt:***@porch"),
        ("stream:rtsp://ada:secret@porch/x", "stream:rtsp://ada:***@porch/x"),
        ("rtsp://porch/user=admin&password=tlJw&channel=1", "rtsp://porch/user=***&password=***&channel=1"),
        ("rtsp://porch/user=admin_password=tl_channel=1_stream=0.sdp", "rtsp://porch/user=***"),
        ("http://10.0.0.2/?loginuse=ada&loginpas=x", "http://10.0.0.2/?loginuse=***&loginpas=***"),
        ("http://porch:80/snap?pwd=p@ss", "http://porch:80/snap?pwd=***"),
        ("http://h/?src=http%3A%2F%2Fporch%3Fuser%3Dada%26pwd%3Dx%26a%3D1",
         "http://h/?src=http%3A%2F%2Fporch%3Fuser%3D***%26pwd%3D***%26a%3D1"),
        ("GET /?token=abc HTTP/1.1", "GET /?token=*** HTTP/1.1"),
        ("password=swordfish", "password=***"),
    ],
)  # fmt: skip
def test_known_ways_to_write_a_password(text, shown) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://10.0.0.2/live",
        "rtsp://ada@porch/live",
        "http://10.0.0.2:80/a@b",
        "http://[2001:db8::1]:80/a@b",
        "http://localhost:8080: listening; ask ada@home.org",
        "http://porch:8080/x is silent; ask ada@home.org",
        "rtsp://[::1",
        "12:30:05 ada@home.org",
        "at 12:30@porch",
        "label 'ada@home.org': 0.81",
        '{"label":"ada@home.org","score":0.81}',
        "mailto:ada@home.org",
        r"C:\Users\ada@home\film.mp4",
        "C:/Users/ada@home/film.mp4",
        "snapshots:/home/ada@home/pictures",
        "web:0.0.0.0:8080?token_file=/etc/a@b",
        "mqtt:porch?username=ada&password_file=/etc/mqtt",
        "web?fps=5&keyframe=1&monkey=2",
        "pass=3 fail=2",
        "std = 127.5, class_confidence = {'person': 0.5}",
        "user=ada",
        "http://porch/?user=ada&channel=1",
    ],
)
def test_ordinary_texts_stay_as_they_are(text) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("piece", ["a:,", "a@", "x://a:", "_", "key=", "a", "?pwd=", "http://a:b "])
def test_a_long_text_does_not_take_long(piece) -> None:
    begin = time.process_time()
    masked(piece * (4000 // len(piece)))
    assert time.process_time() - begin < 2.0
