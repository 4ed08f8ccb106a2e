"""Auto-PGD, in an L-infinity or an L2 ball: no step length to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.ascent import Best, ascend
from spatialstats.attacks.budget import Budget
from spatialstats.attacks.dlr import LOSSES, loss_of, runner_up
from spatialstats.attacks.feasible import Ball, Box, Feasible
from spatialstats.attacks.losses import lead
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.seeds import derived
from spatialstats.errors import unknown
from spatialstats.models import Classifier

__all__ = ["ApgdL2", "ApgdLinf"]


@dataclass(frozen=True)
class ApgdLinf:
    """Ascent with momentum whose step halves when it no longer pays; the lowest margin is kept.

    Parameters
    ----------
    epsilon : float
        Largest change of a value, in [0, 1] pixel units.
    steps : int
        Gradients an image and restart.
    restarts : int
        Random starts; those after the first go to the images that still resist.
    loss : {'ce', 'dlr', 'dlr-targeted', 'margin'}
        ``dlr-targeted`` climbs towards the `targets` likeliest wrong classes, one after the
        other, each with all restarts.
    targets : int
        Classes of the targeted loss.
    stop : bool
        Leave an image alone once it is misclassified: faster where only the robust accuracy
        counts, and weaker examples where the perturbation itself is looked at.

    References
    ----------
    F. Croce, M. Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse
    Parameter-free Attacks*, ICML 2020.
    """

    epsilon: float = 8 / 255
    steps: int = 50
    restarts: int = 1
    loss: str = "dlr"
    targets: int = 9
    stop: bool = False
    name: ClassVar[str] = "apgd-linf"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False
    random_start: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive(self, "epsilon")
        at_least_one(self, "steps", "restarts", "targets")
        if self.loss not in LOSSES:
            raise unknown("loss of APGD", self.loss, LOSSES)

    @property
    def budget(self) -> Budget:
        return Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return f"APGD {self.budget.text}"

    def region(self, x: torch.Tensor) -> Feasible:
        """Where images may go."""
        return Box.around(x, self.epsilon)

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        with torch.no_grad():
            logits = classifier.logits(x)
        wrong_classes = min(self.targets, logits.shape[1] - 1) if self.loss == "dlr-targeted" else 1
        best, region = Best.of(x), self.region(x)
        for k in range(wrong_classes * self.restarts):
            rows = (best.margin >= 0).nonzero()[:, 0]
            if not len(rows):
                break
            labels, goal = y[rows], runner_up(logits, y, k % wrong_classes)[rows]

            def passes(
                x_adv: torch.Tensor,
                index: torch.Tensor,
                labels: torch.Tensor = labels,
                goal: torch.Tensor = goal,
            ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
                loss = loss_of(self.loss, labels[index], goal[index])
                gradient, found = classifier.gradient(x_adv, loss)
                return gradient, loss(found), lead(found, labels[index])

            start = region.drawn(derived(seed, k))[rows]
            best.merge(ascend(passes, start, region.rows(rows), self.steps, stop=self.stop), rows)
        return best.x_adv


@dataclass(frozen=True)
class ApgdL2(ApgdLinf):
    """The same in an L2 ball, along the gradient.

    Parameters
    ----------
    epsilon : float
        Largest L2 norm of the change, in [0, 1] pixel units.
    steps, restarts, loss, targets, stop
        See `ApgdLinf`.

    References
    ----------
    F. Croce, M. Hein, ICML 2020.
    """

    epsilon: float = 0.5
    name: ClassVar[str] = "apgd-l2"

    @property
    def budget(self) -> Budget:
        return Budget("l2", self.epsilon)

    def region(self, x: torch.Tensor) -> Feasible:
        """Where images may go."""
        return Ball(x, self.epsilon)
