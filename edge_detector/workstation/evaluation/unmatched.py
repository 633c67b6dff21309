"""The names that match nothing on the other side: labels that are no category, categories that no model knows."""

from __future__ import annotations

from collections.abc import Sequence

from edge_detector.workstation.evaluation.measurement import Evaluation

NAMED_AT_MOST = 8


def unmatched_notes(results: Sequence[Evaluation]) -> list[str]:
    """A sentence for each such list, shortened; what several models have in common is said once."""
    models: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for result in results:
        for unmatched in result.matching.unmatched:
            models.setdefault(unmatched, []).append(result.name)
    return [f"{_all_or(which, results)}: {_said(*unmatched)}" for unmatched, which in models.items()]


def _all_or(models: Sequence[str], results: Sequence[Evaluation]) -> str:
    return "all models" if len(models) == len(results) > 1 else ", ".join(models)


def _said(what: str, names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return f"{len(names)} {what}: {', '.join(names[:NAMED_AT_MOST])}{more}"
