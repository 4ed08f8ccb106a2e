"""The whole analysis on a small world: what it writes, that it adds up, and that it can be cut off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import go, trained

import spatialstats
from spatialstats.attacks import get_attack
from spatialstats.data import Dataset, load_dataset
from spatialstats.engine import run as engine
from spatialstats.engine.config import Config
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.files import read_arrays
from spatialstats.engine.progress import Silent
from spatialstats.errors import InputError
from spatialstats.models import Classifier, random_weights
from spatialstats.named import find_model, find_others


def test_every_file_is_there_and_no_chunk_is_left(finished: spatialstats.Result) -> None:
    names = {path.name for path in finished.path.iterdir()}
    assert names == {
        "run.json", "results.json", "report.html", "maps.npz", "examples.npz", "reservoir.npz",
        "samples.parquet", "regions.parquet", "figures",
    }  # fmt: skip
    assert list((finished.path / "figures").glob("*.svg"))


def test_shares_add_up(finished: spatialstats.Result) -> None:
    attack = finished.results["attacks"][0]
    of = [attack["segments"][s] for s in ("background", "neutralizable", "protected", "contested")]
    assert sum(s["area"]["value"] for s in of) == pytest.approx(1)
    assert sum(s["damage"]["value"] for s in of) == pytest.approx(1)
    assert attack["ceilings"]["everything"]["value"] == 1.0
    assert sum(attack["outcomes"].values()) == finished.results["data"]["n"]
    assert attack["outcomes"]["succeeded"] > 10
    assert attack["effect"]["completeness_error"] < 0.05


def test_p_values_are_corrected_over_the_attacks_of_a_run(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    attacks = ["pgd-linf(epsilon=0.15,alpha=0.04,steps=5)", "fgsm(epsilon=0.15)", "noise"]
    result = go(classifier, dataset, tmp_path / "run", attacks=attacks, others=[])
    first, second = (a["colocation"]["effect"] for a in result.results["attacks"] if not a["control"])
    assert first["tests"] == second["tests"] == 2
    assert first["n_adjusted"] <= min(first["n"], second["n"])
    for found in (first, second):
        assert 0 < found["p_value"] <= found["p_adjusted"] <= 1
    noise = [a["colocation"] for a in result.results["attacks"] if a["control"]]
    assert all("p_adjusted" not in found for part in noise for found in part.values() if found)
    assert "p over all attacks" in result.report.read_text()
    methods = (result.paper_kit(tmp_path / "kit") / "methods.tex").read_text()
    assert "Over the 2 attacks that formed a region, p-values of the image swap are corrected" in methods


def test_noise_is_a_control_of_equal_budget(finished: spatialstats.Result) -> None:
    attack, noise = finished.results["attacks"]
    assert noise["control"]
    assert noise["control_of"] == attack["name"]
    assert noise["budget"] == attack["budget"]
    assert noise["neutralization"] == []
    assert noise["robust_accuracy"]["value"] > attack["robust_accuracy"]["value"]


def test_no_defended_number_stands_alone(finished: spatialstats.Result) -> None:
    rows = finished.results["attacks"][0]["neutralization"]
    assert [row["mask"] for row in rows] == ["roa-minus-roi", "roa", "prior"]
    for row in rows:
        assert row["static"] is True
        assert row["n"] == finished.results["data"]["splits"]["report"]
        assert row["deployable"] == (row["mask"] == "prior")
        for key in ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling", "blob", "scattered"):
            assert row[key]["low"] <= row[key]["value"] <= row[key]["high"]
        assert row["knowledge"]["roa"] == ("prior" if row["mask"] == "prior" else "oracle")


def test_tables_agree_with_the_results(finished: spatialstats.Result) -> None:
    attack = finished.results["attacks"][0]
    samples, name = finished.samples, attack["name"]
    assert len(samples) == finished.results["data"]["n"]
    assert (samples[f"{name}.outcome"] == 2).sum() == attack["outcomes"]["succeeded"]
    regions = finished.regions
    roa = regions[
        (regions["mask"] == "roa") & (regions["method"] == "components") & (regions["attack"] == name)
    ]
    inside = samples[samples[f"{name}.formed"]]
    area = sum(inside[f"{name}.area.{s}"].sum() for s in ("contested", "neutralizable"))
    assert roa["area"].sum() == pytest.approx(area * 256)


def test_what_became_of_each_image_adds_up_to_the_accuracies(finished: spatialstats.Result) -> None:
    samples = finished.samples
    told = 0
    for attack in finished.results["attacks"]:
        name = attack["name"]
        kept = samples.filter(regex=rf"^{name}\.(ceiling|defended)\.")
        if not attack["ceilings"]:
            assert kept.empty
            continue
        for region in ("neutralizable", "roa", "roi"):
            assert samples[f"{name}.ceiling.{region}"].mean() == attack["ceilings"][region]["value"]
        for row in attack["neutralization"]:
            columns = kept.filter(regex=rf"\.defended\.{row['mask']}\.")
            assert len(columns.columns) == (5 if row["mask"] == "prior" else 6)  # one mask has no swap
            assert (columns.notna().to_numpy() == (samples["split"] == 2).to_numpy()[:, None]).all()
            for column in columns:
                of = row[column.rpartition(".")[2]]
                assert (columns[column].mean(), columns[column].count()) == (of["value"], of["n"])
                told += 1
    assert told


def test_maps_are_the_mean_of_what_the_masks_say(finished: spatialstats.Result) -> None:
    maps = finished.maps
    name = finished.results["attacks"][0]["name"]
    assert maps["roi"].shape == (16, 16)
    assert maps["roi_by_class"].shape == (4, 16, 16)
    assert maps[f"{name}/damage_by_outcome"].shape == (3, 16, 16)
    count = maps["class_count"]
    assert np.allclose(
        (maps["roi_by_class"] * count[:, None, None]).sum(0) / count.sum(), maps["roi"], atol=1e-6
    )
    assert np.allclose(
        maps[f"{name}/neutralizable"] + maps[f"{name}/contested"], maps[f"{name}/roa"], atol=1e-6
    )


def test_the_result_shows_itself_with_names_escaped(finished: spatialstats.Result) -> None:
    assert finished.headline in finished._repr_html_()
    assert "<b>south-east" not in finished.report.read_text()
    assert set(finished.to_frame()["segment"]) == {"background", "neutralizable", "protected", "contested"}
    assert spatialstats.load_result(finished.path).results == finished.results


def test_a_killed_run_goes_on_to_the_same_bits(
    finished: spatialstats.Result,
    classifier: Classifier,
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, done = engine.measure, []

    def killed_later(*arguments: object) -> object:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine, "measure", killed_later)
        with pytest.raises(KeyboardInterrupt):
            go(classifier, dataset, tmp_path / "run")
    chunks = tmp_path / "run" / "chunks"
    assert len(list(chunks.glob("*.npz"))) == 4
    assert not (tmp_path / "run" / "results.json").exists()
    (before,) = json.loads((chunks / "time.json").read_text())
    assert set(before["stages"]) == {"locate", "choose", "report"}
    assert 0 < before["model_s"] < before["total_s"]
    resumed = go(classifier, dataset, tmp_path / "run", resume=True)
    for name in ("maps.npz", "examples.npz"):
        mine, theirs = read_arrays(resumed.path / name), read_arrays(finished.path / name)
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[k], theirs[k], equal_nan=mine[k].dtype.kind == "f") for k in mine)
    for name in ("samples.parquet", "regions.parquet", "reservoir.npz"):
        assert (resumed.path / name).read_bytes() == (finished.path / name).read_bytes()
    strip = lambda results: {k: v for k, v in results.items() if k != "provenance"}  # noqa: E731
    assert json.dumps(strip(resumed.results)) == json.dumps(strip(finished.results))
    assert finished.results["provenance"]["time"]["processes"] == 1
    time = resumed.results["provenance"]["time"]
    assert time["processes"] == 2
    assert time["total_s"] > before["total_s"]
    assert time["model_s"] > before["model_s"]
    assert time["stages"]["locate"] > before["stages"]["locate"] - 1e-3  # rounded to milliseconds
    assert sum(time["stages"].values()) <= time["total_s"] + 0.01  # rounded to milliseconds
    assert "2 processes" in resumed.report.read_text()


def test_labels_beyond_the_model_are_refused(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    images = dataset.read(np.arange(40))
    with pytest.raises(InputError, match=r"labels must lie in 0\.\.3"):
        go(classifier, Dataset.from_arrays(images, np.arange(40) % 6), tmp_path / "run")


def test_any_callable_is_an_attack(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    def darken(model: Classifier, x: object, y: object, *, seed: int) -> object:
        return x * 0.2  # type: ignore[operator]

    result = go(classifier, dataset, tmp_path / "run", attacks=[darken], n=48)
    assert result.results["attacks"][0]["name"] == "darken"
    assert result.results["attacks"][0]["budget"]["norm"] == "none"


class Steps(Silent):
    """Keeps what it is told of each step."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[int, list[float]]] = {}

    def start(self, step: str, total: int) -> None:
        self.told[step] = (total, [])

    def advance(self, images: float) -> None:
        list(self.told.values())[-1][1].append(images)


