"""Which model runs, and the request for another one, at the page's API."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from edge_detector.running.model_change import ModelChange
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, open_page


@dataclass
class FakeModels:
    """A run between two models."""

    change: ModelChange = ModelChange("shadow", "tabby", 3, 50, agreement=0.75, done=2)  # noqa: RUF009 - it is frozen
    asked: int = 0

    def request(self) -> None:
        self.asked += 1


def ask(page, **headers: str):
    return page.ask("/api/model", method="POST", body="{}", **{"content_type": "application/json", **headers})


def test_a_post_asks_for_a_reload_and_says_where_the_run_stands(make_context: MakeContext, caplog) -> None:
    caplog.set_level("INFO")
    models = FakeModels()
    with open_page(replace(make_context(), models=models)) as page:
        answer = ask(page)
        assert (answer.status, models.asked) == (202, 1)
        assert (answer.json["model"], answer.json["model_change"]["phase"]) == ("fake", "shadow")
        assert page.ask("/api/model").json == answer.json
        assert page.ask("/api/status").json["model_change"]["agreement"] == 0.75
    assert "web page: 127.0.0.1 asks for a reload" in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://elsewhere.example"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_another_site_cannot_ask(make_context: MakeContext, headers, status) -> None:
    models = FakeModels()
    with open_page(replace(make_context(), models=models)) as page:
        assert ask(page, **headers).status == status
    assert models.asked == 0


def test_without_the_token_nobody_can_ask(make_context: MakeContext, tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    models = FakeModels()
    with open_page(replace(make_context(), models=models), f"web:127.0.0.1:0?token_file={file}") as page:
        assert ask(page).status == 401
        assert ask(page, authorization=f"Bearer {TOKEN}").status == 202
    assert models.asked == 1


def test_a_run_that_cannot_change_says_so(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert ask(page).status == 409
        assert page.ask("/api/model").json == {"model": "fake"}


def test_the_metrics_count_the_changes(make_context: MakeContext) -> None:
    with open_page(replace(make_context(), models=FakeModels())) as page:
        text = page.ask("/metrics").text
    assert 'edge_detector_model_changes_total{outcome="done"} 2.0' in text
    assert 'edge_detector_model_phase{phase="shadow"} 1.0' in text
    assert 'edge_detector_model_phase{phase="trial"} 0.0' in text
    assert "edge_detector_model_agreement 0.75" in text
