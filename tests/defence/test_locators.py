from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.neighbors import LocalOutlierFactor
from torch import nn

from spatialstats.defence.blind import Blind
from spatialstats.defence.blind_maps import Frequency, Gradient, Occluded, Outlier, local_outlier_factor
from spatialstats.defence.blind_roi import KINDS, blurred, importance, median_filtered, roi, top_fraction
from spatialstats.defence.blind_windows import covered_lead, fragments, pixel_mean, smooth, starts, windows
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator
from spatialstats.defence.oracle import Oracle
from spatialstats.defence.prior import Fixed, PerClass, learn
from spatialstats.defence.registry import LOCATORS, get_locator, list_locators
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.regions import top_fraction as numpy_top_fraction

SIDE = 16
BLIND = [Gradient, Occluded, Frequency, Outlier]


def images(n: int = 4, side: int = SIDE, seed: int = 0) -> torch.Tensor:
    """Smooth random images: what is planted in them stands out."""
    noise = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return (0.3 + 4 * (blurred(noise, 3.0) - 0.5)).clamp(0.1, 0.9)


def planted(x: torch.Tensor, top: int = 9, left: int = 3, side: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """The images with a checkerboard square, and where it is."""
    mask = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
    mask[:, top : top + side, left : left + side] = True
    board = (torch.arange(x.shape[2])[:, None] + torch.arange(x.shape[3])) % 2
    return torch.where(mask[:, None], board.to(x), x), mask


def iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2))


