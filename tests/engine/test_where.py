"""What a run says of places with confidence, recomputed from the reservoir that it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import go

import spatialstats
from spatialstats import kernels
from spatialstats.data import Dataset
from spatialstats.engine.config import Config
from spatialstats.engine.plan import derive_seed
from spatialstats.engine.setup import make_context
from spatialstats.engine.where import block_of, coarse, roa_share, spaced
from spatialstats.models import Classifier
from spatialstats.regions import clean
from spatialstats.stats import confidence_difference, confidence_mask, confidence_set, paired_test


@pytest.fixture(scope="module")
def kept(finished: spatialstats.Result) -> dict[str, np.ndarray]:
    """Masks and maps of the reservoir's images that have an RoA."""
    held, name = finished.reservoir, finished.results["attacks"][0]["name"]
    formed = held[f"{name}/formed"]
    shape = tuple(held["shape"])
    return {
        "roi": kernels.unpack(held["roi"][formed], shape),
        "roa": kernels.unpack(held[f"{name}/roa"][formed], shape),
    }


def test_confidence_sets_are_those_of_the_reservoir(
    finished: spatialstats.Result, kept: dict[str, np.ndarray]
) -> None:
    attack = finished.results["attacks"][0]
    name, where = attack["name"], attack["where"]
    seed = derive_seed(0, "where", name)
    wanted = {
        "roi": confidence_set(kept["roi"], 0.3, seed=seed),
        "roa": confidence_set(kept["roa"], 0.2, seed=seed),
        "neutralizable": confidence_difference(kept["roa"], kept["roi"], 0.2, 0.3, seed=seed),
    }
    assert where["n"] == len(kept["roi"]) > 10
    for key, of in wanted.items():
        assert np.array_equal(finished.maps[f"{name}/where_{key}"], of.grades)
        assert where[key]["n_certain"] == of.certain.sum()
        assert "does not say that a single image" in where[key]["sentence"]
    assert wanted["roa"].certain.any()


def test_attack_less_noise_is_that_of_the_reservoir(finished: spatialstats.Result) -> None:
    attack, noise = finished.results["attacks"]
    held = finished.reservoir
    shape = tuple(held["shape"])
    masks = [kernels.unpack(held[f"{of['name']}/candidate"], shape) for of in (attack, noise)]
    there = masks[0].any((1, 2)) & masks[1].any((1, 2))
    stacks = [of[there] - of[there].mean((1, 2), keepdims=True) for of in masks]
    found = attack["beyond_noise"]
    assert found["n"] == there.sum()
    shown = finished.maps[f"{attack['name']}/beyond_noise"]
    np.testing.assert_allclose(shown, stacks[0].mean(0) - stacks[1].mean(0), atol=1e-6)
    assert abs(shown.mean()) < 1e-6  # it says where, not how much
    seed = derive_seed(0, "beyond noise", attack["name"])
    for key, statistic in (("max_t", "max-t"), ("tfce", "tfce")):
        test = paired_test(*stacks, statistic=statistic, n_resamples=99, seed=seed)  # type: ignore[arg-type]
        assert test.p is not None
        np.testing.assert_allclose(finished.maps[f"{attack['name']}/beyond_noise_p_{key}"], test.p, atol=1e-6)
        assert found[key]["design"] == "sign-flip"
        assert "symmetry" in found[key]
    assert "not of that pixel" in found["tfce"]["sentence"]
    assert "where" not in noise  # a control has no places of its own


def test_the_page_draws_three_grades_and_the_contrast(finished: spatialstats.Result) -> None:
    said = finished.report.read_text()
    assert said.count('class="graded') == 3
    assert "Where, with confidence" in said
    assert "of an area as a whole, not of a place in it" in said
    assert "Controls: the same number where nothing is looked at" in said
    assert {"where.svg", "controls.svg"} <= {p.name for p in (finished.path / "figures").iterdir()}


def test_controls_stand_beside_the_effect(finished: spatialstats.Result) -> None:
    attack = finished.results["attacks"][0]
    rows = attack["controls"]["rows"]
    assert [row["key"] for row in rows] == ["this model", "edges", "random weights", "clipped noise"]
    swap = attack["colocation"]["effect"]
    assert attack["controls"]["n"] == swap["n"]
    n = swap["n"]
    assert rows[0]["effect"] == pytest.approx(swap["effect"] * n / (n - 1), abs=1e-10)
    noise = finished.results["attacks"][1]["colocation"]["effect"]
    assert rows[3]["effect"] == pytest.approx(noise["effect"] * noise["n"] / (noise["n"] - 1), abs=1e-10)
    assert attack["controls"]["left_out"] is None


def test_a_learnt_mask_may_be_a_confidence_set(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    result: Any = go(
        classifier,
        dataset,
        tmp_path / "run",
        attacks=["fgsm(epsilon=0.15)"],
        n=120,
        reservoir=120,
        prior="confidence",
        controls=False,
    )
    held = result.reservoir
    locate = (held["split"] == 0) & held["fgsm/formed"]
    shape = tuple(held["shape"])
    inside = kernels.unpack(held["fgsm/roa"][locate] & ~held["roi"][locate], shape)
    seed = derive_seed(0, "prior", "fgsm")
    wanted = clean(confidence_mask(inside, 0.0, relative=True, seed=seed), 1)
    assert np.array_equal(result.maps["fgsm/prior_mask"], wanted)
    assert "certain" in result.results["rules"]["prior"]
    with pytest.raises(spatialstats.InputError, match="rule of the learnt mask"):
        go(classifier, dataset, tmp_path / "other", prior="sure")


@pytest.mark.parametrize(
    ("attack", "settings", "wanted"),
    [
        ("fgsm", {}, 0.2),
        ("fgsm", {"roa": "otsu"}, None),
        ("fgsm", {"attack_map": "frequency"}, None),
        ("patch(side=0.25)", {}, 16 / 256),
        ("patch(side=0.25)", {"attack_map": "frequency"}, 16 / 256),
        ("patch(side=0.75)", {"roa": 0.1}, 0.1),
        ("sparse(pixels=8)", {}, 8 / 256),
    ],
)
def test_the_threshold_is_known_before_a_map_is_seen(
    classifier: Classifier, dataset: Dataset, attack: str, settings: Any, wanted: float | None
) -> None:
    config = Config(attacks=(attack,), controls=False, n=20, **settings)
    context = make_context(config, dataset, classifier)
    assert roa_share(context, next(iter(context.attacks))) == wanted


def test_large_maps_are_averaged_over_blocks() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((3, 130, 100)) < 0.3
    assert (block_of((64, 64)), block_of((65, 20)), block_of((224, 224))) == (1, 2, 4)
    found = coarse(masks)
    assert found.shape == (3, 44, 34)
    assert found[1, 2, 3] == pytest.approx(masks[1, 6:9, 9:12].mean())
    assert found[2, 43, 33] == pytest.approx(masks[2, 129:, 99:].mean())
    small = masks[:, :20, :20]
    assert coarse(small) is small
    assert spaced(np.array([True, False, True, True, True]), 2).tolist() == [0, 4]


def test_where_the_kernels_ran_is_told_and_kept(finished: spatialstats.Result) -> None:
    made = finished.results["provenance"]
    assert made["backend"] == "cpu"
    assert made["backend_asked"] == "auto"
    assert made["backend_note"].startswith("kernels run on the CPU (--backend auto): ")
    assert "--backend auto" in finished.report.read_text()
