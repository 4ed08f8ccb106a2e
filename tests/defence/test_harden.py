"""Hardening: masks and attacks of the training, its bits, its checkpoints, and what it changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn
from typer.testing import CliRunner

from spatialstats.data import Dataset
from spatialstats.defence import harden as harden_module
from spatialstats.defence.cover import mask_cover
from spatialstats.defence.fills import get_fill
from spatialstats.defence.harden import Hardened, harden
from spatialstats.defence.harden_adversarial import AdversarialTraining, overfitted
from spatialstats.defence.harden_batches import Batches, Images, epoch_generator
from spatialstats.defence.harden_check import check_masked, check_robust
from spatialstats.defence.harden_data import held_out_rows
from spatialstats.defence.harden_masks import MaskTraining, greedy_masks, mask_sides, random_windows
from spatialstats.defence.harden_memory import Memory, harder_windows, random_corners, windows_at
from spatialstats.defence.harden_module import average_norms, training_copy
from spatialstats.defence.harden_recipe import Recipe
from spatialstats.defence.harden_run import harden_dataset
from spatialstats.defence.harden_worth import worth
from spatialstats.errors import InputError
from spatialstats.models import Classifier, load_model
from spatialstats.models.weights_file import save_weights
from spatialstats.stats.intervals import paired_difference, proportion

SIDE, N_CLASSES = 12, 3
MASKS = MaskTraining((5, 5), (SIDE, SIDE), greedy_from=0.6)


REMEMBERED = replace(MASKS, remember=True, greedy_from=0.0)


class Net(nn.Module):
    """One convolution with batch norm, dropout, and a linear layer over a grid of means."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(8 * 16, N_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(x)))
        return self.head(self.drop(F.adaptive_avg_pool2d(x, 4).flatten(1)))


