from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="needs the extra [workstation]")

import jinja2

from edge_detector.workstation import html_page
from edge_detector.workstation.html_page import COLORS, render_page

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "edge_detector" / "workstation" / "templates"


def charts(call: str, **values: object) -> str:
    """What one macro of charts.html gives."""
    source = f'{{% import "charts.html" as charts %}}{{{{ charts.{call} }}}}'
    return html_page._environment().from_string(source).render(values)


def test_the_base_page_is_whole_and_escapes_its_title() -> None:
    page = render_page("base.html", title="cats & <dogs>")
    assert page.startswith("<!doctype html>\n<html")
    assert page.count("cats &amp; &lt;dogs&gt;") == 2  # as the title and as the heading
    assert "font: 15px" in page


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        render_page("base.html")


def test_colours_begin_again_after_the_last() -> None:
    assert [charts("color(place)", place=place) for place in (0, 5, 6)] == [COLORS[0], COLORS[5], COLORS[0]]


def test_a_chart_has_a_curve_for_each_model_and_high_values_on_top() -> None:
    chart = charts(
        'unit_chart(curves, "recall", "precision")', curves=[[(0.0, 1.0), (1.0, 0.25)], [(0.0, 0.5), (1.0, 0.0)]]
    )
    assert f'<polyline points="0.0,0.0 300.0,225.0" fill="none" stroke="{COLORS[0]}"' in chart
    assert f'<polyline points="0.0,150.0 300.0,300.0" fill="none" stroke="{COLORS[1]}"' in chart
    assert [chart.count(f">{tick}<") for tick in ("0.0", "0.2", "1.0")] == [2, 2, 2]  # on both axes
    assert 'M60.0 0V300M0 60.0H300"' in chart


def test_every_template_is_shipped_with_the_package() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    files = [path.relative_to(TEMPLATES.parent).as_posix() for path in TEMPLATES.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [
        file for file in files if not any(fnmatch(file, each) for each in shipped["edge_detector.workstation"])
    ] == []
