"""What the run has found since it began, for counters that only grow."""

from __future__ import annotations

from collections import Counter

from edge_detector.types import Result


class Totals:
    """Counts every result: one thread calls `add`, any thread may read."""

    def __init__(self) -> None:
        self.results = 0
        self.latency_s = 0.0  # of all results together
        self._detections: Counter[str] = Counter()
        self._visits: Counter[str] = Counter()

    def add(self, result: Result) -> None:
        """Count one result."""
        self.results += 1
        self.latency_s += result.timings.latency_ms / 1000
        for class_id in result.detections.class_ids.tolist():
            self._detections[result.detections.labels[class_id]] += 1
        self._visits.update(change.visit.label for change in result.visits if change.kind == "started")

    @property
    def detections(self) -> dict[str, int]:
        """Detections by label, of the labels that were ever found."""
        return dict(self._detections)  # a copy: `add` may run meanwhile

    @property
    def visits(self) -> dict[str, int]:
        """Visits that have begun, by the label that they began with."""
        return dict(self._visits)
