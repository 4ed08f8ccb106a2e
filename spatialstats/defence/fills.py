"""The fills by name, and the simple ones among them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from spatialstats.defence.fill import UNKNOWN, Fill, visible_mean
from spatialstats.defence.inpaint import Inpaint
from spatialstats.defence.lowrank import LowRank
from spatialstats.errors import InputError, unknown
from spatialstats.spec import build, parse


@dataclass(frozen=True)
class Mean(Fill):
    """The mean of each channel.

    Parameters
    ----------
    value : tuple of float, optional
        Mean of each channel over a data set; the mean of the image's visible pixels when
        left out.
    """

    name: ClassVar[str] = "mean"
    label: ClassVar[str] = "mean"
    value: tuple[float, ...] | None = None

    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """See `Fill.values`."""
        return visible_mean(x, hidden) if self.value is None else _channels(self.value, x)


@dataclass(frozen=True)
class Constant(Fill):
    """One value everywhere.

    Parameters
    ----------
    value : float or tuple of float
        In [0, 1]; one for all channels or one for each.
    """

    name: ClassVar[str] = "constant"
    label: ClassVar[str] = "constant"
    value: float | tuple[float, ...] = UNKNOWN

    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """See `Fill.values`."""
        return _channels(self.value, x)


@dataclass(frozen=True)
class Blur(Fill):
    """A Gaussian blur of the visible pixels.

    A normalised convolution: hidden pixels have no weight in it.  Far from every visible
    pixel it passes into the image's mean.

    Parameters
    ----------
    sigma : float, optional
        Standard deviation in pixels; a 32nd of the longer side when left out.

    References
    ----------
    H. Knutsson, C.-F. Westin, *Normalized and differential convolution*, CVPR 1993.
    """

    name: ClassVar[str] = "blur"
    label: ClassVar[str] = "Gaussian blur"
    sigma: float | None = None
    far: ClassVar[float] = 1e-4  # weight of the image's mean; a visible pixel 4.3 sigma away has as much

    def __post_init__(self) -> None:
        if self.sigma is not None and not self.sigma > 0:
            raise InputError(f"a blur's sigma is a width in pixels above 0, got {self.sigma}.")

    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """See `Fill.values`."""
        height, width = x.shape[2:]
        sigma = self.sigma or max(height, width) / 32
        visible = (~hidden).to(x.dtype)
        down, across = _gaussian(height, sigma, x), _gaussian(width, sigma, x)
        weight = down @ visible @ across
        blurred = down @ (x * visible) @ across
        return (blurred + self.far * visible_mean(x, hidden)) / (weight + self.far)


FILLS: dict[str, type[Fill]] = {fill.name: fill for fill in (Mean, Constant, Blur, Inpaint, LowRank)}


def get_fill(spec: str | Fill, **overrides: Any) -> Fill:
    """The fill that a specification names.

    Parameters
    ----------
    spec : str or Fill
        ``"inpaint"``, ``"blur(sigma=3)"``, or a fill, which is handed back.
    **overrides
        Parameters that take the place of those in the specification.

    Raises
    ------
    InputError
        If there is no fill of that name, or it has no such parameter.
    """
    if isinstance(spec, Fill):
        return dataclasses.replace(spec, **overrides) if overrides else spec  # type: ignore[type-var]
    name, parameters = parse("a fill", spec)
    if name not in FILLS:
        raise unknown("fill", name, FILLS)
    made: Fill = build(FILLS[name], name, parameters | overrides)
    return made


def fill_spec(fill: Fill) -> str:
    """The specification that `get_fill` turns back into `fill`."""
    fields = dataclasses.fields(fill)  # type: ignore[arg-type]
    changed = [f"{f.name}={getattr(fill, f.name)!r}" for f in fields if getattr(fill, f.name) != f.default]
    return f"{fill.name}({', '.join(changed)})" if changed else fill.name


def _channels(value: float | tuple[float, ...], x: torch.Tensor) -> torch.Tensor:
    """`value` as (1, C or 1, 1, 1)."""
    values = torch.as_tensor(value, dtype=x.dtype, device=x.device).reshape(1, -1, 1, 1)
    if values.shape[1] not in (1, x.shape[1]) or not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError(
            f"a fill value lies in [0, 1], one or one for each of {x.shape[1]} channels, got {value}."
        )
    return values


def _gaussian(n: int, sigma: float, like: torch.Tensor) -> torch.Tensor:
    """(n, n) Gaussian weights between the pixels of a row."""
    at = torch.arange(n, device=like.device, dtype=like.dtype)
    return torch.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2)
