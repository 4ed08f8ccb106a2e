"""Permutations, signs and shifts that are pure functions of (seed, k), and the image-swap null."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, doubles, frozen, on_device
from .pairs import checked, same_words


def pairing(n: int, seed: int, k: int) -> NDArray[np.int32]:
    """Return the k-th uniform permutation of ``range(n)``, fixed points allowed.

    A Fisher-Yates shuffle of the identity, from the last element down.  Its random words are those
    of Philox4x32-10 [1]_ with the seed as key and (block, k) as counter; indices are drawn without
    bias by rejection [2]_.  Nothing depends on earlier draws, threads or devices.

    Parameters
    ----------
    n : int
        Length, below 2^31.
    seed, k : int
        In [0, 2^64).

    Returns
    -------
    int32 (n,)

    References
    ----------
    .. [1] Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    .. [2] Lemire, "Fast random integer generation in an interval", ACM TOMACS 29, 2019.
    """
    _unsigned(seed=seed, k=k)
    _length(n)
    from . import permute_cpu

    held: NDArray[np.int32] = permute_cpu.permutations(n, seed, k, 1)[0]
    return held


def permutations(
    n: int, seed: int, first: int = 0, count: int = 1, *, on_gpu: bool = False
) -> NDArray[np.int32]:
    """Return the permutations ``pairing(n, seed, k)`` for k from `first` on.

    Parameters
    ----------
    n : int
        Length, below 2^31.
    seed, first : int
        In [0, 2^64).
    count : int
        Number of draws.
    on_gpu : bool
        Draw on the GPU and return a CuPy array; the same bits.

    Returns
    -------
    int32 (count, n)
    """
    _draws(seed, first, count)
    _length(n)
    drawn: NDArray[np.int32] = _side(on_gpu).permutations(n, seed, first, count)
    return drawn


def sign_flips(
    n: int, seed: int, first: int = 0, count: int = 1, *, on_gpu: bool = False
) -> NDArray[np.int8]:
    """Return random signs, independent and even.

    Sign i of draw k is minus where bit ``i % 32`` of word ``i // 32`` is set; the words are those of
    Philox4x32-10 as in `pairing`, with 1 as the second word of the counter.

    Parameters
    ----------
    n : int
        Signs of a draw, below 2^31.
    seed, first, count, on_gpu
        As in `permutations`.

    Returns
    -------
    int8 (count, n)
        Of -1 and 1.
    """
    _draws(seed, first, count)
    _length(n)
    drawn: NDArray[np.int8] = _side(on_gpu).sign_flips(n, seed, first, count)
    return drawn


def shifts(
    shape: tuple[int, int], seed: int, first: int = 0, count: int = 1, *, on_gpu: bool = False
) -> NDArray[np.int32]:
    """Return uniform offsets on a torus, to be given to ``numpy.roll``; no shift is one of them.

    The row and then the column of draw k come from the words of Philox4x32-10 as in `pairing`,
    with 2 as the second word of the counter.

    Parameters
    ----------
    shape : (H, W)
        At least 1 each.
    seed, first, count, on_gpu
        As in `permutations`.

    Returns
    -------
    int32 (count, 2)
        In [0, H) and [0, W).
    """
    _draws(seed, first, count)
    height, width = shape
    if not (0 < height < 1 << 31 and 0 < width < 1 << 31):
        raise ValueError(f"shape must be two positive numbers below 2^31, got {shape}.")
    drawn: NDArray[np.int32] = _side(on_gpu).shifts(height, width, seed, first, count)
    return drawn


def swap_null(
    a: Array, b: Array, weights_a: Array, weights_b: Array, seed: int, n_resamples: int
) -> NDArray[np.float64]:
    """Return the mean weighted overlap of `a` with re-paired `b`, once for each permutation.

    Draw k is the mean over i of ``weights_a[i] * weights_b[j] * |a_i and b_j|`` where ``j =
    pairing(n, seed, k)[i]``.  Each term is formed in this order in float64; those of equal ``i %
    256`` are added in the order of i, and these 256 sums pairwise (the upper half onto the lower,
    until one is left), on the CPU as on the GPU, so the draws have the same bits.

    Parameters
    ----------
    a, b : uint64 (N, K)
        Packed masks, N at least 1.
    weights_a, weights_b : float (N,)
        Finite weights.
    seed : int
        In [0, 2^64).
    n_resamples : int
        Number of draws, at least 0.

    Returns
    -------
    float64 (n_resamples,)

    Raises
    ------
    TypeError
        If the arrays are not all NumPy's or all CuPy's, or of another dtype.
    ValueError
        If sizes differ, there is no mask, or a weight is not finite.
    """
    there = on_device(a=a, b=b, weights_a=weights_a, weights_b=weights_b)
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    _unsigned(seed=seed)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"a and b must hold as many masks, at least one, got {len(x)} and {len(y)}.")
    if n_resamples < 0:
        raise ValueError(f"n_resamples must not be negative, got {n_resamples}.")
    factors = []
    for name, weights in (("weights_a", weights_a), ("weights_b", weights_b)):
        held = doubles(weights) if there else frozen(doubles(weights))
        finite = device.namespace().isfinite(held) if there else np.isfinite(held)
        if held.shape != (len(x),) or not bool(finite.all()):
            raise ValueError(f"{name} must be {len(x)} finite numbers, got shape {held.shape} or NaN.")
        factors.append(held)
    draws: NDArray[np.float64] = _side(there).swaps(x, y, factors[0], factors[1], seed, n_resamples)
    return draws


def _side(on_gpu: bool) -> ModuleType:
    if on_gpu:
        from . import permute_gpu

        return permute_gpu
    from . import permute_cpu

    return permute_cpu


def _length(n: int) -> None:
    if not 0 <= n < 1 << 31:
        raise ValueError(f"n must lie in [0, 2^31), got {n}.")


def _draws(seed: int, first: int, count: int) -> None:
    _unsigned(seed=seed, first=first)
    if count < 0 or first + count > 1 << 64:
        raise ValueError(f"count must not be negative, nor first + count above 2^64, got {count}.")


def _unsigned(**numbers: int) -> None:
    for name, number in numbers.items():
        if not 0 <= number < 1 << 64:
            raise ValueError(f"{name} must lie in [0, 2^64), got {number}.")
