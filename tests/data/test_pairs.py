"""Saved adversarial sets, as other tools write them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from spatialstats.data import load_pairs, splits
from spatialstats.data.dataset import Dataset
from spatialstats.errors import InputError


@pytest.fixture
def made(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clean floats, adversarial floats and labels."""
    x = photos[:40].astype(np.float32) / np.float32(255)
    noise = np.float32(8 / 255) * np.sign(np.random.default_rng(0).normal(size=x.shape)).astype(np.float32)
    return x, np.clip(x + noise, 0, 1).astype(np.float32), np.arange(40) % 10


def holds(data: Dataset, made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, x_adv, labels = made
    rows = [3, 0, 39]
    assert np.abs(data.read(rows) - x[rows]).max() < 1e-6
    assert data.adversarial is not None
    assert np.abs(data.adversarial(rows) - x_adv[rows]).max() < 1e-6
    assert data.adversarial(rows).dtype == np.float32
    assert np.array_equal(data.labels, labels)
    assert data.bundled_model is None


def test_npz_files_with_labels_in_either(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, x_adv, labels = made
    np.savez("labelled.npz", x=x, y=labels)
    np.savez("bare.npz", x_adv=x_adv)
    holds(load_pairs("labelled.npz", "bare.npz"), made)
    np.savez("bare.npz", clean=x)
    np.savez("labelled.npz", adv=x_adv, labels=labels)
    holds(load_pairs("bare.npz", "labelled.npz"), made)
    np.savez("both.npz", x=x, x_adv=x_adv, y=labels)
    holds(load_pairs("both.npz", "both.npz", epsilon=8 / 255), made)
    holds(load_pairs(None, "both.npz"), made)


def test_npy_files_with_labels_of_their_own(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    for name, array in zip(("x", "x_adv", "y"), made, strict=True):
        np.save(f"{name}.npy", array)
    holds(load_pairs("x.npy", "x_adv.npy", "y.npy"), made)
    with pytest.raises(InputError, match=r"x.npy or x_adv.npy must hold labels .* give them by --labels"):
        load_pairs("x.npy", "x_adv.npy")


def test_torch_files_of_tensors_tuples_and_dicts(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, x_adv, labels = map(torch.from_numpy, made)
    torch.save(x, "x.pt")
    torch.save((x_adv, labels), "adv.pth")
    holds(load_pairs("x.pt", "adv.pth"), made)
    torch.save(
        {"adversarial": x_adv.requires_grad_(), "labels": labels},
        "adv.pth",
        _use_new_zipfile_serialization=False,
    )
    holds(load_pairs("x.pt", "adv.pth"), made)


@pytest.mark.parametrize("save_type", ["float", "int"])
def test_what_torchattacks_writes_is_read(
    save_type: str, made: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """Its own writer, on a model and an attack that return what they are told to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack_of = pytest.importorskip("torchattacks.attack").Attack
    x, x_adv, labels = map(torch.from_numpy, made)

    class Prepared(attack_of):  # type: ignore[misc]
        def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            at = [int((x - image).abs().flatten(1).sum(1).argmin()) for image in images]
            return x_adv[at]

    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, labels), batch_size=16)
    Prepared("prepared", model).save(
        loader, "saved.pt", False, True, save_predictions=True, save_clean_inputs=True, save_type=save_type
    )
    data = load_pairs("saved.pt", "saved.pt", epsilon=8 / 255)
    if save_type == "float":
        holds(data, made)
        assert data.notes == ()
    else:
        assert np.array_equal(data.labels, made[2])
        assert np.abs(data.read(np.arange(40)) - made[0]).max() < 1e-6
        assert "The changes reach +8/255 but -9/255" in data.notes[0]


def test_torchattacks_without_clean_inputs_says_what_is_missing(
    made: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, x_adv, labels = map(torch.from_numpy, made)
    torch.save({"adv_inputs": x_adv, "labels": labels, "save_type": "float"}, "saved.pt")
    with pytest.raises(
        InputError, match=r"saved.pt must hold images under one of clean_inputs, .* got adv_inputs, labels"
    ):
        load_pairs("saved.pt", "saved.pt")


def test_labels_that_contradict_each_other_are_counted(
    made: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    x, x_adv, labels = made
    np.savez("clean.npz", x=x, y=labels)
    np.savez("adv.npz", x=x_adv, y=np.roll(labels, 3))
    with pytest.raises(InputError, match=r"got 40 of 40 rows that differ in adv.npz \(the first is row 0\)"):
        load_pairs("clean.npz", "adv.npz")
    np.savez("adv.npz", x=x_adv, y=labels[:39])
    with pytest.raises(InputError, match=r"got 39 labels for 40 images"):
        load_pairs("clean.npz", "adv.npz")


def test_the_layouts_of_the_two_halves_may_differ(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, x_adv, labels = made
    np.savez("clean.npz", x=np.rint(x * 255).astype(np.uint8).transpose(0, 2, 3, 1), y=labels)
    np.savez("adv.npz", x=x_adv)
    data = load_pairs("clean.npz", "adv.npz")
    holds(data, made)
    assert "channels last" in data.notes[0]


def test_partners_follow_a_view_and_enter_the_fingerprint(
    made: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    x, x_adv, labels = made
    np.savez("a.npz", x=x, x_adv=x_adv, y=labels)
    np.savez("b.npz", x=x, x_adv=np.clip(x_adv * 0.999, 0, 1), y=labels)
    first, second = load_pairs(None, "a.npz"), load_pairs(None, "b.npz")
    view = first.take(10, 0)
    assert view.adversarial is not None
    assert np.array_equal(view.adversarial(np.arange(10)), x_adv[view.indices])
    assert len({first.fingerprint, second.fingerprint, view.fingerprint}) == 3
    assert np.array_equal(splits(first.digests()), splits(second.digests()))


def test_what_check_pairs_refuses_is_refused(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, x_adv, labels = made
    np.savez("a.npz", x=x, x_adv=x_adv[::-1], y=labels)
    with pytest.raises(InputError, match="the rows are reversed"):
        load_pairs(None, "a.npz")


def test_importing_the_data_sets_loads_no_torch() -> None:
    import subprocess

    code = "import sys, spatialstats.data; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    root = str(Path(__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, check=False).returncode == 0
