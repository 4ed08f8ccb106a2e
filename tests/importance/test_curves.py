from __future__ import annotations

import numpy as np
import pytest
import torch

from spatialstats.errors import InputError
from spatialstats.importance.baselines import baseline_images
from spatialstats.importance.curves import deletion_insertion
from tests.importance.toys import images, linear, small


def probability(toy: object, x: torch.Tensor, target: torch.Tensor) -> np.ndarray:
    return toy.module(x).softmax(1).gather(1, target[:, None])[:, 0].numpy()


def test_curves_are_the_probabilities_after_replacing_and_restoring_pixels() -> None:
    toy = small()
    x, target = images()
    maps = np.random.default_rng(0).random((5, 16, 16)).astype(np.float32)
    found = deletion_insertion(toy, x, target, maps, 5, baseline="mean")
    fill = baseline_images(x, "mean")
    for k, count in enumerate([0, 64, 128, 192, 256]):
        least = np.sort(maps.reshape(5, -1))[:, ::-1][:, count - 1] if count else np.full(5, 2)
        taken = torch.from_numpy(maps >= least[:, None, None])[:, None]
        deleted, inserted = torch.where(taken, fill, x), torch.where(taken, x, fill)
        np.testing.assert_allclose(found.deletion[:, k], probability(toy, deleted, target), atol=1e-5)
        np.testing.assert_allclose(found.insertion[:, k], probability(toy, inserted, target), atol=1e-5)


def test_the_exact_attribution_of_a_linear_model_beats_its_reverse() -> None:
    toy = linear()
    x, target = images()
    exact = ((x - baseline_images(x, "grey")) * toy.module[1].weight[target].view(-1, 3, 16, 16)).sum(1)
    good, bad = (
        deletion_insertion(toy, x, target, sign * exact, baseline="grey").areas() for sign in (1, -1)
    )
    assert (good[0] < bad[0]).all()
    assert (good[1] > bad[1]).all()


def test_areas_of_a_constant_curve_are_its_value() -> None:
    toy = linear()
    toy.module[1].weight.data.zero_()
    x, target = images()
    deletion, insertion = deletion_insertion(toy, x, target, x.mean(1)).areas()
    np.testing.assert_allclose(deletion, probability(toy, x, target), rtol=1e-5)
    np.testing.assert_allclose(insertion, deletion, rtol=1e-5)


def test_ties_are_ordered_by_the_seed_alone() -> None:
    x, target = images()
    flat = np.zeros((5, 16, 16), np.float32)
    first, again, other = (deletion_insertion(small(), x, target, flat, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.deletion, again.deletion)
    assert (first.deletion != other.deletion).any()


def test_maps_that_do_not_belong_to_the_images_are_refused() -> None:
    x, target = images()
    with pytest.raises(InputError, match="at least 2 steps"):
        deletion_insertion(small(), x, target, x.mean(1), 1)
    with pytest.raises(InputError, match=r"\(5, 16, 16\)"):
        deletion_insertion(small(), x, target, x.mean(1)[:, 1:])
