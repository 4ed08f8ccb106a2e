from __future__ import annotations

import io
from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import fft, ndimage
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN
from sklearn.ensemble import IsolationForest
from torch import nn

from spatialstats.defence.blind_roi import blurred
from spatialstats.defence.blind_windows import fragments, windows
from spatialstats.defence.defence import Defence
from spatialstats.defence.fills import get_fill
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.registry import get_defence, list_defences
from spatialstats.defence.rivals.anomaly_unveiled import AnomalyUnveiled, dbscan_noise, distances
from spatialstats.defence.rivals.gradients_smoothing import GradientsSmoothing
from spatialstats.defence.rivals.jpeg import Jpeg, pillow_jpeg
from spatialstats.defence.rivals.jpeg_model import CHROMA, LUMA, quantization, soft_jpeg
from spatialstats.defence.rivals.oddr import Oddr, OutlyingFragments, biggest_clusters
from spatialstats.defence.rivals.saliency_mask import SaliencyMask, closed, opened
from spatialstats.errors import InputError
from spatialstats.kernels.isolation_cpu import isolation_scores

SIDE = 16
NAMES = [name for name in list_defences() if name not in ("neutralize", "patchcleanser")]


def images(n: int = 3, side: int = SIDE, seed: int = 0, channels: int = 3) -> torch.Tensor:
    noise = torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))
    return (0.3 + 4 * (blurred(noise, 3.0) - 0.5)).clamp(0.1, 0.9)


def planted(x: torch.Tensor, top: int = 9, left: int = 3, side: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """The images with a square of noise, and where it is."""
    mask = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
    mask[:, top : top + side, left : left + side] = True
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(9)).round()
    return torch.where(mask[:, None], noise, x), mask


def seen(defence: Defence, x: torch.Tensor) -> torch.Tensor:
    """The images that the model behind the defence gets, where the model is the identity."""
    return defence(x)


def few_trees(name: str) -> str:
    return "oddr(trees=10)" if name == "oddr" else name


def identity(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 6, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(96, 4)).eval().requires_grad_(False)


@pytest.mark.parametrize("name", NAMES)
def test_every_defence_takes_constant_images_and_single_ones(name: str, net: nn.Module) -> None:
    defence = get_defence(few_trees(name), net)
    for x in (torch.full((2, 3, SIDE, SIDE), 0.5), torch.zeros(1, 3, SIDE, SIDE), images(1)):
        with torch.no_grad():
            logits, masks = defence(x), defence.located(x)
        assert logits.shape == (len(x), 4)
        assert bool(torch.isfinite(logits).all())
        assert masks.dtype == torch.bool
        assert masks.shape == (len(x), SIDE, SIDE)


