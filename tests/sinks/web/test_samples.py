"""The points of the charts: seconds become minutes, and minutes become parts of days."""

from __future__ import annotations

from edge_detector.sinks.web.samples import POINTS, Sample, Samples, summary
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import open_page


def sample(second: int, **values: float | None) -> Sample:
    return {"fps": float(second), "latency_p95_ms": 10.0, "dropped": float(2 * second), **values}


def test_sixty_samples_are_one_point_of_the_hours() -> None:
    samples = Samples()
    given = [sample(second, latency_p95_ms=99.0 if second == 70 else 10.0) for second in range(150)]
    for each in given:
        samples.add(each)
    assert samples.of("minutes") == given[-POINTS:]
    first, second = samples.of("hours")
    assert first == {"fps": 29.5, "latency_p95_ms": 10.0, "dropped": 118.0}  # of a counter the last value
    assert second == {"fps": 89.5, "latency_p95_ms": 99.0, "dropped": 238.0}  # of the latency the worst
    assert samples.of("days") == []


def test_a_point_has_the_time_of_its_last_sample() -> None:
    samples = [sample(second, at_s=1e9 + second) for second in range(60)]
    assert summary(samples)["at_s"] == 1e9 + 59


def test_days_are_bounded() -> None:
    samples = Samples()
    for second in range(60 * 24 * (POINTS + 2)):
        samples.add(sample(second))
    assert [len(samples.of(span)) for span in ("minutes", "hours", "days")] == [POINTS] * 3
    assert samples.of("days")[0]["dropped"] == 2 * (60 * 24 * 3 - 1)


def test_what_is_not_known_stays_unknown() -> None:
    assert summary([sample(1, fps=None), sample(3, fps=None)])["fps"] is None
    assert summary([sample(1, fps=None), sample(3)])["fps"] == 3.0


def test_an_unknown_span_names_the_known_ones(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert page.ask("/api/history?span=days").json == []
        answer = page.ask("/api/history?span=years")
        assert (answer.status, answer.json["error"]) == (400, "span: unknown span 'years'; known: days, hours, minutes")
