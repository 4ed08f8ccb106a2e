from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.importance import get_importance, list_importance, margin_gradient, run_importance
from spatialstats.maps import effect
from spatialstats.models.classifier import Classifier
from spatialstats.paths import micro_batches
from tests.importance.toys import Toy, images, linear, small


def weights(toy: Toy, target: torch.Tensor) -> torch.Tensor:
    return toy.module[1].weight[target].view(-1, 3, 16, 16)


@pytest.mark.parametrize("name", list_importance())
def test_maps_are_float32_one_an_image_and_model_calls_full(name: str) -> None:
    toy = small()
    x, target = images(11)
    found = run_importance(name, toy, x, target, seed=1)
    assert found.dtype == np.float32
    assert found.shape == (11, 16, 16)
    assert found.std() > 0
    assert set(toy.sizes) <= {8, 3} if name == "occlusion" else set(toy.sizes) == {8}


@pytest.mark.parametrize("name", list_importance())
def test_unsigned_methods_give_no_negative_values(name: str) -> None:
    found = run_importance(name, small(), *images(), seed=1)
    assert (found.min() < 0) == get_importance(name).signed


@pytest.mark.parametrize("name", list_importance())
def test_maps_do_not_depend_on_micro_batches_or_neighbours(name: str) -> None:
    x, target = images(11)
    whole = run_importance(name, small(), x, target, seed=1)
    np.testing.assert_allclose(run_importance(name, small(batch_size=5), x, target, seed=1), whole, atol=1e-5)
    np.testing.assert_allclose(
        run_importance(name, small(), x[4:5], target[4:5], seed=1), whole[4:5], atol=1e-5
    )


