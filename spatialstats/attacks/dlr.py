"""Losses of APGD that do not saturate and do not change when all logits are scaled."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from spatialstats.attacks.losses import lead
from spatialstats.errors import unknown

__all__ = ["LOSSES", "dlr", "dlr_targeted", "loss_of", "runner_up"]

LOSSES = ("ce", "dlr", "dlr-targeted", "margin")
TINY = 1e-12


def dlr(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Difference of logits ratio, (N,): minus the margin over the gap from the first to the third logit.

    With fewer than three classes there is no such gap, and it is minus the margin.

    References
    ----------
    F. Croce, M. Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
    Parameter-free Attacks*, ICML 2020, equation 6.
    """
    margin = lead(logits, labels)
    if logits.shape[1] < 3:
        return -margin
    top = logits.topk(3, dim=1).values
    return -margin / (top[:, 0] - top[:, 2] + TINY)


def dlr_targeted(logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same towards a class (N,), divided by the gap from the first to the middle of the third and fourth.

    With fewer than four classes it is the plain difference of the two logits.

    References
    ----------
    F. Croce, M. Hein, ICML 2020, equation 7.
    """
    own, other = (logits.gather(1, one[:, None])[:, 0] for one in (labels, targets))
    if logits.shape[1] < 4:
        return other - own
    top = logits.topk(4, dim=1).values
    return (other - own) / (top[:, 0] - 0.5 * (top[:, 2] + top[:, 3]) + TINY)


def runner_up(logits: torch.Tensor, labels: torch.Tensor, place: int) -> torch.Tensor:
    """The wrong class (N,) of the `place`-th largest logit, from 0; the last one where there are fewer."""
    others = logits.scatter(1, labels[:, None], -torch.inf)
    order = others.argsort(1, descending=True)
    return order[:, min(place, max(0, logits.shape[1] - 2))]


def loss_of(
    name: str, labels: torch.Tensor, targets: torch.Tensor | None = None
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A loss by its name, of logits (N, K), one value an image; what is to be climbed.

    Raises
    ------
    InputError
        If there is no such loss.
    """
    if name == "ce":
        return lambda logits: F.cross_entropy(logits, labels, reduction="none")
    if name == "dlr" or (name == "dlr-targeted" and targets is None):
        return lambda logits: dlr(logits, labels)
    if name == "margin":
        return lambda logits: -lead(logits, labels)
    if name == "dlr-targeted" and targets is not None:
        wanted = targets
        return lambda logits: dlr_targeted(logits, labels, wanted)
    raise unknown("loss", name, LOSSES)
