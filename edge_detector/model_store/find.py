"""Where models are: those that come with the project, and those that were downloaded."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from edge_detector.errors import ConfigError, ModelError
from edge_detector.model_store.catalogue import PUBLISHED, cache_folder

log = logging.getLogger(__name__)

SUFFIX = ".tflite"
DEFAULT_MODEL = f"ssd_mobilenet_v2_fpnlite_320_coco_int8{SUFFIX}"
FOLDERS = (
    Path(__file__).parents[2] / "models",  # a checkout
    Path("/opt/edge-detector/models"),  # where deploy.sh puts them
    Path(sys.prefix) / "share/edge-detector/models",  # where pip puts those of the wheel
)


def default_model() -> Path:
    """The model used when none is named.

    Raises `ConfigError` if it is not installed.
    """
    for folder in FOLDERS:
        if (folder / DEFAULT_MODEL).is_file():
            return folder / DEFAULT_MODEL
    places = " or ".join(str(folder) for folder in FOLDERS)
    raise ConfigError(f"the default model {DEFAULT_MODEL} is not in {places}; name one with --model FILE.tflite")


def find_model(model: Path) -> Path:
    """The file that ``--model`` means: a path, or the name of a model that is installed or was downloaded.

    Instead of a name, some of its words will do if no other model has them: ``ssd_256``; the log says which one they
    mean. Raises `ModelError` naming the nearest model for an unknown name, and those that a short name could mean.
    A path is not checked.
    """
    found = meant_model(model)
    if found != model and found.stem != model.name.removesuffix(SUFFIX):
        log.info("--model %s: %s", model, found.stem)
    return found


def meant_model(model: Path) -> Path:
    """The same, without a line in the log: for those who ask once more what `find_model` has found."""
    if model.is_file() or len(model.parts) > 1:
        return model
    name, models = model.name.removesuffix(SUFFIX), installed_models()
    if name in models:
        return models[name]
    meant = _with_words_of(name, models)
    if len(meant) > 1:
        raise ModelError(f"--model {model}: could be {' or '.join(meant)}; say more of the name")
    if not meant:
        raise ModelError(f"{model}: no such model file, and no model is called {name!r}; {_advice(name, list(models))}")
    return models[meant[0]]


def _with_words_of(name: str, models: Iterable[str]) -> list[str]:
    """The models whose names have all words of this one, in any order."""
    words = _words(name)
    return [] if not words else sorted(model for model in models if words <= _words(model))


def _words(name: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", name.lower()))


def installed_models() -> dict[str, Path]:
    """Every model by its name, as `find_model` finds it; of two with one name, the first in `FOLDERS`."""
    files = [file for folder in (*FOLDERS, cache_folder()) for file in sorted(folder.glob(f"*{SUFFIX}"))]
    return {file.stem: file for file in reversed(files) if file.is_file()}


def label_file(name: str) -> Path:
    """One of the label files that come with the project.

    Raises `ConfigError` if it is not installed.
    """
    places = [folder.parent / "labels" / name for folder in FOLDERS]
    for path in places:
        if path.is_file():
            return path
    raise ConfigError(f"the labels {name} are not installed; looked for {' and '.join(map(str, places))}")


def _advice(name: str, models: list[str]) -> str:
    if name in PUBLISHED:
        return f"'edge-detector models pull {name}' downloads it"
    import difflib  # late: only mistakes need it

    nearest = difflib.get_close_matches(name, [*models, *PUBLISHED], n=1)
    return (f"did you mean {nearest[0]!r}? " if nearest else "") + "'edge-detector models' lists them"