class Spot(nn.Module):
    """Class 1 where a pixel pattern of high contrast is somewhere, class 0 by the mean brightness."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rough = (x - blurred(x, 1.0)).square().sum(1).mean((1, 2))
        return torch.stack([x.mean((1, 2, 3)), 60 * rough, 0 * rough], 1)


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    parts = (
        nn.Conv2d(3, 6, 3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(96, 4),
    )
    return nn.Sequential(*parts).eval().requires_grad_(False)


@pytest.mark.parametrize("kind", [Occluded, Frequency, Outlier])
def test_an_obvious_patch_is_found(kind: type[Blind]) -> None:
    x, true = planted(images(6))
    found = kind(fraction=16 / SIDE**2, window=4 / SIDE).masks(Spot(), x)
    assert float(iou(found, true).min()) > 0.3
    assert float(iou(found, true).mean()) > 0.4


def test_the_gradient_locator_finds_what_the_model_alone_is_sensitive_to() -> None:
    weight = torch.zeros(SIDE, SIDE)
    weight[9:13, 3:7] = 5

    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x * (1 + weight)).sum((1, 2, 3)), x.mean((1, 2, 3))], 1)

    found = Gradient(fraction=16 / SIDE**2, window=1 / SIDE).masks(model, images())
    assert torch.equal(found, (weight > 0).expand(4, -1, -1))


def test_plain_importance_protects_the_patch_and_a_median_does_not() -> None:
    x, true = planted(images(6))
    plain, median = (roi(kind, Spot(), x, 0.15) for kind in ("plain", "median"))
    share = [(region & true).sum((1, 2)) / true.sum((1, 2)) for region in (plain, median)]
    assert float(share[0].mean()) > 0.9
    assert float(share[1].mean()) < 0.5
    assert not bool((Occluded(roi="plain", protect=0.2, fraction=0.05).masks(Spot(), x) & true).any())


@pytest.mark.parametrize("kind", BLIND)
def test_a_blind_mask_depends_on_its_own_image_alone(kind: type[Blind], net: nn.Module) -> None:
    x, _ = planted(images(5))
    locator = kind(roi="blurred")
    together = locator.masks(net, x)
    assert together.dtype == torch.bool
    for row in range(5):
        alone = locator.masks(net, x[row : row + 1])[0]
        assert int((alone ^ together[row]).sum()) <= 1  # another batch shape may break a near tie otherwise
    assert torch.equal(locator.masks(net, x.clone()), together)
    assert not together.requires_grad


@pytest.mark.parametrize("kind", BLIND)
def test_a_blind_locator_knows_no_labels_and_no_clean_image(kind: type[Blind], net: nn.Module) -> None:
    locator = kind()
    assert locator.knowledge == Knowledge("blind", "blind", labels=False)
    # Nothing but the model's answers and the image comes in: names of classes are all the same to it.
    x, _ = planted(images(4))
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(locator.masks(lambda z: net(z)[:, order], x), locator.masks(net, x))


@pytest.mark.parametrize("kind", BLIND)
def test_soft_masks_tend_to_the_masks(kind: type[Blind], net: nn.Module) -> None:
    x, _ = planted(images(4))
    locator = kind(roi="median")
    hard = locator.masks(net, x)
    wide, narrow = (locator.soft_masks(net, x, temperature) for temperature in (1.0, 1e-4))
    assert bool(((wide >= 0) & (wide <= 1)).all())
    # A sigmoid this narrow parts from the mask only where values tie with the cut.
    assert float((narrow - hard.float()).abs().mean()) < 0.01
    assert float((wide - hard.float()).abs().mean()) > float((narrow - hard.float()).abs().mean())


@pytest.mark.parametrize("kind", [Occluded, Frequency, Outlier])
def test_the_gradient_of_a_soft_mask_is_that_of_finite_differences(kind: type[Blind], net: nn.Module) -> None:
    x = planted(images(1))[0].double()
    net = net.double()
    locator = kind()
    weights = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    # The cut and the spread are constants of the gradient, so they are held here as well.
    score = locator.score(net, x)
    k = int(locator.fraction * SIDE**2 + 0.5)
    top = score.flatten(1).topk(k + 1).values
    cut, spread = (top[0, k - 1] + top[0, k]) / 2, score.flatten(1).std()

    def value(z: torch.Tensor) -> torch.Tensor:
        found = locator.score(net, z)
        return (torch.sigmoid((found - cut) / (0.5 * spread)) * (score > 0) * weights).sum()

    leaf = x.clone().requires_grad_()
    (locator.soft_masks(net, leaf, 0.5) * weights).sum().backward()
    assert leaf.grad is not None
    assert float(leaf.grad.norm()) > 0
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        slope = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    torch.testing.assert_close((leaf.grad * direction).sum(), slope, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize(
    "x", [torch.full((2, 3, SIDE, SIDE), 0.5), torch.rand(1, 1, 7, 9), torch.rand(1, 3, 1, 1)]
)
def test_constant_tiny_and_grey_images_pass(kind: type[Blind], x: torch.Tensor) -> None:
    def model(z: torch.Tensor) -> torch.Tensor:
        return torch.stack([z.mean((1, 2, 3)), z[..., 0, 0].sum(1)], 1)

    found = kind(roi="blurred").masks(model, x)
    assert found.shape == (len(x), *x.shape[2:])
    assert int(found.sum((1, 2)).max()) <= int(0.04 * x.shape[2] * x.shape[3] + 0.5)


def test_windows_cover_every_pixel_and_every_place_of_the_size_looked_for() -> None:
    covers = windows((SIDE, 11), 5, 3)
    assert bool(covers.any(0).all())
    assert set(covers.sum((1, 2)).tolist()) == {25}
    for top in range(SIDE - 3 + 1):
        for left in range(11 - 3 + 1):
            assert bool(covers[:, top : top + 3, left : left + 3].all((1, 2)).any())


def test_fragments_are_the_pixels_under_the_windows() -> None:
    x = torch.rand(2, 3, 9, 7)
    covers, parts = windows((9, 7), 4, 3), fragments(x, 4, 3)
    for k, cover in enumerate(covers):
        torch.testing.assert_close(parts[:, k].flatten(2), x[:, :, cover], rtol=0, atol=0)


def test_covering_by_hand_gives_the_same_margins(net: nn.Module) -> None:
    x, covers = images(3), windows((SIDE, SIDE), 6, 5)
    target = torch.tensor([0, 3, 1])
    found = covered_lead(net, x, target, covers)
    for row in range(3):
        for k, cover in enumerate(covers):
            covered = x[row].clone()
            covered[:, cover] = x[row].mean((1, 2))[:, None]
            logits = net(covered[None])[0]
            rest = np.delete(logits.numpy(), int(target[row])).max()
            assert float(found[row, k]) == pytest.approx(float(logits[target[row]]) - rest, abs=1e-5)
    mean = pixel_mean(found, covers)
    assert float(mean[0, 7, 7]) == pytest.approx(float(found[0, covers[:, 7, 7]].mean()), abs=1e-6)


def test_the_local_outlier_factor_is_scikit_learns() -> None:
    points = torch.rand(3, 40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for row, factor in zip(points, local_outlier_factor(points, 7), strict=True):
        reference = LocalOutlierFactor(n_neighbors=7).fit(row.numpy())
        np.testing.assert_allclose(factor.numpy(), -reference.negative_outlier_factor_, rtol=1e-8)


def test_filters_are_scipys() -> None:
    x = torch.rand(2, 3, 12, 9, dtype=torch.float64)
    for sigma in (0.7, 2.0):
        wanted = ndimage.gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="nearest")
        np.testing.assert_allclose(blurred(x, sigma).numpy(), wanted, atol=1e-12)
    wanted = ndimage.median_filter(x.numpy(), (1, 1, 5, 5))[:, :, 2:-2, 2:-2]
    wanted = np.pad(wanted, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    np.testing.assert_allclose(median_filtered(x, 5).numpy(), wanted, atol=0)
    wanted = ndimage.uniform_filter(x[:, 0].numpy(), (0, 3, 3), mode="nearest")
    np.testing.assert_allclose(smooth(x[:, 0], 3).numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("corner", [(0, 0), (0, 7), (6, 6), (-3, -3)])
def test_a_patch_moves_a_median_only_among_the_values_around_it(corner: tuple[int, int]) -> None:
    """At the edges and in the corners too."""
    x = images(2)
    low, high = (
        ndimage.minimum_filter(x.numpy(), (1, 1, 9, 9)),
        ndimage.maximum_filter(x.numpy(), (1, 1, 9, 9)),
    )
    top, left = (at % side for at, side in zip(corner, x.shape[2:], strict=True))
    for colour in (0.0, 1.0):
        attacked = x.clone()
        attacked[:, :, top : top + 3, left : left + 3] = colour  # 9 of 25 pixels
        found = median_filtered(attacked, 5).numpy()
        assert bool((found >= low).all())
        assert bool((found <= high).all())


@pytest.mark.parametrize("fraction", [0.001, 0.04, 0.3, 1.0])
def test_the_top_fraction_is_that_of_the_regions(fraction: float) -> None:
    rng = np.random.default_rng(0)
    maps = np.concatenate([rng.random((3, 9, 8)), rng.integers(0, 4, (3, 9, 8)), np.zeros((1, 9, 8))])
    found = top_fraction(torch.from_numpy(maps), fraction)
    np.testing.assert_array_equal(found.numpy(), numpy_top_fraction(maps, fraction))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_importance_is_a_map_that_is_not_negative(kind: str, net: nn.Module) -> None:
    found = importance(kind, net, images(3))
    assert found.shape == (3, SIDE, SIDE)
    assert float(found.min()) >= 0
    assert not bool(roi("none", net, images(2), 0.3).any())


def test_a_fixed_mask_serves_every_image_and_device_of_mask() -> None:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[2:5, 3:9] = True
    locator = Fixed(mask)
    assert torch.equal(locator.masks(lambda z: z, images(3)), mask.expand(3, -1, -1))
    assert torch.equal(locator.family(), mask[None])
    assert locator.knowledge == Knowledge("prior", "prior", labels=False)
    assert locator.knowledge.is_defence
    with pytest.raises(InputError, match="learn it on images of the same size"):
        locator.masks(lambda z: z, images(3, side=8))
    with pytest.raises(InputError, match="boolean tensor"):
        Fixed(torch.zeros(4, 4))


def test_a_mask_for_each_class_follows_the_prediction(net: nn.Module) -> None:
    masks = torch.rand(4, SIDE, SIDE) < 0.3
    x = images(6)
    found = PerClass(masks).masks(net, x)
    assert torch.equal(found, masks[net(x).argmax(1)])
    assert torch.equal(PerClass(masks).family(), masks)
    with pytest.raises(InputError, match="learn the masks with this model"):
        PerClass(masks[:1]).masks(lambda z: torch.eye(4)[[3] * len(z)], x)


def test_what_is_often_attacked_and_seldom_important_is_learnt() -> None:
    """Class 0 rests on the left half's brightness; the attack can use the right edge alone."""

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 1, 12, 12))
            with torch.no_grad():
                self.weight[0, :, :, :4] = 1.0
                self.weight[1, :, 3:9, 9:] = 1.5

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.einsum("nchw,kchw->nk", x, self.weight)

    x = torch.full((6, 1, 12, 12), 0.1)
    x[..., :4] = torch.linspace(0.5, 0.7, 6).view(-1, 1, 1, 1) + 0.05 * torch.rand(6, 1, 12, 4)
    y = np.zeros(6, np.int64)
    settings = {"attack": "pgd-linf(epsilon=0.5)", "fraction": 0.12, "roi": 0.35}
    found = learn(Classifier(Halves()), x, y, **settings)
    assert isinstance(found, Fixed)
    assert not bool(found.mask[:, :6].any())
    assert bool(found.mask[4:8, 9:].any())
    each = learn(
        Classifier(Halves()), x, y, attack="pgd-linf(epsilon=0.5)", fraction=0.12, per_class=True, roi=0.35
    )
    assert isinstance(each, PerClass)
    assert torch.equal(each.class_masks[0], found.mask)
    assert torch.equal(each.class_masks[1], found.mask)  # no image of class 1: the mask of all
    with pytest.raises(InputError, match="none of them right"):
        learn(Classifier(Halves()), x, y + 1)


