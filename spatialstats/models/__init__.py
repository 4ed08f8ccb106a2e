"""Models: the `Classifier` around a torch module, and the ways to load one."""

from __future__ import annotations

from spatialstats.models.batching import batched
from spatialstats.models.classifier import Classifier
from spatialstats.models.random_weights import random_weights
from spatialstats.models.registry import (
    independent_models,
    list_models,
    load_model,
    model_info,
    started_from,
)

__all__ = [
    "Classifier",
    "batched",
    "independent_models",
    "list_models",
    "load_model",
    "model_info",
    "random_weights",
    "started_from",
]
