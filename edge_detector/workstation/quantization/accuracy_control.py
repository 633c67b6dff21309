"""The fewest operators in float that keep the loss of accuracy within a bound, found by measuring.

The idea is the accuracy-aware quantization of NNCF (Kozlov et al. 2020, "Neural Network Compression Framework for fast
model inference", and its `quantize_with_accuracy_control`): quantize all, order the operators by how much harm they do,
and take them back to float until the accuracy is right. The harm is read from the signal to noise ratios of the int8
graph: how much lower that of an operator's output is than that of its inputs. Two orders are tried, these worst ones
first, and the order of computation, because much is lost in the first operators together, more than in any one of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.quantization.fidelity import TensorSnr
from edge_detector.workstation.quantization.float_operators import operator_names

log = logging.getLogger(__name__)

EXACT_DB = 60.0  # a tensor that is no worse counts as exact: the picture, and what is only moved

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement."""

    order: str  # "all in int8", or which order the operators were taken from
    floats: Names  # the operators in float
    accuracy: float
    loss: float  # against the float model


@dataclass(frozen=True, slots=True)
class Search:
    """What was measured, and what is best: the fewest operators within the bound, else the smallest loss."""

    bound: float
    reference: float  # the accuracy of the float model
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        enough = [trial for trial in self.trials if trial.loss <= self.bound]
        if enough:
            return min(enough, key=lambda trial: len(trial.floats))
        return min(self.trials, key=lambda trial: trial.loss)

    @property
    def within(self) -> bool:
        """Whether the bound is met."""
        return self.best.loss <= self.bound


@dataclass(slots=True)
class _Trials:
    """Measures each set of operators once."""

    measure: Callable[[Names], float]
    reference: float
    bound: float
    done: dict[frozenset[str], Trial] = field(default_factory=dict)

    def within(self, order: str, floats: Names) -> bool:
        key = frozenset(floats)
        if key not in self.done:
            accuracy = self.measure(floats)
            trial = self.done[key] = Trial(order, floats, accuracy, self.reference - accuracy)
            log.info(
                "%s, %d operators in float: %.4f, a loss of %.4f (bound %g)",
                *(order, len(floats), accuracy, trial.loss, self.bound),
            )
        return self.done[key].loss <= self.bound


def search(
    orders: Mapping[str, Sequence[str]], measure: Callable[[Names], float], *, reference: float, bound: float
) -> Search:
    """Measure until the fewest operators are known that must stay float.

    `orders`: each a sequence of all operators, those that should be float first. `measure`: the accuracy with these
    operators in float. `reference`: the accuracy of the float model. Of each order the first 1, 2, 4, ... are tried,
    and from the first number that is enough, its half and so on; that more of an order is not worse is supposed.
    """
    trials = _Trials(measure, reference, bound)
    if not trials.within("all in int8", ()):
        _double(orders, trials)
    return Search(bound, reference, tuple(trials.done.values()))


def _double(orders: Mapping[str, Sequence[str]], trials: _Trials) -> None:
    most = max(map(len, orders.values()))
    count, before = 1, 0
    while before < most:
        for name, order in orders.items():
            if trials.within(name, tuple(order[:count])):
                _bisect(name, order, trials, too_few=before, enough=min(count, most))
                return
        before, count = count, 2 * count


def _bisect(name: str, order: Sequence[str], trials: _Trials, *, too_few: int, enough: int) -> None:
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if trials.within(name, tuple(order[:middle])):
            enough = middle
        else:
            too_few = middle


def operator_orders(graph: TFLiteGraph, ratios: Sequence[TensorSnr]) -> dict[str, Names]:
    """The operators in the orders to try: those that lose most first, and as they are computed.

    `ratios`: the signal to noise ratio of each activation of the int8 graph against the float `graph`.
    """
    known = {each.tensor: min(each.db, EXACT_DB) for each in ratios}
    lost: dict[str, float] = {}
    for operator in graph.operators:
        output = graph.name(int(operator.outputs[0]))
        inputs = [graph.name(index) for index in op_tensors(operator.inputs) if graph.constant(index) is None]
        before = min((known.get(name, EXACT_DB) for name in inputs), default=EXACT_DB)
        lost[output] = before - known.get(output, before)
    names = operator_names(graph)
    return {"worst first": tuple(sorted(names, key=lambda name: -lost[name])), "first ones": names}