@pytest.mark.parametrize("name", NAMES)
def test_every_defence_answers_for_each_image_alone_and_twice_the_same(name: str, net: nn.Module) -> None:
    x, _ = planted(images(4))
    defence = get_defence(few_trees(name), net)
    with torch.no_grad():
        together = defence(x)
        assert torch.equal(defence(x), together)
        alone = torch.cat([defence(x[row : row + 1]) for row in range(4)])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_defence_lets_a_gradient_through_forwards_and_in_its_stand_in(
    name: str, net: nn.Module
) -> None:
    x, _ = planted(images(2))
    defence = get_defence(few_trees(name), net)
    for run in (defence, defence.relaxed, lambda z: defence.relaxed(z, 0.0)):
        leaf = x.clone().requires_grad_()
        run(leaf)[:, 0].sum().backward()
        assert leaf.grad is not None
        assert bool(torch.isfinite(leaf.grad).all())
        assert float(leaf.grad.norm()) > 0
    with torch.no_grad():
        torch.testing.assert_close(defence.relaxed(x, 0.0), defence(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_rival_sees_the_image_alone_and_comes_back_from_its_specification(
    name: str, net: nn.Module
) -> None:
    defence = get_defence(name, net)
    assert defence.knowledge == Knowledge("blind", "blind", labels=False)
    assert defence.spec == name
    assert defence.family((SIDE, SIDE)) is None
    assert list(defence.parameters()) == []
    again = get_defence(defence.spec, net)
    assert type(again) is type(defence)
    assert all(hasattr(defence, "fill") or hasattr(defence, key) for key in defence.ours)


@pytest.mark.parametrize("name", ["oddr", "anomaly-unveiled", "lgs"])
def test_a_square_of_noise_is_found(name: str) -> None:
    x, true = planted(images(4))
    found = get_defence(few_trees(name), identity).located(x)
    assert float((found & true).sum() / true.sum()) > 0.6
    assert float(found.float().mean()) < 0.35


def test_local_gradients_smoothing_is_what_the_source_describes() -> None:
    x = images(2, side=14).double()
    x[0, :, 3:7, 4:9] = torch.rand(3, 4, 5, dtype=torch.float64)
    defence = GradientsSmoothing(identity, strength=2.3, threshold=0.1, block=5 / 14, overlap=0.4)
    found = seen(defence, x)
    for row in range(2):
        grey = x[row].mean(0).numpy()
        size = np.zeros((14, 14))
        for i in range(14):
            for j in range(14):
                down = grey[i + 1, j] - grey[i, j] if i < 13 else 0.0
                right = grey[i, j + 1] - grey[i, j] if j < 13 else 0.0
                size[i, j] = np.hypot(down, right)
        size = (size - size.min()) / (size.max() - size.min())
        kept = np.zeros((14, 14))
        for top in (0, 3, 6, 9):
            for left in (0, 3, 6, 9):
                part = (slice(top, top + 5), slice(left, left + 5))
                if size[part].mean() > 0.1:
                    kept[part] = size[part]
        wanted = x[row].numpy() * (1 - np.clip(2.3 * kept, 0, 1))
        np.testing.assert_allclose(found[row].numpy(), wanted, atol=1e-5)
        assert (kept == 0).any()
        assert (kept > 0).any()


def test_smoothing_has_the_gradient_of_finite_differences() -> None:
    x = images(1).double()
    x[..., 4:8, 4:8] += 0.1 * torch.rand(4, 4, dtype=torch.float64)
    for run in (GradientsSmoothing(identity), lambda z: GradientsSmoothing(identity).relaxed(z, 0.3)):
        leaf = x.clone().requires_grad_()
        run(leaf).square().sum().backward()
        direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        step = 1e-7
        slope = (run(x + step * direction).square().sum() - run(x - step * direction).square().sum()) / (
            2 * step
        )
        assert leaf.grad is not None
        torch.testing.assert_close((leaf.grad * direction).sum(), slope, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0), st.integers(1, 6))
def test_the_noise_is_that_of_scikit_learns_dbscan(seed: int, eps: float, dense: int) -> None:
    points = torch.rand(2, 30, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = dbscan_noise(distances(points), torch.full((2,), eps, dtype=torch.float64), dense)
    for row in range(2):
        labels = DBSCAN(eps=eps, min_samples=dense).fit(points[row].numpy()).labels_
        np.testing.assert_array_equal(found[row].numpy(), labels == -1)


def test_anomaly_unveiled_blocks_the_noise_segments_by_the_mean_of_the_rest() -> None:
    x, _ = planted(images(2))
    defence = AnomalyUnveiled(identity, window=4 / SIDE, step=0.5, reach=1.5, dense=3)
    masks = defence.located(x)
    covers = windows((SIDE, SIDE), 4, 2)
    for row in range(2):
        points = fragments(x, 4, 2)[row].flatten(1).numpy().astype(float)
        apart = np.linalg.norm(points[:, None] - points, axis=2)
        eps = 1.5 * np.sort(np.sort(apart, 1)[:, 2])[(len(points) - 1) // 2]  # torch takes the lower median
        labels = DBSCAN(eps=eps, min_samples=3).fit(points).labels_
        wanted = covers[torch.from_numpy(labels == -1)].any(0)
        assert torch.equal(masks[row], wanted)
        assert bool(wanted.any())
        mean = x[row][:, ~wanted].mean(1)
        torch.testing.assert_close(
            seen(defence, x)[row][:, wanted], mean[:, None].expand(-1, int(wanted.sum()))
        )


def test_oddr_hides_the_biggest_cluster_of_what_the_forest_isolates() -> None:
    x, _ = planted(images(2))
    locator = OutlyingFragments(window=4 / SIDE, step=0.5, outlying=0.15, trees=20)
    masks = locator.masks(identity, x)
    covers = windows((SIDE, SIDE), 4, 2)
    for row in range(2):
        points = fragments(x, 4, 2)[row].flatten(1).numpy()
        many, size = points.shape
        score = isolation_scores(
            points.reshape(1, -1), size * np.arange(many), np.arange(size), int(0.3 * many), 20, 0
        )[0]
        outliers = np.flatnonzero(score < np.percentile(score, 15)).tolist()
        biggest: set[int] = set()
        left = set(outliers)
        while left:  # clusters by flooding over shared pixels
            first = min(left)
            cluster, queue = {first}, deque([first])
            while queue:
                k = queue.popleft()
                near = {other for other in left - cluster if bool((covers[k] & covers[other]).any())}
                cluster |= near
                queue.extend(near)
            left -= cluster
            biggest = cluster if len(cluster) > len(biggest) else biggest
        assert torch.equal(masks[row], covers[sorted(biggest)].any(0))


@pytest.mark.parametrize("outlying", [0.0, 0.2])
def test_the_outlying_fragments_are_those_of_scikit_learns_forest(outlying: float) -> None:
    x, _ = planted(images(3, seed=4))
    locator = OutlyingFragments(window=4 / SIDE, step=0.5, outlying=outlying, trees=2000, clusters=49)
    masks = locator.masks(identity, x)  # all clusters: whatever is outlying
    covers = windows((SIDE, SIDE), 4, 2)
    for row in range(3):
        points = fragments(x, 4, 2)[row].flatten(1).numpy()
        forest = IsolationForest(
            n_estimators=500, max_samples=0.3, contamination=outlying or "auto", random_state=0
        )
        wanted = covers[torch.from_numpy(forest.fit_predict(points) == -1)].any(0)
        assert 0 < float(wanted.float().mean()) < 1
        assert float((masks[row] & wanted).sum() / (masks[row] | wanted).sum()) > 0.85


@pytest.mark.parametrize("outlying", [0.0, 0.1])
def test_fragments_that_are_all_alike_have_no_outlier_among_them(outlying: float) -> None:
    tile = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    alike = torch.cat([tile.repeat(1, 1, 4, 4), torch.full((1, 3, SIDE, SIDE), 0.3)])
    # thirty equal paths add up to a little more than thirty times one: the score alone is no guard
    locator = OutlyingFragments(window=4 / SIDE, step=1.0, outlying=outlying, sample=0.7, trees=30)
    assert not bool(locator.masks(identity, alike).any())
    assert bool(locator.masks(identity, planted(images(1))[0]).any())
    assert not bool(OutlyingFragments(window=1.0, outlying=outlying).masks(identity, images(2)).any())


def test_a_mask_of_oddr_is_the_same_wherever_its_image_stands() -> None:
    x, _ = planted(images(5))
    locator = OutlyingFragments(trees=10)
    together = locator.masks(identity, x)
    assert torch.equal(locator.masks(identity, x.flip(0)).flip(0), together)
    assert torch.equal(torch.cat([locator.masks(identity, part) for part in x.split(1)]), together)
    assert torch.equal(locator.masks(identity, x.contiguous(memory_format=torch.channels_last)), together)
    assert torch.equal(locator.masks(identity, x.double()), together)
    assert len(locator.masks(identity, x[:0])) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 4))
def test_clusters_are_scipys_connected_components(seed: int, side: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    outlying, corners = rng.random(60) < 0.5, rng.integers(0, 30, (60, 2))
    where = np.flatnonzero(outlying)
    apart = abs(corners[where, None] - corners[where]).max(2)
    labels = connected_components(apart < side, directed=False)[1]  # in order of first appearance
    order = np.argsort(-np.bincount(labels), kind="stable")[:count]
    wanted = where[np.isin(labels, order)].tolist()
    assert np.flatnonzero(biggest_clusters(outlying, corners, side, count)).tolist() == wanted


def test_more_clusters_hide_more_and_no_outlier_hides_nothing() -> None:
    corners = np.array([[0, 0], [0, 2], [9, 9], [9, 11], [9, 12], [20, 0]])
    everything = np.ones(6, bool)
    assert biggest_clusters(everything, corners, 4, 1).tolist() == [False, False, True, True, True, False]
    assert biggest_clusters(everything, corners, 4, 2).tolist() == [True, True, True, True, True, False]
    assert not biggest_clusters(np.zeros(6, bool), corners, 4, 1).any()


def test_oddr_puts_low_rank_in_the_place_of_the_cluster() -> None:
    x, _ = planted(images(2))
    defence = Oddr(identity, rank=2, trees=20)
    masks = defence.located(x)
    torch.testing.assert_close(seen(defence, x), get_fill("svd(rank=2)")(x, masks))
    assert bool(masks.any())


def test_saliency_is_opened_and_closed_like_scipys() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((6, 13, 9)) < 0.6
    box = np.ones((3, 3), bool)
    for row, mask in enumerate(masks):
        erosion = ndimage.binary_erosion(mask, box, border_value=1)
        wanted = ndimage.binary_dilation(erosion, box)
        assert np.array_equal(opened(torch.from_numpy(masks))[row].numpy(), wanted)
        dilation = ndimage.binary_dilation(mask, box)
        wanted = ndimage.binary_erosion(dilation, box, border_value=1)
        assert np.array_equal(closed(torch.from_numpy(masks))[row].numpy(), wanted)


def test_the_salient_region_is_where_the_gradient_is() -> None:
    weight = torch.zeros(SIDE, SIDE)
    weight[6:10, 2:7] = 1

    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x * weight).sum((1, 2, 3)), -x.mean((1, 2, 3))], 1)

    found = SaliencyMask(model, fraction=20 / SIDE**2, window=1 / SIDE).located(images(3))
    assert torch.equal(found, (weight > 0).expand(3, -1, -1))


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_the_quantization_is_that_of_a_file(quality: int) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(file, "JPEG", quality=quality)
    tables = Image.open(file).quantization  # type: ignore[attr-defined]
    for number, table in ((0, LUMA), (1, CHROMA)):
        assert quantization(quality, table).ravel().tolist() == list(tables[number])


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 3), (19, 30, 3), (21, 16, 1)])
def test_the_model_of_jpeg_is_close_to_pillows(height: int, width: int, channels: int) -> None:
    x = images(3, side=32, channels=channels)[:, :, :height, :width]
    x = (x * 255).round() / 255
    exact, modelled = pillow_jpeg(x, 75), soft_jpeg(x, 75, rounding="straight-through")
    # Pillow computes in integers, so that a coefficient near the middle of two steps may take the other.
    apart, change = (exact - modelled).abs().mean(), (exact - x).abs().mean()
    assert 255 * float(apart) < 1.2
    assert float(apart) < 0.4 * float(change)


