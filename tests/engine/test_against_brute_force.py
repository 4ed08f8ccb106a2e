"""Damage shares and ceilings of a whole run, counted again by hand on a model whose regions are known.

The importance method and the attack are made so that RoI and RoA are rectangles: nothing of
the package says here what a segment is, what its share is or what restoring it gives.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spatialstats
from spatialstats.data import Dataset
from spatialstats.models import Classifier

SIDE, N = 8, 60
ROI, ROA = (slice(0, 4), slice(0, 6)), (slice(2, 7), slice(3, 8))


def rectangle(where: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[where] = True
    return mask


PIECES = {
    "contested": rectangle(ROI) & rectangle(ROA),
    "protected": rectangle(ROI) & ~rectangle(ROA),
    "neutralizable": rectangle(ROA) & ~rectangle(ROI),
    "background": ~rectangle(ROI) & ~rectangle(ROA),
}


class Net(nn.Module):
    """Three classes of a small, strongly nonlinear network with fixed weights."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(5)
        self.first = nn.Parameter(torch.randn(3 * SIDE * SIDE, 12, generator=rng) / 5)
        self.second = nn.Parameter(torch.randn(12, 3, generator=rng))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin((x - 0.5).flatten(1) @ self.first * 2) @ self.second


class Look:
    """An importance map that is high inside the rectangle of RoI alone."""

    name, label, signed = "look", "a known rectangle", False

    def __call__(self, model: object, x: torch.Tensor, target: torch.Tensor, *, seed: int) -> torch.Tensor:
        return torch.from_numpy(np.where(rectangle(ROI), 1.0, 0.0)).float().expand(len(x), SIDE, SIDE)


def strike(model: object, x: torch.Tensor, y: torch.Tensor, *, seed: int) -> torch.Tensor:
    """Moves every pixel, those in the rectangle of RoA the most."""
    size = torch.from_numpy(np.where(rectangle(ROA), 0.18, 0.06)).float()
    sign = torch.sign(torch.sin(40 * x + y[:, None, None, None]))
    return (x + sign * size).clamp(0, 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    net = Net().eval()
    images = np.random.default_rng(4).uniform(0.25, 0.75, (N, 3, SIDE, SIDE)).astype(np.float32)
    with torch.no_grad():
        labels = net(torch.from_numpy(images)).argmax(1).numpy()
    labels[::9] = (labels[::9] + 1) % 3  # some images that are wrong to begin with
    result = spatialstats.analyze(
        Classifier(net, batch_size=8, name="toy"),
        Dataset.from_arrays(images, labels),
        attacks=[strike],
        importance=Look(),
        attack_map="energy",
        roi=float(rectangle(ROI).mean()),  # averaged with its neighbours the rectangle stays on top
        roa=float(rectangle(ROA).mean()),
        n=N,
        chunk_size=16,
        batch_size=8,
        n_resamples=99,
        fills=("mean",),
        out=tmp_path_factory.mktemp("runs") / "run",
    )
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    return {"net": net, "x": x, "x_adv": strike(None, x, y, seed=0), "y": labels, "result": result}


def logits(world: dict[str, Any], attacked: np.ndarray) -> np.ndarray:
    """Logits (N, 3) with the perturbation on the pixels of a mask alone."""
    images = torch.where(torch.from_numpy(attacked), world["x_adv"], world["x"])
    with torch.no_grad():
        return world["net"](images).double().numpy()


def pixels(*names: str) -> np.ndarray:
    return np.any([PIECES[name] for name in names] or [np.zeros((SIDE, SIDE), bool)], axis=0)


def test_the_regions_of_the_run_are_the_known_ones(world: dict[str, Any]) -> None:
    maps, right = world["result"].maps, world["result"].samples["correct"]
    assert 0 < (~right).sum() < N
    assert maps["class_count"].sum() == right.sum()
    for name, mask in (("roi", rectangle(ROI)), ("strike/roa", rectangle(ROA))):
        np.testing.assert_array_equal(maps[name], mask.astype(np.float32))
    for name in ("contested", "neutralizable"):
        np.testing.assert_array_equal(maps[f"strike/{name}"], PIECES[name].astype(np.float32))


def test_damage_shares_are_mean_marginal_drops_over_all_orders(world: dict[str, Any]) -> None:
    y, rows = world["y"], np.arange(N)
    right = logits(world, pixels()).argmax(1) == y
    others = logits(world, pixels(*PIECES))
    others[rows, y] = -np.inf
    rival = others.argmax(1)

    def margin(names: tuple[str, ...]) -> np.ndarray:
        found = logits(world, pixels(*names))
        return found[rows, y] - found[rows, rival]

    drop = dict.fromkeys(PIECES, np.zeros(N))
    orders = list(permutations(PIECES))
    for order in orders:
        for at, name in enumerate(order):
            drop[name] = drop[name] + (margin(order[:at]) - margin(order[: at + 1])) / len(orders)
    whole = sum(drop[name][right].sum() for name in PIECES)
    segments = world["result"].results["attacks"][0]["segments"]
    assert segments["n"] == right.sum()
    for name, mask in PIECES.items():
        assert segments[name]["damage"]["value"] == pytest.approx(drop[name][right].sum() / whole, abs=1e-4)
        assert segments[name]["area"]["value"] == pytest.approx(mask.mean())
    samples = world["result"].samples
    inside = samples["row"][samples["correct"]].to_numpy()
    for name in PIECES:
        column = samples[f"strike.shapley.{name}"][samples["correct"]]
        np.testing.assert_allclose(column, drop[name][inside], atol=1e-4)


def test_accuracies_after_restoration_are_those_of_images_put_together_by_hand(world: dict[str, Any]) -> None:
    y = world["y"]
    right = logits(world, pixels()).argmax(1) == y
    attack = world["result"].results["attacks"][0]

    def after(*restored: str) -> np.ndarray:
        return logits(world, ~pixels(*restored)).argmax(1) == y

    for name in PIECES:
        assert attack["segments"][name]["restored"]["value"] == pytest.approx(after(name)[right].mean())
    regions = {
        "nothing": (),
        "neutralizable": ("neutralizable",),
        "roa": ("neutralizable", "contested"),
        "roi": ("protected", "contested"),
        "everything": tuple(PIECES),
    }
    found = {name: attack["ceilings"][name]["value"] for name in regions}
    assert found == {name: pytest.approx((after(*of) & right).mean()) for name, of in regions.items()}
    assert found["everything"] == pytest.approx(right.mean())
    assert found["nothing"] == attack["robust_accuracy"]["value"] < found["everything"]
    for row in attack["neutralization"]:
        if row["mask"] == "roa":
            split = world["result"].samples["split"].to_numpy() == 2
            rows = world["result"].samples["row"].to_numpy()[split]
            hit = np.where(right, after("neutralizable", "contested"), after())  # no RoA where x is wrong
            assert row["ceiling"]["value"] == pytest.approx(hit[rows].mean())
