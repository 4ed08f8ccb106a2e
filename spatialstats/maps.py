"""Attack maps: where a perturbation lies, and which of its pixels moved the decision.

Every function takes NumPy arrays or torch tensors and returns NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.paths import NODES, PathGradient, path_integral, path_values, refined

if TYPE_CHECKING:
    import torch

__all__ = [
    "CANCELLATION_LIMIT",
    "Effect",
    "cancellation",
    "damage_part",
    "effect",
    "energy",
    "frequency",
    "scale",
]

CANCELLATION_LIMIT = 2.0
"""Cancellation ratio above which no effect RoA is formed."""

_STEPS = np.float32(2**16)  # of the energy in [0, 1]
_BLOCK = 1024  # images whose difference is held as float32 at a time
_SMALLEST_CHANGE = 1e-3  # below it, a relative completeness error says nothing


@dataclass(frozen=True)
class Effect:
    """Which pixels of a perturbation changed the logit margin, and by how much."""

    values: npt.NDArray[np.float32]
    """(N, H, W): signed share of every pixel, in logits; negative where the perturbation did damage."""
    change: npt.NDArray[np.float64]
    """(N,): margin at the adversarial minus margin at the clean image."""
    error: npt.NDArray[np.float64]
    """(N,): completeness error ``|values.sum() - change| / max(|change|, 1e-3)``."""


def frequency(x: Any, x_adv: Any, tau: float = 0.5 / 255) -> npt.NDArray[np.bool_]:
    """Pixels that the attack moved.

    Parameters
    ----------
    x, x_adv : array or tensor, (N, C, H, W)
        Clean and adversarial images, floats in [0, 1] or uint8.
    tau : float
        A pixel counts when a channel of it moved by more than this, in units of [0, 1].

    Returns
    -------
    ndarray of bool, (N, H, W)

    Raises
    ------
    InputError
        If the two differ in shape or kind, or are not images.
    """
    out = np.empty(_checked(x, x_adv), dtype=bool)
    for rows, delta in _differences(x, x_adv):
        np.greater(np.abs(delta, out=delta).max(axis=1), tau, out=out[rows])
    return out


def energy(x: Any, x_adv: Any) -> npt.NDArray[np.float32]:
    """Length of the perturbation over the channels of each pixel, divided by sqrt(C).

    Parameters
    ----------
    x, x_adv : array or tensor, (N, C, H, W)
        As for `frequency`.

    Returns
    -------
    ndarray of float32, (N, H, W)
        In [0, 1]: 1 where every channel moved from one bound to the other.  Rounded to steps
        of 2^-16: a sign attack moves every pixel equally, and the rounding errors of
        ``x + epsilon``, which grow with the brightness of x, must not rank its pixels.
    """
    out = np.empty(_checked(x, x_adv), dtype=np.float32)
    for rows, delta in _differences(x, x_adv):
        np.sqrt(np.einsum("nchw,nchw->nhw", delta, delta) / delta.shape[1], out=out[rows])
    np.rint(out * _STEPS, out=out)
    out /= _STEPS
    return np.minimum(out, np.float32(1), out=out)


def effect(
    gradient: PathGradient,
    x: Any,
    x_adv: Any,
    *,
    change: Any = None,
    nodes: int = NODES,
    tolerance: float = 0.01,
    size: int = 64,
) -> Effect:
    """How much each pixel of the perturbation changed the margin (signed).

    The gradient of the margin, integrated along the straight path from `x` to `x_adv`,
    times the perturbation, summed over channels: neither clamped nor blurred.  A map sums
    to the change of the margin, up to the quadrature's error, which is returned.

    Parameters
    ----------
    gradient : callable
        ``gradient(points, rows) -> (gradient, margin)`` at a micro-batch: the logit of
        the true label minus the logit of a fixed rival, for the images `rows` (int64).
        `spatialstats.importance.margin_gradient` makes it from a `Classifier`.
    x, x_adv : array or tensor, (N, C, H, W)
        Clean and adversarial images, float32 in [0, 1].
    change : array or tensor, (N,), optional
        Margin at `x_adv` minus margin at `x`.  Without it both ends are evaluated,
        which costs two more gradients an image.
    nodes : int
        Midpoints on the path, the number of gradients an image.
    tolerance : float
        Images with a larger completeness error get three times the nodes, once; infinite: none.
        ``python analysis/compare_quadrature.py`` prints what errors are left.
    size : int
        Micro-batch: every call of `gradient` gets exactly this many points.

    Returns
    -------
    Effect

    Raises
    ------
    InputError
        If the two differ in shape, or the gradient is not finite.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
    """
    import torch

    clean, attacked = (torch.as_tensor(images).detach().float() for images in (x, x_adv))
    _checked(clean, attacked)
    integral = path_integral(gradient, clean, attacked, nodes=nodes, size=size)
    if change is None:
        everything = torch.arange(len(clean), device=clean.device)
        before, after = (path_values(gradient, ends, everything, size=size) for ends in (clean, attacked))
        change = after - before
    moved = _array(change).astype(np.float64)
    values = _share(integral, attacked - clean)
    error = _error(values, moved)
    worse = torch.from_numpy(np.flatnonzero(error > tolerance)).to(clean.device)
    if len(worse):
        finer = refined(gradient, clean, attacked, integral, worse, nodes=nodes, size=size)
        values[worse.cpu().numpy()] = _share(finer, attacked[worse] - clean[worse])
        error = _error(values, moved)
    return Effect(values, moved, error)


def cancellation(values: Any) -> npt.NDArray[np.float64]:
    """How much damage relief elsewhere cancels: ``sum(max(-v, 0)) / -sum(v)`` of effect maps (N, H, W).

    Returns
    -------
    ndarray of float64, (N,)
        1 where every pixel did damage, infinite where the margin did not fall.  Above
        `CANCELLATION_LIMIT` no effect RoA is formed.
    """
    maps = _array(values)
    net = -maps.sum(axis=(1, 2), dtype=np.float64)
    clamped = damage_part(maps).sum(axis=(1, 2), dtype=np.float64)
    ratio = np.full(len(maps), np.inf)
    np.divide(clamped, net, out=ratio, where=net > 0)
    return ratio


def damage_part(values: Any) -> npt.NDArray[np.float32]:
    """The part of effect maps that did damage, ``max(-values, 0)``, (N, H, W) float32."""
    maps: npt.NDArray[np.float32] = _array(values).astype(np.float32, copy=False)
    return np.maximum(-maps, np.float32(0))


def scale(maps: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Scale each map into [-1, 1] by its maximum absolute value; refuses values that are not finite.

    Parameters
    ----------
    maps : array or tensor, (N, H, W)
        Signed or non-negative maps.

    Returns
    -------
    scaled : ndarray of float32, (N, H, W)
        Maps of zeros stay zero.
    scale : ndarray of float32, (N,)
        ``scaled * scale`` gives the maps back.
    """
    values: npt.NDArray[np.float32] = _array(maps).astype(np.float32, copy=False)
    largest: npt.NDArray[np.float32] = np.abs(values).max(axis=(1, 2), initial=0)
    if not np.isfinite(largest).all():
        raise InputError("maps must be finite, got NaN or infinity: look for them in the model or the data")
    divisor = np.where(largest > 0, largest, 1).astype(np.float32)
    return values / divisor[:, None, None], largest