def test_grey_jpeg_is_the_dct_that_scipy_computes() -> None:
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    table = quantization(60, LUMA)
    levels = 255 * x[0, 0].numpy() - 128
    back = fft.idctn(np.round(fft.dctn(levels, norm="ortho") / table) * table, norm="ortho") + 128
    found = soft_jpeg(x, 60, rounding="straight-through")[0, 0].numpy()
    np.testing.assert_allclose(found, np.clip(back, 0, 255) / 255, atol=1e-12)


def test_the_stand_in_of_jpeg_has_the_gradient_of_finite_differences() -> None:
    x = (0.2 + 0.6 * torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))).double()
    leaf = x.clone().requires_grad_()
    soft_jpeg(leaf, 75, rounding="cubic").square().sum().backward()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values = [soft_jpeg(x + t * direction, 75, rounding="cubic").square().sum() for t in (1e-8, -1e-8)]
    assert leaf.grad is not None
    torch.testing.assert_close(
        (leaf.grad * direction).sum(), (values[0] - values[1]) / 2e-8, rtol=1e-4, atol=1e-3
    )


def test_jpeg_forwards_is_the_file_format_and_has_a_gradient() -> None:
    x = images(2).requires_grad_()
    defence = Jpeg(identity, quality=60)
    found = seen(defence, x)
    torch.testing.assert_close(found.detach(), pillow_jpeg(x.detach(), 60))
    file = io.BytesIO()
    levels = (255 * x[0].detach()).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(levels).save(file, "JPEG", quality=60)
    wanted = np.asarray(Image.open(file)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(found[0].detach().numpy(), wanted, atol=1e-6)
    with pytest.raises(InputError, match="grey or RGB"):
        Jpeg(identity)(torch.rand(1, 4, 8, 8))


def test_a_blur_is_a_blur() -> None:
    x = images(2)
    wanted = ndimage.gaussian_filter(x.double().numpy(), (0, 0, 1.5, 1.5), mode="nearest")
    np.testing.assert_allclose(seen(get_defence("blur(sigma=1.5)", identity), x).numpy(), wanted, atol=1e-5)


def test_a_defence_is_specified_in_one_line(net: nn.Module) -> None:
    defence = get_defence("neutralize(locator=frequency(fraction=0.1, roi=median), fill=blur(sigma=2))", net)
    assert isinstance(defence, NeutralizedModel)
    assert defence.spec == "neutralize(locator=frequency(fraction=0.1, roi=median), fill=blur(sigma=2))"
    assert get_defence(defence.spec, net).spec == defence.spec
    assert get_defence("oddr(trees=7, rank=3)", net).spec == "oddr(trees=7, rank=3)"
    assert get_defence("patchcleanser(per_axis=3)", net).name == "patchcleanser"
    assert set(NAMES) < set(list_defences())


def test_a_prior_mask_is_learnt_from_the_images_given() -> None:
    from spatialstats.models import Classifier

    torch.manual_seed(1)
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 3)), batch_size=8)
    x = images(8)
    defence = get_defence("neutralize(locator=prior(fraction=0.2))", model, locate=(x, model.predict(x)))
    family = defence.family((SIDE, SIDE))
    assert family is not None
    assert 0 < float(family.float().mean()) <= 0.2
    assert torch.equal(defence.located(x), family.expand(8, -1, -1))
    with pytest.raises(InputError, match="learnt on other images"):
        get_defence("neutralize", model)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("odr", "did you mean 'oddr'"),
        ("oddr(trees=many)", "must be of the type int"),
        ("oddr(depth=3)", "unknown parameter of oddr"),
        ("oddr(outlying=0.9)", "at most 0.5"),
        ("oddr(step=0)", "share above 0"),
        ("oddr(trees=0)", "at least one tree"),
        ("none(a=1)", "takes no parameters"),
        ("anomaly-unveiled(reach=0.0)", "reach above 0"),
        ("anomaly-unveiled(window=2.0)", "share above 0"),
        ("lgs(strength=0.0)", "strength above 0"),
        ("jpeg(quality=0)", "lies in 1..95"),
        ("blur(sigma=-1)", "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: str, said: str, net: nn.Module) -> None:
    with pytest.raises(InputError, match=said):
        get_defence(spec, net)


def test_a_defence_needs_a_model() -> None:
    nothing: Any = None
    with pytest.raises(InputError, match="model that can be called"):
        get_defence("blur", nothing)