@pytest.mark.parametrize("name", list_importance())
def test_the_same_call_gives_the_same_bits_and_leaves_the_global_generators_alone(name: str) -> None:
    x, target = images()
    before = torch.random.get_rng_state()
    first, second = (run_importance(name, small(), x, target, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", [name for name in list_importance() if name != "grad-cam"])
def test_pixels_that_the_model_does_not_see_are_unimportant(name: str) -> None:
    toy = linear()
    toy.module[1].weight.data.view(4, 3, 16, 16)[..., 8:] = 0
    found = run_importance(name, toy, *images(), seed=1)
    margin = 8 if name == "occlusion" else 0
    np.testing.assert_allclose(found[..., 8 + margin :], 0, atol=1e-6)
    assert (np.abs(found[..., :8]).max((1, 2)) > 1e-4).all()


def test_saliency_of_a_linear_model_is_its_largest_weight() -> None:
    toy = linear()
    x, target = images()
    wanted = weights(toy, target).abs().amax(1)
    np.testing.assert_allclose(run_importance("saliency", toy, x, target), wanted, rtol=1e-6)


def test_smoothgrad_of_a_linear_model_is_its_saliency() -> None:
    toy = linear()
    x, target = images()
    np.testing.assert_allclose(
        run_importance("smoothgrad(samples=3)", toy, x, target),
        run_importance("saliency", toy, x, target),
        rtol=1e-5,
    )


def test_smoothgrad_depends_on_the_seed() -> None:
    x, target = images()
    first, second = (run_importance("smoothgrad", small(), x, target, seed=seed) for seed in (1, 2))
    assert (first != second).any((1, 2)).all()


@pytest.mark.parametrize("baseline", ["black", "grey", "mean", "blur"])
def test_integrated_gradients_of_a_linear_model_are_exact(baseline: str) -> None:
    from spatialstats.importance.baselines import baseline_images

    toy = linear()
    x, target = images()
    wanted = ((x - baseline_images(x, baseline)) * weights(toy, target)).sum(1)
    found = run_importance(f"integrated-gradients(steps=3,baseline={baseline})", toy, x, target)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("baseline", ["black", "mean"])
def test_integrated_gradients_sum_to_the_difference_of_the_logits(baseline: str) -> None:
    from spatialstats.importance.baselines import baseline_images

    toy = small()
    x, target = images()
    found = run_importance(f"integrated-gradients(steps=24,baseline={baseline})", toy, x, target)
    here, there = (toy.predict_logits(ends) for ends in (x, baseline_images(x, baseline)))
    change = (here - there)[np.arange(len(x)), target.numpy()]
    assert np.abs(change).min() > 0.01
    np.testing.assert_allclose(found.sum((1, 2)), change, rtol=0.02, atol=0.01)


def test_occlusion_of_a_linear_model_is_the_mean_loss_of_the_covering_windows() -> None:
    toy = linear()
    x, target = images(2)
    part = (x * weights(toy, target)).sum(1).numpy()
    starts = [0, 3, 6, 9, 11]  # the last window is moved back inside
    wanted, count = np.zeros((2, 16, 16)), np.zeros((16, 16))
    for row in starts:
        for column in starts:
            window = np.s_[row : row + 5, column : column + 5]
            wanted[:, *window] += part[:, *window].sum((1, 2))[:, None, None]
            count[window] += 1
    found = run_importance("occlusion(window=5,stride=3,baseline=black)", toy, x, target)
    np.testing.assert_allclose(found, wanted / count, atol=1e-5)


def test_grad_cam_finds_the_last_layer_with_an_extent() -> None:
    x, target = images()
    found = run_importance("grad-cam", small(), x, target)
    np.testing.assert_array_equal(run_importance("grad-cam(layer=second)", small(), x, target), found)
    assert not np.array_equal(run_importance("grad-cam(layer=first)", small(), x, target), found)


def test_grad_cam_leaves_no_hooks_and_no_gradients() -> None:
    toy = small()
    toy.module.requires_grad_(True)
    run_importance("grad-cam", toy, *images())
    assert not any(module._forward_hooks for module in toy.module.modules())
    assert all(parameter.grad is None for parameter in toy.module.parameters())


def test_grad_cam_asks_for_a_layer_with_an_extent() -> None:
    with pytest.raises(InputError, match="name a convolution"):
        run_importance("grad-cam", linear(), *images())
    with pytest.raises(InputError, match=r"unknown layer 'secnd': did you mean 'second'\?"):
        run_importance("grad-cam(layer=secnd)", small(), *images())


def test_grad_cam_copes_with_activations_that_write_in_place() -> None:
    class InPlace(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = small().module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers.head(torch.relu_(self.layers.second(x.repeat(1, 2, 1, 1))).mean((2, 3)))

    assert run_importance("grad-cam", Toy(InPlace()), *images()).shape == (5, 16, 16)


def test_the_margin_of_an_effect_map_is_that_of_the_classifier() -> None:
    toy = small()
    x, label = images()
    rival = (label + 1) % 4
    x_adv = (x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(3))).clamp(0, 1)
    found = effect(margin_gradient(toy, label.numpy(), rival.numpy()), x, x_adv, nodes=16, size=8)
    before, after = (
        toy.module(ends).gather(1, torch.stack([label, rival], 1)).diff(dim=1)[:, 0] for ends in (x, x_adv)
    )
    np.testing.assert_allclose(found.change, before - after, atol=1e-5)
    assert (np.abs(found.values.sum((1, 2)) - found.change) < 0.01).all()
    assert set(toy.sizes) == {8}


@pytest.mark.parametrize("n", [0, 1, 4, 9])
def test_micro_batches_are_full_and_cover_everything_once(n: int) -> None:
    batches = list(micro_batches(n, 4))
    assert all(len(indices) == 4 for indices, _, _ in batches)
    assert [k for indices, first, last in batches for k in indices[: last - first].tolist()] == list(range(n))


@pytest.mark.parametrize("name", list_importance())
def test_the_real_classifier_explains_images_before_normalisation(name: str) -> None:
    x, target = images()
    toy = small()
    # The module of the toy takes pixels in [0, 1]: undo what the classifier does first.
    scaled = nn.Sequential(Shift(), small().module)
    real = Classifier(scaled, mean=0.5, std=0.25, batch_size=8)
    expected = run_importance(name, toy, x, target, seed=1)
    np.testing.assert_allclose(run_importance(name, real, x, target, seed=1), expected, atol=1e-4)
    assert real.seconds > 0


class Shift(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.25 + 0.5


BROKEN: dict[str, Callable[..., object]] = {
    "uint8": lambda: run_importance("saliency", small(), images()[0].byte(), images()[1]),
    "no batch": lambda: run_importance("saliency", small(), images()[0][0], images()[1]),
    "a target too few": lambda: run_importance("saliency", small(), images()[0], images()[1][:-1]),
}


@pytest.mark.parametrize("call", BROKEN.values(), ids=BROKEN)
def test_images_and_targets_that_cannot_be_used_are_refused(call: Callable[..., object]) -> None:
    with pytest.raises(InputError, match="got torch"):
        call()


def test_maps_that_are_not_finite_are_refused() -> None:
    toy = linear()
    toy.module[1].weight.data[:] = torch.inf
    with pytest.raises(InputError, match="finite maps"):
        run_importance("saliency", toy, *images())


def test_a_method_of_the_users_own_runs_in_micro_batches() -> None:
    class Brightness:
        name, label, signed = "brightness", "Brightness", False

        def __call__(
            self, classifier: Toy, x: torch.Tensor, target: torch.Tensor, *, seed: int
        ) -> torch.Tensor:
            assert len(x) <= classifier.batch_size
            return x.mean(1)

    x, target = images(11)
    np.testing.assert_allclose(run_importance(Brightness(), small(), x.numpy(), target.numpy()), x.mean(1))
