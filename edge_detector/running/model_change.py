"""What a sink may know of the change to another model, and how it asks for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

PHASES = {
    "none": "one model runs, and no other is coming",
    "loading": "a new one is loaded and checked",
    "shadow": "a new one runs beside it on every n-th frame",
    "trial": "a new one runs, and the one before it is kept in case it fails",
}


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Where the run stands between two models. None means not known (yet)."""

    phase: str = "none"  # one of PHASES
    model: str = ""  # the new one's name, or what the configuration calls it; "" if there is none
    frames: int = 0  # that it has seen in this phase
    wanted_frames: int = 0  # until the next phase
    agreement: float | None = None  # share of boxes that both models have found, 0 to 1; of the last shadow, or so far
    new_ms: float | None = None  # median of one frame: what goes into the model, its run, and what comes out
    running_ms: float | None = None  # the same of the model that ran then
    said: str = ""  # how the last change has ended, in one sentence
    warned: str = ""  # what the new model of the last change seems to miss; "" if nothing
    done: int = 0  # changes since the start that were made for good
    refused: int = 0  # new models that never ran alone
    returned: int = 0  # new models that failed when they ran alone
    reloads: int = 0  # how often the configuration was read again, whatever came of it
    reloaded: str = ""  # what the last of these has changed, if it did not mean another model


class ModelChanges(Protocol):
    """The change of the model, as sinks see it; any thread may call both."""

    @property
    def change(self) -> ModelChange: ...
    def request(self) -> None:
        """Read the configuration again, as SIGHUP does, and with it the model if it is another one."""
        ...
