"""A data set in parts, such as 80 % to train on and 20 % to measure on: by groups, and every class in each part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.fingerprints import fingerprints_of
from edge_detector.workstation.data.grouping import DEFAULT_GROUPINGS, Photographs, groups_of
from edge_detector.workstation.data.labelled import TEST, TRAIN, VALIDATION, Dataset

PARTS = (TRAIN, VALIDATION, TEST)
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A data set whose photographs know their part, and the groups that were kept together."""

    dataset: Dataset
    groups: tuple[tuple[int, ...], ...]  # places of photographs


def split_by_groups(
    dataset: Dataset, fractions: Sequence[float], *, seed: int, group_by: Iterable[str] = DEFAULT_GROUPINGS
) -> Split:
    """Split a set so that photographs that belong together stay so; every photograph is read whole.

    ``group_by``: names of `GROUPINGS`. Raises `ConfigError` for fractions that cannot be met, and for photographs that
    are damaged or cut short.
    """
    check_fractions(fractions)
    paths = [each.path for each in dataset.labelled]
    groups = groups_of(Photographs(paths, fingerprints_of(paths)), group_by)
    return split(dataset, groups, fractions, seed=seed)


def split(dataset: Dataset, groups: Sequence[Sequence[int]], fractions: Sequence[float], *, seed: int) -> Split:
    """Give each group to a part. The same arguments give the same parts.

    ``groups``: places in ``dataset.labelled``, each once. Raises `ConfigError` for fractions that cannot be met.
    """
    check_fractions(fractions)
    if len(groups) < len(fractions):
        raise ConfigError(
            f"{dataset.path}: groups of photographs: {len(groups)}, too few for {len(fractions)} parts; "
            "take more photographs, or choose other groups with --group-by"
        )
    amounts = _amounts(dataset, groups)
    part_of = _assigned(amounts, np.array(fractions), seed)
    labelled = list(dataset.labelled)
    for group, part in zip(groups, part_of, strict=True):
        for place in group:
            labelled[place] = replace(labelled[place], split=PARTS[part])
    return Split(replace(dataset, labelled=tuple(labelled)), tuple(map(tuple, groups)))


def check_fractions(fractions: Sequence[float]) -> None:
    """Raises `ConfigError` unless there are two or three of them, all above 0, and 1 together."""
    usable = 2 <= len(fractions) <= len(PARTS) and all(0 < each < 1 for each in fractions)
    if not usable or abs(sum(fractions) - 1) > SUM_TOLERANCE:
        said = " ".join(f"{each:g}" for each in fractions)
        raise ConfigError(f"--fractions {said}: expected two or three above 0 that are 1 together, such as 0.8 0.2")


def _amounts(dataset: Dataset, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(G, C + 2) of each group: the objects of each class, the photographs, and those without objects."""
    columns = {name: column for column, name in enumerate(dataset.classes)}
    amounts = np.zeros((len(groups), len(columns) + 2))
    for row, group in enumerate(groups):
        for place in group:
            photograph = dataset.labelled[place]
            for name in photograph.labels:
                amounts[row, columns[name]] += 1
            amounts[row, -2] += 1
            amounts[row, -1] += not photograph.labels
    return amounts


def _assigned(amounts: NDArray[np.float64], fractions: NDArray[np.float64], seed: int) -> list[int]:
    """(G,) the part of each group.

    The groups that weigh most come first, as in K. Sechidis et al., "On the Stratification of Multi-label Data", 2011:
    each goes where the amounts of all parts come nearest to their share. A part that would stay empty takes one.
    """
    shares = amounts / np.maximum(amounts.sum(axis=0), 1)  # (G, A)
    shuffled = np.random.default_rng(seed).permutation(len(shares))
    order = shuffled[np.argsort(-shares[shuffled].sum(axis=1), kind="stable")]
    part_of = np.zeros(len(shares), np.intp)
    filled = np.zeros((len(fractions), shares.shape[1]))
    for number, group in enumerate(order):
        empty = np.flatnonzero(~np.isin(np.arange(len(fractions)), part_of[order[:number]]))
        must_fill = number > 0 and len(order) - number <= len(empty)
        parts = empty if must_fill else np.arange(len(fractions))
        part = min(parts.tolist(), key=lambda each: _error(filled, shares[group], each, fractions))
        part_of[group] = part
        filled[part] += shares[group]
    return part_of.tolist()


def _error(filled: NDArray[np.float64], share: NDArray[np.float64], part: int, fractions: NDArray[np.float64]) -> float:
    """How far the parts are from their fractions if ``part`` gets one more group.

    Relative to each fraction, so that a small part is not always filled last.
    """
    after = filled[part] + share
    before = filled[part]
    wanted = fractions[part]
    return float((((after - wanted) ** 2 - (before - wanted) ** 2) / wanted).sum())
