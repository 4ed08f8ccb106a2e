"""Certain, possible and no, the contrast with noise, the controls and searched places on the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from synthetic import edit, make_run

from spatialstats import kernels
from spatialstats.report import build_report, write_figures
from spatialstats.report.images import diverging_uri
from spatialstats.report.run import load_run
from spatialstats.report.where import where_parts
from spatialstats.stats import (
    confidence_difference,
    confidence_set,
    control_effects,
    location_test,
    paired_test,
)

Visit = Callable[..., Any]
ATTACKS = ("pgd-linf", "patch", "noise")
SIDE = 16


def masks(n: int, centre: float, seed: int) -> np.ndarray:
    """Masks of a quarter of the pixels that prefer the centre."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    field = rng.normal(size=(n, SIDE, SIDE)) - centre * np.hypot(rows, columns)
    return np.asarray(field > np.quantile(field, 0.75, axis=(1, 2), keepdims=True))


def made_up() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Results and maps of real tests on made-up masks."""
    roi, roa, noise = masks(90, 0.3, 1), masks(90, 0.15, 2), masks(90, 0.0, 3)
    sets = {
        "roi": confidence_set(roi, 0.25),
        "roa": confidence_set(roa, 0.25),
        "neutralizable": confidence_difference(roa, roi, 0.25, 0.25),
    }
    tests = {
        key: paired_test(roa, noise, statistic=statistic, n_resamples=199)  # type: ignore[arg-type]
        for key, statistic in (("max_t", "max-t"), ("tfce", "tfce"))
    }
    packed = [kernels.pack(of) for of in (roi, roa, noise)]
    controls = control_effects(packed[0], packed[1], SIDE**2, edges=packed[2], noise=packed[2])
    places = np.random.default_rng(4).random((90, 9))
    location = location_test(places, places.argmax(1), n_resamples=99).to_dict()
    found = {
        "where": {"n": 90, "block": 1, **{key: of.to_dict() for key, of in sets.items()}},
        "beyond_noise": {
            "n": 90, "block": 1, "unit": "share", "left_out": None,
            **{key: test.to_dict() for key, test in tests.items()},
        },
        "controls": {**controls.to_dict(), "left_out": "no model with random weights can be made: <why>"},
        "location": {"value": "share of the square", "n_unknown": 3, "tests": {"own": location}},
    }  # fmt: skip
    arrays = {f"where_{key}": of.grades for key, of in sets.items()}
    arrays |= {"beyond_noise": tests["max_t"].effect.astype(np.float32)}
    for key, test in tests.items():
        assert test.p is not None
        arrays[f"beyond_noise_p_{key}"] = test.p.astype(np.float32)
    return found, arrays


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose first attack has all of them, whose patch has searched places, and whose noise has none."""
    path = make_run(tmp_path_factory.mktemp("sure"), size=SIDE, attacks=ATTACKS)
    found, arrays = made_up()

    def change(results: dict[str, Any]) -> None:
        results["attacks"][0] |= {key: found[key] for key in ("where", "beyond_noise", "controls")}
        results["attacks"][1]["location"] = found["location"]
        results["attacks"][1]["beyond_noise"] = {"left_out": "the maps are all the same"}

    edit(path, change)
    with np.load(path / "maps.npz") as archive:
        held = {key: archive[key] for key in archive.files}
    np.savez(path / "maps.npz", **held, **{f"pgd-linf/{key}": of for key, of in arrays.items()})
    build_report(path)
    return path