def test_gradients_in_bfloat16_are_on_record_and_seen_while_they_run(
    net: Any, dataset: Dataset, tmp_path: Path
) -> None:
    steps = Steps()
    narrow = Classifier(net, batch_size=16, name="blobs", precision="bfloat16")
    other = Classifier(trained(1), batch_size=16, name="others", precision="bfloat16")
    result = go(narrow, dataset, tmp_path / "run", n=48, others=[other], progress=steps)
    assert result.results["config"]["precision"] == "bfloat16"
    assert "in bfloat16; predictions in float32" in result.report.read_text()
    methods = (result.paper_kit(tmp_path / "kit") / "methods.tex").read_text()
    assert "Gradients were computed in bfloat16, predictions in float32." in methods
    # An exact model in its place would change the bits: a resumed run is refused it.
    (result.path / "results.json").unlink()
    with pytest.raises(InputError, match="precision"):
        go(Classifier(net, batch_size=16, name="blobs"), dataset, result.path, n=48, resume=True)
    for step, (total, parts) in steps.told.items():
        if step.startswith(("locate", "choose", "report:")):
            assert sum(parts) == pytest.approx(total)
            assert len(parts) >= 2  # each attack of each chunk: a rate from the first on


def test_models_that_are_named_get_the_precision_of_the_settings() -> None:
    config = Config(precision="bfloat16")
    own = find_model(config, "cifar10-0", load_dataset("cifar10"))
    assert own.precision == "bfloat16"
    assert {model.precision for model in find_others(config, own)} == {"bfloat16"}
    assert random_weights(own, seed=0).precision == "bfloat16"
    assert find_model(DefendConfig(), "cifar10-0", load_dataset("cifar10")).precision == "float32"
    with pytest.raises(InputError, match="unknown precision 'half'"):
        Config(precision="half")
    with pytest.raises(InputError, match="seed must be 0 or more, got -1"):
        Config(seed=-1)


