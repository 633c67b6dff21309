"""Downloads from a server on this machine: those that break off, hang, get wrong data or are killed."""

from __future__ import annotations

import fcntl
import hashlib
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_detector.errors import DownloadError
from edge_detector.model_store import download as module
from edge_detector.model_store.download import download, git_blob_id
from tests.model_store import file_server
from tests.model_store.file_server import FileServer, serving

CONTENT = bytes(range(256)) * 1000  # four pieces
HALF = len(CONTENT) // 2
SILENCE_S = 1.0  # a connection silent for so long is given up: longer than a busy machine takes to answer
TAMPERED = CONTENT[:-1] + b"\0"


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model.tflite"


@pytest.fixture
def part(path: Path) -> Path:
    path.parent.mkdir()
    return path.with_name("model.tflite.part")


def fetch(server: FileServer, path: Path, **options: object) -> list[float]:
    """Download and return the pauses that were made."""
    pauses: list[float] = []
    download(server.url, path, **{"blob_id": blob_id(CONTENT), "pause": pauses.append, "timeout_s": 5.0, **options})
    return pauses


def test_git_gives_the_same_name_to_the_same_content(tmp_path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert git_blob_id(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object hello


def test_a_file_arrives_whole_and_leaves_no_part(path) -> None:
    with serving(CONTENT) as server:
        assert fetch(server, path) == []
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["model.tflite"]


def test_progress_ends_at_the_whole(path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving(CONTENT) as server:
        fetch(server, path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_there_is_not_fetched_again(path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    with serving(CONTENT) as server:
        fetch(server, path)
    assert server.ranges == []


def test_a_damaged_file_is_replaced(path) -> None:
    path.parent.mkdir()
    path.write_bytes(TAMPERED)
    with serving(CONTENT) as server:
        fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(path) -> None:
    with serving(CONTENT, file_server.breaks_after(HALF), file_server.breaks_after(1000)) as server:
        assert fetch(server, path) == [1.0, 2.0]
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]


def test_a_silent_connection_is_taken_up_where_it_fell_silent(path) -> None:
    with serving(CONTENT, file_server.hangs_after(HALF)) as server:
        assert fetch(server, path, timeout_s=SILENCE_S) == [1.0]
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_that_keeps_breaking_off_is_given_up_and_the_beginning_kept(path) -> None:
    with serving(CONTENT, *[file_server.breaks_after(100)] * 6) as server:
        with pytest.raises(DownloadError, match=r"broke off after 600 of 256000 bytes; 600 bytes are kept"):
            fetch(server, path)
        assert not path.exists()
        fetch(server, path)
    assert server.ranges[-1] == "bytes=600-"
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [file_server.hangs, file_server.drips])
def test_a_server_that_never_answers_is_given_up(path, answer) -> None:
    with serving(CONTENT, answer) as server, pytest.raises(DownloadError, match=r"nothing came|timed out"):
        fetch(server, path, timeout_s=0.3)


def test_a_part_left_by_a_killed_process_is_finished(path, part) -> None:
    part.write_bytes(CONTENT[:HALF])
    with serving(CONTENT) as server:
        fetch(server, path)
    assert server.ranges == [f"bytes={HALF}-"]
    assert path.read_bytes() == CONTENT


def test_a_complete_part_only_needs_its_name(path, part) -> None:
    part.write_bytes(CONTENT)
    with serving(CONTENT) as server:
        fetch(server, path)
    assert server.ranges == []
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("junk", [b"another file", CONTENT + b"and more", bytes(len(CONTENT))])
def test_a_part_of_something_else_is_begun_again(path, part, junk) -> None:
    part.write_bytes(junk)
    with serving(CONTENT) as server:
        fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_of_it_again(path, part) -> None:
    part.write_bytes(CONTENT[:HALF])
    with serving(CONTENT, file_server.whole) as server:
        fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_length_is_not_needed(path) -> None:
    with serving(CONTENT, file_server.without_length) as server:
        fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_truncated_file_without_a_length_is_not_accepted(path) -> None:
    not_the_file = pytest.raises(DownloadError, match="not the file that was published")
    with serving(CONTENT[:HALF], file_server.without_length) as server, not_the_file:
        fetch(server, path)
    assert not path.exists()


def test_a_tampered_file_never_gets_the_name(path) -> None:
    with serving(TAMPERED) as server, pytest.raises(DownloadError, match=f"expected {blob_id(CONTENT)}; thrown away"):
        fetch(server, path)
    assert [(file.name, file.stat().st_size) for file in path.parent.iterdir()] == [("model.tflite.part", 0)]


def test_a_redirect_is_followed(path) -> None:
    with serving(CONTENT) as target, serving(b"", file_server.says(302, Location=target.url)) as server:
        fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_redirect_in_a_circle_ends(path) -> None:
    answers = [file_server.says(302, Location="/model.tflite")] * 20
    with serving(b"", *answers) as server, pytest.raises(DownloadError, match="302"):
        fetch(server, path)


def test_a_missing_file_is_said_at_once(path) -> None:
    not_found = pytest.raises(DownloadError, match="the server answers 404 Not Found")
    with serving(CONTENT, file_server.says(404)) as server, not_found:
        fetch(server, path)
    assert len(server.ranges) == 1


def test_a_server_in_trouble_is_asked_again_once_something_came(path) -> None:
    with serving(CONTENT, file_server.breaks_after(HALF), file_server.says(503)) as server:
        assert fetch(server, path) == [1.0, 2.0]
    assert path.read_bytes() == CONTENT


def test_without_a_network_the_error_says_so(path) -> None:
    with socket.socket() as taken:  # bound but not listening: nothing else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/model.tflite"
        with pytest.raises(DownloadError, match=r"cannot be reached \(Connection refused\); is this machine connected"):
            download(url, path, blob_id=blob_id(CONTENT))


def test_a_name_that_does_not_resolve_is_a_missing_network(path) -> None:
    with pytest.raises(DownloadError, match="is this machine connected to the network"):
        download("http://models.invalid/model.tflite", path, blob_id=blob_id(CONTENT))


def test_more_than_a_model_can_be_is_refused(path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    with serving(CONTENT) as server, pytest.raises(DownloadError, match="larger than 0 MB"):
        fetch(server, path)


def test_a_server_that_drips_bytes_is_left_and_asked_for_the_rest(path, monkeypatch) -> None:
    monkeypatch.setattr(module, "ATTEMPT_TIMEOUT_S", -1.0)  # every attempt has taken too long already
    content = CONTENT[:3000]
    with serving(content, *[file_server.hangs_after(1000)] * 2) as server:
        fetch(server, path, blob_id=blob_id(content), timeout_s=SILENCE_S)
    assert server.ranges == [None, "bytes=1000-", "bytes=2000-"]
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with serving(CONTENT) as server, pytest.raises(DownloadError, match=r"cannot be written: (Not a dir|File exists)"):
        fetch(server, tmp_path / "cache" / "model.tflite")


def test_a_disk_that_takes_no_more_is_said_and_what_it_took_is_kept(path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(CONTENT) as server:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
            with pytest.raises(DownloadError, match=r"model\.tflite: cannot be written: File too large"):
                fetch(server, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_two_at_once_do_not_mix(path, part) -> None:
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with serving(CONTENT) as server, pytest.raises(DownloadError, match="another process is downloading it"):
            fetch(server, path)


def test_a_killed_download_goes_on(path) -> None:
    code = "import sys; from pathlib import Path; from edge_detector.model_store.download import download; \
            download(sys.argv[1], Path(sys.argv[2]), blob_id=sys.argv[3], progress=lambda *_: print(flush=True))"
    with serving(CONTENT, file_server.hangs_after(HALF)) as server:
        command = [sys.executable, "-c", code, server.url, str(path), blob_id(CONTENT)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()  # something has arrived
            child.send_signal(signal.SIGKILL)
        server.released.set()
        assert not path.exists()
        fetch(server, path)
    assert path.read_bytes() == CONTENT
