"""Noise of an attack's budget: the control that every attack is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.base import Attack
from spatialstats.attacks.budget import Budget, Norm, patch_side
from spatialstats.attacks.pgd import lengths
from spatialstats.attacks.seeds import normal, row_generator, uniform
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise:
    """Random changes of a given budget, drawn once for every image.

    Uniform in the L-infinity ball; on the L2 sphere; random pixels of random colours; one
    square of random colours at a random place.  All are clipped to [0, 1], which makes them
    depend on the image a little: say so where a statistic is that fine.

    Parameters
    ----------
    norm : {'linf', 'l2', 'l0', 'patch'}
    epsilon : float
        See `Budget`.
    """

    norm: Norm = "linf"
    epsilon: float = 8 / 255
    gradient: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.norm == "none":
            raise InputError("noise needs the budget of an attack that has one: norm linf, l2, l0 or patch.")
        Budget(self.norm, self.epsilon)  # refuses a wrong norm or epsilon

    @classmethod
    def like(cls, attack: Attack) -> Noise:
        """Noise of the budget of an attack."""
        if attack.budget.epsilon is None:
            raise InputError(
                f"attack {attack.name!r} has no fixed budget, so there is no noise of an equal one."
            )
        return cls(attack.budget.norm, attack.budget.epsilon)

    @property
    def name(self) -> str:
        return "noise" if self.norm == "linf" else f"noise-{self.norm}"

    @property
    def budget(self) -> Budget:
        return Budget(self.norm, self.epsilon)

    @property
    def label(self) -> str:
        return f"Noise {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        if self.norm == "linf":
            drawn = 2 * uniform(seed, x) - 1
            return (x + drawn * self.epsilon).clamp_(0, 1)
        if self.norm == "l2":
            direction = normal(seed, x)
            return (x + direction * (self.epsilon / lengths(direction))).clamp_(0, 1)
        made = x.clone(memory_format=torch.contiguous_format)  # so that rows can be written through views
        height, width = x.shape[-2:]
        side = patch_side(self.epsilon, x.shape)
        for row in range(len(x)):
            rng = row_generator(seed, row)
            if self.norm == "l0":
                places = torch.randperm(height * width, generator=rng)[: int(self.epsilon)].to(x.device)
                colours = torch.rand(x.shape[1], len(places), generator=rng).to(x.device)
                made[row].flatten(1)[:, places] = colours
            else:
                top = int(torch.randint(height - side + 1, (), generator=rng))
                left = int(torch.randint(width - side + 1, (), generator=rng))
                square = torch.rand(x.shape[1], side, side, generator=rng)
                made[row, :, top : top + side, left : left + side] = square.to(x.device)
        return made
