"""The evaluation as one self-contained HTML file: table, curves, classes, and the worst photographs."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from edge_detector.image_files import encode_jpeg, read_image
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import agreements
from edge_detector.workstation.evaluation.measurement import LOWEST_SCORE, Evaluation
from edge_detector.workstation.evaluation.mistakes import MATCHING_IOU, SHOWN_SCORE, Outcome, Photograph, worst

WORST = 12
JPEG_QUALITY = 80
PLOT = 300  # units of the curves' square
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by everyone

STYLE = """
:root { color-scheme: light dark; --line: #8886; --found: #00a651; --false: #ff7a00; --missed: #ff2bd6 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left }
figure { margin: 0 }
svg text { fill: currentColor }
.scroll { overflow-x: auto }
.small { opacity: .75; font-size: .9em }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em }
.curves { width: min(100%, 32rem) }
.panels { display: flex; flex-wrap: wrap; gap: 1rem; margin-bottom: 1.5rem }
.panels figure { flex: 1 1 20rem; max-width: 34rem }
.panels svg { width: 100%; height: auto }
.panels svg text { fill: #fff; stroke: #000; stroke-width: .25em; paint-order: stroke; font-weight: 600 }
.box { fill: none; vector-effect: non-scaling-stroke; stroke-width: 2.5 }
.found { stroke: var(--found) }
.false { stroke: var(--false) }
.missed { stroke: var(--missed); stroke-dasharray: 7 4 }
"""


def html(results: Sequence[Evaluation], annotations: Annotations) -> str:
    """The whole page."""
    title = f"{len(results)} models on {annotations.path.name}, {len(annotations.images)} photographs"
    body = [
        f"<h1>{escape(title)}</h1>",
        _table(results),
        f"<p class=small>Times on this machine, from frame to boxes, at the low score ({LOWEST_SCORE:g}) that average "
        "precision needs; fewer boxes take less.</p>",
        *(f"<p>{escape(each.sentence)}</p>" for each in agreements(results)),
        *_unmatched(results),
        "<h2>Precision and recall</h2>",
        "<p>At IoU 0.50, mean over the classes.</p>",
        _curves(results),
        "<h2>Classes</h2>",
        _classes(results),
        "<h2>Worst photographs</h2>",
        _legend(),
        *(_photograph(*each, results, annotations) for each in enumerate(worst(results, annotations, WORST))),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _table(results: Sequence[Evaluation]) -> str:
    head = _row("th", "model", "MB", "mAP", "AP50", "invoke ms", "p95", "whole ms", "p95")
    rows = (
        _row(
            "td",
            _swatch(place) + escape(result.name),
            f"{result.size_bytes / 1e6:.2f}",
            f"{result.metrics.ap:.3f}",
            f"{result.metrics.ap50:.3f}",
            *(f"{ms:.1f}" for each in (result.inference, result.total) for ms in (each.median_ms, each.p95_ms)),
        )
        for place, result in enumerate(results)
    )
    return f"<div class=scroll><table>{head}{''.join(rows)}</table></div>"


def _unmatched(results: Sequence[Evaluation]) -> Iterator[str]:
    for result in results:
        for what, names in (
            ("labels that are no category", result.matching.unmatched_labels),
            ("categories the model does not know", result.matching.unmatched_categories),
        ):
            if names:
                yield f"<p class=small>{escape(result.name)}: {what}: {escape(', '.join(names))}</p>"


def _curves(results: Sequence[Evaluation]) -> str:
    """Precision over recall, a line for each model, in an SVG with its axes."""
    ticks = "".join(_tick(each / 5) for each in range(6))
    lines = "".join(_line(result.metrics.precision, place) for place, result in enumerate(results))
    return (
        f'<svg class=curves viewBox="-38 -12 {PLOT + 60} {PLOT + 52}" role=img aria-label="precision over recall">'
        f'{ticks}{lines}<text x="{PLOT / 2}" y="{PLOT + 34}" font-size=12 text-anchor=middle>recall</text>'
        f'<text x="-28" y="{PLOT / 2}" font-size=12 text-anchor=middle transform="rotate(-90 -28 {PLOT / 2})">precision'
        "</text></svg>"
    )


def _tick(fraction: float) -> str:
    place = fraction * PLOT
    return (
        f'<path d="M{place} 0V{PLOT}M0 {place}H{PLOT}" stroke="var(--line)" stroke-width=.5 />'
        f'<text x="{place}" y="{PLOT + 16}" font-size=11 text-anchor=middle>{fraction:.1f}</text>'
        f'<text x="-5" y="{PLOT - place + 4}" font-size=11 text-anchor=end>{fraction:.1f}</text>'
    )


def _line(precision: NDArray[np.float64], place: int) -> str:
    points = " ".join(
        f"{PLOT * recall:.1f},{PLOT * (1 - each):.1f}"
        for recall, each in zip(np.linspace(0, 1, len(precision)), precision, strict=True)
    )
    return f'<polyline points="{points}" fill=none stroke="{_color(place)}" stroke-width=2 />'


def _classes(results: Sequence[Evaluation]) -> str:
    """AP of each class under each model, those with the most objects first."""
    names = [_swatch(place) + escape(result.name) for place, result in enumerate(results)]
    by_name = [{each.name: each for each in result.metrics.classes} for result in results]
    order = sorted(results[0].metrics.classes, key=lambda each: -each.truths)
    rows = (
        _row("td", escape(each.name), str(each.truths), *(f"{classes[each.name].ap:.3f}" for classes in by_name))
        for each in order
    )
    return f"<div class=scroll><table>{_row('th', 'class', 'objects', *names)}{''.join(rows)}</table></div>"


def _legend() -> str:
    return (
        f"<p>Those with the most mistakes at a score of {SHOWN_SCORE:g} and an IoU of {MATCHING_IOU:g}: "
        '<span style="color:var(--found)">■</span> found (solid, with its score), '
        '<span style="color:var(--false)">■</span> false alarm (solid, with its score and a question mark), '
        '<span style="color:var(--missed)">■</span> missed (dashed).</p>'
    )


def _photograph(place: int, photograph: Photograph, results: Sequence[Evaluation], annotations: Annotations) -> str:
    """One panel a model, over a picture that is in the file only once."""
    image = read_image(photograph.path).image
    height, width = image.shape[:2]
    identity = f"photograph{place}"
    definition = f'<image id="{identity}" width="{width}" height="{height}" href="{_data_uri(image)}"/>'
    panels = "".join(
        f'<figure><svg viewBox="0 0 {width} {height}"><use href="#{identity}"/>'
        f"{''.join(_boxes(photograph, outcome, annotations, width))}</svg>"
        f"<figcaption class=small>{escape(result.name)}: {outcome.mistakes} mistakes</figcaption></figure>"
        for result, outcome in zip(results, photograph.outcomes, strict=True)
    )
    store = f'<svg width=0 height=0 style="position:absolute"><defs>{definition}</defs></svg>'
    return f"<h3 class=small>{escape(photograph.path.name)}</h3>{store}<div class=panels>{panels}</div>"


def _boxes(photograph: Photograph, outcome: Outcome, annotations: Annotations, width: int) -> Iterator[str]:
    names = annotations.categories
    truths = photograph.truths
    for box, category_id in zip(truths.boxes[outcome.missed], truths.category_ids[outcome.missed], strict=True):
        yield _box(box, "missed", names[int(category_id)], width)
    shown = outcome.shown
    for box, score, category_id, correct in zip(
        shown.boxes, shown.scores, shown.class_ids, outcome.correct, strict=True
    ):
        caption = f"{names[int(category_id)]} {score:.0%}"
        yield _box(box, "found" if correct else "false", caption if correct else f"{caption} ?", width)


def _box(box: NDArray[np.float32], kind: str, caption: str, width: int) -> str:
    x1, y1, x2, y2 = (round(float(each), 1) for each in box)
    size = width / 36
    return (
        f'<rect class="box {kind}" x="{x1}" y="{y1}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"/>'
        f'<text x="{x1 + 2}" y="{max(y1 - 3, size):.1f}" font-size="{size:.1f}">{escape(caption)}</text>'
    )


def _data_uri(image: NDArray[np.uint8]) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(image, quality=JPEG_QUALITY)).decode()


def _row(cell: str, *contents: str) -> str:
    return "<tr>" + "".join(f"<{cell}>{content}</{cell}>" for content in contents) + "</tr>"


def _swatch(place: int) -> str:
    return f'<span class=swatch style="background:{_color(place)}"></span>'


def _color(place: int) -> str:
    return COLORS[place % len(COLORS)]
