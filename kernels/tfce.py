"""Threshold-free cluster enhancement of t maps, in steps or exact, and its maxima under a null."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import device
from .checks import Array, on_device
from .clusters import Alternative, flattened, holds_nan
from .t_maps import Design, check_batch, check_signs, prepare
from .t_maps import side as t_side

LEVELS = 1 << 16
"""Levels that a map may have."""


@dataclass(frozen=True)
class Enhancement:
    """How scores are formed: the sum, or integral, over heights h of extent^E h^H dh.

    Attributes
    ----------
    step : float or None
        Distance of the heights; None integrates over all of them, in closed form (CPU only).
    start : float
        The first height, not negative.
    n_steps : int or None
        Instead of `step`: so many heights up to the largest abs(t) of each map, without the factor dh,
        as nilearn and fslmaths have it.
    extent_power, height_power : float
        E and H, positive.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.
    alternative : {"two-sided", "greater", "less"}
        Which signs of t are scored.
    """

    step: float | None = 0.2
    start: float = 0.0
    n_steps: int | None = None
    extent_power: float = 0.5
    height_power: float = 2.0
    connectivity: int = 1
    alternative: Alternative = "two-sided"

    def __post_init__(self) -> None:
        if self.step is not None and not 0 < self.step < math.inf:
            raise ValueError(f"step must be positive and finite, or None, got {self.step}.")
        if not 0 <= self.start < math.inf:
            raise ValueError(f"start must be finite and not negative, got {self.start}.")
        if self.n_steps is not None and not 1 <= self.n_steps <= LEVELS:
            raise ValueError(f"n_steps must lie in [1, {LEVELS}], or be None, got {self.n_steps}.")
        for name in ("extent_power", "height_power"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}.")
        if self.connectivity not in (1, 2):
            raise ValueError(
                f"connectivity must be 1 (edges) or 2 (edges and corners), got {self.connectivity}."
            )
        if self.alternative not in ("two-sided", "greater", "less"):
            raise ValueError(
                f"alternative must be 'two-sided', 'greater' or 'less', got {self.alternative!r}."
            )

    @property
    def exact(self) -> bool:
        """Whether heights are integrated over in closed form."""
        return self.step is None and self.n_steps is None


def tfce(t_maps: Array, how: Enhancement | None = None) -> Array:
    """Return the enhanced scores of every t map, with the sign of t.

    Positive and negative parts are enhanced apart [1]_.  In steps (the default), a pixel's score is the
    float64 sum, from the lowest height up, of ``weight[j] * extent^E`` over the heights ``start + j *
    step`` strictly below its abs(t), with ``weight[j] = height^H * step`` and ``height^H * start`` for
    the first: MNE's definition [2]_, at ``start=0, step=.2``.  Powers come from tables made on the
    host, so that CPU and GPU give the same bits.  With `n_steps` heights are ``j * max / n_steps``, a
    pixel takes those not above its abs(t), and dh is left out: nilearn's.  Exact scores are the
    integral over all heights down to 0, which the package ``tfce`` also gives (in float32).

    Parameters
    ----------
    t_maps : (K, H, W) float32 or float64
        Finite.  H * W at most 2^20.
    how : Enhancement, optional

    Returns
    -------
    (K, H, W) float64, where `t_maps` lives

    Raises
    ------
    TypeError
        If the array is neither NumPy's nor CuPy's, or of another dtype; if it is CuPy's and `how`
        asks for the exact integral.
    ValueError
        If a value is not finite, or 65,536 steps do not reach the largest.

    References
    ----------
    .. [1] Smith and Nichols, "Threshold-free cluster enhancement", NeuroImage 44, 2009.
    .. [2] ``mne.stats.permutation_cluster_1samp_test``.
    """
    how = how or Enhancement()
    t, largest, there = _checked(t_maps, how)
    xp: Any = device.namespace() if there else np
    scores: Array = xp.zeros(t.shape, np.float64)
    _enhance(t, largest, t_maps.shape[1:], how, there, scores)
    return scores.reshape(t_maps.shape)


def tfce_maxima(t_maps: Array, how: Enhancement | None = None) -> Array:
    """Return the largest absolute score of every t map, float64 (K,); see `tfce`."""
    how = how or Enhancement()
    t, largest, there = _checked(t_maps, how)
    most: Array = _enhance(t, largest, t_maps.shape[1:], how, there, None)
    return most


def tfce_null(
    maps: Array,
    signs: Array,
    how: Enhancement | None = None,
    *,
    design: Design = "one-sample",
    batch: int | None = None,
) -> Array:
    """Return ``tfce_maxima(t_maps(maps, signs, design=design), how)`` a batch of draws at a time.

    Parameters
    ----------
    maps, signs, design, batch
        As of `t_maps`.  An infinite t (a pixel without variance) is refused.
    how : Enhancement, optional

    Returns
    -------
    float64 (K,), where the maps live
    """
    how = how or Enhancement()
    ready = prepare(maps, design)
    shape = check_signs(maps, signs, ready)
    check_batch(batch)
    there = on_device(maps=maps)
    xp: Any = device.namespace() if there else np
    out: Array = xp.zeros(len(signs), np.float64)
    size = batch or max(16, min(1024, (32 << 20) // (8 * max(ready.pixels, 1))))
    for begin in range(0, len(signs), size):
        some = signs[begin : begin + size]
        t = t_side(there).t_values(ready.held, shape, some, ready.pixels, size)
        out[begin : begin + size] = tfce_maxima(t.reshape(len(some), *ready.grid), how)
    return out


def _checked(t_maps: Array, how: Enhancement) -> tuple[Array, Array, bool]:
    """The t maps as float64 (K, P), the largest abs(t) of each, and whether they live on a device."""
    t, there = flattened(t_maps)
    if there and how.exact:
        raise TypeError(
            "exact TFCE sweeps pixels one after the other and runs on NumPy arrays only, got a CuPy array: "
            "give a step, or pass cupy.asnumpy of it."
        )
    if t.shape[1] > 1 << 20:
        raise ValueError(f"maps must have at most 2^20 pixels, got {t.shape[1]}.")
    xp: Any = device.namespace() if there else np
    # two passes that make no array, and show what is not finite: nulls are large
    largest = xp.maximum(t.max(axis=1), -t.min(axis=1)) if t.size else xp.zeros(len(t), np.float64)
    if not bool(xp.isfinite(largest).all()):
        if bool((largest != largest).any()):
            raise holds_nan()
        raise ValueError("t_maps must be finite for TFCE, got infinity: leave out pixels without variance.")
    return t, largest, there


def _side(there: bool) -> Any:
    if there:
        from . import tfce_gpu

        return tfce_gpu
    from . import tfce_cpu

    return tfce_cpu


def _enhance(
    t: Array, largest: Array, grid: tuple[int, int], how: Enhancement, there: bool, scores: Array | None
) -> Any:
    where = _side(there)
    reach, up, down = how.connectivity - 1, how.alternative != "less", how.alternative != "greater"
    xp: Any = device.namespace() if there else np
    powers = np.arange(t.shape[1] + 1, dtype=np.float64) ** how.extent_power
    if how.exact:
        return where.exact(t, grid, float(how.height_power), powers, reach, up, down, scores)
    if how.n_steps is not None:
        # step^H goes out of the sum: one table of weights serves maps of any range
        weights: Array = np.arange(1, how.n_steps + 1, dtype=np.float64) ** how.height_power
        weights = np.append(0.0, weights)
        steps = largest / np.float64(how.n_steps)
        # the last height is reached by the largest t itself, whatever the rounding
        steps = xp.where(steps * how.n_steps > largest, xp.nextafter(steps, xp.zeros_like(steps)), steps)
        out = where.stepped(t, grid, 0.0, 1.0, steps, weights, powers, reach, up, down, scores)
        host = steps.get() if there and hasattr(steps, "get") else steps
        factor = xp.asarray(host**how.height_power)
        if scores is not None:
            scores *= factor[:, None]
        return out * factor
    step = (how.start + (how.step or 0.0)) - how.start  # as numpy.arange has it
    most = float(largest.max()) if len(t) else 0.0
    count = math.ceil((most - how.start) / step) if most > how.start else 0
    if count > LEVELS:
        raise ValueError(
            f"steps of {how.step} from {how.start} do not reach {most:.6g} within {LEVELS}: "
            "choose a larger step."
        )
    heights = how.start + np.arange(count + 1) * step
    gaps = np.abs(np.diff(heights, prepend=0.0))
    weights = heights**how.height_power * gaps
    none = xp.empty(0, np.float64)
    return where.stepped(
        t, grid, float(how.start), float(step), none, weights, powers, reach, up, down, scores
    )
