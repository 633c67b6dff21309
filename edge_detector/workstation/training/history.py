"""What a training run was like, epoch by epoch: kept in its checkpoint, drawn in its report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

# Chance alone changes the mAP of one model on other photographs by about 0.2 / sqrt(objects), and the best of twenty
# measurements is the luckiest one. With half of this, a training on 100 photographs kept the weights of epoch 6 of 20:
# on the 20 held out they had 0.70, later ones 0.64 to 0.66; on 40 more their AP50 was 0.89, that of later ones 0.96.
CHANCE, LEAST_CHANCE = 0.4, 0.01


def chance_of(objects: int) -> float:
    """The difference in mean average precision that says nothing, measured on so many objects."""
    return max(LEAST_CHANCE, CHANCE / math.sqrt(max(1, objects)))


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch. The losses are means over its steps, for each object."""

    number: int  # from 1 on
    score_loss: float
    box_loss: float
    rate: float  # of its last step
    seconds: float
    mean_ap: float | None = None  # on the validation photographs; None: not measured


@dataclass(frozen=True, slots=True)
class History:
    """The epochs so far, and which of them gave the weights that are kept."""

    epochs: tuple[Epoch, ...] = ()
    kept: int = 0  # the number of that epoch; 0: the start
    start_ap: float = 0.0  # of the weights that the training starts from
    ended: str = ""  # why, if before the last epoch

    @property
    def measured(self) -> list[Epoch]:
        """The epochs after which the weights were measured."""
        return [each for each in self.epochs if each.mean_ap is not None]

    @property
    def best_ap(self) -> float:
        """The highest mean average precision so far."""
        return max((each.mean_ap or 0.0 for each in self.measured), default=0.0)

    @property
    def kept_ap(self) -> float:
        """That of the weights that are kept."""
        return next((each.mean_ap or 0.0 for each in self.measured if each.number == self.kept), self.start_ap)

    def keeps(self, mean_ap: float, chance: float) -> bool:
        """Whether weights of this mean average precision take the place of those kept.

        Later ones are more settled, as the rate is lower: they do, unless they are worse by more than `chance`.
        """
        return not self.kept or 0.0 < mean_ap >= self.best_ap - chance

    def epochs_worse(self, chance: float) -> int:
        """The epochs since the weights were last as good as the best, but for `chance`."""
        good = [each.number for each in self.measured if (each.mean_ap or 0.0) >= self.best_ap - chance]
        return self.epochs[-1].number - good[-1] if good else 0

    def as_facts(self) -> dict[str, Any]:
        """What JSON can hold."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `as_facts` gave."""
        epochs: Iterable[Mapping[str, Any]] = facts["epochs"]
        return cls(tuple(Epoch(**each) for each in epochs), facts["kept"], facts["start_ap"], facts["ended"])
