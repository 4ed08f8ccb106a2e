"""Neutralization as it is deployed: locate, fill, classify; and what that costs in time."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import ClassVar

import torch

from spatialstats.defence.defence import Defence
from spatialstats.defence.fill import Fill
from spatialstats.defence.fills import fill_spec, get_fill
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator, Model
from spatialstats.errors import InputError

__all__ = ["NeutralizedModel", "latency"]


class NeutralizedModel(Defence):
    """A model that sees its images with the located pixels filled.

    Where nothing is located the logits are those of the model, bit for bit.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model; the locator asks it too.
    locator : Locator
        Which pixels to hide.
    fill : str or Fill
        What to put there; see `spatialstats.defence.fills.get_fill`.

    Notes
    -----
    The gradient of `forward` takes the mask for constant and flows through the fill: the true
    gradient wherever the mask does not change, except for fills that declare a straight-through
    one (`Fill.differentiable`).  `relaxed` lets an attacker follow the mask as well.

    `Neutralizer` is the plain adapter for masks that are at hand; this one finds its own.

    Examples
    --------
    >>> import torch
    >>> from spatialstats.defence.neutralized import NeutralizedModel
    >>> from spatialstats.defence.prior import Fixed
    >>> mask = torch.zeros(8, 8, dtype=torch.bool)
    >>> mask[2:4, 2:4] = True
    >>> defended = NeutralizedModel(lambda x: x.mean((2, 3)), Fixed(mask), "mean")
    >>> defended(torch.rand(5, 3, 8, 8)).shape
    torch.Size([5, 3])
    """

    name: ClassVar[str] = "neutralize"
    label: ClassVar[str] = "neutralization"

    def __init__(self, model: Model, locator: Locator, fill: str | Fill = "mean") -> None:
        super().__init__(model)
        self.locator, self.fill = locator, get_fill(fill)

    @property
    def knowledge(self) -> Knowledge:
        """What the locator knows."""
        return self.locator.knowledge

    @property
    def spec(self) -> str:
        """Locator and fill; a prior mask itself is learnt anew, or handed over as a locator."""
        return f"{self.name}(locator={self.locator.spec}, fill={fill_spec(self.fill)})"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        found: torch.Tensor = self.model(self.neutralize(x))
        return found

    def neutralize(self, x: torch.Tensor) -> torch.Tensor:
        """The images that the model sees."""
        filled = self.fill(x, self.located(x))
        # In another memory format the model would add in another order, to other bits.
        last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        return filled.contiguous(memory_format=torch.channels_last) if last else filled

    def located(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.located`."""
        masks: torch.Tensor = self.locator.masks(self.model, x)
        return masks

    def family(self, shape: tuple[int, int]) -> torch.Tensor | None:
        """See `Defence.family`: the locator's, whatever the shape."""
        return self.locator.family()

    def own_tensors(self) -> tuple[torch.Tensor, ...]:
        """See `Defence.own_tensors`."""
        family = self.locator.family()
        return () if family is None else (family,)

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        """See `Defence.relaxed`: pixels are blended with their fill by the locator's soft mask.

        A mask that does not depend on the image is no obstacle: `forward` is followed as it is.
        """
        if not self.locator.adaptive:
            return super().relaxed(x)
        if temperature < 0:
            raise InputError(f"the temperature of a stand-in is at least 0, got {temperature}.")
        hidden = self.located(x)
        soft = self.locator.soft_masks(self.model, x, temperature or 0.1)[:, None]
        if temperature == 0:
            soft = hidden[:, None].to(soft) + soft - soft.detach()
        filled = self.fill.values(x, hidden[:, None]).clamp(0, 1)
        found: torch.Tensor = self.model(x + soft * (filled - x))
        return found

    def extra_repr(self) -> str:
        """Locator and fill, for printing."""
        return f"locator={self.locator.label!r}, fill={fill_spec(self.fill)!r}"


def latency(defence: Defence, x: torch.Tensor, *, repeats: int = 5) -> float:
    """Seconds that a defended prediction of one image takes, on the machine at hand.

    Parameters
    ----------
    defence : Defence
        As it is deployed, without a gradient.
    x : torch.Tensor
        (N, C, H, W): one batch.  A batch of 1 gives what a single image waits for, a larger one
        what it costs when images come in numbers.
    repeats : int
        Calls that are timed, after one that is not.

    Returns
    -------
    float
        Median over the calls of their time divided by N.
    """
    if len(x) == 0 or repeats < 1:
        raise InputError(
            f"a time needs at least one image and one call, got {len(x)} images and {repeats} calls."
        )
    times = []
    with torch.no_grad():
        for call in range(repeats + 1):
            _wait(x)
            began = perf_counter()
            defence(x)
            _wait(x)
            if call:
                times.append((perf_counter() - began) / len(x))
    return median(times)


def _wait(x: torch.Tensor) -> None:
    """Until the device has done what it was asked for."""
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
