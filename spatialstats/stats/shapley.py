"""Shapley values of games that are small enough to be played in full."""

from __future__ import annotations

from math import factorial

import numpy as np

from spatialstats.errors import InputError


def shapley_values(worth: np.ndarray) -> np.ndarray:
    """Each player's fair share of what all players reach together.

    Parameters
    ----------
    worth : numpy.ndarray
        (N, 2^m): worth of every coalition of m players in N games, bit s of a coalition being
        player s.

    Returns
    -------
    numpy.ndarray
        float64 (N, m).  A row sums to the worth of all players minus that of none; a player
        who changes nothing gets exactly 0.

    Raises
    ------
    InputError
        If the number of coalitions is no power of two.

    References
    ----------
    L. S. Shapley, *A value for n-person games*, in Contributions to the Theory of Games II, 1953.
    """
    worth = np.asarray(worth, np.float64)
    n_players = worth.shape[1].bit_length() - 1
    if worth.ndim != 2 or worth.shape[1] != 1 << n_players:
        raise InputError(f"the worth of all coalitions of m players has shape (N, 2^m), got {worth.shape}.")
    coalitions = np.arange(1 << n_players)
    size = np.bitwise_count(coalitions)
    weight = [factorial(s) * factorial(n_players - 1 - s) / factorial(n_players) for s in range(n_players)]
    values = np.empty((len(worth), n_players))
    for player in range(n_players):
        without = coalitions[(coalitions >> player) & 1 == 0]
        # Differences before the sum: those of a player who changes nothing are exactly 0.
        gained = worth[:, without | 1 << player] - worth[:, without]
        values[:, player] = gained @ np.array(weight)[size[without]]
    return values
