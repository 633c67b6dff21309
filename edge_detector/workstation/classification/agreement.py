"""How much two classifiers agree on the same pictures: what compression changed.

The interval of a share of few pictures is wide; but two models that see the same pictures can be told apart by those
on which one is right and the other wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_detector.workstation.classification.measurement import ClassifierEvaluation
from edge_detector.workstation.classification.share import Share


@dataclass(frozen=True, slots=True)
class ClassifierAgreement:
    """The first guesses of `model` beside those of `reference`."""

    model: str
    reference: str
    same: Share  # pictures with the same first guess
    lost: int  # that only the reference names rightly
    won: int  # that only the model names rightly

    @property
    def objects(self) -> int:
        """The pictures."""
        return self.same.count

    @property
    def found(self) -> int:
        """The pictures with the same first guess."""
        return self.same.hits

    @property
    def score_difference(self) -> float:
        """Scores are not compared."""
        return 0.0

    @property
    def sentence(self) -> str:
        """For a terminal."""
        return (
            f"{self.model} gives the first guess of {self.reference} on {self.same.hits} of {self.same.count} "
            f"pictures; {self.won} are right only with it, {self.lost} only with {self.reference}"
        )


def agreements_with_largest(results: Sequence[ClassifierEvaluation]) -> list[ClassifierAgreement]:
    """Every other model against the one with the largest file, which is the least compressed."""
    reference = max(results, key=lambda result: result.size_bytes)
    return [agreement(result, reference) for result in results if result is not reference]


def agreement(result: ClassifierEvaluation, reference: ClassifierEvaluation) -> ClassifierAgreement:
    """One model against another on the same pictures."""
    same = result.guesses[:, 0] == reference.guesses[:, 0]
    lost, won = reference.right & ~result.right, result.right & ~reference.right
    return ClassifierAgreement(
        result.name, reference.name, Share(int(same.sum()), len(same)), int(lost.sum()), int(won.sum())
    )
