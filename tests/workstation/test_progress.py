from __future__ import annotations

import io
import sys

import pytest

pytest.importorskip("tqdm", reason="needs the extra [workstation]")

from edge_detector.workstation.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "drawn"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_is_drawn_on_a_terminal_only(
    stream: type[io.StringIO], drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(progress([1, 2, 3], "counting")) == [1, 2, 3]
    assert ("counting" in stderr.getvalue()) is drawn
