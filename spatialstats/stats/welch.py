"""Welch's t of two groups of maps, each with its own variance, for any relabelling of the maps."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-12
"""A variance below this part of the mean square is none: the values of a group are equal."""

AT_ONCE = 1 << 22
"""Values of t formed together."""


def welch_t(maps: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Welch's t maps of relabelled maps.

    Parameters
    ----------
    maps : numpy.ndarray
        float64 (N, H, W).
    signs : numpy.ndarray
        int8 (K, N): 1 for the first group, -1 for the second, at least two of each in every row.

    Returns
    -------
    numpy.ndarray
        float64 (K, H, W): first less second; 0 where nothing varies and nothing differs, infinite where
        groups that do not vary differ.

    References
    ----------
    B. L. Welch, *The generalization of "Student's" problem when several different population variances
    are involved*, Biometrika 34, 1947.
    """
    n, height, width = maps.shape
    flat = maps.reshape(n, height * width)
    centred = flat - flat.mean(0)
    # a pixel whose values are all equal keeps but rounding
    centred[:, (flat == flat[0]).all(0)] = 0.0
    square = centred * centred
    out = np.empty((len(signs), height * width))
    step = max(1, AT_ONCE // out.shape[1]) if out.size else 1
    for start in range(0, len(signs), step):
        rows = slice(start, start + step)
        parts = [_group((signs[rows] == sign).astype(np.float64), centred, square) for sign in (1, -1)]
        effect = parts[0][0] - parts[1][0]
        error = np.sqrt(parts[0][1] + parts[1][1])
        # means of equal values differ by rounding alone
        effect[np.abs(effect) <= ROUNDING * np.sqrt(square.mean(0))] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            out[rows] = np.where(effect == 0, 0.0, effect / error)
    return out.reshape(len(signs), height, width)


def welch_freedom(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Degrees of freedom of Welch's t in each pixel, by Satterthwaite; (H, W).

    Parameters
    ----------
    first, second : numpy.ndarray
        (N, H, W) and (M, H, W), two maps or more each.
    """
    # the variance of equal values is none, whatever rounding leaves of it
    errors = [
        np.where((maps == maps[0]).all(0), 0.0, maps.var(0, ddof=1)) / len(maps) for maps in (first, second)
    ]
    below = sum(error**2 / (len(maps) - 1) for error, maps in zip(errors, (first, second), strict=True))
    whole = (errors[0] + errors[1]) ** 2
    return np.asarray(np.divide(whole, below, out=np.full(whole.shape, np.nan), where=below > 0))


def _group(members: np.ndarray, values: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and squared standard error of the members (K, N) of a group, (K, P) each."""
    n = members.sum(1, keepdims=True)
    mean = members @ values / n
    variance = (members @ square - n * mean**2) / (n - 1)
    variance[variance <= ROUNDING * square.mean(0)] = 0.0
    return mean, variance / n
