"""The best picture of the newest visit, for a dashboard."""

from __future__ import annotations

from edge_detector.image_files import encode_jpeg, shrunk
from edge_detector.overlay import annotate
from edge_detector.types import Result

LONGEST_SIDE = 800  # pixels: some 60 KB
QUALITY = 80
PAUSE_NS = 2 * 10**9  # between two pictures of one visit


class BestPicture:
    """Makes a picture when a visit begins, and again when it is seen better, at most every two seconds."""

    def __init__(self) -> None:
        self._visit_id = ""
        self._next_ns = 0

    def __repr__(self) -> str:
        return f"<BestPicture of {self._visit_id or 'nobody'}>"

    def of(self, result: Result) -> bytes | None:
        """A JPEG if there is a better picture now. The boxes are drawn on it."""
        now_ns = result.frame.timestamp_ns
        best = [change.visit for change in result.visits if change.visit.best_ns == now_ns]
        if not best or (best[-1].id == self._visit_id and now_ns < self._next_ns):
            return None
        self._visit_id, self._next_ns = best[-1].id, now_ns + PAUSE_NS
        return encode_jpeg(shrunk(annotate(result), LONGEST_SIDE), quality=QUALITY)
