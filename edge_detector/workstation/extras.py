"""The extra packages of the workstation: one sentence names what is missing, before any work begins."""

from __future__ import annotations

from importlib.util import find_spec

from edge_detector.errors import ConfigError

WORKSTATION = "workstation"
TRAINING = "training"


def require(task: str, *modules: str, extra: str) -> None:
    """Raises `ConfigError` that names the extra to install if one of `modules` is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"{task} needs {', '.join(missing)}, not installed here: pip install 'edge-detector[{extra}]'"
        )
