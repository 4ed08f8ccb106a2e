"""Certificates against every patch there is, on images small enough to try them all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats.defence.certify import certify, refuse_broken
from spatialstats.defence.cover import mask_cover, placements, uncovered
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.errors import InputError

SIDE, PATCH = 6, 2


def toy(seed: int, n: int = 24) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """Binary images of three noisy templates, and a small random-feature net fitted to them."""
    draw = torch.Generator().manual_seed(seed)
    templates = (torch.rand(3, 1, SIDE, SIDE, generator=draw) > 0.5).float()
    y = torch.randint(0, 3, (n,), generator=draw)
    flips = (torch.rand(n, 1, SIDE, SIDE, generator=draw) < 0.08).float()
    x = (templates[y] - flips).abs()
    features = torch.randn(32, SIDE * SIDE, generator=draw) / SIDE
    hidden = torch.relu((templates.flatten(1) - 0.5) @ features.T)

    class Net(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.relu((images.flatten(1) - 0.5) @ features.T) @ hidden.T - hidden.square().sum(1) / 2

    return Net(), x, y


def patched(image: torch.Tensor, place: tuple[int, int], side: int = PATCH) -> torch.Tensor:
    """Every binary content of the patch at one place: (2^(side^2), 1, H, W)."""
    contents = torch.tensor(list(itertools.product([0.0, 1.0], repeat=side * side))).view(-1, 1, side, side)
    made = image.expand(len(contents), *image.shape).clone()
    made[:, :, place[0] : place[0] + side, place[1] : place[1] + side] = contents
    return made


def survives(
    defence: PatchCleanser, image: torch.Tensor, label: int, allowed: torch.Tensor, side: int = PATCH
) -> bool:
    """Whether no patch at the allowed places changes the answer: all of them are tried."""
    tried = torch.cat([patched(image, (int(i), int(j)), side) for i, j in torch.nonzero(allowed)])
    with torch.no_grad():
        return bool((defence(tried).argmax(1) == label).all())


@pytest.mark.parametrize("fill", ["constant", "mean", "inpaint"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_patch_of_any_content_at_any_place_breaks_a_certified_image(seed: int, fill: str) -> None:
    model, x, y = toy(seed)
    defence = PatchCleanser(model, PATCH, per_axis=3, fill=fill, batch_size=512)
    found = certify(defence, x, y)
    everywhere = placements((SIDE, SIDE), PATCH)
    broken = np.array(
        [not survives(defence, image, int(label), everywhere) for image, label in zip(x, y, strict=True)]
    )
    assert not (found.certified & broken).any()
    refuse_broken(found.certified, broken)
    # Neither claim is empty: some images are certified, and some can be broken.
    assert found.certified.any()
    assert broken.any()


@pytest.mark.parametrize("seed", [3, 4])
def test_with_a_kept_region_exactly_the_patches_disjoint_from_it_are_certified(seed: int) -> None:
    model, x, y = toy(seed)
    keep = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    keep[2:4, 2:5] = True
    defence = PatchCleanser(model, PATCH, per_axis=3, keep=keep, batch_size=512)
    found = certify(defence, x, y)
    allowed = placements((SIDE, SIDE), PATCH, keep)
    assert found.placements == pytest.approx(float(allowed.float().mean()))
    assert 0 < found.placements < 1
    assert found.certified.any()
    safe = [
        survives(defence, image, int(label), allowed)
        for image, label, sure in zip(x, y, found.certified, strict=True)
        if sure
    ]
    assert all(safe)
    # A patch that touches the kept region stays in sight behind every mask: nothing is promised of it.
    cover = mask_cover((SIDE, SIDE), PATCH, 3, keep)
    for i, j in torch.nonzero(~allowed):
        patch = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        patch[i : i + PATCH, j : j + PATCH] = True
        assert not bool((patch & ~cover).flatten(1).any(1).logical_not().any())


@pytest.mark.parametrize("seed", [0, 1, 5])
@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("kept", [False, True])
def test_no_content_breaks_an_image_at_a_certified_place(seed: int, side: int, kept: bool) -> None:
    model, x, y = toy(seed)
    keep = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    keep[2:4, 2:5] = kept
    defence = PatchCleanser(model, PATCH, per_axis=3, keep=keep if kept else None, batch_size=512)
    found = defence.certified_places(x, y, (side, side))
    assert found.shape == (len(x), SIDE - side + 1, SIDE - side + 1)
    broken = torch.zeros_like(found)
    for row, (image, label) in enumerate(zip(x, y, strict=True)):
        for i, j in torch.nonzero(torch.ones_like(found[0])):
            one = torch.zeros_like(found[0])
            one[i, j] = True
            broken[row, i, j] = not survives(defence, image, int(label), one, side)
    assert not bool((found & broken).any())
    # Some images are certified at some places alone, and some of those are broken elsewhere.
    partly = found.flatten(1).any(1) & ~found.flatten(1).all(1)
    assert bool((partly & broken.flatten(1).any(1)).any())
    if side == PATCH:
        allowed = placements((SIDE, SIDE), PATCH, keep)
        assert not bool(found[:, ~allowed].any())
        everywhere, whole = found[:, allowed].all(1).numpy(), certify(defence, x, y).certified
        assert everywhere[whole].all()
        assert kept or not everywhere[~whole].any()


def test_certified_places_are_those_of_an_unshaken_mask_by_brute_force() -> None:
    model, x, y = toy(5, n=60)
    cover = mask_cover((SIDE, SIDE), PATCH, 3)
    found = PatchCleanser(model, PATCH, per_axis=3, batch_size=16).certified_places(x, y, (PATCH, PATCH))
    expected = torch.zeros_like(found)
    for first in cover:
        right = torch.ones(len(x), dtype=torch.bool)
        for second in cover:
            right &= model(torch.where(first | second, torch.tensor(0.5), x)).argmax(1) == y
        for i, j in torch.nonzero(torch.ones_like(found[0])):
            if bool(first[i : i + PATCH, j : j + PATCH].all()):
                expected[right, i, j] = True
    assert 0 < float(expected.float().mean()) < 1
    assert torch.equal(found, expected)


def test_patches_that_no_mask_hides_are_certified_nowhere() -> None:
    model, x, y = toy(0)
    defence = PatchCleanser(model, PATCH, per_axis=3)
    assert not defence.certified_places(x, y, (4, 4)).any()
    with pytest.raises(InputError, match="does not fit"):
        defence.certified_places(x, y, (SIDE + 1, 1))
    assert defence.certified_places(x[:0], y[:0], (1, 1)).shape == (0, SIDE, SIDE)


def test_a_certificate_is_every_mask_and_every_pair_by_brute_force() -> None:
    model, x, y = toy(5, n=60)
    defence = PatchCleanser(model, PATCH, per_axis=3, batch_size=512)
    cover = mask_cover((SIDE, SIDE), PATCH, 3)
    expected = np.ones(len(x), bool)
    for first, second in itertools.product(cover, cover):
        hidden = torch.where(first | second, torch.tensor(0.5), x)
        expected &= (model(hidden).argmax(1) == y).numpy()
    found = certify(defence, x, y)
    assert 0 < expected.sum() < len(x)
    np.testing.assert_array_equal(found.certified, expected)
    assert found.predictions < found.exhaustive == 60 * len(cover) * (len(cover) + 1) // 2


def test_all_certified_images_cost_each_pair_once() -> None:
    x = torch.rand(4, 1, SIDE, SIDE)
    defence = PatchCleanser(lambda images: images.new_tensor([0.0, 1.0]).expand(len(images), 2), PATCH, 3)
    found = certify(defence, x, torch.ones(4, dtype=torch.long))
    assert found.certified.all()
    assert found.predictions == found.exhaustive
    assert not certify(defence, x, torch.zeros(4, dtype=torch.long)).certified.any()


def decided(model: torch.nn.Module, cover: torch.Tensor, image: torch.Tensor) -> int:
    """The paper's algorithm for one image, in loops."""

    def said(mask: torch.Tensor) -> int:
        return int(model(torch.where(mask, torch.tensor(0.5), image)[None]).argmax())

    first = [said(mask) for mask in cover]
    counts = np.bincount(first, minlength=3)
    most = int(counts.argmax())
    for mask, label in zip(cover, first, strict=True):
        if label != most and all(said(mask | other) == label for other in cover):
            return label
    return most


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_of_the_algorithm_image_by_image(seed: int) -> None:
    model, x, _ = toy(seed, n=40)
    x = torch.cat([x, torch.rand(40, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))])
    defence = PatchCleanser(model, PATCH, per_axis=3, batch_size=7)
    cover = mask_cover((SIDE, SIDE), PATCH, 3)
    with torch.no_grad():
        answers = defence(x).argmax(1).tolist()
    assert answers == [decided(model, cover, image) for image in x]
    assert len(set(answers)) > 1


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    patch=st.integers(1, 12),
    count=st.integers(1, 8),
    kept=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)
