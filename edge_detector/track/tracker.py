"""Gives the same object the same number in every frame, and keeps it shown while the detector misses it.

Two-stage association, sure detections first, then unsure ones, as in ByteTrack (Zhang et al. 2022), by the overlap of
enlarged boxes, as in C-BIoU (Yang et al. 2023). All limits are in seconds: frames are dropped, and rates change.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import contained, edges_at_border, iou
from edge_detector.track.association import SAME_OBJECT, Indices, best_pairs, enlarged, outdone
from edge_detector.track.motion import Motion, boxes_at, size_of
from edge_detector.types import Detections, Size

HITS_TO_SHOW, FRAMES_TO_SHOW = 2, 3  # sure detections, in so many frames, until a track is shown
HOLD_S = 1.0  # a track is shown for so long after its last detection
HOLD_AT_EDGE_S = 0.4  # and for so long if that was at the edge of the picture, where objects leave it
AT_EDGE = 0.02  # of the picture's width or height: so near is at its edge
UNSURE_S = 3.0  # and for so long after its last sure detection
FORGET_S = 2.5  # and for so long a new detection can continue it
FORGET_STATIONARY_S = 600.0  # of an object that had not moved: what appears at its place is the same

LEAST_OVERLAP = 0.15  # of enlarged boxes, for one object
OTHER_CLASS = 0.6  # the same for one object whose class is another one now: detectors take cats for dogs
SECOND_BOX = 0.4  # and by so much if they are of one class: the weaker one begins no track
PART = 0.8  # of a box: with so much where an object rests, it is a part of that object
VOTE_HALF_LIFE_S = 1.35  # what a detection says of the class counts half after so long
WHOLE = 0.8  # overlap with the place where an object rests: with so much, its detection shows all of it
SAME_BOX = 0.85  # the same: with so much, what is found there under another name is the object itself
OTHER_DETECTIONS = 3  # in a row, at least, until something else is at the place of an object
OTHER_S = 0.7  # what is called something new for so long is another object, if it had its old name for as long
FAMILIAR = 0.1  # of the votes for a track's class: with so many for another one, the detector confuses the two

LARGEST_LAG = 0.1  # of its size: so far at most is a smoothed box from where its object was found

STATIONARY_S = 5.0  # an object that has not moved for so long is stationary
MOVED = 0.25  # of its size: so far must a box be from where it came to rest to have moved


class Tracker:
    """Follows the objects of one camera; `update` takes the detections of each frame in turn."""

    def __init__(self) -> None:
        self._motion = Motion()
        self._tracks = np.zeros(0, _columns(0))
        self._frame_ns: int | None = None
        self._elapsed_s = 0.0  # between the newest frame and the one before
        self._newest: Detections | None = None  # of the newest `update`
        self._next_id = 1

    def __repr__(self) -> str:
        return f"<Tracker {len(self.known)} objects>"

    @property
    def known(self) -> frozenset[int]:
        """The track_ids of the objects that have been shown and may come back; those hidden now are among them."""
        return frozenset(self._tracks["id"][self._tracks["shown"]].tolist())

    @property
    def stationary(self) -> frozenset[int]:
        """Those of the `known` that do not move."""
        return frozenset(self._tracks["id"][self._tracks["shown"] & self._tracks["stationary"]].tolist())

    def update(
        self, detections: Detections, timestamp_ns: int, start: NDArray[np.float32], frame_size: Size
    ) -> Detections:
        """What to show: the detections that belong to a known object, and the objects that are held.

        ``start``: (C,) the lowest score, by class_id, that may begin a track; ``detections`` below it may continue one.
        ``timestamp_ns``: of the frame.
        """
        self._newest = detections
        self._advance(timestamp_ns, len(detections.labels))
        is_sure = detections.scores >= start[detections.class_ids]
        if not len(self._tracks) and not is_sure.any():  # as nearly always before a quiet scene
            return Detections.empty(detections.labels)
        overlaps = self._overlaps(enlarged(detections.boxes))
        is_of_class = (self._tracks["class_id"][:, np.newaxis] == detections.class_ids) & (overlaps >= LEAST_OVERLAP)
        weights = overlaps * detections.scores
        free = np.ones(len(detections), np.bool_)
        is_unsure = ~is_sure & ~outdone(detections, is_sure)
        for possible in (is_of_class & is_sure, is_of_class & is_unsure, self._may_be_other(overlaps) & is_sure):
            self._continue(possible, weights, free)
        doubted = self._vote(detections, timestamp_ns)
        free[self._give_up(doubted, timestamp_ns)] = True
        self._begin(detections, _rows(is_sure & free))
        self._tracks["row"][doubted] = -1
        self._note(is_sure, detections, timestamp_ns, frame_size)
        self._forget(timestamp_ns, start)
        return self._to_show(detections, timestamp_ns, frame_size)

    def carry_on(self, timestamp_ns: int, start: NDArray[np.float32], frame_size: Size) -> Detections:
        """What to show of a frame that looks like the one before: what was found there is still there, and no more.

        Nothing is counted again, for a model that errs once errs on every frame that looks the same. But objects stay
        and come to rest, and what is held or forgotten ends in time. The first frame of all must come to `update`.
        """
        assert self._newest is not None, "carry_on before update"
        tracks, self._frame_ns = self._tracks, timestamp_ns
        found = tracks["row"] >= 0
        was_sure = found & (tracks["sure_ns"] == tracks["seen_ns"])
        tracks["seen_ns"][found] = timestamp_ns
        tracks["sure_ns"][was_sure] = timestamp_ns
        tracks["stationary"] = tracks["seen_ns"] - tracks["rested_ns"] >= STATIONARY_S * 1e9
        if len(start) == tracks["votes"].shape[1]:  # else it is of another model
            self._forget(timestamp_ns, start)
        return self._to_show(self._newest, timestamp_ns, frame_size)

    def translate(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """Another model goes on: its classes are called ``after``, those so far ``before``.

        A class of the same name is the same. The tracks of a class that the new model does not know end.
        """
        if len(before) != self._tracks["votes"].shape[1]:
            return  # there are no tracks yet
        numbers = {label: number for number, label in enumerate(after)}
        new_ids = np.array([numbers.get(label, -1) for label in before], np.int32)
        tracks = np.zeros(len(self._tracks), _columns(len(after)))
        for name in set(_columns(0).names or ()) - {"votes", "class_id"}:
            tracks[name] = self._tracks[name]
        np.add.at(tracks["votes"].T, new_ids[new_ids >= 0], self._tracks["votes"].T[new_ids >= 0])
        tracks["class_id"] = new_ids[self._tracks["class_id"]]
        is_known = tracks["class_id"] >= 0
        self._tracks = tracks[is_known]
        self._motion.select(is_known)

    def _advance(self, timestamp_ns: int, class_count: int) -> None:
        """Move the tracks to where they are expected now."""
        if class_count != self._tracks["votes"].shape[1]:  # another model
            self._motion, self._tracks = Motion(), np.zeros(0, _columns(class_count))
        elapsed_s = 0.0 if self._frame_ns is None else (timestamp_ns - self._frame_ns) / 1e9
        elapsed_s = min(max(elapsed_s, 0.0), FORGET_S)  # after a longer gap nothing is known of velocities
        self._frame_ns, self._elapsed_s = timestamp_ns, elapsed_s
        self._motion.predict(elapsed_s, unseen=self._tracks["row"] < 0)
        self._tracks["row"] = -1

    def _overlaps(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, M) of each track with enlarged ``boxes`` (M, 4), of one at rest also from where it came to rest.

        Headlights hide a part of a parked car: it is found beside the dazzling part, and then as a whole again.
        """
        overlaps = iou(enlarged(self._motion.boxes)[:, np.newaxis], boxes)
        at_rest = self._tracks["stationary"]
        if at_rest.any():
            places = enlarged(boxes_at(self._tracks["place"][at_rest]))
            overlaps[at_rest] = np.maximum(overlaps[at_rest], iou(places[:, np.newaxis], boxes))
        return overlaps

    def _continue(self, possible: NDArray[np.bool_], weights: NDArray[np.float32], free: NDArray[np.bool_]) -> None:
        """Give tracks that have no detection yet the ``free`` ones that are ``possible`` (N, M), and not of weight 0.

        Those of the highest ``weights`` (N, M) come first.
        """
        waiting, candidates = _rows(self._tracks["row"] < 0), _rows(free)
        if not len(waiting) or not len(candidates):
            return
        pairs = waiting[:, np.newaxis], candidates
        tracks, rows = best_pairs(np.where(possible[pairs], weights[pairs], np.float32(0)))
        self._tracks["row"][waiting[tracks]] = candidates[rows]
        free[candidates[rows]] = False

    def _may_be_other(self, overlaps: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(N, M) whether a detection of another class may belong to a track: not to one that was lost for long."""
        is_lost = (self._frame_ns or 0) - self._tracks["seen_ns"] > FORGET_S * 1e9
        return (overlaps >= OTHER_CLASS) & ~is_lost[:, np.newaxis]

    def _begin(self, detections: Detections, rows: Indices) -> None:
        """A new track for each of ``rows``, unless it is a second box of an object that has one."""
        taken = self._tracks["row"][self._tracks["row"] >= 0]
        for row in rows:
            is_like = detections.class_ids[taken] == detections.class_ids[row]
            most = np.where(is_like, SECOND_BOX, SAME_OBJECT)
            if np.any(iou(detections.boxes[row], detections.boxes[taken]) > most) or self._is_part(detections, row):
                continue
            taken = np.append(taken, row)
            track = np.zeros(1, self._tracks.dtype)
            track["id"], track["row"], track["rested_ns"], track["doubted_ns"] = self._next_id, row, -1, -1
            track["begun_ns"] = self._frame_ns
            track["class_id"] = detections.class_ids[row]
            track["votes"][0, track["class_id"]] = detections.scores[row]
            self._next_id += 1
            self._tracks = np.concatenate([self._tracks, track])
            self._motion.append(detections.boxes[row : row + 1])

    def _vote(self, detections: Detections, timestamp_ns: int) -> Indices:
        """Count what the detections say of the class; returns the tracks whose detection may be another object."""
        tracks = self._tracks
        found = _rows(tracks["row"] >= 0)
        rows = tracks["row"][found]
        class_ids = detections.class_ids[rows]
        is_doubted = self._is_doubted(found, detections)
        since_ns = tracks["doubted_ns"][found]
        tracks["doubted_ns"][found] = np.where(is_doubted, np.where(since_ns < 0, timestamp_ns, since_ns), -1)
        tracks["doubts"][found] = np.where(is_doubted, tracks["doubts"][found] + 1, 0)
        tracks["votes"][found] *= np.float32(0.5 ** (self._elapsed_s / VOTE_HALF_LIFE_S))
        tracks["votes"][found, class_ids] += detections.scores[rows]
        renamed = found[class_ids != tracks["class_id"][found]]  # perhaps: the others stay what they are
        tracks["class_id"][renamed] = tracks["votes"][renamed].argmax(axis=1)
        return found[is_doubted]

    def _is_doubted(self, found: Indices, detections: Detections) -> NDArray[np.bool_]:
        """(F,) whether what is ``found`` at the place of a track may be another object: its class is new there.

        Not of a young track: its first detections often show only a part of the object. And not of one at rest that is
        found in the same box: a camera that sees at night calls a parked car a truck.
        """
        tracks, own = self._tracks, self._tracks["class_id"][found]
        rows = tracks["row"][found]
        class_ids = detections.class_ids[rows]
        is_other = class_ids != own
        if is_other.any():
            is_new = tracks["votes"][found, class_ids] < FAMILIAR * tracks["votes"][found, own]
            is_other &= is_new | (tracks["doubted_ns"][found] >= 0)
            is_other &= tracks["seen_ns"][found] - tracks["begun_ns"][found] >= OTHER_S * 1e9
            at_place = iou(detections.boxes[rows], boxes_at(tracks["place"][found])) > SAME_BOX
            is_other &= ~(tracks["stationary"][found] & at_place)
        return is_other

    def _give_up(self, doubted: Indices, timestamp_ns: int) -> Indices:
        """The detections of tracks that have been ``doubted`` for long: those are other objects.

        The tracks end, but for what is stationary: somebody stands before a parked car.
        """
        tracks = self._tracks
        if not len(doubted):
            return doubted
        is_long = timestamp_ns - tracks["doubted_ns"][doubted] >= OTHER_S * 1e9
        others = doubted[is_long & (tracks["doubts"][doubted] >= OTHER_DETECTIONS)]
        rows: Indices = tracks["row"][others]
        tracks["row"][others] = -1
        tracks["replaced"][others] = ~tracks["stationary"][others]
        return rows

    def _is_part(self, detections: Detections, row: np.intp) -> bool:
        """Whether it is a part of an object at rest of the same class, of which another part is found beside it.

        Where the whole object is found, it is another one: a child before its mother.
        """
        tracks = self._tracks
        like = tracks["stationary"] & (tracks["row"] >= 0) & (tracks["class_id"] == detections.class_ids[row])
        places = boxes_at(tracks["place"][like])
        is_partly_hidden = iou(detections.boxes[tracks["row"][like]], places) < WHOLE
        return bool(np.any(is_partly_hidden & (contained(detections.boxes[row], places) > PART)))

    def _note(self, is_sure: NDArray[np.bool_], detections: Detections, timestamp_ns: int, frame_size: Size) -> None:
        """Put into each track what its detection says."""
        tracks = self._tracks
        found = _rows(tracks["row"] >= 0)
        rows = tracks["row"][found]
        self._motion.correct(found, detections.boxes[rows])
        tracks["sure"][:, 1:] = tracks["sure"][:, :-1].copy()
        tracks["sure"][:, 0] = False
        tracks["sure"][found, 0] = is_sure[rows]
        tracks["seen_ns"][found] = timestamp_ns
        tracks["sure_ns"][found[is_sure[rows]]] = timestamp_ns
        tracks["score"][found] = detections.scores[rows]
        tracks["shown"] |= tracks["sure"].sum(axis=1) >= HITS_TO_SHOW
        self._note_rest(timestamp_ns, frame_size)

    def _note_rest(self, timestamp_ns: int, frame_size: Size) -> None:
        """Since when each object has been where it is."""
        tracks, position = self._tracks, self._motion.position
        far = (np.abs(position - tracks["place"]) > MOVED * size_of(position)).any(axis=1)
        at_rest = tracks["stationary"].copy()
        if at_rest.any():
            far[at_rest] &= self._have_left(at_rest, frame_size)
        has_moved = (far & (tracks["row"] >= 0)) | (tracks["rested_ns"] < 0)
        tracks["place"][has_moved] = position[has_moved]
        tracks["rested_ns"][has_moved] = timestamp_ns
        tracks["stationary"] = tracks["seen_ns"] - tracks["rested_ns"] >= STATIONARY_S * 1e9

    def _have_left(self, rows: NDArray[np.bool_], frame_size: Size) -> NDArray[np.bool_]:
        """Which of ``rows`` are not where they came to rest: two opposite edges of the box have moved.

        Where only one has, a part of the object is hidden. What an edge at the picture's border does, nobody sees.
        """
        boxes, places = self._motion.boxes[rows], boxes_at(self._tracks["place"][rows])
        moved = np.abs(boxes - places) > MOVED * size_of(self._motion.position[rows])
        may_have = moved | edges_at_border(places, frame_size, AT_EDGE)
        both = may_have[:, :2] & may_have[:, 2:] & (moved[:, :2] | moved[:, 2:])
        return np.any(both, axis=1)

    def _forget(self, timestamp_ns: int, start: NDArray[np.float32]) -> None:
        """End the tracks that were not found for long, never sure enough to be shown, or are not wanted any more."""
        tracks = self._tracks
        patience_s = np.where(tracks["stationary"], FORGET_STATIONARY_S, FORGET_S)
        keep = timestamp_ns - tracks["seen_ns"] <= patience_s * 1e9
        keep &= tracks["shown"] | tracks["sure"].any(axis=1)
        keep &= ~tracks["replaced"]
        keep &= np.isfinite(start[tracks["class_id"]])
        if not keep.all():
            self._tracks = tracks[keep]
            self._motion.select(keep)

    def _near_found(self, detections: Detections) -> NDArray[np.float32]:
        """(N, 4) the smoothed boxes, each near its detection: the filter is late where somebody turns or starts."""
        boxes, rows = self._motion.boxes, self._tracks["row"]
        found = _rows(rows >= 0)
        measured = detections.boxes[rows[found]]
        most = (LARGEST_LAG * size_of(self._motion.position[found])).astype(np.float32)
        boxes[found] = np.clip(boxes[found], measured - most, measured + most)
        return boxes

    def _to_show(self, detections: Detections, timestamp_ns: int, frame_size: Size) -> Detections:
        tracks, boxes = self._tracks, self._near_found(detections)
        at_edge = edges_at_border(boxes, frame_size, AT_EDGE).any(axis=1)
        hold_s = np.where(at_edge, HOLD_AT_EDGE_S, HOLD_S)
        is_shown = tracks["shown"] & (timestamp_ns - tracks["seen_ns"] <= hold_s * 1e9)
        is_shown &= timestamp_ns - tracks["sure_ns"] <= UNSURE_S * 1e9
        order = _rows(is_shown)[np.argsort(-tracks["score"][is_shown], kind="stable")]
        tracks = tracks[order]
        return Detections(
            np.clip(boxes[order], 0, np.array(frame_size * 2, np.float32)),
            tracks["score"],
            tracks["class_id"],
            detections.labels,
            tracks["id"],
            tracks["row"] < 0,
        )


def _rows(chosen: NDArray[np.bool_]) -> Indices:
    """The numbers of the rows in which ``chosen`` (N,) is true; as `numpy.flatnonzero` in a quarter of its time."""
    return chosen.nonzero()[0]


def _columns(class_count: int) -> np.dtype[np.void]:
    """One track, beside its motion."""
    return np.dtype(
        [
            ("id", np.int32),
            ("class_id", np.int32),  # what it is, by the votes of its detections
            ("row", np.intp),  # its detection in this frame; -1: none
            ("seen_ns", np.int64),  # the newest frame with a detection
            ("sure_ns", np.int64),  # the newest with a sure one
            ("score", np.float32),  # of that detection
            ("votes", np.float32, (class_count,)),  # the scores of each class, those of older detections for less
            ("sure", np.bool_, (FRAMES_TO_SHOW,)),  # whether there was a sure detection, in the newest frame first
            ("shown", np.bool_),  # often enough sure to be shown, now or earlier
            ("begun_ns", np.int64),  # its first frame
            ("doubted_ns", np.int64),  # since when another object seems to be at its place; -1: none does
            ("doubts", np.int32),  # detections in a row that say so
            ("replaced", np.bool_),  # another object is at its place
            ("place", np.float64, (4,)),  # the position at which it came to rest
            ("rested_ns", np.int64),  # since when it has been there
            ("stationary", np.bool_),
        ]
    )
