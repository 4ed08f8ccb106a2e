"""Margins of the matrix of all pairs of masks, without the matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, doubles, group_index, on_device
from .pairs import checked, contiguous, overlap, same_words

Floats = NDArray[np.float64]

LIMB = 30
"""Most bits of each of the two whole numbers that a weight is split into."""


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over a square matrix S of N x N pairs, each group of samples by itself.

    Attributes
    ----------
    rows, columns : float64 (N,)
        Sum of S[i, j] over the j, and of S[j, i] over the j, in the group of i.
    diagonal : float64 (N,)
        S[i, i].
    total : float64 (G,)
        Sum over all pairs of each group.
    count : int64 (G,)
        Samples of each group.
    groups : int64 (N,)
    """

    rows: Floats
    columns: Floats
    diagonal: Floats
    total: Floats
    count: NDArray[np.int64]
    groups: NDArray[np.int64]

    @property
    def centred_diagonal(self) -> Floats:
        """Doubly centred diagonal (N,): ``S[i, i] - S[i, .] - S[., i] + S[., .]``, dots for means in a group.

        How much more a sample's pair has than its two halves have with the others' (and their own).
        """
        n = self.count[self.groups]
        mean = self.total[self.groups] / (n * n)
        return (self.diagonal - self.rows / n) - (self.columns / n - mean)


def overlap_sums(
    a: Array,
    b: Array,
    weights_a: Array | None = None,
    weights_b: Array | None = None,
    *,
    groups: Array | None = None,
    n_groups: int = 1,
) -> PairSums:
    """Sum the weighted overlaps ``S[i, j] = weights_a[i] * weights_b[j] * |a_i and b_j|`` of all pairs.

    With weights P / area and 1 / area, S is the overlap lift.  The overlap is bilinear in the masks,
    so a row's sum is what its mask collects from the weighted sum of all masks of `b`: work and
    memory grow with N, not with N squared.

    Weights are rounded half-even to whole multiples of ``2**(e - 2 L)``, where ``2**e`` is the first
    power of two above the largest and L is 30, or less where N times P needs the room; all sums over
    samples and pixels are then sums of integers, the same on CPU and GPU, whatever the order.  The
    total is that sum, rounded once; rows and columns bear one weight more, as float64.

    Parameters
    ----------
    a, b : uint64 (N, K)
        Packed masks of the same N samples.
    weights_a, weights_b : float (N,), optional
        Finite; by default 1.
    groups : int (N,), optional
        Group of each sample in [0, n_groups), such as its class: pairs are made inside of groups.
    n_groups : int

    Returns
    -------
    PairSums

    Raises
    ------
    TypeError
        If arrays are of another dtype or library.
    ValueError
        If sizes differ, a weight is not finite, or a group is out of range.
    """
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    n = len(x)
    if len(y) != n:
        raise ValueError(f"a and b must hold the masks of the same samples, got {n} and {len(y)}.")
    there = on_device(a=a, b=b)
    xp = device.namespace() if there else np
    group = xp.zeros(n, np.int64) if groups is None else group_index(groups, n_groups, n)
    group = contiguous(group, there)
    bits = min(LIMB, 62 - (64 * n * x.shape[1]).bit_length())
    left = _fixed("weights_a", weights_a, n, bits, there, xp)
    right = _fixed("weights_b", weights_b, n, bits, there, xp)
    if there:
        from . import pair_sums_gpu as side
    else:
        from . import pair_sums_cpu as side  # type: ignore[no-redef]

    under_a = side.collected(x, side.weighted(y, right.limbs, group, n_groups), group)
    under_b = side.collected(y, side.weighted(x, left.limbs, group, n_groups), group)
    whole = [0] * n_groups
    parts = (group, left.limbs[0], left.limbs[1], under_a[:, 0], under_a[:, 1])
    for g, high, low, high_sum, low_sum in zip(*(part.tolist() for part in parts), strict=True):
        whole[g] += ((high << bits) + low) * ((high_sum << bits) + low_sum)
    unit = math.ldexp(1.0, -left.shift), math.ldexp(1.0, -right.shift)
    return PairSums(
        rows=left.weights * (_joined(under_a, bits) * unit[1]),
        columns=right.weights * (_joined(under_b, bits) * unit[0]),
        diagonal=left.weights * right.weights * overlap(x, y),
        total=xp.asarray(np.array([float(sum_) * unit[0] * unit[1] for sum_ in whole])),
        count=xp.bincount(group, minlength=n_groups).astype(np.int64),
        groups=group,
    )


@dataclass(frozen=True)
class Fixed:
    """Weights (N,), and the same as ``(limbs[0] * 2**bits + limbs[1]) * 2**-shift`` (2, N)."""

    weights: Array
    limbs: Array
    shift: int


def _fixed(name: str, weights: Array | None, n: int, bits: int, there: bool, xp: ModuleType) -> Fixed:
    held = xp.ones(n) if weights is None else weights
    if on_device(**{name: held}) != there:
        raise TypeError(f"{name} must be where the masks are: all NumPy's or all CuPy's.")
    held = doubles(held)
    largest = float(abs(held).max()) if n and held.shape == (n,) else 0.0
    if held.shape != (n,) or not math.isfinite(largest):
        raise ValueError(f"{name} must be {n} finite numbers, got shape {held.shape} or NaN.")
    if largest and not 1e-150 < largest < 1e150:
        raise ValueError(f"{name} must be of a size between 1e-150 and 1e150, got {largest}: rescale them.")
    shift = 2 * bits - math.frexp(largest)[1]
    # scaling by powers of two and the remainder are exact: only the last step rounds
    scaled = held * math.ldexp(1.0, shift - bits)
    high = xp.floor(scaled)
    low = xp.rint((scaled - high) * math.ldexp(1.0, bits))
    return Fixed(held, xp.stack((high, low)).astype(np.int64), shift)


def _joined(limbs: Array, bits: int) -> Array:
    joined: Array = limbs[:, 0] * math.ldexp(1.0, bits) + limbs[:, 1]
    return joined
