"""What attacks climb."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

__all__ = ["cross_entropy", "keep_lower", "lead", "negative_margin"]


def cross_entropy(labels: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Cross-entropy of the true labels (N,), one value an image."""
    return lambda logits: F.cross_entropy(logits, labels, reduction="none")


def lead(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The margin (N,): logit of the true label minus the best other one; below 0 is misclassified."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return own[:, 0] - others.amax(1)


def negative_margin(labels: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Minus the margin, one value an image: never saturates, unlike cross-entropy."""
    return lambda logits: -lead(logits, labels)


def keep_lower(best: torch.Tensor, lowest: torch.Tensor, x_adv: torch.Tensor, margin: torch.Tensor) -> None:
    """Keep, in place, the images whose margin (N,) is lower than that of those so far."""
    better = margin < lowest
    lowest[better], best[better] = margin[better], x_adv[better]
