"""The oracle's masks, for analysis: they know the clean image, so they are no defence, nor a bound on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from spatialstats import maps
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator, Model
from spatialstats.errors import InputError

__all__ = ["Oracle"]


ORACLE = Knowledge("oracle", "oracle", labels=True)


@dataclass(frozen=True, eq=False)
class Oracle(Locator):
    """Masks that were made from the clean images, for exactly these images.

    What is gained by them says how much locating could bring with *this* fill; the restoration
    ceiling is the bound.

    Parameters
    ----------
    given : torch.Tensor
        bool (N, H, W): one mask for each image that it will be asked about, in their order.
    source : Knowledge
        What the masks were made with.
    """

    given: torch.Tensor
    source: Knowledge = ORACLE
    name: ClassVar[str] = "oracle"
    label: ClassVar[str] = "oracle (analysis only)"

    def __post_init__(self) -> None:
        if self.given.ndim != 3 or self.given.dtype != torch.bool:
            raise InputError(
                f"the oracle's masks are boolean (N, H, W), got {self.given.dtype} {tuple(self.given.shape)}."
            )
        if self.source.is_defence:
            raise InputError("what an oracle knows is not deployable: use Fixed or a blind locator instead.")

    @classmethod
    def of_change(cls, x: Any, x_adv: Any, roi: torch.Tensor | None = None) -> Oracle:
        """Every pixel that the attack changed, outside of `roi` (N, H, W) where that is given."""
        changed = torch.from_numpy(maps.frequency(x, x_adv))
        return cls(changed if roi is None else changed & ~roi.cpu(), Knowledge("oracle", "oracle"))

    @property
    def knowledge(self) -> Knowledge:
        """See `Locator.knowledge`."""
        return self.source

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`; the images must be those that the masks were made for."""
        if (len(x), *x.shape[2:]) != tuple(self.given.shape):
            raise InputError(
                f"this oracle knows {tuple(self.given.shape)} pixels and was asked about images "
                f"{tuple(x.shape)}: ask for all of its images at once."
            )
        return self.given.to(x.device)
