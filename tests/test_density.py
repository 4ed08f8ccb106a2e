from __future__ import annotations

import numpy as np
import pytest

from spatialstats import kernels
from spatialstats.density import CORRECT, Density, groups
from spatialstats.errors import InputError

N_CLASSES = 4


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    maps = rng.uniform(-1, 1, (60, 5, 6)).astype(np.float32)
    return maps, rng.integers(0, N_CLASSES, 60), rng.integers(0, 3, 60)


def alone(maps: np.ndarray, cells: np.ndarray, n: int) -> kernels.PixelMoments:
    return kernels.density(maps, cells, n, thresholds=(0.5,))


def assert_same_bits(a: kernels.PixelMoments, b: kernels.PixelMoments) -> None:
    theirs = b.to_arrays()
    for name, array in a.to_arrays().items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def test_a_cell_is_the_class_times_three_plus_the_outcome() -> None:
    cells, n = groups(np.array([0, 0, 3]), np.array([0, 2, 1]), N_CLASSES)
    np.testing.assert_array_equal(cells, [0, 2, 10])
    assert n == 12


def test_classes_may_be_left_together() -> None:
    cells, n = groups(np.array([17, 900]), np.array([1, 2]), 1)
    np.testing.assert_array_equal(cells, [1, 2])
    assert n == 3


@pytest.mark.parametrize(
    ("labels", "outcomes", "name"),
    [
        ([4], [0], "labels"),
        ([-1], [0], "labels"),
        ([0], [3], "outcomes"),
        ([0, 1], [0], "outcomes"),
    ],
)
def test_codes_out_of_range_are_refused(labels: list[int], outcomes: list[int], name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be one integer an image"):
        groups(np.array(labels), np.array(outcomes), N_CLASSES)


def test_margins_have_the_bits_of_one_pass_over_the_same_images(
    images: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    maps, labels, outcomes = images
    density = Density(alone(maps, *groups(labels, outcomes, N_CLASSES)))
    assert density.n_classes == N_CLASSES
    assert_same_bits(density.overall(), alone(maps, np.zeros(60, int), 1))
    assert_same_bits(density.by_class(), alone(maps, labels, N_CLASSES))
    assert_same_bits(density.by_outcome(), alone(maps, outcomes, 3))
    correct = outcomes > 0
    assert_same_bits(density.overall(CORRECT), alone(maps[correct], np.zeros(correct.sum(), int), 1))
    assert_same_bits(density.by_class(CORRECT), alone(maps[correct], labels[correct], N_CLASSES))


def test_moments_of_other_groups_are_refused() -> None:
    with pytest.raises(InputError, match="3 outcomes for each class"):
        Density(kernels.PixelMoments.empty(4, (2, 2)))
