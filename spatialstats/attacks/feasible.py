"""Where an attack may go: boxes and balls around images, with their projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from spatialstats.attacks.pgd import lengths
from spatialstats.attacks.seeds import normal, uniform

__all__ = ["Ball", "Box", "Feasible"]

SHRINK = 1 - 1e-6  # float32 norms are this uncertain: the projected image stays inside


class Feasible(Protocol):
    """A set of allowed images for each of N images.

    Attributes
    ----------
    radius : float
        Half of its width; a first step of twice the radius can cross it.
    """

    @property
    def radius(self) -> float: ...

    def project(self, x_adv: torch.Tensor) -> torch.Tensor:
        """The nearest allowed images (N, C, H, W), or allowed ones near by."""

    def along(self, gradient: torch.Tensor) -> torch.Tensor:
        """The direction (N, C, H, W) in which a step of length 1 gains most."""

    def drawn(self, seed: int) -> torch.Tensor:
        """Allowed images drawn at random, row by row."""

    def rows(self, index: torch.Tensor) -> Feasible:
        """The sets of some of the images: int64 (M,)."""

    def within(self, allowed: torch.Tensor) -> Feasible:
        """What is left of it when only the pixels of a bool (N, 1, H, W) mask may change."""


@dataclass(frozen=True)
class Box:
    """All images between two: an L-infinity ball, a patch, or a part of either.

    Parameters
    ----------
    x : Tensor of float32, (N, C, H, W)
        The images themselves.
    low, high : Tensor of float32, (N, C, H, W)
        Ends of the range of every value, inside [0, 1].
    radius : float
        See `Feasible`.
    """

    x: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    radius: float

    @classmethod
    def around(cls, x: torch.Tensor, epsilon: float) -> Box:
        """The L-infinity ball of images, inside [0, 1]."""
        return cls(x, (x - epsilon).clamp_min(0), (x + epsilon).clamp_max(1), epsilon)

    @classmethod
    def windows(cls, x: torch.Tensor, inside: torch.Tensor) -> Box:
        """Any colours inside of a bool mask (N, 1, H, W), the image outside of it."""
        low, high = x.masked_fill(inside, 0.0), x.masked_fill(inside, 1.0)
        return cls(x, low, high, 0.5)

    def project(self, x_adv: torch.Tensor) -> torch.Tensor:
        """See `Feasible.project`."""
        return torch.clamp(x_adv, self.low, self.high)

    def along(self, gradient: torch.Tensor) -> torch.Tensor:
        """The sign of the gradient."""
        return gradient.sign()

    def drawn(self, seed: int) -> torch.Tensor:
        """Uniform in the box."""
        return self.low + (self.high - self.low) * uniform(seed, self.x)

    def rows(self, index: torch.Tensor) -> Box:
        """See `Feasible.rows`."""
        return Box(self.x[index], self.low[index], self.high[index], self.radius)

    def within(self, allowed: torch.Tensor) -> Box:
        """See `Feasible.within`."""
        low, high = torch.where(allowed, self.low, self.x), torch.where(allowed, self.high, self.x)
        return Box(self.x, low, high, self.radius)


@dataclass(frozen=True)
class Ball:
    """The L2 ball of images inside [0, 1], or its section where some pixels must stay.

    Parameters
    ----------
    x : Tensor of float32, (N, C, H, W)
        Centres.
    radius : float
        In [0, 1] pixel units.
    allowed : Tensor of bool, (N, 1, H, W), optional
        Pixels that may change; all of them when left out.
    """

    x: torch.Tensor
    radius: float
    allowed: torch.Tensor | None = None

    def project(self, x_adv: torch.Tensor) -> torch.Tensor:
        """Onto the ball, then into [0, 1], which leads out of it nowhere."""
        delta = self._kept(x_adv - self.x)
        shrunk = self.x + delta * (SHRINK * self.radius / lengths(delta)).clamp_max(1)
        return self._only(shrunk.clamp(0, 1))

    def along(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient, divided by its norm."""
        gradient = self._kept(gradient)
        return gradient / lengths(gradient)

    def drawn(self, seed: int) -> torch.Tensor:
        """On the sphere, in a uniform direction, then clipped."""
        direction = self._kept(normal(seed, self.x))
        return self.project(self.x + direction * (self.radius / lengths(direction)))

    def rows(self, index: torch.Tensor) -> Ball:
        """See `Feasible.rows`."""
        return Ball(self.x[index], self.radius, None if self.allowed is None else self.allowed[index])

    def within(self, allowed: torch.Tensor) -> Ball:
        """See `Feasible.within`."""
        return Ball(self.x, self.radius, allowed if self.allowed is None else self.allowed & allowed)

    def _kept(self, delta: torch.Tensor) -> torch.Tensor:
        return delta if self.allowed is None else delta * self.allowed

    def _only(self, made: torch.Tensor) -> torch.Tensor:
        return made if self.allowed is None else torch.where(self.allowed, made, self.x)
