"""How many of a model's operators XNNPACK takes, which has the fast kernels; the others run in the plain ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from edge_detector.detect.runtimes.litert import without_notice

DELEGATE = "DELEGATE"  # what the interpreter calls a group of operators that a delegate runs in their place

Operation = Mapping[str, Any]  # an entry of `Interpreter._get_ops_details`


@dataclass(frozen=True, slots=True)
class Delegation:
    """Which operators run where, on this machine, in the newest runtime."""

    operators: int
    taken: int  # by XNNPACK
    groups: int  # between which values go back and forth; 1 is best
    left: dict[str, int]  # operator -> how many XNNPACK leaves to the plain kernels

    @property
    def sentence(self) -> str:
        """Such as "XNNPACK takes 101 of 155 operators in 25 groups, but not 49 DEPTHWISE_CONV_2D"."""
        left = ", ".join(f"{count} {name}" for name, count in self.left.items())
        groups = f"{self.groups} group{'s' if self.groups != 1 else ''}"
        return f"XNNPACK takes {self.taken} of {self.operators} operators in {groups}" + (
            f", but not {left}" if left else ""
        )


def delegation(model: Path) -> Delegation | None:
    """As the interpreter of ai-edge-litert plans it; None where its version does not tell."""
    with without_notice():
        interpreter = Interpreter(model_path=str(model))
        interpreter.allocate_tensors()
    try:
        return shared_out(interpreter._get_ops_details())
    except (AttributeError, KeyError):  # the method is not a part of the public interface
        return None


def shared_out(operations: Iterable[Operation]) -> Delegation:
    """Who runs what. The interpreter lists every operator of the file, then the delegate's groups.

    It does not say which operators are in a group. But a group is what leads from the tensors that it reads to those
    that it writes: it is found by walking back.
    """
    operations = list(operations)
    groups = [each for each in operations if each["op_name"] == DELEGATE]
    own = [each for each in operations if each["op_name"] != DELEGATE]
    producer = {int(tensor): place for place, each in enumerate(own) for tensor in each["outputs"]}
    taken = {place for group in groups for place in _members(group, own, producer)}
    left = Counter(each["op_name"] for place, each in enumerate(own) if place not in taken)
    return Delegation(len(own), len(taken), len(groups), dict(left.most_common()))


def _members(group: Operation, own: list[Operation], producer: Mapping[int, int]) -> set[int]:
    """The places in `own` of the operators in a group."""
    given, members = {int(tensor) for tensor in group["inputs"]}, set()
    wanted = [int(tensor) for tensor in group["outputs"]]
    while wanted:
        place = producer.get(tensor := wanted.pop())
        if tensor not in given and place is not None and place not in members:
            members.add(place)
            wanted += [int(each) for each in own[place]["inputs"]]
    return members
