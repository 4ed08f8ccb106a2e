from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatialstats.errors import InputError
from spatialstats.stats.shapley import shapley_values


@given(st.integers(1, 4).flatmap(lambda m: hnp.arrays(np.float64, (2, 2**m), elements=st.floats(-9, 9))))
def test_values_are_the_mean_gain_over_all_orders(worth: np.ndarray) -> None:
    n_players = worth.shape[1].bit_length() - 1
    expected = np.zeros((2, n_players))
    orders = list(permutations(range(n_players)))
    for order in orders:
        coalition = 0
        for player in order:
            expected[:, player] += worth[:, coalition | 1 << player] - worth[:, coalition]
            coalition |= 1 << player
    np.testing.assert_allclose(shapley_values(worth), expected / len(orders), atol=1e-12)


def test_symmetric_players_share_alike() -> None:
    size = np.bitwise_count(np.arange(16)).astype(float)
    np.testing.assert_allclose(shapley_values((size**2)[None]), [[4, 4, 4, 4]])


def test_incomplete_games_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(N, 2\^m\)"):
        shapley_values(np.zeros((1, 15)))
