"""Importance maps: which pixels of an image its predicted class rests on.

``run_importance("integrated-gradients", classifier, x, target, seed=0)`` gives the
maps, `magnitude` what a region of importance (RoI) is taken from.
"""

from __future__ import annotations

from spatialstats.importance.gradients import margin_gradient, target_gradient
from spatialstats.importance.magnitude import magnitude
from spatialstats.importance.protocol import Classifier, Importance
from spatialstats.importance.registry import DEFAULT, get_importance, list_importance
from spatialstats.importance.running import run_importance

__all__ = [
    "DEFAULT",
    "Classifier",
    "Importance",
    "get_importance",
    "list_importance",
    "magnitude",
    "margin_gradient",
    "run_importance",
    "target_gradient",
]
