"""Training inside a technique: a graph is trained until its outputs are near those of the float source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_detector.workstation import fingerprint
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.compression.training_data import TrainingData
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.float_operators import chosen_operators
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.quantization.techniques import TechniqueOptions
from edge_detector.workstation.training.distillation import Distillation, class_scores, probability_tensors, stages
from edge_detector.workstation.training.graph_twin import GraphTwin, twin_of
from edge_detector.workstation.training.tuner import Constraint, Tuner, TuningPlan, TuningResult, Unconstrained
from edge_detector.workstation.training.views import Views

HELD_OUT_AT_MOST = 48  # photographs after each round
RATE = 1e-4  # for weights that have lost much

MakeConstraint = Callable[[GraphTwin], Constraint]


def unconstrained(_twin: GraphTwin) -> Constraint:
    """Every weight may become anything."""
    return Unconstrained()


@dataclass(frozen=True, slots=True, eq=False)
class TrainedGraph:
    """A trained graph, and what the training did."""

    graph: TFLiteGraph
    result: TuningResult

    def section(self, data: TrainingData) -> Section:
        """What the report says of it."""
        return Section("training", self.result, (*data.lines, self.result.sentence()))


def train_towards_source(
    material: Material,
    data: TrainingData,
    *,
    start: TFLiteGraph | None = None,
    ranges: Mapping[str, Range] | None = None,
    constraint: MakeConstraint = unconstrained,
    plan: TuningPlan | None = None,
    one_scale: bool = False,
    stage: str,
) -> TrainedGraph:
    """Train `start` (by default the source) to give what the float source gives, on the way as at the end.

    `ranges`: activations are rounded as int8 of these ranges would be. `one_scale`: and weights, with one scale for all
    of an operator. `stage` names the training among those of its
    technique, so also what `constraint` is: its checkpoints are kept apart. Raises `ModelError` for an operator that
    cannot be trained.
    """
    source, spec = material.source.graph, material.source.manifest.input
    start, plan = start or source, plan or plan_of(material.options)
    floats = chosen_operators(source, material.options.float_operators)
    hints = stages(source, start)
    twin = twin_of(start, trainable_ranges(start, ranges or {}, floats), one_scale=one_scale, stages=hints)
    tuner = Tuner(twin.model, twin_of(source, stages=hints).model, Distillation.of(source), plan)
    files = spread(data.held_out.files, HELD_OUT_AT_MOST)
    held_out = [tensor.copy() for tensor in InputTensors(files, spec)]
    views = Views(data.training, spec, batch=material.options.batch, seed=0)
    photographs = fingerprint.files_digest([*data.training, *files])
    made_of = (_digest(source), _digest(start), photographs, plan, sorted((ranges or {}).items()), one_scale)
    result = tuner.run(views, held_out, constraint(twin), _folder(material, stage, *made_of))
    return TrainedGraph(twin.trained_graph(), result)


def plan_of(options: TechniqueOptions, *, rate: float = RATE, part: float = 1.0) -> TuningPlan:
    """The steps and the rate that the user chose, or else `rate`; `part`: of the steps."""
    return TuningPlan(max(1, round(options.steps * part)), options.rate or rate)


def trainable_ranges(graph: TFLiteGraph, ranges: Mapping[str, Range], floats: Collection[str] = ()) -> dict[str, Range]:
    """The ranges of the activations that training rounds: not of operators that stay float, named by their outputs.

    Nor of probabilities that are outputs: rounded to 0, a probability has no slope to learn from.
    """
    exact = set(floats).union(*(probability_tensors(graph, index) for index in graph.outputs))
    scores = class_scores(graph)
    if scores is not None and scores.softmax:
        exact.add(graph.name(graph.outputs[0]))
    return {name: each for name, each in ranges.items() if name not in exact}


def _digest(graph: TFLiteGraph) -> str:
    return hashlib.sha256(graph.to_bytes()).hexdigest()


def _folder(material: Material, stage: str, *made_of: object) -> Path | None:
    """Where the checkpoints of exactly this training are: another program does not go on with them."""
    if material.checkpoints is None:
        return None
    program = fingerprint.program_digest(*fingerprint.MAKING, *fingerprint.MEASURING, *fingerprint.TRAINING)
    return material.checkpoints / f"{stage}-{fingerprint.digest(material.options, made_of, program)[:12]}"
