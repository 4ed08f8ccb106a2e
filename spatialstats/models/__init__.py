"""Models: the `Classifier` around a torch module, and the ways to load one."""

from __future__ import annotations

from spatialstats.models.batching import batched
from spatialstats.models.classifier import Classifier
from spatialstats.models.registry import list_models, load_model, model_info

__all__ = ["Classifier", "batched", "list_models", "load_model", "model_info"]