def made(n: int, seed: int, *, second: float = 0.4) -> Images:
    """Classes told by a mark in one corner, and by another one in the corner across."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, N_CLASSES, n)
    x = 0.4 + 0.15 * rng.standard_normal((n, 3, SIDE, SIDE))
    for row, label in enumerate(labels):
        x[row, label, 1:4, 1:4] += 0.4
        x[row, label, 8:11, 8:11] += second
    pixels = x.clip(0, 1).astype(np.float32)
    return Images(lambda rows: pixels[rows], labels.astype(np.int64))


@pytest.fixture(scope="module")
def train() -> Images:
    return made(400, 1)


@pytest.fixture(scope="module")
def held_out() -> Images:
    return made(150, 2)


def recipe(kind: str = "masked", **changes: object) -> Recipe:
    options: dict[str, object] = {
        "masks": MASKS,
        "epochs": 5,
        "lr": 5e-3,
        "bfloat16": False,
        "batches": Batches(50, 1, False),
        "smoothing": 0.0,
    }
    return Recipe(kind, **(options | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def start(held_out: Images) -> Classifier:
    """A model that never saw the second mark."""
    torch.manual_seed(0)
    train = made(400, 3, second=0.0)
    fresh = Classifier(Net(), 0.5, 0.2, name="fresh")
    return fresh.around(harden(fresh, train, held_out, recipe("plain", epochs=6)).module, "start")


def same(a: nn.Module, b: nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


# Masks


@given(st.integers(6, 40), st.integers(6, 40), st.integers(1, 6), st.integers(1, 7))
def test_windows_have_the_sides_of_patchcleansers_masks(
    height: int, width: int, patch: int, per_axis: int
) -> None:
    sides = mask_sides((height, width), patch, per_axis)
    first = mask_cover((height, width), patch, per_axis)[0]
    assert sides == (int(first.any(1).sum()), int(first.any(0).sum()))


def test_without_a_patch_the_window_is_that_of_5_pixels_in_32() -> None:
    assert mask_sides((32, 32)) == mask_sides((32, 32), 5) == (9, 9)
    assert mask_sides((224, 224)) == mask_sides((224, 224), 35)


@pytest.mark.parametrize(("patch", "per_axis"), [(0, 6), (13, 6), (5, 0)])
def test_patches_that_do_not_fit_are_refused(patch: int, per_axis: int) -> None:
    with pytest.raises(InputError, match="a patch has a side of 1 to 12 pixels"):
        mask_sides((SIDE, 20), patch, per_axis)


def test_random_windows_are_whole_and_uniformly_placed() -> None:
    windows = random_windows(6000, (5, 7), (2, 4), torch.Generator().manual_seed(0))
    assert windows.shape == (6000, 5, 7)
    assert windows.dtype == torch.bool
    assert (windows.any(2).sum(1) == 2).all()
    assert (windows.any(1).sum(1) == 4).all()
    assert (windows.sum((1, 2)) == 8).all()
    places = torch.bincount(windows.flatten(1).int().argmax(1), minlength=35).view(5, 7)
    inside = places[:4, :4].double()
    assert places.sum() == inside.sum()
    chi = ((inside - 6000 / 16) ** 2 / (6000 / 16)).sum()
    assert chi < 37.7  # the 0.1 % point of chi square with 15 degrees of freedom


def test_each_greedy_round_keeps_the_costliest_window() -> None:
    price = torch.rand(40, 6, 6, generator=torch.Generator().manual_seed(5))
    tried: list[torch.Tensor] = []

    def cost(masks: torch.Tensor) -> torch.Tensor:
        tried.append(masks.clone())
        return (price * masks).sum((1, 2))

    chosen = greedy_masks(cost, (6, 6), (2, 3), 40, torch.Generator().manual_seed(6), rounds=2, candidates=4)
    assert len(tried) == 8
    first, second = torch.stack(tried[:4], 1), torch.stack(tried[4:], 1)
    for row in range(40):
        paid = [(price[row] * mask).sum() for mask in first[row]]
        best = first[row, int(np.argmax(paid))]
        assert all((best & ~mask).sum() == 0 for mask in second[row])  # the second round adds to it
        paid = [(price[row] * mask).sum() for mask in second[row]]
        assert torch.equal(chosen[row], second[row, int(np.argmax(paid))])


def test_the_search_never_gets_cheaper_and_moves_one_window_or_all() -> None:
    price = torch.rand(60, 6, 7, generator=torch.Generator().manual_seed(5))
    rng = torch.Generator().manual_seed(6)
    corners = random_corners(60, 2, (6, 7), (2, 3), rng)
    assert (windows_at(corners, (6, 7), (2, 3)).sum((1, 2)) >= 6).all()

    def cost(masks: torch.Tensor) -> torch.Tensor:
        return (price * masks).sum((1, 2))

    before = cost(windows_at(corners, (6, 7), (2, 3)))
    for _ in range(40):
        found = harder_windows(cost, (6, 7), (2, 3), corners, rng)
        now = cost(windows_at(found, (6, 7), (2, 3)))
        assert (now >= before).all()
        corners, before = found, now
    everything = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    pairs = torch.stack([everything[:, None].expand(25, 25, 2), everything[None].expand(25, 25, 2)], 2)
    masks = windows_at(pairs.reshape(625, 2, 2), (6, 7), (2, 3))
    best = torch.stack([(price[row] * masks).sum((1, 2)).max() for row in range(60)])
    assert (before / best).mean() > 0.95


def test_remembered_windows_turn_with_their_images() -> None:
    rng = torch.Generator().manual_seed(0)
    memory = Memory(random_corners(9, 2, (6, 8), (2, 3), rng), (6, 8), (2, 3))
    before = memory.corners.clone()
    rows, mirrored = torch.tensor([4, 1, 7]), torch.tensor([True, False, True])
    seen = windows_at(memory.of(rows, mirrored), (6, 8), (2, 3))
    plain = windows_at(before[rows], (6, 8), (2, 3))
    assert torch.equal(seen[0], plain[0].flip(1))
    assert torch.equal(seen[1], plain[1])
    memory.keep(rows, mirrored, memory.of(rows, mirrored))
    assert torch.equal(memory.corners, before)


def test_training_images_are_filled_behind_two_windows_and_a_share_is_left_whole(train: Images) -> None:
    x, y = train.batch(np.arange(400))
    masks = replace(MASKS, fills=("constant",), unmasked=0.25, greedy_from=1.0)
    seen = masks(lambda z: z, x, y, torch.Generator().manual_seed(0), 0.0)
    changed = (seen != x).any(1)
    assert (seen.permute(0, 2, 3, 1)[changed] == 0.5).all()
    hidden = changed.sum((1, 2))
    assert set(hidden[hidden > 0].tolist()) <= set(range(25, 51))
    assert 0.15 < (hidden == 0).float().mean() < 0.35


def test_windows_shrink_with_crops() -> None:
    x = torch.zeros(30, 3, 6, 6)
    masks = replace(MASKS, fills=("constant",), unmasked=0.0, windows=1)
    seen = masks(lambda z: z, x, torch.zeros(30, dtype=torch.int64), torch.Generator().manual_seed(0), 0.0)
    assert ((seen != x).any(1).sum((1, 2)) == 4).all()  # 5 of 12 pixels are 2 of 6


# The single-step attack


def test_the_single_step_stays_in_its_ball_and_reaches_the_corner_of_a_linear_model() -> None:
    rng = torch.Generator().manual_seed(1)
    weight = torch.randn(2, 27, generator=rng)
    x = 0.2 + 0.6 * torch.rand(20, 3, 3, 3, generator=rng)
    x[0], x[1] = 0.0, 1.0  # the ball is cut off here
    y = torch.randint(2, (20,), generator=rng)
    training = AdversarialTraining(epsilon=0.05, step=2.0, ramp=0.0)
    seen = training(lambda z: z.flatten(1) @ weight.T, x, y, rng, 1.0)
    away = (weight[1 - y] - weight[y]).view_as(x).sign()
    assert torch.allclose(
        seen, (x + 0.05 * away).clamp(0, 1), atol=1e-6
    )  # a step of 2 crosses the whole ball


def test_the_radius_grows_over_the_ramp() -> None:
    training = AdversarialTraining(epsilon=0.1, ramp=0.2)
    x, y = torch.full((8, 1, 4, 4), 0.5), torch.zeros(8, dtype=torch.int64)
    reach = [
        float(
            (training(lambda z: z.flatten(1)[:, :2], x, y, torch.Generator().manual_seed(0), done) - x)
            .abs()
            .max()
        )
        for done in (0.0, 0.1, 0.2, 1.0)
    ]
    assert reach[0] <= 0.025 + 1e-6
    assert reach[1] <= 0.075 + 1e-6
    assert reach[2] == pytest.approx(0.1, abs=1e-6) == reach[3]


@pytest.mark.parametrize("changes", [{"epsilon": 0.0}, {"epsilon": 1.5}, {"step": 0.0}])
def test_radii_that_mean_nothing_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="an epsilon in"):
        AdversarialTraining(**changes)


# Batches


def test_an_epoch_takes_every_image_once_and_depends_on_seed_and_epoch_alone(train: Images) -> None:
    batches = Batches(64, 0, False)
    epochs = [list(batches(train, epoch_generator(seed, epoch))) for seed, epoch in ((1, 0), (1, 0), (1, 1))]
    assert all(len(found) == batches.count(400) for found in epochs)
    together = [torch.cat([batch.x for batch in found]) for found in epochs]
    assert torch.equal(together[0], together[1])
    assert not torch.equal(together[0], together[2])
    everything = train.batch(np.arange(400))[0]
    for found in together:
        assert sorted(found.sum((1, 2, 3)).tolist()) == sorted(everything.sum((1, 2, 3)).tolist())


def test_a_last_batch_of_one_image_is_left_out() -> None:
    few = made(9, 3)
    assert [len(batch.y) for batch in Batches(4)(few, epoch_generator(0, 0))] == [4, 4]
    assert Batches(4).count(9) == 2


def test_batches_are_mirrored_shifted_windows_of_the_padded_images() -> None:
    x = np.arange(2 * 36, dtype=np.float32).reshape(2, 1, 6, 6)
    images = Images(lambda rows: x[rows], np.array([0, 1]))
    seen = set()
    for epoch in range(20):
        (batch,) = Batches(2, 1, True)(images, epoch_generator(0, epoch), 4)
        for k, row in enumerate(batch.rows):
            seen.add(bool(batch.mirrored[k]))
            whole = torch.from_numpy(x[row][None])
            whole = whole.flip(3) if batch.mirrored[k] else whole
            windows = F.pad(whole, (1, 1, 1, 1), mode="reflect")[0, 0].unfold(0, 4, 1).unfold(1, 4, 1)
            assert (windows == batch.x[k, 0]).all(-1).all(-1).any()
            assert batch.y[k] == row
    assert seen == {True, False}


def test_held_out_images_are_told_by_their_content(train: Images) -> None:
    pixels = train.read(np.arange(400))
    whole = Dataset.from_arrays(pixels, train.labels)
    held = held_out_rows(whole, 0.2)
    assert 0.1 < held.mean() < 0.3
    order = np.random.default_rng(0).permutation(400)
    moved = Dataset.from_arrays(pixels[order], train.labels[order])
    assert (held_out_rows(moved, 0.2) == held[order]).all()
    for fraction, message in ((0.0, "between 0 and 1"), (0.01, "at least 20 images")):
        with pytest.raises(InputError, match=message):
            held_out_rows(whole, fraction)


# Training


def test_the_given_module_is_left_as_it_was(start: Classifier, train: Images, held_out: Images) -> None:
    module = start.original
    before = {key: value.clone() for key, value in module.state_dict().items()}
    done = harden(start, train, held_out, recipe(epochs=1))
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert not module.training
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    assert not same(done.module, module)


@pytest.mark.parametrize("kind", ["masked", "remembering", "robust", "plain"])
def test_a_resumed_training_has_the_bits_of_an_uninterrupted_one(
    kind: str, start: Classifier, train: Images, held_out: Images, tmp_path: Path
) -> None:
    settings = recipe(kind, epochs=3) if kind != "remembering" else recipe(epochs=3, masks=REMEMBERED)
    state = torch.get_rng_state()
    whole = harden(start, train, held_out, settings)
    assert torch.equal(state, torch.get_rng_state())
    place = tmp_path / "w.training"

    def cut_off(text: str) -> None:
        if text.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harden(start, train, held_out, settings, checkpoint=place, say=cut_off)
    torch.manual_seed(77)  # nothing may hang on the global generator
    told: list[int] = []
    rest = harden(start, train, held_out, settings, checkpoint=place, resume=True, advance=told.append)
    assert told[0] == 800
    assert same(whole.module, rest.module)
    assert [past["loss"] for past in whole.history] == [past["loss"] for past in rest.history]


def test_masked_training_finds_the_second_mark_sooner(
    start: Classifier, train: Images, held_out: Images
) -> None:
    masks = MaskTraining((7, 7), (SIDE, SIDE), unmasked=0.0, greedy_from=0.5, candidates=4)
    corner = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    corner[:6, :6] = True
    x, y = held_out.batch(np.arange(150))
    accuracy = {}
    for kind in ("masked", "plain"):
        done = harden(start, train, held_out, recipe(kind, epochs=6, lr=1e-3, masks=masks))
        hit = start.around(done.module, kind).predict(get_fill("constant")(x, corner)) == y.numpy()
        accuracy[kind] = hit.mean()
        assert done.history[-1].keys() == {"epoch", "loss", "seconds", "clean", "masked"}
    assert accuracy["masked"] > accuracy["plain"] + 0.08


def test_an_attack_succeeds_less_after_robust_training(
    start: Classifier, train: Images, held_out: Images
) -> None:
    attack = AdversarialTraining(epsilon=0.08)
    accuracy = {}
    for kind in ("robust", "plain"):
        done = harden(start, train, held_out, recipe(kind, epochs=6, adversarial=attack))
        hits = check_robust(start.around(done.module, kind), held_out, attack.check(), 3)
        accuracy[kind] = hits["attacked"].mean()
    assert accuracy["robust"] > accuracy["plain"] + 0.05


def test_batch_norms_are_averages_over_prepared_batches(start: Classifier, train: Images) -> None:
    module = training_copy(start)
    settings = recipe("plain", epochs=2)
    average_norms(start, module, train, settings)
    x = torch.cat([batch.x for batch in settings.batches(train, epoch_generator(0, 2))])
    with torch.no_grad():
        features = module.conv(start.normalise(x)).view(8, 50, 8, SIDE, SIDE)
    assert torch.allclose(module.norm.running_mean, features.mean((0, 1, 3, 4)), atol=1e-5)
    variance = features.transpose(1, 2).flatten(2).var(2).mean(0)
    assert torch.allclose(module.norm.running_var, variance, rtol=1e-4)
    assert module.norm.momentum == 0.1
    assert not module.training


def test_training_ends_before_the_epoch_in_which_robustness_collapses(
    start: Classifier, train: Images, held_out: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.5, 0.6, 0.2, 0.9])

    def check(*_: object) -> dict[str, np.ndarray]:
        return {"attacked": np.arange(10) < 10 * next(shares)}

    monkeypatch.setattr(harden_module, "check_robust", check)
    kept: list[dict[str, torch.Tensor]] = []
    real = harden_module.State.keep

    def keep(self: harden_module.State) -> None:
        kept.append({key: value.clone() for key, value in self.module.state_dict().items()})
        real(self)

    monkeypatch.setattr(harden_module.State, "keep", keep)
    said: list[str] = []
    done = harden(start, train, held_out, recipe("robust", epochs=4), say=said.append)
    assert done.epochs == 2
    assert "fell from 60.0% to 20.0% (catastrophic overfitting)" in str(done.stopped)
    assert said[-1] == done.stopped
    assert all(torch.equal(value, done.module.state_dict()[key]) for key, value in kept[1].items())


def test_what_counts_as_collapse() -> None:
    assert overfitted(0.1, 0.4)
    assert not overfitted(0.3, 0.4)
    assert not overfitted(0.0, 0.05)  # it never was robust


def test_checkpoints_of_something_else_are_refused(
    start: Classifier, train: Images, held_out: Images, tmp_path: Path
) -> None:
    place = tmp_path / "w.training"
    with pytest.raises(InputError, match="no training to go on with"):
        harden(start, train, held_out, recipe(), checkpoint=place, resume=True)
    place.write_bytes(b"not a file of tensors")
    with pytest.raises(InputError, match="no state of a training that can be read"):
        harden(start, train, held_out, recipe(), checkpoint=place, resume=True)
    torch.save({"epoch": 3}, place)
    with pytest.raises(InputError, match="no state of a training that can be read"):
        harden(start, train, held_out, recipe(), checkpoint=place, resume=True)
    harden(start, train, held_out, recipe("plain", epochs=1), checkpoint=place)
    with pytest.raises(InputError, match="belongs to a training of another model"):
        harden(start, train, held_out, recipe("plain", epochs=2), checkpoint=place, resume=True)


def test_modules_without_anything_to_train_are_refused(train: Images, held_out: Images) -> None:
    frozen = Net().requires_grad_(False)
    with pytest.raises(InputError, match="no trainable parameters"):
        harden(Classifier(frozen), train, held_out, recipe())


def test_a_diverging_training_is_told(start: Classifier, train: Images, held_out: Images) -> None:
    with pytest.raises(InputError, match="no longer finite in epoch 1"):
        harden(start, train, held_out, recipe("plain", lr=1e30))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "hard"}, "unknown kind of hardening"),
        ({"masks": None}, "needs their sides"),
        ({"epochs": 0}, "at least 1 epoch"),
        ({"lr": 0.0}, "a learning rate above 0"),
        ({"batches": Batches(1)}, "batches of at least 2"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(recipe(), **changes)  # type: ignore[arg-type]


def test_held_out_images_are_checked_behind_windows_of_their_own(start: Classifier) -> None:
    images = made(60, 9)
    whole = replace(MASKS, sides=(SIDE, SIDE), windows=1)
    found = check_masked(start, images, whole)
    x, y = images.batch(np.arange(60))
    assert (found["clean"] == (start.predict(x) == y.numpy())).all()
    said = start.predict(torch.full((1, 3, SIDE, SIDE), 0.5))  # nothing is left to see
    assert (found["masked"] == (y.numpy() == said)).all()
    assert check_masked(start, images, None).keys() == {"clean"}
    again = check_masked(start, images, MASKS, seed=4)["masked"]
    assert (check_masked(start, images, MASKS, seed=4)["masked"] == again).all()
    assert again.mean() < found["clean"].mean()


# From images to weights


def test_the_worth_compares_the_same_images() -> None:
    before = {"clean": np.array([True, True, False, False]), "masked": np.array([True, False, False, False])}
    after = {"clean": np.array([True, False, False, False]), "masked": np.array([True, True, True, False])}
    found = worth(before, after, {"clean": "clean", "masked": "behind masks"})
    clean, masked = found.changes
    assert clean.before == proportion(before["clean"])
    assert masked.after == proportion(after["masked"])
    assert masked.difference == paired_difference(after["masked"], before["masked"])
    assert masked.sentence.startswith("behind masks: 25.0 % [4.6, 69.9] before, 75.0 %")
    assert found.to_dict()["changes"][1]["difference"]["value"] == 0.5
    assert list(found.to_frame()["after.value"]) == [0.25, 0.75]
    assert "no certificate" in found.sentence


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32"])
def test_a_run_estimates_trains_and_measures_on_held_out_images(
    precision: str, start: Classifier, train: Images
) -> None:
    whole = Dataset.from_arrays(train.read(np.arange(400)), train.labels)
    said: list[str] = []
    run = harden_dataset(
        start, whole, recipe("robust", epochs=2), held_out=0.2, precision=precision, say=said.append
    )
    n_held = int(held_out_rows(whole, 0.2).sum())
    assert said[0].startswith(f"{400 - n_held} images to learn from, {n_held} held out; 2 epochs")
    assert [change.name for change in run.worth.changes] == ["clean", "masked", "attacked"]
    assert all(change.after.n == n_held for change in run.worth.changes)
    assert isinstance(run.hardened, Hardened)
    if precision != "auto":
        assert run.recipe.bfloat16 == (precision == "bfloat16")
    with pytest.raises(InputError, match="unknown precision 'int8'"):
        harden_dataset(start, whole, recipe(), precision="int8")


def test_labels_beyond_the_models_classes_are_refused(start: Classifier, train: Images) -> None:
    whole = Dataset.from_arrays(train.read(np.arange(400)), train.labels + 1)
    with pytest.raises(InputError, match=r"labels must lie in 0\.\.2"):
        harden_dataset(start, whole, recipe())


@pytest.mark.parametrize("half", [True, False])
def test_written_weights_are_read_again(half: bool, start: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "w.safetensors"
    save_weights(start.original, path, {"kind": "masked"}, half=half)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"kind": "masked"}
        for key in file.keys():  # noqa: SIM118  (no mapping)
            wanted = start.original.state_dict()[key]
            assert torch.equal(file.get_tensor(key), wanted.half() if half else wanted)
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(InputError, match="weights are written as"):
        save_weights(start.original, tmp_path / "w.pt", {})


def test_the_command_writes_weights_that_the_model_takes(
    train: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spatialstats.cli import app

    monkeypatch.chdir(tmp_path)
    pixels = train.read(np.arange(300))
    np.savez("set.npz", images=pixels, labels=train.labels[:300])
    common = ["harden", "--dataset", "set.npz", "--model", "test_harden:Net", "--out", "w.safetensors"]
    settings = ["--epochs", "2", "--held-out", "0.2", "--precision", "float32", "--batch-size", "50", "-q"]
    ended = CliRunner().invoke(app, [*common, *settings, "--json", "--kind", "masked"])
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert [change["name"] for change in told["changes"]] == ["clean", "masked"]
    assert not Path("w.safetensors.training").exists()
    whole = Dataset.from_arrays(pixels, train.labels[:300])
    held = held_out_rows(whole, 0.2)
    with torch.random.fork_rng():
        loaded = load_model("test_harden:Net", weights="w.safetensors")
    accuracy = (loaded.predict(pixels[held]) == train.labels[:300][held]).mean()
    assert accuracy == pytest.approx(told["changes"][0]["after"]["value"])
    for more, message in (
        ([], "exists already"),
        (["--resume"], "no training to go on with"),
        (["--out", "w.pt"], "names a .safetensors file"),
    ):
        ended = CliRunner().invoke(app, [*common, *settings, *more])
        assert isinstance(ended.exception, InputError)
        assert message in str(ended.exception)


def test_greedy_windows_are_scored_behind_the_fill_in_use(train: Images) -> None:
    x, y = train.batch(np.arange(20))
    seen: list[torch.Tensor] = []

    def logits(z: torch.Tensor) -> torch.Tensor:
        seen.append(z)
        return z.flatten(1)[:, :N_CLASSES]

    masks = replace(MASKS, fills=("mean",), unmasked=0.0, candidates=3)
    out = masks(logits, x, y, torch.Generator().manual_seed(0), 0.9)
    assert len(seen) == 6
    for row in range(20):
        assert any(torch.equal(out[row], tried[row]) for tried in seen[3:])
    hidden = (out != x).any(1)
    assert torch.allclose(get_fill("mean")(x, hidden), out)