def test_nothing_is_learnt_or_chosen_on_the_report_split(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[int]] = {}

    def spy(name: str) -> None:
        real = getattr(engine, name)

        def spied(context: Any, merged: Any) -> Any:
            seen[name] = set(merged["row.split"].tolist())
            return real(context, merged)

        monkeypatch.setattr(engine, name, spied)

    spy("learn_prior")
    spy("pick_fill")
    go(classifier, dataset, tmp_path / "run", attacks=["fgsm(epsilon=0.15)"], n=60)
    assert seen == {"learn_prior": {0}, "pick_fill": {0, 1}}


def test_a_complete_run_is_left_as_it_is(finished: spatialstats.Result, net: Any, dataset: Dataset) -> None:
    before = (finished.path / "results.json").read_bytes()
    again = go(Classifier(net, batch_size=16, name="blobs"), dataset, finished.path, resume=True)
    assert (again.path / "results.json").read_bytes() == before


def test_a_run_is_not_continued_with_another_attack_of_the_same_name(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    weak, strong = (get_attack(f"fgsm(epsilon={epsilon})") for epsilon in (0.01, 0.2))
    go(classifier, dataset, tmp_path / "run", attacks=[weak], n=40)
    with pytest.raises(InputError, match=r"parts: .*0\.01.*0\.2"):
        go(classifier, dataset, tmp_path / "run", attacks=[strong], n=40, resume=True)


def test_a_model_that_gets_nothing_right_is_refused(net: Any, dataset: Dataset, tmp_path: Path) -> None:
    images = dataset.read(np.arange(40))
    wrong = (dataset.labels[:40] + 1) % 4
    flawless = Classifier(net, batch_size=16)
    keep = flawless.predict(images) == dataset.labels[:40]
    with pytest.raises(InputError, match="classifies no image correctly"):
        go(flawless, Dataset.from_arrays(images[keep], wrong[keep]), tmp_path / "run", n=None)


def test_noise_keeps_no_budget_of_its_own_beside_attacks(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="leave out its parameters"):
        go(classifier, dataset, tmp_path / "run", attacks=["fgsm", "noise(epsilon=0.001)"])
