"""A defence asked a few questions around a few images, each answer a function of the seed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from spatialstats.attacks.losses import lead
from spatialstats.attacks.seeds import derived, normal, uniform
from spatialstats.defence.adaptive.end_to_end import TEMPERATURES
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.defence import Defence

__all__ = ["Probe"]

AT_ONCE, DRAWS = 16, 4
LOCAL = 8 / 255  # how far a probe goes where the threat is a patch: it asks what happens nearby


class Probe:
    """A few images and how a defence answers near them.

    A randomized defence answers in the same few draws each time, so that two answers differ by
    what was asked, not by luck.

    Parameters
    ----------
    defence : Defence
    x, y : Tensor, (N, C, H, W) and (N,)
    threat : Threat
    seed : int
    images : int, optional
        The first so many are asked about; all when None.
    """

    def __init__(
        self,
        defence: Defence,
        x: torch.Tensor,
        y: torch.Tensor,
        threat: Threat,
        seed: int,
        *,
        images: int | None = None,
    ) -> None:
        self.defence, self.threat, self.seed = defence, threat, seed
        self.x, self.y = x[:images], y[:images]
        self.draws = DRAWS if defence.randomized else 1
        self.radius = LOCAL if threat.norm == "patch" else threat.epsilon

    @property
    def has_stand_in(self) -> bool:
        """Whether the attacker follows something else than what is deployed."""
        return type(self.defence).relaxed is not Defence.relaxed

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Deployed logits (N, K), averaged over the draws."""
        with torch.no_grad():
            return self._averaged(self.defence, x)

    def stand_in(self, x: torch.Tensor, temperature: float = TEMPERATURES[1]) -> torch.Tensor:
        """Logits (N, K) of the stand-in, averaged over the draws."""
        with torch.no_grad():
            return self._averaged(lambda part: self.defence.relaxed(part, temperature), x)

    def margins(self, x: torch.Tensor) -> torch.Tensor:
        """Deployed margins (N,)."""
        return lead(self.logits(x), self.y)

    def stand_in_margins(self, x: torch.Tensor) -> torch.Tensor:
        """Margins (N,) of the stand-in."""
        return lead(self.stand_in(x), self.y)

    def gradient(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient of the stand-in's margin, and bool (N,): where it is zero, missing or not finite."""
        total = torch.zeros_like(x)
        for k in range(self.draws):
            self._reseed(k)
            for start in range(0, len(x), AT_ONCE):
                part = slice(start, start + AT_ONCE)
                with torch.enable_grad():
                    leaf = x[part].detach().clone().requires_grad_(True)
                    margin = lead(self.defence.relaxed(leaf, TEMPERATURES[1]), self.y[part]).sum()
                    if margin.requires_grad:
                        (slope,) = torch.autograd.grad(margin, leaf, allow_unused=True)
                        if slope is not None:
                            total[part] += slope / self.draws
        flat = total.flatten(1)
        lost = ~torch.isfinite(flat).all(1) | (flat == 0).all(1)
        return total.nan_to_num(0, 0, 0), lost

    def nearby(self, number: int, share: float = 0.5) -> torch.Tensor:
        """Images moved at random by a share of the radius."""
        return (self.x + share * self.radius * self._unit(self.random(number))).clamp(0, 1)

    def random(self, number: int) -> torch.Tensor:
        """Directions (N, C, H, W): signs, or normal numbers where the threat is Euclidean."""
        stream = derived(self.seed, 10 + number)
        if self.threat.norm == "l2":
            return normal(stream, self.x)
        return (uniform(stream, self.x) < 0.5).to(self.x) * 2 - 1

    def moved(self, x: torch.Tensor, direction: torch.Tensor, share: float) -> torch.Tensor:
        """Images moved along a direction by a share of the radius."""
        return (x + share * self.radius * self._unit(direction)).clamp(0, 1)

    def _unit(self, direction: torch.Tensor) -> torch.Tensor:
        """The direction of the threat's unit length."""
        if self.threat.norm != "l2":
            return direction.sign()
        length = direction.flatten(1).norm(dim=1).clamp_min(1e-30)
        unit: torch.Tensor = direction / length[:, None, None, None]
        return unit

    def _averaged(self, ask: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Mean answer over the draws, in micro-batches of one size."""
        answers = []
        for k in range(self.draws):
            self._reseed(k)
            answers.append(torch.cat([ask(part) for part in x.split(AT_ONCE)]))
        return torch.stack(answers).mean(0)

    def _reseed(self, k: int) -> None:
        if self.defence.randomized:
            self.defence.reseed(int(derived(self.seed, 1000 + k)) % 2**31)
