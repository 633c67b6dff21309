"""Whether to take the new model: it must be right where the old one was wrong, and must not have forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MOST_LOST = 0.01  # mAP on what the old model knows
LEAST_AP = 0.02  # mAP of the old model on the old set: with less, the set is not of what it knows
FEW_MARKS = 10  # with fewer, one mark more or less decides


@dataclass(frozen=True, slots=True)
class Figures:
    """One model, on pictures that the training has not seen."""

    model: Path
    met: int  # marks of people at which it is right
    mean_ap: float | None  # on the old set, 0 to 1; None: there is none


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to swap, and why."""

    swap: bool
    reason: str

    def __str__(self) -> str:
        return f"{'Swap' if self.swap else 'Do not swap'}: {self.reason}."


def judge(old: Figures, new: Figures, *, marks: int, most_lost: float = MOST_LOST) -> Verdict:
    """The verdict on ``new``; ``marks``: of people, on the pictures held out."""
    gain = f"of {marks} marks held out it is right at {new.met}, the old model at {old.met}"
    if new.met <= old.met:
        return Verdict(False, f"{gain}, so nothing is gained; mark more pictures")
    if old.mean_ap is None or new.mean_ap is None:
        return Verdict(False, f"{gain}, but nobody knows what it has forgotten; give photographs with --replay")
    if old.mean_ap < LEAST_AP:
        strange = f"the old model has {old.mean_ap:.3f} mAP on the old set, which so says nothing of what is forgotten"
        return Verdict(False, f"{gain}, but {strange}; does --replay show what the base knows?")
    lost = old.mean_ap - new.mean_ap
    if lost > most_lost:
        change = f"it has lost {lost:.3f} mAP on the old set ({old.mean_ap:.3f} to {new.mean_ap:.3f})"
        return Verdict(False, f"{gain}, but {change}, and at most {most_lost:g} may be lost (--most-lost)")
    kept = f"it has kept what it knew ({old.mean_ap:.3f} to {new.mean_ap:.3f} mAP on the old set)"
    few = f"; {marks} marks are few, so look at it in the shadow of the old one" if marks < FEW_MARKS else ""
    return Verdict(True, f"{gain}, and {kept}{few}")
