"""Isolation forests against scikit-learn's, a forest in plain Python, and paths known by hand."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from spatialstats.kernels.isolation_cpu import average_path, isolation_scores
from spatialstats.kernels.permute import pairing
from spatialstats.kernels.philox_cpu import philox

MANY = 20_000
POINTS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 12), st.integers(1, 7)),
    elements=st.sampled_from([0.0, 0.25, 1.0]) | st.floats(-4, 4, width=32),
)  # fmt: skip


def scored(points: np.ndarray, sample: int | None = None, trees: int = 100, seed: int = 0) -> np.ndarray:
    """Scores (M,) of one set of points (M, D)."""
    many, dim = points.shape
    values = points.astype(np.float32).reshape(1, -1)
    return isolation_scores(values, dim * np.arange(many), np.arange(dim), sample or many, trees, seed)[0]


def paths(points: object, trees: int = MANY) -> np.ndarray:
    """Mean path of each point through trees that are grown on all of them."""
    array = np.asarray(points, float)
    return -np.log2(-scored(array, trees=trees)) * average_path(len(array))[len(array)]


def grown(points: np.ndarray, held: list[int], deepest: int, tree: int, seed: int) -> list[float]:
    """Paths of all points through one tree, from the definition and the words that its nodes get."""
    length = [0.0] * len(points)
    queue, depth = [(held, list(range(len(points))))], {0: 0}
    node = 0
    while node < len(queue):
        within, passing = queue[node]
        varying = [j for j in range(points.shape[1]) if len({points[i, j] for i in within}) > 1]
        if depth[node] == deepest or len(within) < 2 or not varying:
            for i in passing:
                length[i] = depth[node] + average_path(len(within))[len(within)]
        else:
            blocks = [philox.py_func(*map(np.uint64, (node, use, tree, 0, seed))) for use in (5, 21)]
            drawn = [int(word) * points.shape[1] >> 32 for word in blocks[0][1:]]
            drawn = [j for j in drawn if j in varying] + [varying[int(blocks[1][0]) * len(varying) >> 32]]
            column = points[:, drawn[0]]
            low, high = min(column[within]), max(column[within])
            cut = low + np.float32((int(blocks[0][0]) >> 8) / 2**24) * (high - low)
            cut = cut if cut < high else low
            for above in (False, True):
                depth[len(queue)] = depth[node] + 1
                parts = [[i for i in some if (column[i] > cut) == above] for some in (within, passing)]
                queue.append((parts[0], parts[1]))
        node += 1
    return length


@settings(max_examples=60)
@given(POINTS, st.integers(1, 12), st.integers(0, 2**64 - 1))
def test_every_tree_is_the_one_that_its_words_say(points: np.ndarray, sample: int, seed: int) -> None:
    sample = min(sample, len(points))
    deepest = math.ceil(math.log2(max(sample, 2)))
    total = np.zeros(len(points))
    for tree in range(5):
        total += grown(points, pairing(len(points), seed, tree)[:sample].tolist(), deepest, tree, seed)
    wanted = -(2.0 ** -(total / (5 * average_path(sample)[sample]))) if sample > 1 else -0.5
    np.testing.assert_allclose(scored(points, sample, 5, seed), wanted, rtol=1e-12)


@pytest.mark.parametrize("sample", [0.3, 0.8])
def test_scores_estimate_what_scikit_learns_do(rng: np.random.Generator, sample: float) -> None:
    points = rng.normal(size=(300, 8)).astype(np.float32)
    points[:, 2:4] = 0.5  # constant
    points[100:130] = points[99]  # duplicates
    points[:15] += rng.choice([-4, 4], (15, 8))
    theirs = IsolationForest(n_estimators=1000, max_samples=sample, random_state=0).fit(points)
    wanted = theirs.score_samples(points)
    found = scored(points, int(sample * 300), 1000)
    assert abs(found - wanted).max() < 0.02
    assert abs((found - wanted).mean()) < 0.004
    assert spearmanr(found, wanted)[0] > 0.98
    assert set(np.argsort(found)[:15]) == set(range(15))


def test_average_paths_are_scikit_learns() -> None:
    np.testing.assert_allclose(average_path(500), _average_path_length(np.arange(501)), rtol=1e-14)
    assert average_path(1).tolist() == [0.0, 0.0, 1.0]


def test_paths_of_few_points_are_those_known_by_hand() -> None:
    assert paths([[3.0], [5.0]], 7).tolist() == [1.0, 1.0]
    # 0, 1 and 3: the first cut leaves 0 alone in 1 of 3 cases, and 3 in the others; 1 is never alone
    near, middle, far = paths([[0.0], [1.0], [3.0]])
    assert middle == pytest.approx(2.0, rel=1e-12)
    assert near == pytest.approx(5 / 3, abs=0.015)
    assert far == pytest.approx(4 / 3, abs=0.015)
    # equal points stay together, and the leaf's size stands for the cuts that it was spared
    lone, *same = paths([[1.0], [0.0], [0.0], [0.0]], 7)
    assert lone == pytest.approx(1.0)
    assert same == pytest.approx([1 + average_path(3)[3]] * 3)


@pytest.mark.parametrize("constant", [0, 1, 40])
def test_each_feature_that_varies_is_as_likely_however_many_do_not(constant: int) -> None:
    points = np.full((3, 2 + constant), 0.25)
    points[:, 0] = [0, 1, 1]  # sets the first point apart
    points[:, -1] = [0, 0, 1]  # sets the last one apart
    assert paths(points) == pytest.approx([1.5, 2.0, 1.5], abs=0.015)


def test_neighbouring_numbers_are_told_apart_on_both_sides_of_a_cut() -> None:
    above = np.nextafter(np.float32(1), np.float32(2))  # whatever is drawn, the threshold is 1
    assert paths([[1.0], [1.0], [above]], 50) == pytest.approx([2.0, 2.0, 1.0], rel=1e-12)


def test_equal_points_score_alike() -> None:
    found = scored(np.full((9, 4), 0.7), 5)
    assert np.ptp(found) == 0
    assert found[0] == pytest.approx(-0.5)
    assert scored(np.eye(4), 1).tolist() == [-0.5] * 4
    assert scored(np.ones((1, 3))).tolist() == [-0.5]


def test_points_are_looked_up_where_they_lie(rng: np.random.Generator) -> None:
    values = rng.random((2, 60), np.float32)
    points, features = rng.permutation(50)[:20], np.array([7, 0, 9, 3])
    found = isolation_scores(values, points, features, 11, 30, 4)
    for row in range(2):
        own = values[row][np.add.outer(points, features)]
        np.testing.assert_array_equal(found[row], scored(own, 11, 30, 4))


def test_scores_depend_on_the_image_and_the_seed_alone(rng: np.random.Generator) -> None:
    values = rng.random((7, 90), np.float32)
    where = (3 * np.arange(30), np.arange(3), 12, 25)
    together = isolation_scores(values, *where, 6)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(isolation_scores(values, *where, 6), together)
    finally:
        numba.set_num_threads(before)
    for row in range(7):
        np.testing.assert_array_equal(isolation_scores(values[row : row + 1], *where, 6)[0], together[row])
    np.testing.assert_array_equal(isolation_scores(values[::-1], *where, 6)[::-1], together)
    assert (isolation_scores(values, *where, 7) != together).any(1).all()
    assert isolation_scores(values[:0], *where, 6).shape == (0, 30)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38])
def test_values_that_no_image_has_do_no_harm(rng: np.random.Generator, odd: float) -> None:
    points = rng.random((20, 3)).astype(np.float32)
    points[4, 1] = odd
    points[9, 2] = -odd
    found = scored(points, 20)
    assert np.isfinite(found).all()
    assert ((found >= -1) & (found <= 0)).all()


def test_what_would_read_beyond_the_values_is_refused() -> None:
    values, points, features = np.zeros((2, 12), np.float32), 3 * np.arange(4), np.arange(3)
    isolation_scores(values, points, features, 4, 1, 0)
    for wrong in (
        (values.astype(float), points, features, 4, 1, 0),
        (values, points, features + 1, 4, 1, 0),
        (values, points, features - 1, 4, 1, 0),
        (values, points + 1, features - 1, 4, 1, 0),
        (values, points - 1, features + 1, 4, 1, 0),
        (values, points, features, 5, 1, 0),
        (values, points, features, 0, 1, 0),
        (values, points, features, 4, 0, 0),
    ):
        with pytest.raises((TypeError, ValueError)):
            isolation_scores(*wrong)
