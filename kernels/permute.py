"""Uniform random pairings that are pure functions of (seed, k), and the image-swap null made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .checks import Array, frozen, require_numpy
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
    if not 0 <= n < 1 << 31:
        raise ValueError(f"n must lie in [0, 2^31), got {n}.")
    from . import permute_cpu

    out = np.empty(n, np.int32)
    permute_cpu.permute(out, np.uint64(seed), np.uint64(k))
    return out


def swap_null(
    a: Array, b: Array, weights_a: Array, weights_b: Array, seed: int, n_resamples: int
) -> NDArray[np.float64]:
    """Return the mean weighted overlap of `a` with re-paired `b`, once for each permutation.

    Draw k is the mean over i of ``weights_a[i] * weights_b[j] * |a_i and b_j|`` where ``j =
    pairing(n, seed, k)[i]``; each term is formed in this order in float64 and the terms are added
    in the order of i, so the draws do not depend on threads.

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
        If the arrays are not NumPy's, or of another dtype.
    ValueError
        If sizes differ, there is no mask, or a weight is not finite.
    """
    require_numpy(weights_a=weights_a, weights_b=weights_b)
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    _unsigned(seed=seed)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"a and b must hold as many masks, at least one, got {len(x)} and {len(y)}.")
    if n_resamples < 0:
        raise ValueError(f"n_resamples must not be negative, got {n_resamples}.")
    factors = []
    for name, weights in (("weights_a", weights_a), ("weights_b", weights_b)):
        held = frozen(weights.astype(np.float64))
        if held.shape != (len(x),) or not np.isfinite(held).all():
            raise ValueError(f"{name} must be {len(x)} finite numbers, got shape {held.shape} or NaN.")
        factors.append(held)
    # A CuPy array will be sent to permute_gpu here.
    from . import permute_cpu

    return permute_cpu.swaps(x, y, factors[0], factors[1], np.uint64(seed), n_resamples)


def _unsigned(**numbers: int) -> None:
    for name, number in numbers.items():
        if not 0 <= number < 1 << 64:
            raise ValueError(f"{name} must lie in [0, 2^64), got {number}.")
