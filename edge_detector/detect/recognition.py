"""What a .tflite file is, without trusting it: a child process describes it, then the model families are asked.

What the file leaves open is an error that names the flag which answers it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edge_detector import errors
from edge_detector.detect.description import Answers, Description, Operator, TensorDescription
from edge_detector.detect.heads import family
from edge_detector.detect.manifest import Manifest
from edge_detector.detect.runtimes import choose_runtime
from edge_detector.errors import ConfigError, ModelError
from edge_detector.registry import HEADS, names
from edge_detector.system.child import environment

PROBE_TIMEOUT_S = 120.0  # the largest detectors run once in a few seconds on the slowest Pi
NO_ANSWERS = Answers()
IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TFLite flatbuffer


def describe(path: Path, runtime_name: str = "auto") -> Description:
    """What the model in ``path`` is.

    Raises `ModelError` if it is none, or crashes or hangs the runtime; `ConfigError` if the runtime is missing.
    """
    check_file(path)
    command = [sys.executable, "-P", "-m", "edge_detector.detect.probe", str(path), choose_runtime(runtime_name)]
    try:
        child = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: the runtime hangs on this model; is the file damaged?") from None
    if child.returncode < 0:
        reason = signal.Signals(-child.returncode).name
        raise ModelError(f"{path}: the runtime crashes on this model ({reason}); is the file damaged or cut short?")
    if child.returncode != 0:
        last = child.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ModelError(f"{path}: not a readable model ({last[0]}); is the file damaged or cut short?")
    return _from_json(child.stdout)


def check_file(path: Path) -> None:
    """Raises `ModelError` unless ``path`` is a file that begins like a TFLite model."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model: {error.strerror}") from None
    if head[4:] != IDENTIFIER:
        what = "is empty" if not head else "is not a TFLite model"
        raise ModelError(f"{path}: {what}; expected a .tflite file")


def deduce(path: Path, description: Description, answers: Answers = NO_ANSWERS) -> Manifest:
    """The manifest that the description allows; ``answers`` are the user's to what it leaves open.

    Every model family is asked. Raises `ModelError` if none recognises the outputs, more than one does, or one leaves
    a question open; `ConfigError` for an answer that cannot be right.
    """
    _check_roles(path, description, answers)
    found, questions = _ask_families(description, answers)
    if not found and questions:
        raise ModelError(f"{path}: {questions[0]}")
    if not found:
        raise ModelError(_unrecognised(path, description))
    if len(found) > 1:
        raise ModelError(
            f"{path}: its outputs could be those of {' or '.join(found)}; expected a manifest beside it that says "
            'which: family = "NAME"'
        )
    ((family_name, manifest),) = found.items()
    return replace(manifest, name=path.stem, family=family_name, sha256=description.sha256, folder=path.parent)


def _ask_families(description: Description, answers: Answers) -> tuple[dict[str, Manifest], list[ModelError]]:
    """What every family that recognises the model says of it, by the family's name; and what others leave open."""
    found: dict[str, Manifest] = {}
    questions: list[ModelError] = []
    for name in names(HEADS):
        try:
            manifest = family(name).recognise(description, answers)
        except ModelError as question:
            questions.append(question)
        else:
            found |= {name: manifest} if manifest else {}
    return found, questions


def _unrecognised(path: Path, description: Description) -> str:
    if is_classifier(description):
        (scores,) = description.outputs
        return (
            f"{path}: this is a classifier: its only output, {scores.name} {scores.shape}, has one score for each of "
            f"{scores.shape[1]} classes and no boxes; expected a detector"
        )
    shapes = ", ".join(f"{output.name} {output.shape}" for output in description.outputs)
    expected = "; ".join(f"{name}: {family(name).expects}" for name in names(HEADS))
    return (
        f"{path}: not a detector that is known here; its outputs are {shapes}. Expected one of these: {expected}. "
        "If it is a detector of these families, say which output is what: "
        f"--outputs ROLE=NAME,... with {_role_sets()}"
    )


def is_classifier(description: Description) -> bool:
    """Whether there is one output, and it is a row of scores."""
    shapes = [output.shape for output in description.outputs]
    return len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][0] == 1 and shapes[0][1] > 1


def _check_roles(path: Path, description: Description, answers: Answers) -> None:
    """Raises `ConfigError` if --outputs names a role or a tensor that does not exist, or too few roles."""
    flag = f"--outputs {answers.outputs!r}"
    sets = [roles for name in names(HEADS) for roles in family(name).roles]
    known = {role: None for roles in sets for role in roles}  # each once, in the order of the table
    outputs = [output.name for output in description.outputs]
    for role, name in answers.roles.items():
        if role not in known:
            raise ConfigError(f"{flag}: unknown role {role!r}; known: {', '.join(known)}")
        if name not in outputs:
            raise ConfigError(f"{flag}: {path} has no output {name!r}; it has {', '.join(outputs)}")
    if answers.roles and not any(set(answers.roles) == set(roles) for roles in sets):
        raise ConfigError(f"{flag}: expected all of {_role_sets()}")


def _role_sets() -> str:
    """The roles that belong together, for a message: "boxes and scores; or predictions"."""
    sets = [roles for name in names(HEADS) for roles in family(name).roles]
    return "; or ".join(" and ".join(filter(None, (", ".join(roles[:-1]), roles[-1]))) for roles in sets)


def _from_json(text: str) -> Description:
    values = json.loads(text.strip().splitlines()[-1])
    if "error" in values:
        raise getattr(errors, values["kind"])(values["error"])
    values["input"] = _tensor(values["input"])
    values["outputs"] = tuple(_tensor(output) for output in values["outputs"])
    values["operators"] = tuple(Operator(**operator) for operator in values["operators"])
    values["fused_outputs"] = tuple(values["fused_outputs"])
    return Description(**values)


def _tensor(values: dict[str, object]) -> TensorDescription:
    shape = values.pop("shape")
    assert isinstance(shape, list)
    return TensorDescription(shape=tuple(shape), **values)  # type: ignore[arg-type]
