"""Images without the content: where a path begins, what an occluding window shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spatialstats.errors import unknown

if TYPE_CHECKING:
    import torch

__all__ = ["BASELINES", "baseline_images"]

BASELINES = ("black", "blur", "grey", "mean")


def baseline_images(x: torch.Tensor, kind: str) -> torch.Tensor:
    """A baseline for every image.

    Parameters
    ----------
    x : Tensor, (N, C, H, W)
        Images in [0, 1].
    kind : {'black', 'blur', 'grey', 'mean'}
        0; the image under a Gaussian of an eighth of its shorter side; 0.5; the mean
        colour of the image.

    Returns
    -------
    Tensor, (N, C, H, W)

    Raises
    ------
    InputError
        If `kind` is unknown.
    """
    import torch

    if kind == "black":
        return torch.zeros_like(x)
    if kind == "grey":
        return torch.full_like(x, 0.5)
    if kind == "mean":
        return x.mean((2, 3), keepdim=True).expand_as(x)
    if kind == "blur":
        return _blur(_blur(x, 2), 3)
    raise unknown("baseline", kind, BASELINES)


def _blur(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Gaussian average along one axis; the weights of pixels outside are left out."""
    import torch

    n = x.shape[axis]
    sigma = min(x.shape[2:]) / 8
    at = torch.arange(n, dtype=x.dtype, device=x.device)
    weights = torch.exp(-((at[:, None] - at) ** 2) / (2 * sigma**2))
    weights = weights / weights.sum(1, keepdim=True)
    return torch.einsum("nchw,kh->nckw" if axis == 2 else "nchw,kw->nchk", x, weights)
