"""What is compared: every technique of the table, and int8 also with each calibration method and in special forms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.workstation.calibration.ranges import METHODS
from edge_detector.workstation.comparison.tasks import DETECTION, Task
from edge_detector.workstation.comparison.wishes import ALL
from edge_detector.workstation.extras import TRAINING
from edge_detector.workstation.quantization.techniques import EXPECTED, TECHNIQUES, Data, Technique, TechniqueOptions

REFERENCE = "float32"  # the technique that all others are compared with
VARIED = ("int8",)  # techniques of which there is a variant for each method, and one for each special form
MAX_LOSS = 0.01  # of mAP: what a mixed model may lose on the photographs of --training
SMALLER_INPUT = 0.8  # of the sides: two thirds of the pixels, and of the time


@dataclass(frozen=True, slots=True)
class Variant:
    """A technique with its options: one model, and one row of the table."""

    name: str  # of the model file, too
    technique: str  # one of `TECHNIQUES`
    options: TechniqueOptions
    input_scale: float = 1.0  # of the source's sides
    classes: tuple[str, ...] | None = None  # that stay; None: all of them; empty: it takes some, and none are named

    @property
    def entry(self) -> Technique:
        return TECHNIQUES[self.technique]

    @property
    def needs(self) -> tuple[Data, ...]:
        """The photographs that it needs: those of the technique, and labelled ones to bound the loss on."""
        bound = (Data.TRAINING,) if self.options.max_loss is not None else ()
        return tuple(dict.fromkeys((*self.entry.needs, *bound)))

    @property
    def description(self) -> str:
        """What is done, in words."""
        method = f", {self.options.calibration_method} calibration" if self.technique in VARIED else ""
        size = f", pictures of {self.input_scale:g} of the sides" if self.input_scale != 1.0 else ""
        bound = (
            f", operators in float until the loss is at most {loss:g} mAP" if (loss := self.options.max_loss) else ""
        )
        kept = f", only the classes {', '.join(self.classes)}" if self.classes else ""
        return self.entry.description + method + size + bound + kept

    @property
    def whole(self) -> Variant:
        """The same with all classes."""
        return self if self.classes is None else replace(self, name=self.technique, classes=None)

    @property
    def trains(self) -> bool:
        """Whether it needs labelled photographs to train on."""
        return Data.TRAINING in self.entry.needs

    def missing(self, given: Collection[Data], task: Task = DETECTION) -> str:
        """What it needs and does not have: photographs that are not `given`, packages, classes; empty if it has all."""
        if task is not DETECTION and (self.classes is not None or self.options.max_loss is not None):
            return "it is made of detectors only"
        absent = [package for package in self.entry.packages if find_spec(package) is None]
        if absent:
            return f"needs {', '.join(absent)}, not installed here: pip install 'edge-detector[{TRAINING}]'"
        if self.classes == ():
            return "needs --classes: the names of those to keep, such as person,dog,cat"
        lacking = [data for data in self.needs if data not in given]
        return "needs " + " and ".join(f"--{data}: {EXPECTED[data]}" for data in lacking) if lacking else ""


def every_variant(options: TechniqueOptions, classes: Sequence[str] = ()) -> tuple[Variant, ...]:
    """All of them, the reference first, then in the order of the table. `classes`: what a specialised model keeps."""
    found = [variant for name in TECHNIQUES for variant in _variants_of(name, options, tuple(classes))]
    return tuple(sorted(found, key=lambda variant: variant.technique != REFERENCE))


def _variants_of(technique: str, options: TechniqueOptions, classes: tuple[str, ...]) -> Iterator[Variant]:
    methods = METHODS if technique in VARIED else (options.calibration_method,)
    for method in methods:
        plain = method == TechniqueOptions().calibration_method
        name = technique if plain else f"{technique}-{method}"
        yield Variant(name, technique, replace(options, calibration_method=method))
    if technique in VARIED:
        yield Variant(f"{technique}-smaller-input", technique, options, SMALLER_INPUT)
        yield Variant(f"{technique}-specialised", technique, options, classes=classes)
        yield Variant(f"{technique}-mixed", technique, replace(options, max_loss=MAX_LOSS))


def choose(variants: Sequence[Variant], wanted: str) -> tuple[Variant, ...]:
    """Those that `wanted` names: "all", or names of techniques or of variants with commas between; and the reference.

    A specialised one brings the one with all classes, with which it is compared. Raises `ConfigError` for a name that
    nothing has.
    """
    names = {name.strip() for name in wanted.split(",")} - {""}
    known = [ALL, *(each.name for each in variants), *(each.technique for each in variants)]
    for name in sorted(names - set(known)):
        raise ConfigError(f"--techniques: {unknown('technique', name, set(known))}")
    if not names:
        raise ConfigError(f"--techniques {wanted!r}: names no technique; expected {ALL} or names with commas between")
    chosen = [each for each in variants if ALL in names or names & {each.name, each.technique}]
    beside = {each.whole.name for each in chosen}
    return tuple(each for each in variants if each in chosen or each.technique == REFERENCE or each.name in beside)