def test_pictures_hold_the_grades(sure: Path) -> None:
    run = load_run(sure)
    parts = where_parts(run, run.attacks[0], "w")
    assert [one["label"] for one in parts["sets"]] == [
        "Region of importance",
        "Region of attack",
        "RoA without RoI",
    ]
    for one, key in zip(parts["sets"], ("roi", "roa", "neutralizable"), strict=True):
        grades = run.maps[f"pgd-linf/where_{key}"]
        assert ('class="certain"' in one["picture"]) == bool((grades == 2).any())
        assert ('class="possible"' in one["picture"]) == bool((grades == 1).any())
        assert one["possible"] == f"{100 * (grades == 1).mean():.0f}\u202f%"
        assert "With 95 % confidence" in one["picture"]  # spoken to those who do not see it
    assert 'class="certain"' in parts["sets"][0]["picture"]
    contrast = parts["contrast"]
    assert contrast["max_t"] == str((run.maps["pgd-linf/beyond_noise_p_max_t"] <= 0.05).sum())
    assert "line-maxt" in contrast["outlines"]
    assert where_parts(run, run.attacks[2], "n") == {"sets": [], "contrast": None}


def test_zero_is_black_and_signs_have_colours_of_their_own() -> None:
    uri = diverging_uri(np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]]), 1.0)
    import base64

    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    below, low, zero, high, above = (image.getpixel((x, 0)) for x in range(5))
    assert (below, above) == (low, high)
    assert max(zero) < 40
    assert low[2] > low[0] > 100
    assert high[0] > high[2] > 100


def test_a_run_without_them_has_no_such_sections(tmp_path: Path) -> None:
    page = build_report(make_run(tmp_path / "run", attacks=("pgd-linf", "noise"))).read_text()
    assert 'id="where"' not in page
    assert 'id="controls"' not in page


def test_figures_for_papers(sure: Path) -> None:
    names = {path.name for path in write_figures(sure)}
    assert {"where.svg", "where.png", "controls.svg", "controls.png"} <= names
    drawn = (sure / "figures" / "controls.svg").read_text()
    assert "edges" in drawn
    assert "clipped noise" in drawn


def test_what_came_from_a_model_is_escaped(sure: Path) -> None:
    page = (sure / "report.html").read_text()
    assert "&lt;why&gt;" in page
    assert "<why>" not in page


@pytest.mark.browser
def test_the_sections_follow_the_attack_and_say_what_is_missing(visit: Visit, sure: Path) -> None:
    page = visit(sure / "report.html")
    where, controls = page.locator("#where"), page.locator("#controls")
    assert where.locator("svg.graded:visible").count() == 3
    image = where.locator(".sprite img:visible")
    assert image.evaluate("e => e.naturalWidth") == SIDE
    assert "differ by max-t" in image.get_attribute("alt")
    box, line = (where.locator(part).first.bounding_box() for part in (".sprite:visible", ".line-maxt"))
    assert box["x"] - 1 <= line["x"] <= box["x"] + box["width"]
    assert controls.locator("tbody tr:visible").count() == 3
    assert "effect sizes, not tests" in controls.inner_text()
    where.locator("[data-attack-select]").select_option(label="Patch 5×5")
    assert "was not tested: the maps are all the same" in where.inner_text()
    assert "Places that were searched" in controls.inner_text()
    assert re.search(r"place unknown in 3 images", controls.inner_text())
    page.get_by_role("tab", name="Uniform noise 8/255").click()
    assert "it is a control" in where.inner_text()
    assert "it is one itself" in controls.inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_certain_possible_and_no_differ_by_more_than_colour(visit: Visit, sure: Path, scheme: str) -> None:
    page = visit(sure / "report.html", color_scheme=scheme)
    style = "(e, key) => getComputedStyle(e)[key]"
    certain, possible = (page.locator(f"svg.graded .{grade}").first for grade in ("certain", "possible"))
    assert certain.evaluate(style, "stroke") == "none"
    assert "hatch" in possible.evaluate(style, "fill")
    assert possible.evaluate(style, "strokeDasharray") != "none"


@pytest.mark.browser
def test_a_phone_needs_no_sideways_scrolling(visit: Visit, sure: Path) -> None:
    page = visit(sure / "report.html", 390, 844)
    for details in page.locator("details").all():
        details.evaluate("e => { e.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
