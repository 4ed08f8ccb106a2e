"""What holds for all local statistics: units, orientation, ties, gaps, and that they mark no places."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fields import smooth
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats.errors import InputError
from spatialstats.kernels import Lattice
from spatialstats.stats import (
    LocalAutocorrelation,
    benjamini_hochberg,
    bivariate_local_morans_i,
    local_g,
    local_gearys_c,
    local_morans_i,
)

NEIGHBOURS: tuple[Any, ...] = ("rook", "queen", 2.3)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    st.sampled_from(NEIGHBOURS),
    st.sampled_from(["independent", "shared"]),
    st.booleans(),
)
def test_nothing_depends_on_units_orientation_or_the_other_maps(
    seed: int, shape: tuple[int, int], lattice: Any, draws: Any, missing: bool
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 50, shape).astype(float)
    image[rng.random(shape) < (0.3 if missing else 0)] = np.nan
    second = rng.random(shape)
    options: dict[str, Any] = {"n_resamples": 19, "draws": draws}
    makes: dict[str, Callable[..., LocalAutocorrelation]] = {
        "I": lambda maps, other: local_morans_i(maps, lattice, **options),
        "BV": lambda maps, other: bivariate_local_morans_i(maps, other, lattice, **options),
        "c": lambda maps, other: local_gearys_c(maps, lattice, n_resamples=19),
        "G": lambda maps, other: local_g(maps, lattice, **options),
        "G*": lambda maps, other: local_g(maps, lattice, star=True, **options),
    }
    turns: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda m: np.swapaxes(m, -1, -2),
        lambda m: m[..., ::-1, :],
        lambda m: np.swapaxes(m[..., ::-1], -1, -2),
        lambda m: m,
    ]
    for name, make in makes.items():
        want = make(image, second)
        for turn in turns:
            shift = 0.0 if name.startswith("G") else 5.0
            got = make(turn(image) * 3 + shift, turn(second))
            for part in ("values", "expected", "variance"):
                np.testing.assert_allclose(
                    getattr(got, part), turn(getattr(want, part)), rtol=1e-9, atol=1e-11
                )
            np.testing.assert_array_equal(got.pseudo_p, turn(want.pseudo_p))
            if want.quadrants is not None and got.quadrants is not None:
                np.testing.assert_array_equal(got.quadrants, turn(want.quadrants))
        batch = make(np.stack([second, image]), np.stack([image * 0 + second, second]))
        assert batch.values[1].tobytes() == want.values[0].tobytes()
        np.testing.assert_array_equal(batch.pseudo_p[1], want.pseudo_p[0])
        p = batch.pseudo_p[np.isfinite(batch.pseudo_p)]
        assert ((p > 0) & (p <= 1)).all()


def test_one_pixel_has_a_valid_pseudo_p_on_white_noise() -> None:
    """Each pixel alone, over 1,000 maps: the rate at .05 within what errs once in 10,000 for 20 pixels."""
    maps = np.random.default_rng(4).exponential(size=(1000, 4, 5))
    bound = 4.8 * math.sqrt(0.05 * 0.95 / 1000)
    for found in (local_morans_i(maps, n_resamples=199), local_g(maps, n_resamples=199, seed=1)):
        rates = (found.pseudo_p <= 0.05).mean(axis=0)
        assert rates.max() <= 0.05 + bound
        assert rates.mean() == pytest.approx(0.05, abs=0.012)


def test_stationary_fields_without_hot_spots_show_hot_spots() -> None:
    """Why there is no threshold here: conditional permutation and BH on smooth noise, 20 of 20 maps."""
    maps = smooth(np.random.default_rng(5), 20, 2.0, (32, 32))
    found = local_morans_i(maps, "queen", n_resamples=999, draws="shared", alternative="greater")
    hot = np.array([benjamini_hochberg(p.ravel()) <= 0.05 for p in found.pseudo_p])
    assert hot.any(axis=1).sum() == 20
    assert hot.mean() > 0.02
    assert "20 of 20" in found.sentence
    assert "no rule" in found.sentence
    assert "20 of 20" in str(LocalAutocorrelation.__doc__)


def test_no_result_offers_a_mask_of_significant_pixels() -> None:
    found = local_morans_i(np.random.default_rng(6).random((5, 6)), n_resamples=9)
    names = [name for name, _ in inspect.getmembers(LocalAutocorrelation) if not name.startswith("_")]
    assert not [name for name in names if "signif" in name or "mask" in name or "hot" in name]
    held = [getattr(found, name) for name in names if not callable(getattr(found, name))]
    assert not [part for part in held if isinstance(part, np.ndarray) and part.dtype == bool]


def test_what_has_no_value_is_nan_in_words() -> None:
    rng = np.random.default_rng(7)
    maps = rng.random((4, 4, 5))
    maps[1] = 0.1
    maps[2] = np.nan
    maps[3, 0, 1], maps[3, 1, 0] = np.nan, np.nan  # the corner keeps no neighbour
    makes: list[Callable[..., LocalAutocorrelation]] = [local_morans_i, local_gearys_c, local_g]
    for make in makes:
        found = make(maps)
        assert np.isnan(found.values[1:3]).all()
        assert np.isnan(found.values[3, 0, 0])
        assert np.isfinite(found.values[3]).sum() == 17
        assert "2 maps, each by itself" in found.sentence
        assert len(found.to_frame()) == 37
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["maps"][1] == {
            "n": 0,
            "low": None,
            "high": None,
        }
        for empty in (np.ones((1, 1)), np.ones((4, 4)), np.full((2, 4, 4), np.nan), np.zeros((0, 4, 4))):
            assert "every map is constant" in make(empty).sentence
    frame = local_morans_i(maps[0]).to_frame()
    assert set(frame["quadrant"]) <= {"HH", "LH", "LL", "HL"}
    assert frame["pseudo_p"].between(0, 1).all()
    assert "one sample for all" in local_morans_i(maps[0], draws="shared").sentence
    flat = np.full((4, 5), 2.0)
    assert np.isnan(bivariate_local_morans_i(maps[0], flat).values).all()
    lone = np.zeros((3, 3))
    lone[0, 0] = 1
    found = local_g(lone, n_resamples=19)
    assert np.isnan(found.values[0, 0, 0])
    assert np.isfinite(found.values).sum() == 8


def test_pixels_at_the_mean_are_low_and_have_p_one() -> None:
    image = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.3, 1.0, 1.7]])
    found = local_morans_i(image, n_resamples=99)
    assert found.quadrants is not None
    assert (found.pseudo_p[0][:, 1] == 1).all()
    assert set(found.quadrants[0][:, 1].tolist()) <= {2, 3}
    assert np.isnan(found.z[0][:, 1]).all()


def test_a_torus_has_no_border_and_bad_input_is_refused_in_words() -> None:
    image = np.random.default_rng(8).random((6, 7))
    z = (image - image.mean()) / image.std()
    lag = sum(np.roll(z, step, (0, 1)) for step in ((0, 1), (1, 0), (0, -1), (-1, 0))) / 4
    found = local_morans_i(image, Lattice.rook((6, 7), torus=True), n_resamples=0)
    np.testing.assert_allclose(found.values[0], z * lag * 41 / 42, atol=1e-12)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: local_morans_i(image, draws="own"), "unknown draws"),  # type: ignore[arg-type]
        (lambda: local_morans_i(image, seed=1 << 64), "seed"),
        (lambda: local_morans_i(image, "bishop"), "unknown lattice"),  # type: ignore[arg-type]
        (lambda: local_g(image - 0.5), "nowhere negative"),
        (lambda: bivariate_local_morans_i(image, image.T), "one shape"),
    ]
    for call, words in cases:
        with pytest.raises(InputError, match=words):
            call()