def test_covers_cover(height: int, width: int, patch: int, count: int, kept: float, seed: int) -> None:
    patch = min(patch, height, width)
    keep = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < kept
    masks = mask_cover((height, width), patch, count, keep)
    assert len(masks) <= count * count
    if len(masks):
        assert not bool((masks & keep).any())
        assert uncovered(masks, patch, keep) == 0
    else:
        assert not bool(placements((height, width), patch, keep).any()) or bool(keep.all())
    whole = mask_cover((height, width), patch, count)
    assert uncovered(whole, patch) == 0
    # One pixel more than what was asked for is not promised where windows have no room to spare.
    assert len({int(mask.sum()) for mask in whole}) == 1


def test_the_cover_of_cifar10_is_the_papers() -> None:
    masks = mask_cover((32, 32), 5, 6)
    assert len(masks) == 36
    assert {int(mask.any(1).sum()) for mask in masks} == {9}
    assert sorted({int(torch.nonzero(mask.any(1))[0]) for mask in masks}) == [0, 5, 10, 15, 20, 23]


def test_the_family_is_of_the_images_asked_for_whatever_was_seen_last() -> None:
    defence = PatchCleanser(lambda images: images.flatten(1)[:, :2], PATCH, per_axis=2)
    assert torch.equal(defence.family((6, 6)), mask_cover((6, 6), PATCH, 2))  # before any image
    for shape in ((6, 6), (8, 5), (6, 6)):
        defence(torch.rand(2, 1, *shape))
        assert torch.equal(defence.family((6, 6)), mask_cover((6, 6), PATCH, 2))
        assert torch.equal(defence.family((8, 5)), mask_cover((8, 5), PATCH, 2))


