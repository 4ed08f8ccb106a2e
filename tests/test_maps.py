from __future__ import annotations

import numpy as np
import pytest
import torch

from spatialstats import maps
from spatialstats.errors import InputError
from spatialstats.paths import path_integral
from spatialstats.regions import top_fraction

RNG = np.random.default_rng(0)


def pair(dtype: type = np.float32, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    x, x_adv = (RNG.integers(0, 256, (n, 3, 6, 7)) for _ in range(2))
    x_adv = np.where(RNG.random((n, 1, 6, 7)) < 0.5, x, x_adv)
    if dtype is np.uint8:
        return x.astype(np.uint8), x_adv.astype(np.uint8)
    return (x / 255).astype(dtype), (x_adv / 255).astype(dtype)


def quadratic(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A margin with an interaction between pixels; its gradient is linear along a path."""
    half = points.flatten(1).cumsum(1).view_as(points)
    values = (points * half).flatten(1).sum(1) * (rows + 1)
    with torch.enable_grad():
        x = points.clone().requires_grad_()
        y = ((x * x.flatten(1).cumsum(1).view_as(x)).flatten(1).sum(1) * (rows + 1)).sum()
        (slopes,) = torch.autograd.grad(y, x)
    return slopes, values


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_frequency_marks_the_pixels_that_moved_in_some_channel(dtype: type, kind: str) -> None:
    x, x_adv = pair(dtype)
    wanted = (x != x_adv).any(1)
    given = (x, x_adv) if kind == "numpy" else (torch.from_numpy(x), torch.from_numpy(x_adv))
    np.testing.assert_array_equal(maps.frequency(*given), wanted)
    assert not maps.frequency(*given, tau=1.0).any()


def test_frequency_ignores_movements_up_to_tau() -> None:
    x = np.zeros((1, 3, 1, 2), np.float32)
    x_adv = x.copy()
    x_adv[0, 1] = [[0.1, 0.3]]
    assert maps.frequency(x, x_adv, tau=0.2).tolist() == [[[False, True]]]


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_energy_is_the_length_over_channels_in_pixel_units(dtype: type) -> None:
    x, x_adv = pair(dtype)
    unit = 255 if dtype is np.uint8 else 1
    wanted = np.linalg.norm((x_adv.astype(float) - x) / unit, axis=1) / np.sqrt(3)
    found = maps.energy(x, x_adv)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2**-17 + 1e-6)  # steps of 2^-16


def test_energy_does_not_rank_the_pixels_of_a_sign_attack_by_rounding_errors() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (20, 3, 16, 16)).astype(np.float32)
    x_adv = x + rng.choice(np.float32([-8 / 255, 8 / 255]), x.shape)
    assert not top_fraction(maps.energy(x, x_adv), 0.2).any()


def test_energy_of_the_largest_perturbation_is_exactly_one() -> None:
    for channels in (1, 3, 7):
        x = np.zeros((1, channels, 2, 2), np.float32)
        assert (maps.energy(x, x + 1) == 1).all()


def test_maps_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    x, x_adv = pair(n=7)
    whole = maps.frequency(x, x_adv), maps.energy(x, x_adv)
    monkeypatch.setattr(maps, "_BLOCK", 3)
    np.testing.assert_array_equal(maps.frequency(x, x_adv), whole[0])
    np.testing.assert_array_equal(maps.energy(x, x_adv), whole[1])


def test_pairs_that_disagree_are_refused() -> None:
    x, x_adv = pair()
    with pytest.raises(InputError, match="agree in shape and dtype"):
        maps.energy(x, x_adv[:, :, :-1])
    with pytest.raises(InputError, match="uint8"):
        maps.frequency(x, pair(np.uint8)[1])
    with pytest.raises(InputError, match=r"\(N, C, H, W\)"):
        maps.energy(x[0], x_adv[0])


@pytest.mark.parametrize("size", [1, 4, 5, 64])
def test_effect_sums_to_the_change_of_the_margin(size: int) -> None:
    x, x_adv = pair()
    found = maps.effect(quadratic, x, x_adv, nodes=2, size=size)
    before, after = (
        quadratic(torch.from_numpy(ends).double(), torch.arange(5))[1].numpy() for ends in (x, x_adv)
    )
    np.testing.assert_allclose(found.change, after - before, rtol=1e-3, atol=0.1)
    np.testing.assert_allclose(found.values.sum((1, 2)), after - before, rtol=1e-3, atol=0.1)
    assert (found.error < 1e-3).all()
    assert found.values.dtype == np.float32
    assert found.values.shape == (5, 6, 7)


def test_effect_is_zero_where_nothing_moved() -> None:
    x, x_adv = pair()
    found = maps.effect(quadratic, x, x_adv, nodes=2)
    assert (found.values[~maps.frequency(x, x_adv)] == 0).all()


def test_effect_of_a_linear_margin_is_exact_with_one_node() -> None:
    weight = torch.from_numpy(RNG.normal(size=(3, 6, 7)).astype(np.float32))
    x, x_adv = pair()

    def margin(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return weight.expand_as(points), (points * weight).flatten(1).sum(1)

    found = maps.effect(margin, x, x_adv, nodes=1)
    np.testing.assert_allclose(found.values, ((x_adv - x) * weight.numpy()).sum(1), atol=1e-5)


def test_effect_takes_the_change_that_is_already_known() -> None:
    x, x_adv = pair()
    calls = []

    def counted(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(len(points))
        return quadratic(points, rows)

    known = maps.effect(quadratic, x, x_adv, nodes=2).change
    found = maps.effect(counted, x, x_adv, change=known, nodes=2, size=4)
    assert calls == [4, 4, 4]
    assert (found.error < 1e-3).all()
    wrong = maps.effect(quadratic, x, x_adv, change=2 * known, nodes=2, tolerance=np.inf)
    np.testing.assert_allclose(wrong.error, 0.5, rtol=1e-2)


def test_images_above_the_tolerance_get_three_times_the_nodes() -> None:
    x, x_adv = pair()
    calls = []

    def bent(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Linear in the images 0 and 3, cubic in the others."""
        calls.append(rows.tolist())
        power = torch.where(rows % 3 == 0, 1, 3).view(-1, 1, 1, 1)
        return power * points ** (power - 1), (points**power).flatten(1).sum(1)

    change = maps.effect(bent, x, x_adv, tolerance=np.inf).change
    fine = maps.effect(bent, x, x_adv, change=change, nodes=6, tolerance=np.inf)
    calls.clear()
    found = maps.effect(bent, x, x_adv, change=change, nodes=2, tolerance=1e-3, size=1)
    assert sorted(row for rows in calls for row in rows) == sorted(2 * [0, 3] + 6 * [1, 2, 4])
    np.testing.assert_allclose(found.values, fine.values, atol=1e-5)
    np.testing.assert_allclose(found.error, fine.error, atol=1e-5)


def test_completeness_error_is_relative_down_to_a_thousandth_of_a_logit() -> None:
    def flat(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full_like(points, 0.5e-3), torch.zeros(len(points))

    x = np.zeros((1, 1, 1, 1), np.float32)
    np.testing.assert_allclose(maps.effect(flat, x, x + 1).error, 0.5, rtol=1e-5)


def test_no_images_give_no_maps() -> None:
    x = np.zeros((0, 3, 4, 4), np.float32)
    found = maps.effect(quadratic, x, x)
    assert found.values.shape == (0, 4, 4)
    assert maps.energy(x, x).shape == maps.frequency(x, x).shape == (0, 4, 4)
    assert maps.cancellation(found.values).shape == (0,)
    assert maps.scale(found.values)[1].shape == (0,)


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    def broken(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full_like(points, torch.nan), torch.zeros(len(points))

    with pytest.raises(InputError, match="finite"):
        maps.effect(broken, *pair())


@pytest.mark.parametrize("nodes", [1, 3, 7])
def test_a_path_integral_is_the_mean_gradient_at_the_midpoints(nodes: int) -> None:
    start, end = (
        torch.rand(3, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(k))
        for k in (1, 2)
    )

    def cubic(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (rows + 1).view(-1, 1, 1, 1) * 3 * points**2, points.flatten(1).sum(1)

    places = [(k + 0.5) / nodes for k in range(nodes)]
    wanted = torch.stack([cubic(start + at * (end - start), torch.arange(3))[0] for at in places]).mean(0)
    torch.testing.assert_close(path_integral(cubic, start, end, nodes=nodes, size=4), wanted)


def test_paths_without_nodes_are_refused() -> None:
    with pytest.raises(InputError, match="at least one node"):
        maps.effect(quadratic, *pair(), nodes=0)


def test_cancellation_compares_the_clamped_mass_with_the_net_change() -> None:
    values = np.array([[[-2.0, 0.0]], [[-3.0, 1.0]], [[-1.0, 1.0]], [[1.0, 2.0]]], np.float32)
    np.testing.assert_allclose(maps.cancellation(values), [1, 1.5, np.inf, np.inf])


def test_the_damage_part_keeps_the_negative_values_as_positive_ones() -> None:
    values = torch.tensor([[[-2.0, 0.0, 3.0]]])
    np.testing.assert_array_equal(maps.damage_part(values), [[[2, 0, 0]]])


def test_scaled_maps_reach_one_and_come_back() -> None:
    values = RNG.normal(size=(4, 5, 5)).astype(np.float32) * np.float32([1e-20, 1, 1e20, 0])[:, None, None]
    scaled, scale = maps.scale(values)
    np.testing.assert_array_equal(np.abs(scaled).max((1, 2)), [1, 1, 1, 0])
    np.testing.assert_allclose(scaled * scale[:, None, None], values, rtol=1e-6)
    assert scaled.dtype == scale.dtype == np.float32
    with pytest.raises(InputError, match="finite"):
        maps.scale(np.full((1, 2, 2), np.nan, np.float32))
