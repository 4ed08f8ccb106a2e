"""Gradients of one logit, or of a margin between two, in the form that paths ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spatialstats.importance.protocol import Classifier
from spatialstats.paths import PathGradient

if TYPE_CHECKING:
    import torch

__all__ = ["margin_gradient", "target_gradient"]


def target_gradient(classifier: Classifier, target: Any) -> PathGradient:
    """Gradient and value of the logit `target` (N,) of each image.

    Parameters
    ----------
    classifier : Classifier
        Its ``gradient`` does (and times) the work.
    target : array or tensor of int64, (N,)
        A class for each image.
    """
    import torch

    def gradient(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = _column(classifier, target, rows)

        def loss(logits: torch.Tensor) -> torch.Tensor:
            return logits.gather(1, chosen).sum()

        slopes, logits = classifier.gradient(points.to(classifier.device), loss)
        return slopes.to(points.device), logits.gather(1, chosen)[:, 0].to(points.device)

    target = torch.as_tensor(target)
    return gradient


def margin_gradient(classifier: Classifier, label: Any, rival: Any) -> PathGradient:
    """Gradient and value of the margin: logit of `label` minus logit of `rival`.

    Parameters
    ----------
    classifier : Classifier
        Its ``gradient`` does (and times) the work.
    label, rival : array or tensor of int64, (N,)
        True class, and the fixed other class, of each image.

    Returns
    -------
    callable
        ``gradient(points, rows)``, as `spatialstats.maps.effect` takes it.
    """
    import torch

    def gradient(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        true, other = _column(classifier, label, rows), _column(classifier, rival, rows)

        def margin(logits: torch.Tensor) -> torch.Tensor:
            return (logits.gather(1, true) - logits.gather(1, other))[:, 0]

        def loss(logits: torch.Tensor) -> torch.Tensor:
            return margin(logits).sum()

        slopes, logits = classifier.gradient(points.to(classifier.device), loss)
        return slopes.to(points.device), margin(logits).to(points.device)

    label, rival = torch.as_tensor(label), torch.as_tensor(rival)
    return gradient


def _column(classifier: Classifier, classes: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Classes of the images `rows`, as an index for gather, (P, 1)."""
    return classes[rows.to(classes.device)].to(classifier.device)[:, None]
