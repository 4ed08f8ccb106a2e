"""t maps of many sign-flips or relabellings of a sample of maps, exact in their sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from .checks import Array, frozen, on_device

Design: TypeAlias = Literal["one-sample", "two-sample"]
Shape: TypeAlias = tuple[float, float, float, float]

EXACT = 53
"""Integers up to 2^53 are exact in float64, and so are their sums up to there, in any order."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Maps as integers whose signed sums are exact; made by `prepare`.

    Attributes
    ----------
    held : tuple of arrays
        Maps, totals, sums of squares, as the side (CPU or GPU) lays them out.
    grid : (int, int)
        Height and width of a map.
    n : int
        Number of maps.
    design : {"one-sample", "two-sample"}
    """

    held: tuple[Array, Array, Array]
    grid: tuple[int, int]
    n: int
    design: Design

    @property
    def pixels(self) -> int:
        """Pixels of a map."""
        return self.grid[0] * self.grid[1]


def side(device: bool) -> Any:
    """The module that works where the arrays live."""
    if device:
        from . import t_maps_gpu

        return t_maps_gpu
    from . import t_maps_cpu

    return t_maps_cpu


def prepare(maps: Array, design: Design = "one-sample") -> Prepared:
    """Check maps (N, H, W) and round them to the integers that `t_maps` speaks of."""
    device = on_device(maps=maps)
    if design not in ("one-sample", "two-sample"):
        raise ValueError(f"design must be 'one-sample' or 'two-sample', got {design!r}.")
    if maps.dtype not in (np.float32, np.float64):
        raise TypeError(f"maps must be float32 or float64, got {maps.dtype}: cast them first.")
    least = 2 if design == "one-sample" else 3
    if maps.ndim != 3 or len(maps) < least:
        raise ValueError(
            f"maps must be (N, H, W) with at least {least} maps for {design} t, got shape {maps.shape}."
        )
    n, height, width = maps.shape
    bits = min(EXACT - (n - 1).bit_length(), 51)
    flat = maps.reshape(n, height * width)
    where = side(device)
    tiles, totals, squares, finite = where.prepare(
        flat if device else frozen(flat), bits, design == "two-sample"
    )
    if not finite:
        raise ValueError("maps must be finite, got NaN or infinity: replace or leave out those maps.")
    if design == "two-sample":
        squares = squares - totals * totals / np.float64(n)
    return Prepared((tiles, totals, squares), (height, width), n, design)


def check_signs(maps: Array, signs: Array, ready: Prepared) -> Shape:
    """Check signs (K, N) and return the constants of their t: n1, n2, a and b."""
    on_device(maps=maps, signs=signs)
    if signs.dtype != np.int8 or signs.ndim != 2 or signs.shape[1] != ready.n:
        raise ValueError(
            f"signs must be int8 (K, {ready.n}) of -1 and 1, got {signs.dtype} of shape {signs.shape}."
        )
    if len(signs) and not bool((abs(signs) == 1).all()):
        raise ValueError(
            "signs must be -1 or 1, got another number: use 1 for the first group, -1 for the second."
        )
    n = float(ready.n)
    if ready.design == "one-sample":
        shape = (n, 0.0, n, 1.0 / (n * (n - 1.0)))
    else:
        first = int((signs[0] > 0).sum()) if len(signs) else 1
        if len(signs) and not bool(((signs > 0).sum(axis=1) == first).all()):
            raise ValueError(
                "signs must keep the sizes of the two groups in every row: permute one labelling."
            )
        if not 0 < first < ready.n:
            raise ValueError(f"both groups must have maps, got {first} and {ready.n - first}.")
        second = float(ready.n - first)
        shape = (float(first), second, first * second / n, (1.0 / first + 1.0 / second) / (n - 2.0))
    return shape


def t_maps(maps: Array, signs: Array, *, design: Design = "one-sample", batch: int | None = None) -> Array:
    """Return the t map of every row of signs.

    The maps are rounded, a pixel at a time, to integers of one power-of-two unit, so small that the
    sums of N of them stay below 2^53: 2^-46 of the pixel's largest value for 100 maps, 2^-39 for
    10,000.  Signed sums are therefore exact, whatever the order, the number of threads, `batch` or
    the device.  From a sum g, in units, with sum of squares q (rounded in the order of the maps), t is
    formed by correctly rounded operations: ``d / sqrt((q - d * d * a) * b)`` where, one-sample,
    ``d = g / n, a = n, b = 1 / (n * (n - 1))``, and two-sample (Student's, pooled variance), with
    total s of the maps less their pixel's mean, ``d = (s + g) / 2 / n1 - (s - g) / 2 / n2, a = n1 *
    n2 / n, b = (1 / n1 + 1 / n2) / (n - 2)`` and q less ``s * s / n``.  Where no variance is left, t
    is 0 for d = 0 and infinite otherwise; a pixel whose largest value is below 1e-285 counts as 0.
    The results are those of `scipy.stats.ttest_1samp` and `scipy.stats.ttest_ind` up to rounding [1]_.

    Parameters
    ----------
    maps : (N, H, W) float32 or float64
        Finite, NumPy's or CuPy's; N at least 2, or 3 for two samples.
    signs : (K, N) int8
        Of 1 and -1.  One-sample: the factor of each map (`sign_flips`).  Two-sample: 1 marks the
        first group, -1 the second, as many of each in every row; t is positive where the first
        group's mean is larger.
    design : {"one-sample", "two-sample"}
    batch : int, optional
        Draws whose sums are held at once; no result depends on it.

    Returns
    -------
    (K, H, W) float64, where the maps live

    Raises
    ------
    TypeError
        If the arrays are not all NumPy's or all CuPy's, or maps have another dtype.
    ValueError
        If shapes do not fit, a value is not finite, or signs are not as said.

    References
    ----------
    .. [1] Winkler et al., "Permutation inference for the general linear model", NeuroImage 92, 2014.
    """
    ready = prepare(maps, design)
    shape = check_signs(maps, signs, ready)
    check_batch(batch)
    where = side(on_device(maps=maps))
    t: Array = where.t_values(ready.held, shape, signs, ready.pixels, batch)
    return t.reshape(len(signs), *ready.grid)


def check_batch(batch: int | None) -> None:
    """Refuse a batch without draws."""
    if batch is not None and batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}.")
