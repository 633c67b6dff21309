"""The masks of a run or of one of its cameras, as they are now, ready to be laid over a picture."""

from __future__ import annotations

from edge_detector.mask import Masks
from edge_detector.options import convert
from edge_detector.running.context import EditablePlaces
from edge_detector.track.places import Mask


def masks_of(places: EditablePlaces | None) -> Masks:
    """Those of ``places``; None: of a run that has none."""
    tables = [] if places is None else places.tables()["masks"]
    return Masks.of(convert(tuple[Mask, ...], tables, where="masks"))
