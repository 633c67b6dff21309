"""How long a training is, and its learning rate: everything is a fraction of the run, whose length follows the set."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_EPOCHS, FEWEST_EPOCHS = 200, 3
VIEWS, VIEWS_FROM_NOTHING = 20, 40  # of each photograph: a class that starts from nothing takes longer
FEWEST_VIEWS, MOST_VIEWS = 1600, 10000  # of all photographs together: 2 to 8 minutes on two cores
WARM_UP, LAST_RATE = 0.1, 0.02  # of all steps, the rate rises; then it falls along a cosine to this part of its highest
AVERAGED = 0.05  # of all steps, those that the moving average of the weights remembers
ROUNDS = 20  # measurements on the validation photographs in a run
PATIENCE = 0.4  # of all epochs: so many that are clearly worse than the best end the run


def epochs_for(photographs: int, *, from_nothing: bool = False) -> int:
    """How often each of so many photographs is shown: more often the fewer there are.

    `from_nothing`: whether a class is like none of the base. The others learn boxes by heart if they are shown longer.
    """
    views = (VIEWS_FROM_NOTHING if from_nothing else VIEWS) * photographs
    epochs = min(max(views, FEWEST_VIEWS), MOST_VIEWS) / max(1, photographs)
    return min(max(FEWEST_EPOCHS, round(epochs)), MOST_EPOCHS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a run, and what follows from them."""

    epochs: int
    steps_per_epoch: int
    rate: float  # the highest

    @property
    def steps(self) -> int:
        """In the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def epochs_per_round(self) -> int:
        """From one measurement to the next."""
        return max(1, self.epochs // ROUNDS)

    @property
    def patience(self) -> int:
        """Epochs that are clearly worse than the best, after which the run ends."""
        return max(3 * self.epochs_per_round, math.ceil(PATIENCE * self.epochs))

    def is_measured(self, epoch: int) -> bool:
        """Whether the weights are measured after so many epochs."""
        return epoch % self.epochs_per_round == 0 or epoch == self.epochs

    def rate_at(self, step: int) -> float:
        """The learning rate of the step (from 0 on)."""
        warm_up = max(1, round(WARM_UP * self.steps))
        if step < warm_up:
            return self.rate * (step + 1) / warm_up
        progress = (step - warm_up) / max(1, self.steps - warm_up)
        return self.rate * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2)

    def average_at(self, step: int) -> float:
        """How much of itself the moving average of the weights keeps; the first weights are soon forgotten."""
        remembered = max(1.0, AVERAGED * self.steps)
        return min(remembered / (remembered + 1), step / (step + 10))
