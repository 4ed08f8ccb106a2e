"""`defend` on a small world: what it writes, that a cut-off run goes on, and that nothing is shown alone."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spatialstats.data import Dataset
from spatialstats.defence.adaptive.suite import LABELS
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.defence import Defence
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.defence.registry import get_defence
from spatialstats.engine.defences import forecast as forecasts
from spatialstats.engine.defences import units as engine
from spatialstats.engine.defences.build import complete, static_attack
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.defences.run import Evaluation, defend
from spatialstats.engine.defences.static import located, static_rows
from spatialstats.engine.defences.store import Store
from spatialstats.engine.defences.units import certifier
from spatialstats.engine.defences.words import headline
from spatialstats.engine.files import read_arrays
from spatialstats.engine.progress import Silent
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.report.defence_figures import write_defence_figures
from spatialstats.report.defences import attack_rows, build_defence_report

SETTINGS: dict[str, Any] = {
    "dataset": "in memory",
    "defences": ("neutralize", "patchcleanser(per_axis=2)"),
    "threats": ("patch:3x3",),
    "n": 20,
    "adaptive": 6,
    "chunk_size": 8,
    "batch_size": 16,
}


def evaluation(classifier: Classifier, dataset: Dataset, **changed: Any) -> Evaluation:
    config = DefendConfig.of_effort("quick", **{**SETTINGS, **changed})
    return Evaluation.of(config, dataset, classifier, Silent())


@pytest.fixture(scope="module")
def folder(net: torch.nn.Module, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation that nothing cut off."""
    classifier = Classifier(net, batch_size=16, name="blobs")
    return defend(evaluation(classifier, dataset), tmp_path_factory.mktemp("defend") / "run")


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def timeless(results: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two processes that do the same."""
    kept = json.loads(json.dumps(results))
    kept.pop("provenance")
    for cell in kept["cells"]:
        cell.pop("latency_s")
        cell.pop("undefended_latency_s")
    return dict(kept)


def test_no_defended_number_stands_alone(folder: Path) -> None:
    results = results_of(folder)
    assert [cell["spec"] for cell in results["cells"]] == [
        "neutralize(locator=prior(attack=patch))",
        "patchcleanser(per_axis=2, patch=3)",
    ]
    for cell in results["cells"]:
        adaptive, static = cell["adaptive"], cell["static"]
        assert cell["knowledge"]["roa"] in ("prior", "blind")
        assert static["claim"] == "static: no robustness claim"
        for interval in (adaptive["worst_case"], adaptive["clean"], static["static"], static["clean"]):
            assert interval["low"] <= interval["value"] <= interval["high"]
            assert interval["n"] in (6, 20)
        assert adaptive["worst_case"]["value"] <= adaptive["clean"]["value"]
        for one in adaptive["attacks"].values():
            assert one["skipped"] or one["robust_accuracy"]["value"] >= adaptive["worst_case"]["value"]
        worst = f"{100 * adaptive['worst_case']['value']:.1f} %"
        assert cell["sentence"].index(worst) < cell["sentence"].index("did not know of it")
    neutralized, cleansed = results["cells"]
    assert neutralized["static"]["ceiling"] is not None
    assert neutralized["static"]["blob"] is not None
    assert neutralized["static"]["swapped"] is None  # one mask for every image: nothing to swap
    assert neutralized["certified"] is None
    chunks = sorted(folder.glob("units/certified/**/*.npz"))
    certified = np.concatenate([read_arrays(chunk)["certified"] for chunk in chunks])
    worst = np.asarray(cleansed["adaptive"]["images"]["worst"], bool)
    assert len(certified) == 20
    assert certified[: len(worst)].any()
    assert not (certified[: len(worst)] & ~worst).any()
    assert "(RoI prior, RoA prior)" in neutralized["sentence"]
    assert "over a blob of equal area" in neutralized["sentence"]
    assert results["headline"].startswith("Too weak to conclude")
    assert results["headline"].count("Against 3x3 patch anywhere,") == 1


def test_an_evaluation_that_was_cut_off_goes_on_to_the_same_results(
    folder: Path, classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Impatient(Silent):
        def say(self, text: str) -> None:
            asked.append(text)
            if len(asked) == 5:
                raise KeyboardInterrupt

    first = evaluation(classifier, dataset)
    cut = Evaluation(first.config, classifier, first.report, first.locate, Impatient())
    with pytest.raises(KeyboardInterrupt):
        defend(cut, tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()
    done = set((tmp_path / "run" / "units").rglob("*.json"))
    assert done
    before = {path: path.stat().st_mtime_ns for path in done}
    defend(evaluation(classifier, dataset), tmp_path / "run", resume=True)
    kept = [path for path in done if path.name != "time.json"]
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)  # nothing was done twice
    assert timeless(results_of(tmp_path / "run")) == timeless(results_of(folder))


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def told(first: Evaluation, out: Path, *, resume: bool = False) -> list[str]:
    heard = Heard()
    defend(replace(first, progress=heard), out, resume=resume)
    return heard.said


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever is timed takes 10 minutes; which cells were measured."""
    measured: list[str] = []
    true = forecasts.estimate

    def estimated(defence: Defence, *arguments: Any, **options: Any) -> Any:
        measured.append(defence.name)
        return true(defence, *arguments, **options)

    estimates = sys.modules["spatialstats.defence.adaptive.estimate"]
    monkeypatch.setattr(estimates, "_timed", lambda call, device: 600.0)
    monkeypatch.setattr(forecasts, "attack_seconds", lambda *_: 600.0)
    monkeypatch.setattr(forecasts, "estimate", estimated)
    return measured


def test_the_forecast_comes_first_and_counts_static_certified_and_adaptive_work(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, slow: list[str]
) -> None:
    said = told(evaluation(classifier, dataset, defences=("patchcleanser(per_axis=2)",)), tmp_path / "run")
    assert said[0].startswith("1 cell (defence x threat), 20 images, 6 of them attacked adaptively: about ")
    # A pass of one image takes 600 s / 6; chunks of 8, 8 and 4 images fill a micro-batch each.
    hours, pass_ = 3600, 600 / 6
    static = 3 * 16 * (600 + 2 * pass_ + 3 * pass_ + 3 * pass_) / hours
    certificates = 20 * 4 * 5 / 2 * pass_ / hours
    assert f"static {static:.1f} hours, certificates {certificates:.1f} hours, adaptive " in said[0]
    assert slow == ["patchcleanser"]
    skipped = {name for name, one in results_of(tmp_path / "run")["cells"][0]["adaptive"]["attacks"].items()
               if one["skipped"]}  # fmt: skip
    assert skipped
    for name in skipped:
        assert not any(LABELS[name] in text for text in said), f"{name} has nothing to attack, but was told"
    assert any(LABELS["white-box"] in text for text in said)


def test_cells_that_are_done_are_neither_measured_nor_made_again(
    folder: Path, classifier: Classifier, dataset: Dataset, tmp_path: Path, slow: list[str]
) -> None:
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    said = told(evaluation(classifier, dataset), tmp_path / "run", resume=True)
    assert said == ["all 2 cells (defence x threat) are done: they are but put together."]
    assert slow == []
    assert timeless(results_of(tmp_path / "run")) == timeless(results_of(folder))
    # With one cell gone, that one is done again, from what its units hold.
    (tmp_path / "run" / "results.json").unlink()
    (cell,) = (tmp_path / "run" / "units" / "cells").glob("patchcleanser*/*.json")
    cell.unlink()
    said = told(evaluation(classifier, dataset), tmp_path / "run", resume=True)
    assert slow == ["patchcleanser"]
    assert "1 cell (defence x threat); 1 of 2 are done, " in said[0]
    assert "static" not in said[0]
    assert "certificates" not in said[0]
    assert len(said) == 1  # no attack was made again
    assert timeless(results_of(tmp_path / "run")) == timeless(results_of(folder))


def cell(threat: str, label: str, worst: float, gain: float, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    interval = {"value": worst, "low": worst - 0.1, "high": worst + 0.1}
    adaptive = {"worst_case": interval, "undefended_worst_case": interval, "n": 50, "flags": flags,
                "gain_over_no_defence": {"low": gain, "high": gain + 0.15}}  # fmt: skip
    return {"threat": threat, "threat_text": threat, "label": label, "adaptive": adaptive, "certified": None}


def test_the_headline_never_compares_threats() -> None:
    cells = [
        cell("linf", "JPEG", 0.9, 0.1),
        cell("linf", "blur", 0.2, -0.1),
        cell("patch", "JPEG", 0.3, -0.1),
    ]
    text = headline(cells, conclusive=True)
    first, second = re.findall(r"Against \w+,.*?; [^.;]*\.", text)
    assert "Against linf" in first
    assert "best of 2 defences (JPEG) keeps 90.0 %" in first
    assert "1 of 2 do better" in first
    assert "Against patch" in second
    assert "JPEG keeps 30.0 %" in second
    assert "no gain over no defence is shown" in second
    assert "it does worse than no defence, beyond chance" in headline([cell("linf", "JPEG", 0.2, -0.2)], True)
    harmed = headline([*cells[:2], cell("linf", "oddr", 0.1, -0.2)], conclusive=True)
    assert "1 of 3 do better than no defence, 1 worse, beyond chance, not corrected" in harmed
    # The worst cases of one threat change nothing of what is said of another.
    assert second in headline(cells[2:], conclusive=True)


def test_a_gain_counts_only_where_the_attack_converged() -> None:
    doubted = cell("linf", "oddr", 0.9, 0.1, ("not converged: twice the budget lowers ...",))
    alone = headline([doubted], conclusive=True)
    assert "oddr keeps 90.0 %" in alone
    assert "no gain over no defence is shown (an apparent gain does not count: its attack has not" in alone
    assert "better" not in alone
    assert "1 of 1 worst cases carry a caution" in alone
    among = headline([doubted, cell("linf", "blur", 0.2, 0.05), cell("linf", "JPEG", 0.4, -0.05)], True)
    assert "JPEG, the best of the 2 of 3 defences whose number counts, keeps 40.0 %" in among
    assert "1 of 3 do better than no defence" in among
    single = headline([doubted, doubted, cell("linf", "blur", 0.2, -0.05)], conclusive=True)
    assert "blur, the only one of 3 defences whose number counts, keeps 20.0 %" in single
    assert "2 apparent gains do not count: their attacks" in single
    # What stands above the others for a caution alone is no best, shown gain or not.
    assert "blur, the only one" in headline(
        [cell("linf", "oddr", 0.9, -0.05, ("too weak",)), cell("linf", "blur", 0.2, 0.05)], True
    )
    # A loss is told all the same, led by the caution.
    lost = headline([cell("linf", "oddr", 0.2, -0.2, ("too weak to conclude",))], conclusive=False)
    assert lost.startswith("Too weak to conclude.")
    assert "it does worse than no defence" in lost


@pytest.mark.parametrize(
    ("placements", "low", "better"), [(1, 0.4, True), (0.8, 0.4, False), (1, 0.2, False)]
)
def test_a_proven_gain_needs_no_attack(placements: float, low: float, better: bool) -> None:
    one = cell("patch", "PatchCleanser", 0.6, 0.1, ("too weak to conclude",))
    one["adaptive"]["undefended_worst_case"] = {"value": 0.2, "low": 0.1, "high": 0.3}
    one["certified"] = {"placements": placements, "certified": {"value": 0.5, "low": low, "high": 0.6}}
    assert ("it does better than no defence" in headline([one], conclusive=True)) == better


def test_the_report_counts_what_twice_the_budget_broke() -> None:
    share = {"value": 0.25, "low": 0.1, "high": 0.4}
    one = {"skipped": None, "robust_accuracy": share, "tried": {"mean": 5}, "gradients": {"mean": 0}}
    left = {"square": 0.2, "decoy": 0.1}
    adaptive = {
        "attacks": dict.fromkeys(("noise", "square", "decoy"), one),
        "doubled": {name: {"robust_accuracy": share | {"value": value}} for name, value in left.items()},
        "worst_case_before_doubling": share | {"value": 0.2, "n": 20},
        "randomized": False,
    }
    assert [row["doubled"] for row in attack_rows(adaptive)] == ["", "0", "2"]
    assert {row["doubled"] for row in attack_rows(adaptive | {"randomized": True})} == {""}


def test_a_folder_of_other_settings_is_refused(
    folder: Path, classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds another evaluation of defences"):
        defend(evaluation(classifier, dataset), folder)
    with pytest.raises(InputError, match=r"other settings.*seed: 0, 1"):
        defend(evaluation(classifier, dataset, seed=1), folder, resume=True)
    with pytest.raises(InputError, match="holds no evaluation of defences"):
        Store(tmp_path).request()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"defences": ("neutralise",)}, "did you mean 'neutralize'"),
        ({"defences": ("jpeg(qualty=3)",)}, "did you mean 'quality'"),
        ({"threats": ("linf=8/255",)}, "a threat is written"),
        ({"threats": ("patch:99x99",)}, "does not fit"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_anything_is_written(
    changed: dict[str, Any], sentence: str, classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        defend(evaluation(classifier, dataset, **changed), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_static_rows_are_what_their_names_say(classifier: Classifier, dataset: Dataset) -> None:
    rows = np.arange(24)
    x, y = dataset.read(rows), dataset.labels[rows]
    attacked = np.clip(x + np.random.default_rng(0).normal(0, 0.2, x.shape), 0, 1).astype(np.float32)
    defence = get_defence("neutralize(locator=frequency, fill=constant)", classifier)
    found = static_rows(defence, classifier, x, y, attacked, seed=3)
    masks = located(defence, classifier, attacked)
    assert masks.any()
    assert masks.sum((1, 2)).max() < masks[0].size
    hidden = masks[:, None]
    np.testing.assert_allclose(found["area"], masks.mean((1, 2)))
    np.testing.assert_array_equal(
        found["static"], classifier.predict(np.where(hidden, np.float32(0.5), attacked)) == y
    )
    np.testing.assert_array_equal(found["ceiling"], classifier.predict(np.where(hidden, x, attacked)) == y)
    np.testing.assert_array_equal(found["clean"], as_classifier(defence).predict(x) == y)
    assert {"swapped", "blob"} < found.keys()
    bare = static_rows(get_defence("none", classifier), classifier, x, y, attacked, seed=3)
    assert bare.keys() == {"clean", "static"}


def test_a_contradicted_certificate_stops_the_evaluation(
    classifier: Classifier, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = engine.certify

    def lying(*arguments: Any) -> Any:
        found = true(*arguments)
        found.certified[:] = True
        return found

    monkeypatch.setattr(engine, "certify", lying)
    settings = {"defences": ("patchcleanser(per_axis=2)",), "threats": ("patch:6x6",)}
    with pytest.raises(RuntimeError, match="certified and were broken"):
        defend(evaluation(classifier, dataset, **settings), tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()


@pytest.mark.parametrize(
    ("spec", "threat", "whole"),
    [
        ("neutralize", "linf:8/255", "neutralize(locator=prior(attack=pgd-linf))"),
        ("neutralize(fill=inpaint)", "l2:0.5", "neutralize(fill=inpaint, locator=prior(attack=pgd-l2))"),
        ("neutralize(locator=occluded)", "patch:5x5", "neutralize(locator=occluded)"),
        (
            "neutralize(locator=prior(per_class=true))",
            "patch:5x5",
            "neutralize(locator=prior(per_class=True, attack=patch))",
        ),
        ("neutralize(locator=prior(attack=fgsm))", "patch:5x5", "neutralize(locator=prior(attack=fgsm))"),
        ("patchcleanser", "patch:7x7", "patchcleanser(patch=7)"),
        ("patchcleanser(patch=3)", "patch:7x7", "patchcleanser(patch=3)"),
        ("patchcleanser", "linf:8/255", "patchcleanser"),
        ("oddr", "patch:5x5", "oddr"),
    ],
)
def test_what_a_specification_leaves_open_is_taken_from_the_threat(
    spec: str, threat: str, whole: str
) -> None:
    assert complete(spec, Threat.parse(threat)) == whole


@pytest.mark.parametrize(("patch", "proves"), [(3, False), (5, True), (6, True), ((5, 4), False)])
def test_masks_for_a_smaller_patch_prove_nothing_against_a_larger_one(
    classifier: Classifier, patch: Any, proves: bool
) -> None:
    defence = PatchCleanser(classifier, patch=patch)
    assert (certifier(defence, Threat.parse("patch:5x5")) is defence) == proves
    assert certifier(defence, Threat.parse("linf:8/255")) is None


def test_the_static_attack_has_the_budget_of_the_threat() -> None:
    shape = (3, 32, 32)
    for text in ("linf:8/255", "l2:0.5", "patch:5x5"):
        threat = Threat.parse(text)
        assert static_attack(threat, shape).budget == threat.budget(shape)


def test_images_are_split_by_content_and_drawn_in_a_seeded_order(
    classifier: Classifier, dataset: Dataset
) -> None:
    found, again = (evaluation(classifier, dataset) for _ in range(2))
    assert found.report.fingerprint == again.report.fingerprint
    assert not set(found.report.digests()) & set(found.locate.digests())
    assert evaluation(classifier, dataset, seed=9).report.digests() != found.report.digests()
    with pytest.raises(InputError, match="pass more images"):
        evaluation(classifier, dataset.subset([0, 1]))


def test_the_report_shows_the_checklist_of_every_cell(folder: Path) -> None:
    page = html.unescape(build_defence_report(folder).read_text())
    for cell in results_of(folder)["cells"]:
        assert "outputs are logits" in [one["name"] for one in cell["checklist"]]
        assert all(one["flag"] in (True, False, None) for one in cell["checklist"])
        flagged = sum(bool(one["flag"]) for one in cell["checklist"])
        assert f"Checklist: {flagged} of {len(cell['checklist'])} flagged" in page
        for one in cell["checklist"]:
            assert f"{one['name']}: {one['evidence']}" in page


def test_the_report_holds_every_cell_and_asks_for_nothing_outside(folder: Path) -> None:
    page = build_defence_report(folder).read_text()
    for cell in results_of(folder)["cells"]:
        assert cell["spec"] in page
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", page)
    assert "no robustness claim" in page
    written = {path.name for path in write_defence_figures(folder)}
    assert {"accuracies.svg", "accuracies.png", "defences.csv"} <= written
    with pytest.raises(InputError, match="holds no complete evaluation of defences"):
        build_defence_report(folder / "units")
