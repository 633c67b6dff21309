"""The heavy packages of the workstation: a missing one is one sentence, said before work begins."""

from __future__ import annotations

from importlib.util import find_spec

from edge_detector.errors import ConfigError

WORKSTATION = "workstation"
TRAINING = "training"


def require(task: str, *modules: str, extra: str) -> None:
    """Raises `ConfigError` naming the extra to install if one of `modules` is not there."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"{task} needs {', '.join(missing)}, not installed here: pip install 'edge-detector[{extra}]'"
        )
