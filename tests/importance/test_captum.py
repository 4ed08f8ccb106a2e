from __future__ import annotations

# ruff: noqa: NPY002 (what is looked at is the global generator)
import numpy as np
import pytest
import torch

from spatialstats.errors import InputError
from spatialstats.importance import get_importance, run_importance
from tests.importance.toys import images, small

attr = pytest.importorskip("captum.attr")


def test_saliency_is_captums() -> None:
    x, target = images()
    wanted = attr.Saliency(small().module).attribute(x.clone().requires_grad_(), target=target).amax(1)
    np.testing.assert_allclose(run_importance("saliency", small(), x, target), wanted, atol=1e-6)


@pytest.mark.parametrize("steps", [2, 5, 8])
def test_integrated_gradients_are_captums(steps: int) -> None:
    x, target = images()
    method = attr.IntegratedGradients(small().module)
    wanted = method.attribute(x, target=target, n_steps=steps, method="riemann_middle").sum(1)
    found = run_importance(f"integrated-gradients(steps={steps},baseline=black)", small(), x, target)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_occlusion_is_captums() -> None:
    x, target = images()
    method = attr.Occlusion(small().module)
    wanted = method.attribute(x, (3, 4, 4), strides=(3, 2, 2), target=target)[:, 0]
    found = run_importance("occlusion(window=4,stride=2,baseline=black)", small(), x, target)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_grad_cam_is_captums() -> None:
    x, target = images()
    module = small().module.requires_grad_(True)
    method = attr.LayerGradCam(module, module.second)
    cam = method.attribute(x, target=target, relu_attributions=True)
    wanted = attr.LayerAttribution.interpolate(cam, (16, 16), "bilinear")[:, 0].detach()
    np.testing.assert_allclose(run_importance("grad-cam", small(), x, target), wanted, atol=1e-5)


def test_smoothgrad_tends_to_captums() -> None:
    x, target = images(2)
    method = attr.NoiseTunnel(attr.Saliency(small().module))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        wanted = method.attribute(
            x.clone().requires_grad_(),
            nt_samples=600,
            nt_samples_batch_size=100,
            stdevs=0.1,
            target=target,
            abs=False,
        )
    found = run_importance("smoothgrad(samples=600,sigma=0.1)", small(batch_size=100), x, target)
    np.testing.assert_allclose(found, wanted.abs().amax(1), atol=0.06 * float(wanted.abs().max()))


def test_methods_of_captum_come_by_their_names() -> None:
    x, target = images()
    own = run_importance("integrated-gradients(steps=4,baseline=black)", small(), x, target)
    theirs = run_importance("captum:IntegratedGradients(n_steps=4,method=riemann_middle)", small(), x, target)
    np.testing.assert_allclose(theirs, own, atol=1e-6)
    np.testing.assert_allclose(
        run_importance("captum:Saliency", small(), x, target),
        run_importance("saliency", small(), x, target),
        atol=1e-6,
    )
    occluded = run_importance("captum:Occlusion(sliding_window_shapes=(3,4,4))", small(), x, target)
    assert occluded.shape == (5, 16, 16)
    assert get_importance("captum:Saliency").name == "captum:Saliency"


def test_methods_of_captum_that_draw_are_seeded_and_leave_the_global_generator_alone() -> None:
    x, target = images()
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (
        run_importance("captum:GradientShap(n_samples=3)", small(), x, target, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("captum:Salency", "did you mean 'Saliency'"),
        ("captum:NoiseTunnel", "unknown captum method"),
        ("captum:Saliency(absolute=True)", "unknown parameter of captum's Saliency 'absolute'"),
        ("captum:Occlusion", "needs the parameter sliding_window_shapes"),
    ],
)
def test_methods_that_captum_does_not_have_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_importance(spec)
