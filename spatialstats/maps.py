"""Attack maps: where a perturbation lies, and which of its pixels moved the decision.

Every function takes NumPy arrays or torch tensors and returns NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.paths import NODES, PathGradient, path_integral, path_values

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

_BLOCK = 1024  # images whose difference is held as float32 at a time
_SMALLEST_CHANGE = 1e-3  # below it, a relative completeness error says nothing


@dataclass(frozen=True)
class Effect:
    """Which pixels of a perturbation changed the logit margin, and by how much.

    Attributes
    ----------
    values : ndarray of float32, (N, H, W)
        Signed share of every pixel, in logits; negative where the perturbation did damage.
    change : ndarray of float64, (N,)
        Margin at the adversarial minus margin at the clean image.
    error : ndarray of float64, (N,)
        Completeness error ``|values.sum() - change| / max(|change|, 1e-3)``.
    """

    values: npt.NDArray[np.float32]
    change: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]


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
    out = np.empty(_image_shape(x), dtype=bool)
    for rows, delta in _differences(x, x_adv):
        np.greater(np.abs(delta, out=delta).max(axis=1), tau, out=out[rows])
    return out


def energy(x: Any, x_adv: Any) -> npt.NDArray[np.float32]:
    """Length of the perturbation over the channels of each pixel, divided by sqrt(C).

    Takes and refuses the same images as `frequency`.

    Parameters
    ----------
    x, x_adv : array or tensor, (N, C, H, W)
        Clean and adversarial images, floats in [0, 1] or uint8.

    Returns
    -------
    ndarray of float32, (N, H, W)
        In [0, 1]: 1 where every channel moved from one bound to the other.
    """
    out = np.empty(_image_shape(x), dtype=np.float32)
    for rows, delta in _differences(x, x_adv):
        np.sqrt(np.einsum("nchw,nchw->nhw", delta, delta) / delta.shape[1], out=out[rows])
    return np.minimum(out, np.float32(1), out=out)


def effect(
    gradient: PathGradient, x: Any, x_adv: Any, *, change: Any = None, nodes: int = NODES, size: int = 64
) -> Effect:
    """How much each pixel of the perturbation changed the margin (signed).

    The gradient of the margin is integrated along the straight path from `x` to
    `x_adv`, multiplied by the perturbation and summed over channels.  Nothing is
    clamped or blurred, so a map sums to the change of the margin, up to the
    quadrature's error, which is returned.

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
        Gauss-Legendre nodes, the number of gradients an image.
    size : int
        Micro-batch: every call of `gradient` gets exactly this many points.

    Returns
    -------
    Effect

    Raises
    ------
    InputError
        If the two differ in shape, or the gradient is not finite.

    Notes
    -----
    Gauss-Legendre nodes need about half the gradients of a midpoint rule for the same
    completeness error (``python analysis/compare_quadrature.py``).

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
    """
    import torch

    clean, attacked = (torch.as_tensor(images).detach().float() for images in (x, x_adv))
    _check_pair(clean, attacked)
    integral = path_integral(gradient, clean, attacked, nodes=nodes, size=size)
    values = (integral * (attacked - clean)).sum(1).float().cpu().numpy()
    if not np.isfinite(values).all():
        raise InputError("the margin's gradient must be finite, got NaN or infinity: look into the model")
    if change is None:
        everything = torch.arange(len(clean), device=clean.device)
        before, after = (path_values(gradient, ends, everything, size=size) for ends in (clean, attacked))
        change = after - before
    moved = _array(change).astype(np.float64)
    total = values.sum(axis=(1, 2), dtype=np.float64)
    error = np.abs(total - moved) / np.maximum(np.abs(moved), _SMALLEST_CHANGE)
    return Effect(values, moved, error)


def cancellation(values: Any) -> npt.NDArray[np.float64]:
    """Clamped mass over net change: how much damage is cancelled by relief elsewhere.

    Parameters
    ----------
    values : array or tensor, (N, H, W)
        Effect maps.

    Returns
    -------
    ndarray of float64, (N,)
        ``sum(max(-v, 0)) / -sum(v)``: 1 where every pixel did damage, infinite where
        the margin did not fall.  Above `CANCELLATION_LIMIT` no effect RoA is formed.
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
    """Scale each map into [-1, 1] by its maximum absolute value.

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

    Raises
    ------
    InputError
        If a value is not finite.
    """
    values: npt.NDArray[np.float32] = _array(maps).astype(np.float32, copy=False)
    largest: npt.NDArray[np.float32] = np.abs(values).max(axis=(1, 2), initial=0)
    if not np.isfinite(largest).all():
        raise InputError("maps must be finite, got NaN or infinity: look for them in the model or the data")
    divisor = np.where(largest > 0, largest, 1).astype(np.float32)
    return values / divisor[:, None, None], largest


def _differences(x: Any, x_adv: Any) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Perturbations in float32 units of [0, 1], a block of images at a time."""
    clean, attacked = _array(x), _array(x_adv)
    _check_pair(clean, attacked)
    unit = np.float32(255 if clean.dtype == np.uint8 else 1)
    for first in range(0, len(clean), _BLOCK):
        rows = slice(first, first + _BLOCK)
        delta = attacked[rows].astype(np.float32)
        delta -= clean[rows]
        delta /= unit
        yield rows, delta


def _image_shape(x: Any) -> tuple[int, int, int]:
    """(N, H, W) of images (N, C, H, W)."""
    if len(x.shape) != 4:
        raise InputError(f"images must have the shape (N, C, H, W), got {tuple(x.shape)}")
    return x.shape[0], x.shape[2], x.shape[3]


def _check_pair(x: Any, x_adv: Any) -> None:
    _image_shape(x)
    if x.shape != x_adv.shape or x.dtype != x_adv.dtype:
        raise InputError(
            "clean and adversarial images must agree in shape and dtype, got "
            f"{tuple(x.shape)} {x.dtype} and {tuple(x_adv.shape)} {x_adv.dtype}: convert one of them"
        )


def _array(values: Any) -> npt.NDArray[Any]:
    """A NumPy view of an array or of a tensor on any device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
