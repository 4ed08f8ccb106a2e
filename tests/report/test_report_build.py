"""Building the report: whole runs, partial runs, odd runs, none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape
from synthetic import edit, make_run

from spatialstats.errors import InputError
from spatialstats.report import build_report, text, write_figures
from spatialstats.report.run import load_run


def page_of(path: Path) -> str:
    return build_report(path).read_text(encoding="utf-8")


def test_report_is_one_small_file_without_outside_references(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert report.stat().st_size < 1_000_000
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "default-src 'none'" in page


def test_large_noisy_pictures_stay_far_below_six_megabytes(large_report: Path) -> None:
    assert large_report.stat().st_size < 5_000_000


def test_same_run_gives_the_same_page(run_dir: Path) -> None:
    assert page_of(run_dir) == page_of(run_dir)


def test_no_temporary_file_is_left_behind(run_dir: Path, report: Path) -> None:
    assert not [entry for entry in run_dir.iterdir() if entry.name.startswith(".")]


def test_static_results_are_called_no_robustness_claim(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert "A static result is no robustness claim." in page
    assert "no robustness claim</li>" in page


def test_headline_attack_is_the_one_shown_first(tmp_path: Path) -> None:
    def prefer(results: dict[str, Any]) -> None:
        results["headline"]["attack"] = "patch"

    assert '<body data-attack="a2"' in page_of(edit(make_run(tmp_path), prefer))


def test_one_attack_needs_no_tabs(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, attacks=("pgd-l2",)))
    assert 'role="tablist"' not in page
    assert "PGD L2 0.5" in page


def test_only_noise_still_makes_a_report(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, attacks=("noise",)))
    assert "No region of attack for Uniform noise" in page
    assert "This run evaluated no neutralization" in page


def test_grey_pictures_are_drawn(tmp_path: Path) -> None:
    assert "data:image/png" in page_of(make_run(tmp_path, channels=1))


def test_run_without_maps_or_examples_says_so(tmp_path: Path) -> None:
    path = make_run(tmp_path, attacks=("patch",))
    (path / "maps.npz").unlink()
    (path / "examples.npz").unlink()
    page = page_of(path)
    assert "This run kept no example images." in page
    assert 'id="densities"' not in page
    assert len(write_figures(path)) == 10


def test_run_with_every_optional_part_missing_is_readable(tmp_path: Path) -> None:
    def strip(results: dict[str, Any]) -> None:
        for attack in results["attacks"]:
            for name in ("segments", "ceilings", "ladder"):
                attack[name] = None
            attack["colocation"] = {"effect": None, "energy": None}
            for name in ("sensitivity", "regions", "neutralization", "fills"):
                attack[name] = []
        results["headline"] = None
        results["provenance"] = {}
        results["examples"] = []

    page = page_of(edit(make_run(tmp_path), strip))
    assert "No attack of this run formed a region of attack." in page


def test_attack_maps_other_than_effect_are_named(tmp_path: Path) -> None:
    def rename(results: dict[str, Any]) -> None:
        for attack in results["attacks"]:
            attack["colocation"] = {"frequency": attack["colocation"]["effect"]}

    page = page_of(edit(make_run(tmp_path), rename))
    assert "frequency map +0.28" in page
    assert '<i class="dot"></i> frequency map,' in page
    assert '<i class="dot"></i> effect map' not in page


def test_number_of_images_counts_all_and_names_the_report_split(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert "<span>n</span> 1,000 images (600 in the report split)</li>" in page


def test_a_note_on_a_test_is_marked_and_told(tmp_path: Path) -> None:
    def note(results: dict[str, Any]) -> None:
        results["attacks"][0]["colocation"]["effect"]["note"] = "stands in as a control"

    page = page_of(edit(make_run(tmp_path), note))
    assert "+0.28†" in page
    assert "† PGD L∞ 8/255: stands in as a control." in page


def test_labels_of_many_attacks_are_wrapped_and_not_cut(tmp_path: Path) -> None:
    label = "Noise patch 15.6 % of the side"

    def crowd(results: dict[str, Any]) -> None:
        noise = results["attacks"][-1]
        results["attacks"] += [dict(noise, name=f"noise-{k}", label=label) for k in range(4)]

    page = page_of(edit(make_run(tmp_path), crowd))
    assert page.count(">Noise patch</text>") == 4
    assert page.count(">15.6 % of the side</text>") == 4


def test_an_accuracy_above_its_ceiling_is_marked_and_told(tmp_path: Path) -> None:
    def raise_one(results: dict[str, Any]) -> None:
        row = results["attacks"][1]["neutralization"][0]
        row["neutralized"]["value"], row["ceiling"]["value"] = 0.182, 0.12
        row["gain_over_ceiling"] = {"value": 0.062, "low": 0.021, "high": 0.105, "n": 600}

    assert "‡" not in page_of(make_run(tmp_path / "plain"))
    page = page_of(edit(make_run(tmp_path / "run"), raise_one))
    assert "18.2\u202f%‡" in page
    said = (
        "‡ PGD L2 0.5, RoA − RoI: 18.2\u202f% lies above the ceiling of 12.0\u202f%, "
        "by 6.2 [2.1, 10.5] points. The restored pixels do not explain the excess; "
        "compare the scattered control (scattered pixels: 5.4\u202f%)."
    )
    assert page.count(said) == 1


def test_masks_that_need_the_clean_image_are_no_defence(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, attacks=("pgd-l2",)))
    assert page.count(">analysis: needs the clean image</span>") == 2
    assert page.count(">deployable</span>") == 1

    def forget(results: dict[str, Any]) -> None:
        for row in results["attacks"][0]["neutralization"]:
            del row["deployable"], row["scattered"], row["gain_over_scattered"], row["gain_over_ceiling"]

    old = page_of(edit(make_run(tmp_path / "old", attacks=("pgd-l2",)), forget))
    assert old.count(">analysis: needs the clean image</span>") == 2


def test_rules_reservoir_and_resumed_processes_are_told(tmp_path: Path) -> None:
    def tell(results: dict[str, Any]) -> None:
        results["rules"] = {"roi": "above Otsu's threshold", "roa": "top 20 %"}
        results["data"]["reservoir"] = 2000
        results["data"]["classes_note"] = "Densities do not tell classes apart: too many."
        results["provenance"]["time"]["processes"] = 3

    page = page_of(edit(make_run(tmp_path), tell))
    assert "RoI above Otsu&#39;s threshold, RoA top 20 %" in page
    assert "of 2,000 images, in <code>reservoir.npz</code>" in page
    assert "Densities do not tell classes apart: too many." in page
    assert "3 processes" in page


def test_regions_of_importance_stand_with_every_attack(tmp_path: Path) -> None:
    def share(results: dict[str, Any]) -> None:
        row = dict(results["attacks"][0]["regions"][0], mask="roi", area=4321)
        results["regions"] = [row]

    assert page_of(edit(make_run(tmp_path), share)).count("4,321") == 3


def test_many_classes_offer_the_largest_only(tmp_path: Path) -> None:
    path = make_run(tmp_path, attacks=("pgd-linf",), classes=tuple(f"class {k}" for k in range(120)), size=8)
    with np.load(path / "maps.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    arrays["class_count"] = np.where(np.arange(120) % 2 == 0, 5 + np.arange(120), 0)
    np.savez_compressed(path / "maps.npz", **arrays)
    page = page_of(path)
    options = re.findall(r'<option value="\d+">(class \d+) \(', page)
    assert options == [f"class {k}" for k in range(40, 120, 2)]
    assert "20 more are in" in page


def test_outcomes_that_no_image_had_are_not_offered(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    with np.load(path / "maps.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    for name, values in arrays.items():
        if name.endswith("_by_outcome"):
            values[0] = np.nan
    np.savez_compressed(path / "maps.npz", **arrays)
    page = page_of(path)
    assert ">misclassified</option>" not in page
    assert ">succeeded</option>" in page


def test_missing_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a run directory with a results\.json"):
        build_report(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "expected JSON"), (json.dumps({"schema": 9}), "schema 1, got 9"), ("[]", "got None")],
)
def test_unreadable_results_are_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        build_report(tmp_path)


def test_truncated_maps_are_one_sentence(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    (path / "maps.npz").write_bytes((path / "maps.npz").read_bytes()[:500])
    with pytest.raises(InputError, match=r"maps\.npz"):
        build_report(path)


def test_importing_the_report_brings_neither_torch_nor_matplotlib() -> None:
    heavy = ("torch", "matplotlib", "pandas", "numba")
    code = f"import sys, spatialstats.report; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_rung_of_the_ladder_is_shown_with_its_interval(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    results = load_run(report.parent).results
    ladder = results["attacks"][0]["ladder"]
    for rung in ladder["rungs"]:
        assert text.number(rung["excess"], 3, sign=True) in page
    assert str(escape(ladder["verdict"])) in page
    assert "other models: cifar10-1" in page


def test_without_other_models_the_rungs_above_content_read_not_tested(tmp_path: Path) -> None:
    def blind(results: dict[str, Any]) -> None:
        for rung in results["attacks"][0]["ladder"]["rungs"][2:4]:
            for name in ("excess", "low", "high"):
                rung[name] = None

    assert "not tested" in page_of(edit(make_run(tmp_path), blind))
