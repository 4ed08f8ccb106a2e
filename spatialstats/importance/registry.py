"""The names of the importance methods."""

from __future__ import annotations

import importlib
from typing import Any

from spatialstats.errors import unknown
from spatialstats.importance.protocol import Importance
from spatialstats.spec import build, parse

__all__ = ["DEFAULT", "get_importance", "list_importance"]

DEFAULT = "integrated-gradients"
"""Chosen on training images by ``python analysis/choose_importance.py``."""

_METHODS = {
    "grad-cam": "GradCam",
    "integrated-gradients": "IntegratedGradients",
    "occlusion": "Occlusion",
    "saliency": "Saliency",
    "smoothgrad": "SmoothGrad",
}


def list_importance() -> list[str]:
    """Names of the built-in methods; ``captum:Name`` gives any of captum's beside them."""
    return sorted(_METHODS)


def get_importance(spec: str | None = None, **overrides: Any) -> Importance:
    """The method that `spec` names.

    Parameters
    ----------
    spec : str, optional
        A name, with parameters if wanted: ``"integrated-gradients(steps=16)"``,
        ``"captum:GradientShap(n_samples=8)"``.  Without it, `DEFAULT`.
    **overrides
        Parameters that replace those in `spec`.

    Raises
    ------
    InputError
        If the name or a parameter is unknown, or captum is not installed.

    Examples
    --------
    >>> get_importance("integrated-gradients(steps=16)").steps
    16
    """
    name, parameters = parse("an importance method", DEFAULT if spec is None else spec)
    parameters |= overrides
    if name.startswith("captum:"):
        from spatialstats.importance.captum_methods import captum_method

        return captum_method(name.removeprefix("captum:"), parameters)
    if name not in _METHODS:
        raise unknown("importance method", name, [*_METHODS, "captum:IntegratedGradients"])
    module = importlib.import_module(f"spatialstats.importance.{name.replace('-', '_')}")
    method: Importance = build(getattr(module, _METHODS[name]), name, parameters)
    return method
