from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from spatialstats.defence.fill import Fill
from spatialstats.defence.fills import FILLS, fill_spec, get_fill
from spatialstats.defence.lowrank import bounding_boxes
from spatialstats.errors import InputError

ALL = sorted(FILLS)


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def holes(*shape: int, share: float = 0.3, seed: int = 0) -> torch.Tensor:
    return images(*shape, seed=seed + 100) < share


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=30)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9)), st.integers(1, 3))
def test_visible_pixels_keep_their_bits_and_hidden_ones_lie_in_the_unit_interval(
    name: str, mask: np.ndarray, channels: int
) -> None:
    x = images(len(mask), channels, *mask.shape[1:])
    x[:, :, 0, 0] = 1.0
    filled = get_fill(name)(x, torch.from_numpy(mask))
    hidden = torch.from_numpy(mask)[:, None].expand_as(x)
    assert torch.equal(filled[~hidden], x[~hidden])
    assert bool(((filled >= 0) & (filled <= 1)).all())


@pytest.mark.parametrize("name", sorted(set(ALL) - {"svd"}))
def test_what_is_hidden_does_not_matter(name: str) -> None:
    x, mask = images(4, 3, 16, 16), holes(4, 16, 16)
    other = torch.where(mask[:, None], images(4, 3, 16, 16, seed=1), x)
    torch.testing.assert_close(get_fill(name)(x, mask), get_fill(name)(other, mask), rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_an_image_is_filled_without_regard_to_its_neighbours_in_the_batch(name: str) -> None:
    x, mask = images(5, 3, 16, 12), holes(5, 16, 12)
    mask[2] = False
    filled = get_fill(name)(x, mask)
    for row in range(5):
        alone = get_fill(name)(x[row : row + 1], mask[row : row + 1])
        torch.testing.assert_close(alone[0], filled[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_one_mask_serves_all_images(name: str) -> None:
    x, mask = images(3, 3, 8, 8), holes(8, 8)
    torch.testing.assert_close(
        get_fill(name)(x, mask), get_fill(name)(x, mask.expand(3, 8, 8)), rtol=0, atol=0
    )


@pytest.mark.parametrize("name", sorted(set(ALL) - {"svd"}))
def test_an_image_without_visible_pixels_becomes_grey(name: str) -> None:
    filled = get_fill(name)(images(2, 3, 8, 8), torch.ones(8, 8, dtype=torch.bool))
    torch.testing.assert_close(filled, torch.full_like(filled, 0.5))


@pytest.mark.parametrize("name", ALL)
def test_an_empty_mask_changes_nothing(name: str) -> None:
    x = images(2, 3, 8, 8)
    assert torch.equal(get_fill(name)(x, torch.zeros(8, 8, dtype=torch.bool)), x)
    assert get_fill(name)(x[:0], torch.zeros(8, 8, dtype=torch.bool)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"svd", "constant"}))
def test_a_constant_image_stays_constant(name: str) -> None:
    x = torch.full((1, 3, 20, 20), 0.7)
    torch.testing.assert_close(get_fill(name)(x, holes(1, 20, 20, share=0.8)), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_gradients_reach_the_visible_pixels_and_are_finite(name: str) -> None:
    x = images(2, 3, 8, 8).requires_grad_()
    mask = holes(2, 8, 8)
    mask[1] = True
    (get_fill(name)(x, mask) ** 2).sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    assert bool((x.grad[0][:, ~mask[0]] != 0).all())


@pytest.mark.parametrize("name", [name for name in ALL if FILLS[name].differentiable])
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    x = (0.2 + 0.6 * images(2, 1, 3, 4)).double().requires_grad_()
    mask = holes(2, 3, 4, share=0.4)
    assert torch.autograd.gradcheck(lambda given: get_fill(name)(given, mask), (x,))


def test_mean_is_that_of_the_visible_pixels_or_of_a_data_set() -> None:
    x, mask = images(2, 3, 6, 6), holes(2, 6, 6)
    filled = get_fill("mean")(x, mask)
    for row in range(2):
        expected = x[row][:, ~mask[row]].mean(1)
        torch.testing.assert_close(
            filled[row][:, mask[row]], expected[:, None].expand(3, int(mask[row].sum()))
        )
    of_data = get_fill("mean", value=(0.1, 0.2, 0.3))(x, mask)
    torch.testing.assert_close(of_data[0][:, mask[0]][:, 0], torch.tensor([0.1, 0.2, 0.3]))


def test_blur_is_the_gaussian_mean_of_the_visible_pixels() -> None:
    x, mask = images(1, 1, 9, 9), holes(1, 9, 9)
    filled = get_fill("blur(sigma=1.5)")(x, mask)[0, 0]
    rows, cols = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    for r, c in torch.argwhere(mask[0]).tolist():
        weight = torch.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * 1.5**2)) * ~mask[0]
        assert float(filled[r, c]) == pytest.approx(float((weight * x[0, 0]).sum() / weight.sum()), abs=2e-3)


def harmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The exact solution: every hidden pixel is the mean of its neighbours inside the image."""
    height, width = image.shape
    system, right = lil_matrix((image.size, image.size)), image.ravel().astype(float).copy()
    for r in range(height):
        for c in range(width):
            at = r * width + c
            system[at, at] = 1
            if mask[r, c]:
                near = [(r + a, c + b) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]
                near = [(a, b) for a, b in near if 0 <= a < height and 0 <= b < width]
                right[at] = 0
                for a, b in near:
                    system[at, a * width + b] = -1 / len(near)
    return np.asarray(spsolve(system.tocsr(), right)).reshape(image.shape)


def smooth_image(n: int) -> np.ndarray:
    rows, cols = np.mgrid[:n, :n] / n
    return (0.5 + 0.3 * np.sin(3 * rows + 1) * np.cos(4 * cols)).astype(np.float32)


def test_inpainting_approaches_the_harmonic_surface() -> None:
    image, mask = smooth_image(24), np.zeros((24, 24), bool)
    mask[6:16, 7:19] = True
    exact = harmonic(image, mask)
    errors = []
    for iterations in (4, 32, 500):
        fill = get_fill("inpaint", iterations=iterations)
        filled = fill(torch.from_numpy(image)[None, None], torch.from_numpy(mask))[0, 0].numpy()
        errors.append(float(np.abs(filled - exact)[mask].max()))
    assert errors[0] < 0.05
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_inpainting_fills_a_hole_of_nearly_the_whole_image() -> None:
    image, mask = torch.zeros(1, 1, 64, 64), torch.ones(64, 64, dtype=torch.bool)
    image[..., 32:] = 1
    mask[:, 0] = mask[:, -1] = False
    filled = get_fill("inpaint")(image, mask)[0, 0]
    assert bool((filled[:, 1:].diff(dim=1) > -0.02).all())
    assert float(filled[:, 16].mean()) == pytest.approx(0.25, abs=0.08)
    assert float(filled[:, 48].mean()) == pytest.approx(0.75, abs=0.08)


def test_svd_truncates_each_window_to_its_rank() -> None:
    x = images(3, 2, 12, 10)
    mask = torch.zeros(3, 12, 10, dtype=torch.bool)
    mask[0, 2:7, 3:9] = True
    mask[1, 0, 0] = mask[1, 8, 6] = True
    filled = get_fill("svd(rank=2)")(x, mask)
    for row, (rows, cols) in enumerate([(slice(2, 7), slice(3, 9)), (slice(0, 9), slice(0, 7))]):
        u, s, vh = np.linalg.svd(x[row, :, rows, cols].double().numpy(), full_matrices=False)
        low = np.clip((u[..., :2] * s[..., None, :2]) @ vh[..., :2, :], 0, 1)
        inside = mask[row, rows, cols].numpy()
        np.testing.assert_allclose(filled[row, :, rows, cols].numpy()[:, inside], low[:, inside], atol=1e-5)


def test_svd_of_full_rank_changes_nothing() -> None:
    x, mask = images(2, 3, 8, 8), holes(2, 8, 8)
    torch.testing.assert_close(get_fill("svd(rank=8)")(x, mask), x)


def test_bounding_boxes_enclose_each_mask() -> None:
    mask = torch.zeros(2, 1, 5, 6, dtype=torch.bool)
    mask[0, 0, 1, 4] = mask[0, 0, 3, 2] = True
    boxes = bounding_boxes(mask)
    assert torch.argwhere(boxes[0, 0]).tolist() == [[r, c] for r in (1, 2, 3) for c in (2, 3, 4)]
    assert not bool(boxes[1].any())


@pytest.mark.parametrize("spec", [*ALL, "blur(sigma=3)", "constant(value=(0.1, 0.2, 0.3))", "svd(rank=5)"])
def test_a_specification_survives_the_way_there_and_back(spec: str) -> None:
    fill = get_fill(spec)
    assert get_fill(fill_spec(fill)) == fill
    assert fill_spec(fill) == spec
    assert isinstance(fill, Fill)


def test_parameters_may_be_overridden() -> None:
    assert get_fill("svd(rank=5)", rank=3) == get_fill("svd(rank=3)")
    assert get_fill(get_fill("svd"), rank=3) == get_fill("svd(rank=3)")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("inpant", "did you mean 'inpaint'"),
        ("blur(sgma=3)", "did you mean 'sigma'"),
        ("blur(3)", "written key=value"),
        ("blur(sigma=", r"written name or name\(key=value"),
        ("blur(sigma=__import__('os'))", "must be a number"),
        ("blur(sigma=-1)", "above 0, got -1"),
        ("blur(sigma='wide')", "must be a number"),
        ("svd(rank=0)", "at least 1, got 0"),
        ("inpaint(iterations=-1)", "at least 0, got -1"),
    ],
)
def test_bad_specifications_are_refused_in_a_sentence(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_fill(spec)


def test_masks_and_values_that_do_not_fit_are_refused() -> None:
    x = images(2, 3, 4, 4)
    with pytest.raises(InputError, match="must have shape"):
        get_fill("mean")(x, torch.zeros(3, 4, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="must be boolean"):
        get_fill("mean")(x, torch.zeros(4, 4))
    with pytest.raises(InputError, match="floating images"):
        get_fill("mean")(x.mul(255).byte(), torch.zeros(4, 4, dtype=torch.bool))
    with pytest.raises(InputError, match=r"in \[0, 1\], one or one for each of 3"):
        get_fill("constant(value=128)")(x, torch.zeros(4, 4, dtype=torch.bool))
