"""Models by name, and their weights from files."""

from __future__ import annotations

import pickle
from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from spatialstats.errors import InputError
from spatialstats.models import independent_models, list_models, load_model, model_info, started_from
from spatialstats.models.registry import CIFAR10_MEAN, CIFAR10_STD, FINE_TUNED, WEIGHTS


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(8)
    state = nets.Small().state_dict()
    return {k: torch.rand(v.shape, generator=rng) if v.is_floating_point() else v for k, v in state.items()}


@pytest.mark.parametrize("attribute", ["SMALL", "Small", "small"])
def test_a_module_a_class_and_a_function_are_loaded(attribute: str, x: torch.Tensor) -> None:
    classifier = load_model(f"nets:{attribute}", n_classes=4, mean=0.5, std=0.2)
    with torch.no_grad():
        wanted = nets.Small().eval()((x - 0.5) / 0.2)
    np.testing.assert_allclose(classifier.predict_logits(x), wanted, rtol=1e-4, atol=1e-5)
    assert classifier.name == f"nets:{attribute}"


def test_modules_of_the_working_directory_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # restores sys.path after the test
    (tmp_path / "my_own_nets.py").write_text("from nets import Small as Net\n")
    assert load_model("my_own_nets:Net").name == "my_own_nets:Net"


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_weights_are_read_from_files(wrap, prefix, kind, weights, x, tmp_path: Path) -> None:
    state = {prefix + key: value for key, value in weights.items() if not key.endswith("num_batches_tracked")}
    path = tmp_path / f"weights.{'pt' if kind == 'torch' else kind}"
    if kind == "torch":
        torch.save(wrap(state), path)
    else:
        save_file(state, path)
    wanted = nets.Small()
    wanted.load_state_dict(weights)
    with torch.no_grad():
        logits = wanted.eval()(x)
    found = load_model("nets:Small", weights=path).predict_logits(x)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-4)


def test_weights_must_fit(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    del weights["head.bias"]
    weights["tail.bias"], weights["conv1.bias"] = torch.zeros(2), torch.zeros(2)
    torch.save(weights, tmp_path / "w.pt")
    said = r"1 missing \(head.bias\), 1 unexpected \(tail.bias\), 1 of another shape \(conv1.bias\)"
    with pytest.raises(InputError, match=said):
        load_model("nets:Small", weights=tmp_path / "w.pt")


class Dangerous:
    ran = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return setattr, (Dangerous, "ran", True)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "zipped.pt"])
def test_files_with_code_are_refused_and_the_code_is_not_run(name: str, tmp_path: Path) -> None:
    if name == "zipped.pt":
        torch.save({"weights": Dangerous()}, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Dangerous()))
    with pytest.raises(InputError, match="could not be read as tensors"):
        load_model("nets:Small", weights=tmp_path / name)
    assert not Dangerous.ran


def test_weights_that_are_no_state_dict_are_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(InputError, match="must hold a state dict of tensors, got list"):
        load_model("nets:Small", weights=tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifr10", "unknown model 'cifr10': did you mean 'cifar10'"),
        ("no_such_package:net", "could not be imported: ModuleNotFoundError"),
        ("nets:", r"is written package\.module:attribute"),
        ("nets:Smal", "did you mean 'Small'"),
        ("nets:NOT_A_MODEL", "must be a torch.nn.Module, or make one"),
        ("nets:broken", "could not be called without arguments: RuntimeError: no such file"),
        ("nets:Returns", "could not be called without arguments: TypeError"),
    ],
)
def test_names_that_lead_nowhere_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_model(name)


def test_missing_weights_and_wrong_class_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        load_model("nets:Small", weights=tmp_path / "none.pt")
    with pytest.raises(InputError, match="must have 10 classes, its last linear layer has 4"):
        load_model("nets:Small", n_classes=10)


def test_bundled_models_come_with_their_normalisation() -> None:
    if not list_models():
        pytest.skip("no weights are installed")
    name = list_models()[0]
    classifier = load_model(name)
    classifier.check(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert classifier.n_classes == 10
    assert classifier.preparation["batch_norms_folded"] == 6
    assert float(model_info(name)["test_accuracy"]) > 0.85
    with pytest.raises(InputError, match="has its own mean and std"):
        load_model(name, mean=0.5)


def test_the_normalisation_is_that_of_the_training_script() -> None:
    cifar = pytest.importorskip("spatialstats.data.cifar")
    assert (CIFAR10_MEAN, CIFAR10_STD) == (cifar.MEAN, cifar.STD)


def test_fine_tuned_models_are_never_called_independent() -> None:
    assert independent_models() == ("cifar10-0", "cifar10-1", "cifar10-2")
    assert independent_models("cifar10-1") == ("cifar10-0", "cifar10-2")
    assert independent_models("cifar10") == ("cifar10-1", "cifar10-2")
    assert independent_models("nets:Small") == independent_models()
    for name in FINE_TUNED:
        assert started_from(name) == "cifar10-0"
        assert independent_models(name) == ("cifar10-1", "cifar10-2")


@pytest.mark.parametrize("name", sorted(FINE_TUNED))
def test_fine_tuned_models_are_bundled_beside_the_model_that_they_started_as(name: str) -> None:
    assert name in list_models()
    about = model_info(name)
    assert about["start"] == "cifar10-0"
    assert about["start_fingerprint"] == load_model("cifar10-0").fingerprint
    assert float(about["test_accuracy"]) > 0.5
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size < 3_500_000
    assert load_model(name).predict_logits(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