def test_the_oracle_says_that_it_is_one(net: nn.Module) -> None:
    x = images(3)
    x_adv, true = planted(x)
    oracle = Oracle.of_change(x, x_adv)
    assert torch.equal(oracle.masks(net, x_adv), true & (x_adv != x).any(1))
    assert not oracle.knowledge.is_defence
    assert "analysis only" in oracle.label
    assert not bool(Oracle.of_change(x, x_adv, roi=true).masks(net, x_adv).any())
    with pytest.raises(InputError, match="all of its images at once"):
        oracle.masks(net, x_adv[:2])
    with pytest.raises(InputError, match="not deployable"):
        Oracle(true, Knowledge("blind", "blind"))


@pytest.mark.parametrize("spec", ["gradient(fraction=0.1, roi=median)", "occluded", "outlier(neighbours=5)"])
def test_a_specification_comes_back(spec: str) -> None:
    locator = get_locator(spec)
    assert get_locator(locator.spec) == locator
    assert get_locator(locator) is locator


def test_the_names_of_locators_are_known() -> None:
    assert set(list_locators()) == {"prior", *LOCATORS}
    assert all(issubclass(kind, Locator) for kind in LOCATORS.values())
    with pytest.raises(InputError, match="did you mean 'occluded'"):
        get_locator("ocluded")
    with pytest.raises(InputError, match="locate="):
        get_locator("prior")
    with pytest.raises(InputError, match="unknown parameter of gradient"):
        get_locator("gradient(size=3)")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Gradient(fraction=0), "share above 0"),
        (lambda: Occluded(window=1.5), "share above 0"),
        (lambda: Frequency(protect=-0.1), "from 0 to 1"),
        (lambda: Outlier(roi="edges"), "unknown estimate"),
        (lambda: Outlier(neighbours=0), "at least 1"),
        (lambda: starts(4, 5, 1), "fits into an image"),
        (lambda: starts(9, 3, 4), "no pixel is left out"),
        (lambda: Gradient().soft_masks(Spot(), images(1), 0.0), "above 0"),
        (lambda: Gradient().masks(Spot(), images(1)[0]), "floating images"),
        (
            lambda: Gradient().masks(lambda z: torch.zeros(len(z), 3), images(1)),
            "needs a model with a gradient",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()
