"""The calibration in small: sizes of exact tests below a bound of its own, and what the script rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import calibration
import calibration_bounds as bounds
import calibration_colocation as colocation
import calibration_draws as draws
import calibration_fields as fields
import calibration_mean_maps as mean_maps
import calibration_page as page
import calibration_signs as signs
import numpy as np
import pytest
from scipy import stats as scipy_stats

from spatialstats import kernels, stats

SIMULATIONS = 40
SEED = 20261126
"""Of no other simulations; drawn once, after RISK was fixed."""
RISK = 0.01
"""Probability that valid tests fail here by chance, over all comparisons together, as many as are counted."""
SMALL = (
    fields.Setting(0.0, 16, 0.3, 0.2, False, 1.5, 1.0),
    fields.Setting(2.0, 16, 0.5, 0.3, True, 1.5, 0.0),
)


@pytest.fixture(scope="module")
def columns() -> dict[str, dict[str, np.ndarray]]:
    """p-values of a few simulations of two settings, with seeds that the full calibration does not use."""
    return {
        setting.name: calibration.tested(
            [fields.simulate(setting, SEED, number) for number in range(SIMULATIONS)]
        )
        for setting in SMALL
    }


def rows(columns: dict[str, dict[str, np.ndarray]]) -> list[bounds.Row]:
    by_name = {setting.name: setting for setting in SMALL}
    return [row for name, part in columns.items() for row in bounds.rows_of(name, by_name[name], part)]


def test_no_exact_test_is_above_its_level(columns: dict[str, dict[str, np.ndarray]]) -> None:
    single, whole, count = page.gated(rows(columns))
    assert len(whole) > 40
    assert not bounds.above(single + whole, count, RISK)


def test_the_bound_sees_a_test_that_is_not_valid(columns: dict[str, dict[str, np.ndarray]]) -> None:
    _, _, count = page.gated(rows(columns))
    contrasts = page.by_test(row for row in rows(columns) if row.kind == bounds.CONTRAST)
    beyond = {name for name, part in contrasts.items() if bounds.above(part, count, RISK)}
    assert "[contrast] image swap, classes placed apart" in beyond
    assert "[contrast] toroidal shift, mean over images, shared centre" in beyond
    assert "[contrast] sign-flip of skewed maps centred at their mean" in beyond
    assert "[contrast] two groups, unequal spread, Student's t" in beyond


def test_p_values_are_those_of_the_public_functions() -> None:
    world = fields.simulate(SMALL[1], 7, 0)
    size = world.own[0].size
    roi, roa, noise = (
        world.masks(f, 0.3, fields.bump(16, 1.5)) for f in (world.own, world.attack, world.noise)
    )
    packed = [kernels.pack(masks) for masks in (roi, roa, noise)]
    found = colocation.swapped(roi, [roa, noise], 5)
    one = stats.swap_test(packed[0], packed[1], size, n_resamples=draws.MANY, seed=5)
    pairs = {"0": (packed[0], packed[1]), "1": (packed[0], packed[2])}
    family = stats.swap_family(pairs, size, n_resamples=draws.MANY, seed=5)
    assert found["image swap"] == one.p_value
    assert found["image swap, interval"] == float(one.low <= 0 <= one.high)
    assert found["image swap, max-T over attacks"] == min(row.p_adjusted for row in family.rows)
    classed = stats.swap_family(
        pairs, size, classes=fields.CLASSES, n_resamples=draws.MANY, seed=5, min_class=5
    )
    within = colocation.within(roi, [roa, noise], fields.CLASSES, 5)
    assert within["within-class swap"] == classed.row("0", "within classes").p_value
    assert within["within-class swap, one class"] == classed.row("0", "0").p_value
    assert within["within-class swap, max-T over attacks and classes"] == min(
        row.p_adjusted for row in classed.rows
    )
    assert within["[contrast] image swap, classes placed apart"] == one.p_value


def test_sets_by_signs_and_by_images_are_those_of_the_papers_and_of_the_public_function() -> None:
    case = signs.simulated(SMALL[0], 3)
    by_images, _ = signs.misses(case, 5)
    found = stats.confidence_set(case.maps, case.c, n_resamples=draws.MANY, seed=5)
    assert found.drawn == "images"
    assert by_images == float(
        not ((found.certain <= case.truth).all() and (case.truth <= found.possible).all())
    )
    by_images, by_signs = signs.shares(lambda number: signs.simulated(SMALL[0], number), SIMULATIONS)
    assert by_signs > by_images


@pytest.mark.parametrize("design", ["sign-flip", "two groups"])
def test_clusters_are_those_of_the_public_functions(design: str) -> None:
    world = fields.simulate(SMALL[0], 7, 1)
    a, b = world.own[:20].astype(np.float64), world.other[:20].astype(np.float64)
    a[:, 5:9, 5:9] += 1.0
    make: Any = stats.paired_test if design == "sign-flip" else stats.group_test
    found = (mean_maps.paired if design == "sign-flip" else mean_maps.grouped)(a, b, 3)
    for name, statistic in (
        ("max-t", "max-t"),
        ("cluster extent", "cluster-extent"),
        ("cluster mass", "cluster-mass"),
    ):
        wanted = make(a, b, statistic=statistic, n_resamples=draws.SOME, seed=3, threshold=draws.FORMING)
        assert found[f"{design}, {name}"] == pytest.approx(wanted.min_p)


def test_fields_have_the_moments_that_they_are_said_to_have() -> None:
    rng = np.random.default_rng(0)
    for smoothness in (0.0, 1.0, 4.0):
        maps = fields.smooth(rng, 401, smoothness, 16).astype(np.float64)
        assert maps.shape == (401, 16, 16)
        assert (maps**2).mean() == pytest.approx(1, abs=0.1)
        lag = (maps * np.roll(maps, 1, 1)).mean()
        wanted = 0.0 if not smoothness else np.exp(-1 / (4 * smoothness**2))  # of a Gaussian kernel
        assert lag == pytest.approx(wanted, abs=0.1)
    masks = fields.top(maps, 0.25)
    assert (masks.sum((1, 2)) == 64).all()


def test_a_simulation_is_a_function_of_its_setting_and_number_alone() -> None:
    first, again = (fields.simulate(SMALL[0], 1, 2, 3) for _ in range(2))
    other = fields.simulate(SMALL[0], 1, 2, 4)
    np.testing.assert_array_equal(first.own, again.own)
    assert first.seed == again.seed != other.seed
    assert len({setting.name for setting in fields.settings()}) == 24


def test_the_bound_is_the_binomials() -> None:
    row = bounds.Row("a", "b", bounds.EXACT, 1000, 60, 0.05)
    limit = row.limit(100)
    assert scipy_stats.binom.sf(limit, 1000, 0.05) <= 0.05 / 100 < scipy_stats.binom.sf(limit - 1, 1000, 0.05)
    assert bounds.attained("toroidal shift, one image", SMALL[0]) == 2 * 6 / 256
    held = bounds.rows_of("c", SMALL[0], {"x": np.array([0.05, 0.2, np.nan]), "[contrast] y": np.zeros(2)})
    assert [(row.n, row.rejected, row.kind) for row in held] == [(2, 1, "exact"), (2, 2, "contrast")]
    assert bounds.pooled([row, row]).rejected == 120


def test_a_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[range] = []

    def block(numbers: range) -> dict[str, np.ndarray]:
        made.append(numbers)
        return {"t": np.array([float(number) for number in numbers])}

    monkeypatch.setattr(calibration, "cells", lambda _: [calibration.Cell("one", "setting", SMALL[0], block)])
    monkeypatch.setattr(calibration, "SAVED_EVERY", 4)
    (tmp_path / calibration.MAPS).touch()
    calibration.run(tmp_path, 6)
    np.testing.assert_array_equal(calibration.read(tmp_path / "one.npz")["t"], np.arange(6))
    made.clear()
    calibration.run(tmp_path, 6)
    assert not made
    calibration.run(tmp_path, 9)
    assert made[-2:] == [range(6, 8), range(8, 9)]
    np.testing.assert_array_equal(calibration.read(tmp_path / "one.npz")["t"], np.arange(9))


def test_the_page_is_written_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "calibration.md"
    target.write_text(f"words\n{page.BEGIN}\nold\n{page.END}\nmore\n", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", target)
    monkeypatch.setattr(page, "NUMBERS", tmp_path / "calibration.json")
    cells = {
        calibration.Cell("a", "setting", SMALL[0], None): {"image swap": np.r_[np.zeros(60), np.ones(940)]},  # type: ignore[arg-type]
        calibration.Cell("real-maps", "real", None, None): {"image swap": np.ones(10)},  # type: ignore[arg-type]
        calibration.Cell("power-weak", "power", SMALL[0], None): {"image swap": np.zeros(10)},  # type: ignore[arg-type]
    }
    page.write(cells)
    text = target.read_text(encoding="utf-8")
    assert text.startswith("words\n")
    assert text.endswith("more\n")
    assert "\nold\n" not in text
    assert "| image swap | 1 | .060 | .060 | .060 | 0 | .000 |" in text
    assert "Not finished, 2 cells: real-maps, power-weak." in text