def test_a_fill_that_reads_hidden_pixels_is_refused() -> None:
    model, x, _ = toy(0)
    with pytest.raises(InputError, match="does not remove a patch"):
        PatchCleanser(model, PATCH, 3, fill="svd")(x)


def test_what_cannot_be_certified_is_refused_in_words() -> None:
    model, x, y = toy(0)
    with pytest.raises(InputError, match="one label an image"):
        certify(PatchCleanser(model, PATCH, 3), x, y[:-1])
    with pytest.raises(InputError, match="does not fit images of 6x6"):
        PatchCleanser(model, 7, 3)(x)
    with pytest.raises(InputError, match="keep a smaller region"):
        PatchCleanser(model, PATCH, 3, keep=torch.ones(SIDE, SIDE, dtype=torch.bool))(x)
    with pytest.raises(InputError, match="the pixels to keep are boolean"):
        PatchCleanser(model, PATCH, 3, keep=torch.ones(SIDE, SIDE))(x)


def test_a_certified_image_that_was_broken_stops_everything() -> None:
    model, x, y = toy(0)
    found = certify(PatchCleanser(model, PATCH, 3), x, y)
    broken = np.zeros(len(x), bool)
    refuse_broken(found.certified, broken)
    broken[np.flatnonzero(found.certified)[0]] = True
    with pytest.raises(RuntimeError, match="certified and were broken"):
        refuse_broken(found.certified, broken)


def test_gradients_reach_the_image_through_the_masked_predictions() -> None:
    model, x, _ = toy(1)
    defence = PatchCleanser(model, PATCH, per_axis=3)
    for answer in (defence, defence.relaxed):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(answer(leaf).amax(1).sum(), leaf)
        assert bool((gradient.flatten(1).abs().amax(1) > 0).all())