def _share(slopes: torch.Tensor, delta: torch.Tensor) -> npt.NDArray[np.float32]:
    """Mean gradient times perturbation, summed over channels, (N, H, W)."""
    values: npt.NDArray[np.float32] = (slopes * delta).sum(1).float().cpu().numpy()
    if not np.isfinite(values).all():
        raise InputError("the margin's gradient must be finite, got NaN or infinity: look into the model")
    return values


def _error(values: npt.NDArray[np.float32], change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Completeness error, (N,)."""
    off = np.abs(values.sum(axis=(1, 2), dtype=np.float64) - change)
    return np.asarray(off / np.maximum(np.abs(change), _SMALLEST_CHANGE))


def _differences(x: Any, x_adv: Any) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Perturbations in float32 units of [0, 1], a block of images at a time."""
    clean, attacked = _array(x), _array(x_adv)
    unit = np.float32(255 if clean.dtype == np.uint8 else 1)
    for first in range(0, len(clean), _BLOCK):
        rows = slice(first, first + _BLOCK)
        delta = attacked[rows].astype(np.float32)
        delta -= clean[rows]
        delta /= unit
        yield rows, delta


def _checked(x: Any, x_adv: Any) -> tuple[int, int, int]:
    """(N, H, W) of a pair of images (N, C, H, W) that belong together."""
    if len(x.shape) != 4:
        raise InputError(f"images must have the shape (N, C, H, W), got {tuple(x.shape)}")
    if x.shape != x_adv.shape or x.dtype != x_adv.dtype:
        raise InputError(
            "clean and adversarial images must agree in shape and dtype, got "
            f"{tuple(x.shape)} {x.dtype} and {tuple(x_adv.shape)} {x_adv.dtype}: convert one of them"
        )
    return x.shape[0], x.shape[2], x.shape[3]


def _array(values: Any) -> npt.NDArray[Any]:
    """A NumPy view of an array or of a tensor on any device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
