"""Other models in a run: their RoI climbs the ladder, and what is no independent model is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_world import go, trained
from torch import nn

import spatialstats
from spatialstats import maps
from spatialstats.data import Dataset
from spatialstats.engine.config import Config
from spatialstats.errors import InputError
from spatialstats.importance import get_importance, magnitude, run_importance
from spatialstats.kernels import pack
from spatialstats.models import Classifier, load_model
from spatialstats.named import find_others
from spatialstats.regions import top_fraction
from spatialstats.stats import colocation_ladder


def other(seed: int = 1, name: str = "other") -> Classifier:
    return Classifier(trained(seed), batch_size=16, name=name)


@pytest.fixture(scope="module")
def compared(
    net: nn.Module, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> spatialstats.Result:
    """A run beside a second network, with an importance that uses no gradient."""
    own = Classifier(net, batch_size=16, name="blobs")
    out = tmp_path_factory.mktemp("runs") / "run"
    return go(own, dataset, out, others=[other()], importance="occlusion(window=4,stride=2)", reservoir=96)


def test_every_rung_is_tested_beside_another_model(compared: spatialstats.Result) -> None:
    ladder = compared.results["attacks"][0]["ladder"]
    assert ladder["others"] == ["other"]
    assert ladder["n_models"] == 1
    assert not ladder["shared_gradient"]
    for rung in (*ladder["rungs"], ladder["model_noise"]):
        assert rung["low"] <= rung["excess"] <= rung["high"]
    assert compared.results["attacks"][1]["ladder"] is None
    (model,) = compared.results["others"]
    assert model["clean_accuracy"]["value"] > 0.9
    assert model["comparable"]


def test_the_ladder_is_that_of_the_regions_found_from_outside(
    compared: spatialstats.Result, dataset: Dataset
) -> None:
    held, config = compared.reservoir, compared.results["config"]
    model, method = other(), get_importance("occlusion(window=4,stride=2)")
    x = dataset.take(config["n"], config["seed"]).read(held["row"])
    found = magnitude(run_importance(method, model, x, model.predict(x), seed=0))
    theirs = pack(top_fraction(maps.scale(found)[0], config["roi"]))
    name = compared.results["attacks"][0]["name"]
    ok = held["prediction"] == held["label"]
    expected = colocation_ladder(
        held["roi"][ok],
        held[f"{name}/roa"][ok],
        256,
        others=[theirs[ok]],
        noise=held[f"noise-{name}/candidate"][ok],
        classes=held["label"][ok],
        n_resamples=9,
    )
    ladder = compared.results["attacks"][0]["ladder"]
    # Other micro-batches change the last bits of a map, and with them a pixel at the cut of its RoI.
    for rung, mine in zip(ladder["rungs"], expected.rungs, strict=True):
        assert rung["excess"] == pytest.approx(mine.excess, abs=1e-3)
    assert ladder["model_noise"]["excess"] == pytest.approx(expected.model_noise.excess, abs=1e-3)
    assert ladder["n"] == expected.n


def test_without_other_models_nothing_is_said_of_this_model(finished: spatialstats.Result) -> None:
    ladder = finished.results["attacks"][0]["ladder"]
    assert ladder["others"] == []
    assert not ladder["hits"]
    by_key = {rung["key"]: rung for rung in ladder["rungs"]}
    assert by_key["model"]["low"] is None
    assert ladder["shared_gradient"]  # saliency


def test_a_model_that_has_learnt_nothing_is_not_compared_with(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    untrained = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), batch_size=16, name="untrained")
    result = go(classifier, dataset, tmp_path / "run", others=[untrained])
    assert not result.results["others"][0]["comparable"]
    assert result.results["attacks"][0]["ladder"]["others"] == []


@pytest.mark.parametrize("twin", ["itself", "twice"])
def test_one_model_under_two_names_is_refused(
    classifier: Classifier, net: nn.Module, dataset: Dataset, tmp_path: Path, twin: str
) -> None:
    same = Classifier(net, batch_size=16, name="twin")
    others = [same] if twin == "itself" else [other(name="one"), other(name="two")]
    with pytest.raises(
        InputError, match=r"must have been trained independently, but '(twin|two)' gives the same"
    ):
        go(classifier, dataset, tmp_path / "run", others=others)
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_continued_beside_another_model(
    compared: spatialstats.Result, net: nn.Module, dataset: Dataset
) -> None:
    own = Classifier(net, batch_size=16, name="blobs")
    with pytest.raises(InputError, match="holds a run of other settings"):
        go(
            own,
            dataset,
            compared.path,
            others=[other(seed=2)],
            importance="occlusion(window=4,stride=2)",
            reservoir=96,
            resume=True,
        )


def test_bundled_models_stand_in_for_each_other() -> None:
    own = load_model("cifar10-1")
    assert [model.name for model in find_others(Config(), own)] == ["cifar10-0", "cifar10-2"]
    assert find_others(Config(others=()), own) == []
    assert [model.name for model in find_others(Config(), own, ["cifar10-2"])] == ["cifar10-2"]


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ("cifar10-0", ["cifar10-masked"]),
        ("cifar10-1", ["cifar10-0", "cifar10-robust"]),
        ("cifar10-twin", ["cifar10"]),
    ],
)
def test_fine_tunes_of_one_model_are_refused_beside_each_other(own: str, others: list[str]) -> None:
    classifier = Classifier(load_model("cifar10-1").original, name=own)  # by name: no weights are needed
    with pytest.raises(InputError, match="both started as 'cifar10-0': take another, such as cifar10-1"):
        find_others(Config(), classifier, others)
