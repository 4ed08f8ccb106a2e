"""Two models or two attacks on the same images: pairing, the map of differences, the table, the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare_world import SIDE, write_run
from typer.testing import CliRunner

from spatialstats.cli import app
from spatialstats.comparison import compare
from spatialstats.engine.comparison.maps import FEWEST_HITS
from spatialstats.engine.comparison.pairing import pair, side
from spatialstats.errors import InputError
from spatialstats.report.compare import build_compare_report
from spatialstats.report.palette import LIGHT
from spatialstats.stats import paired_difference

DRAWS = {"n_resamples": 199}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    at = tmp_path_factory.mktemp("runs")
    order = np.random.default_rng(9).permutation(np.arange(20, 140)).tolist()
    return {
        "a": write_run(at / "a", list(range(120)), seed=1, model="net-a", bump=4.0),
        "b": write_run(at / "b", order, seed=2, model="net-<b>"),
        "like a": write_run(at / "c", list(range(120)), seed=3, model="net-c"),
        "twin": write_run(at / "d", list(range(120)), seed=4, model="net-d"),
        "elsewhere": write_run(at / "e", list(range(500, 560)), seed=5, model="net-e"),
        "old": write_run(at / "f", list(range(90)), seed=6, model="net-f", digests=False),
        "few maps": write_run(at / "g", list(range(120)), seed=7, model="net-g", kept=8),
    }


@pytest.fixture(scope="module")
def found(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("out") / "a-b"
    return compare(runs["a"], runs["b"], out=out, command="spatialstats compare a b", **DRAWS), out


def test_images_are_paired_by_their_content_whatever_their_order(runs: dict[str, Path]) -> None:
    a, b = side(runs["a"], "pgd-linf"), side(runs["b"], "pgd-linf")
    pairing = pair(a, b)
    assert (pairing.n, pairing.n_a, pairing.n_b) == (100, 120, 120)
    np.testing.assert_array_equal(
        a.samples["index"].to_numpy()[pairing.a], b.samples["index"].to_numpy()[pairing.b]
    )
    assert "100 of 120 and 120" in pairing.sentence


def test_copies_of_an_image_are_paired_in_their_order(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", [7, 7, *range(100, 120)], seed=1, model="x")
    second = write_run(tmp_path / "b", [*range(100, 120), 7, 7, 7], seed=2, model="y")
    pairing = pair(side(first, "patch"), side(second, "patch"))
    assert pairing.n == 22
    assert dict(zip(pairing.a.tolist(), pairing.b.tolist(), strict=True))[1] == 21


def test_the_map_of_differences_finds_where_the_bump_is(found: tuple[Any, Path]) -> None:
    comparison, _ = found
    corner = np.zeros((SIDE, SIDE), bool)
    corner[: SIDE // 2, : SIDE // 2] = True
    above, below = comparison.sets
    assert comparison.test.significant[corner].all()
    assert (comparison.test.effect[corner] > 0).all()
    assert (comparison.test.effect[~corner] < 0).all()  # each image's damage is divided by its mean
    assert above.certain[corner].mean() > 0.9
    assert not above.certain[~corner].any()
    assert not below.certain[corner].any()
    assert above.confidence == below.confidence == 0.975
    assert "certain" in comparison.headline


def test_maps_are_of_the_shared_images_that_both_models_get_right(
    found: tuple[Any, Path], runs: dict[str, Path]
) -> None:
    comparison, _ = found
    tables = [pd.read_parquet(runs[name] / "samples.parquet").set_index("index") for name in "ab"]
    both = sorted(set(tables[0].index) & set(tables[1].index))
    right = [one.loc[both, "correct"].to_numpy() for one in tables]
    assert comparison.test.n == int((right[0] & right[1]).sum())
    with np.load(runs["a"] / "reservoir.npz") as held:
        damage = -held["pgd-linf/effect"].astype(np.float64)
    rows = comparison.maps()["images_a"]
    expected = (damage[rows] / damage[rows].mean((1, 2), keepdims=True)).mean(0)
    np.testing.assert_allclose(comparison.maps()["mean_a"], expected, rtol=1e-12)


def test_effects_are_paired_where_the_run_holds_each_image(
    found: tuple[Any, Path], runs: dict[str, Path]
) -> None:
    comparison, _ = found
    frame = comparison.to_frame().set_index("key")
    tables = [pd.read_parquet(runs[name] / "samples.parquet").set_index("index") for name in "ab"]
    both = [index for index in tables[0].index if index in tables[1].index]
    robust = [
        (one["correct"] & (one["pgd-linf.prediction"] == one["label"])).loc[both].to_numpy() for one in tables
    ]
    wanted = paired_difference(*robust)
    assert frame.loc["robust", ["difference", "low", "high"]].tolist() == pytest.approx(
        [wanted.value, wanted.low, wanted.high]
    )
    ok = tables[0].loc[both, "correct"].to_numpy() & tables[1].loc[both, "correct"].to_numpy()
    shares = []
    for one in tables:
        columns = one.loc[both].filter(like="pgd-linf.shapley").to_numpy()[ok]
        contested = one.loc[both, "pgd-linf.shapley.contested"].to_numpy()[ok]
        shares.append(contested.sum() / columns.sum())
    assert frame.loc["shapley.contested", ["a", "b"]].tolist() == pytest.approx(shares)
    assert frame.loc["shapley.contested", "n"] == ok.sum()
    assert frame["paired"].all()
    assert "npaired" not in comparison.sentence
    kept = [one.loc[both, "pgd-linf.ceiling.roa"].to_numpy() for one in tables]
    wanted = paired_difference(*kept)
    assert frame.loc["ceiling.roa", ["a", "b", "difference", "low", "high"]].tolist() == pytest.approx(
        [kept[0].mean(), kept[1].mean(), wanted.value, wanted.low, wanted.high]
    )
    assert frame.loc["lift_excess", "difference"] == pytest.approx(
        frame.loc["lift_excess", "a"] - frame.loc["lift_excess", "b"]
    )


def test_models_that_differ_in_nothing_differ_nowhere(runs: dict[str, Path]) -> None:
    comparison = compare(runs["like a"], runs["twin"], **DRAWS)
    assert not any(one.certain.any() for one in comparison.sets)
    assert comparison.test.min_p > 0.01
    assert "no difference" in comparison.headline
    assert "No pixel differs by more than 0.25 even spreads for certain" in comparison.headline


@pytest.mark.parametrize(
    ("kind", "statistic"),
    [
        ("effect", "fdr-bh"),
        ("energy", "cluster-mass"),
        ("energy", "tfce"),
        ("frequency", "max-t"),
        ("importance", "max-t"),
    ],
)
def test_every_map_and_statistic_gives_a_page(
    runs: dict[str, Path], tmp_path: Path, kind: str, statistic: Any
) -> None:
    comparison = compare(
        runs["a"], runs["b"], kind=kind, statistic=statistic, out=tmp_path / "x", n_resamples=49
    )
    assert statistic in (tmp_path / "x" / "report.html").read_text()
    held = json.loads((tmp_path / "x" / "results.json").read_text())
    assert held["map"]["kind"] == kind
    assert (comparison.test.p is None) == (statistic == "cluster-mass") == ("clusters" in comparison.maps())


def test_two_attacks_of_one_run(runs: dict[str, Path]) -> None:
    comparison = compare(runs["a"], attacks=("pgd-linf", "patch"), **DRAWS)
    assert comparison.names == ("PGD-LINF", "PATCH")
    assert comparison.common == "net-a"
    assert comparison.pairing.n == 120
    assert "clean" not in comparison.to_frame()["key"].tolist()  # it is the same model
    assert comparison.test.effect[: SIDE // 2, : SIDE // 2].min() > 0


def test_a_pixel_that_hardly_any_image_has_is_never_certain(tmp_path: Path, runs: dict[str, Path]) -> None:
    other = write_run(tmp_path / "r", list(range(120)), seed=8, model="net-r")
    with np.load(other / "reservoir.npz") as stored:
        held = {name: stored[name] for name in stored.files}
    held["pgd-linf/effect"][:, 0, 0] = 0
    held["pgd-linf/effect"][: FEWEST_HITS - 1, 0, 0] = -0.5
    np.savez(other / "reservoir.npz", **held)
    comparison = compare(runs["like a"], other, **DRAWS)
    assert not any(one.certain[0, 0] for one in comparison.sets)
    assert all(one.possible[0, 0] for one in comparison.sets)
    assert f"fewer than {FEWEST_HITS} images" in comparison.sets[0].sentence


def test_the_first_numbers_do_not_depend_on_what_is_written(runs: dict[str, Path], tmp_path: Path) -> None:
    one = compare(runs["a"], runs["b"], seed=3, **DRAWS)
    two = compare(runs["a"], runs["b"], seed=3, out=tmp_path / "x", **DRAWS)
    assert one.to_dict() == two.to_dict()
    stored = json.loads((tmp_path / "x" / "results.json").read_text())
    stored.pop("provenance")
    assert stored == one.to_dict()


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("a",), {}, "one run alone is compared by two of its attacks"),
        (("a",), {"attacks": ("patch", "patch")}, "two of its attacks"),
        (("a", "elsewhere"), {}, "share 0"),
        (("a", "old"), {}, "kept no hash"),
        (("a", "few maps"), {}, "only .* of the 8 shared images"),
        (("a", "b"), {"kind": "heat"}, "unknown map 'heat'"),
        (("a",), {"attacks": ("pgd-linf", "patch"), "kind": "importance"}, "one and the same importance map"),
        (("a", "b"), {"attacks": ("fgsm",)}, "unknown attack"),
        (("a", "b"), {"attacks": ("patch",) * 3}, "got 3 attacks"),
        (("a", "b"), {"margin": -1.0}, "margin must be"),
        (("a", "b"), {"statistic": "t"}, "unknown statistic"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    runs: dict[str, Path], arguments: tuple[str, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compare(*(runs[name] for name in arguments), **settings)


def test_other_labels_of_shared_images_are_refused(tmp_path: Path, runs: dict[str, Path]) -> None:
    other = write_run(tmp_path / "x", list(range(120)), seed=8, model="net-x")
    table = pd.read_parquet(other / "samples.parquet")
    table.loc[3, "label"] = 99
    table.to_parquet(other / "samples.parquet", index=False)
    with pytest.raises(InputError, match="1 of their 120 shared images different labels"):
        compare(runs["a"], other)


def test_runs_without_hashes_of_one_set_are_paired_by_row(tmp_path: Path) -> None:
    pair_of = [
        write_run(tmp_path / name, list(range(60)), seed=i, model=name, digests=False)
        for i, name in enumerate("xy")
    ]
    comparison = compare(*pair_of, n_resamples=19)
    assert comparison.pairing.how == "their row in one and the same set of images"


def test_the_folder_holds_what_is_promised(found: tuple[Any, Path]) -> None:
    _, out = found
    assert {file.name for file in out.iterdir()} == {
        "report.html",
        "results.json",
        "maps.npz",
        "effects.csv",
        "figures",
    }
    names = {f"{name}.{kind}" for name in ("difference", "effects") for kind in ("svg", "png")}
    assert {file.name for file in (out / "figures").iterdir()} == names
    page = (out / "report.html").read_text()
    assert "net-&lt;b&gt;" in page
    assert "net-<b>" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert len(page) < 300_000
    again = page
    assert build_compare_report(out).read_text() == again


def test_a_defended_accuracy_never_stands_alone(found: tuple[Any, Path]) -> None:
    _, out = found
    row = json.loads((out / "results.json").read_text())["defended"][0]
    for key in "ab":
        assert {"clean", "clean_neutralized", "ceiling", "swapped", "neutralized"} <= set(row[key])
    assert row["static"]
    page = (out / "report.html").read_text()
    assert "Static: no robustness claim." in page
    assert "knowledge: RoI oracle, RoA oracle, labels used; no defence could have it" in page


def test_defended_accuracies_are_paired_on_the_shared_images_of_the_report_split(
    found: tuple[Any, Path], runs: dict[str, Path]
) -> None:
    comparison, out = found
    tables = [pd.read_parquet(runs[name] / "samples.parquet").set_index("index") for name in "ab"]
    both = [i for i in tables[0].index if i in tables[1].index and tables[0].loc[i, "split"] == 2]
    hits = [one.loc[both, "pgd-linf.defended.roa.neutralized"].to_numpy(bool) for one in tables]
    wanted, row = paired_difference(*hits), comparison.defended[0]["difference"]
    assert (row["n"], row["paired"]) == (len(both), True)
    assert [row["difference"], row["low"], row["high"]] == pytest.approx(
        [wanted.value, wanted.low, wanted.high]
    )
    assert f"image by image, n = {len(both)}" in (out / "report.html").read_text()


def test_what_an_older_run_does_not_keep_one_by_one_is_called_unpaired(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    older = write_run(tmp_path / "older", list(range(120)), seed=11, model="net-o", one_by_one=False)
    comparison = compare(runs["a"], older, out=tmp_path / "out", n_resamples=19)
    frame = comparison.to_frame().set_index("key")
    assert frame["paired"].to_dict() == {key: not key.startswith("ceiling") for key in frame.index}
    assert "Unpaired, since a run of an earlier version keeps no value of each image" in comparison.sentence
    assert not comparison.defended[0]["difference"]["paired"]
    assert ", unpaired, n = " in (tmp_path / "out" / "report.html").read_text()


def test_the_command_prints_the_sentence_or_json(runs: dict[str, Path], tmp_path: Path) -> None:
    run = CliRunner().invoke
    arguments = ["compare", str(runs["a"]), str(runs["b"]), "--n-resamples", "49", "--map", "energy"]
    done = run(app, [*arguments, "--out", str(tmp_path / "x")])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("net-a against net-<b> (PGD-LINF): ")
    done = run(app, [*arguments, "--out", str(tmp_path / "y"), "--json"])
    assert json.loads(done.stdout)["kind"] == "comparison"
    again = run(app, [*arguments, "--out", str(tmp_path / "y")])
    assert isinstance(again.exception, InputError)
    assert "holds other files" in str(again.exception)
    assert run(app, ["report", str(tmp_path / "x")]).exit_code == 0


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(
    visit: Any, found: tuple[Any, Path], width: int, height: int, scheme: str
) -> None:
    page = visit(found[1] / "report.html", width, height, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").inner_text().startswith("net-a against net-<b>")
    for part in ("#difference", "#means", "#effects"):
        box = page.locator(part).bounding_box()
        assert box["x"] + box["width"] <= width
        if width == 1366:
            assert box["y"] + box["height"] <= height
    marks = page.locator(".difference .signs")
    assert marks.is_visible()
    page.locator("#signs").uncheck()
    assert not marks.is_visible()
    ink = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--contested')")
    assert (ink.strip() == LIGHT["contested"]) == (scheme == "light")
