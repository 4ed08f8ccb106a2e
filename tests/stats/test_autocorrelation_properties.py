"""What holds for all statistics of autocorrelation: units, orientation, size, power, gaps and words."""

from __future__ import annotations

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
from spatialstats.stats import Autocorrelation, gearys_c, getis_ord_g, join_counts, morans_i

NEIGHBOURS: tuple[Any, ...] = ("rook", "queen", 2.3)
STATISTICS: dict[str, Callable[..., Autocorrelation]] = {"I": morans_i, "C": gearys_c, "G": getis_ord_g}


@settings(max_examples=40)
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    st.sampled_from(NEIGHBOURS),
    st.sampled_from(["row", "binary"]),
    st.booleans(),
    st.booleans(),
)
def test_nothing_depends_on_units_orientation_or_the_other_maps(
    seed: int, shape: tuple[int, int], lattice: Any, weights: Any, missing: bool, ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 3 if ties else 1000, shape).astype(float)
    image[rng.random(shape) < (0.3 if missing else 0)] = np.nan
    others = rng.random((2, *shape))
    options: dict[str, Any] = {"weights": weights, "n_resamples": 39, "seed": 5}
    for name, make in STATISTICS.items():
        want = make(image, lattice, **options)
        same = [image.T, image[::-1], image[:, ::-1], image[::-1].T, 4 * image, 0.3 * image]
        same += [image + 7, 2 * image - 3] if name != "G" else []
        for other in same:
            got = make(other, lattice, **options)
            for part in ("values", "expected", "variance_normality", "variance_randomisation"):
                np.testing.assert_allclose(getattr(got, part), getattr(want, part), rtol=1e-9, atol=1e-12)
            np.testing.assert_array_equal(got.p_values, want.p_values)
        batch = make(np.stack([others[0], image, others[1]]), lattice, **options)
        assert batch.values[1:2].tobytes() == want.values.tobytes()
        np.testing.assert_array_equal(batch.p_values[1:2], want.p_values)
        p = batch.p_values[np.isfinite(batch.values)]
        assert ((p > 0) & (p <= 1)).all()


def test_negation_leaves_values_and_mirrors_join_counts() -> None:
    rng = np.random.default_rng(6)
    image = rng.random((6, 7))
    for make in (morans_i, gearys_c):
        there, back = make(image, n_resamples=999), make(-image, n_resamples=999)
        np.testing.assert_allclose(back.values, there.values, rtol=1e-12)
        assert back.p_values[0] == pytest.approx(there.p_values[0], abs=0.15)  # other draws of the same null
    there, back = join_counts(image > 0.4), join_counts(image <= 0.4)
    assert there.bb.values == back.ww.values
    assert there.ww.expected == pytest.approx(back.bb.expected)


def test_size_on_white_noise_is_nominal() -> None:
    """1,000 maps, 199 draws: the rate at .05 within the binomial bound that errs once in 10,000."""
    rng = np.random.default_rng(7)
    n, bound = 1000, 3.9 * math.sqrt(0.05 * 0.95 / 1000)
    maps = rng.exponential(size=(n, 8, 9))
    for name, make in STATISTICS.items():
        found = make(maps, "queen", n_resamples=199, seed=1)
        assert (found.p_values <= 0.05).mean() == pytest.approx(0.05, abs=bound), name
        for alternative in ("greater", "less"):
            one = make(maps, "queen", n_resamples=199, seed=2, alternative=alternative)
            assert (one.p_values <= 0.05).mean() == pytest.approx(0.05, abs=bound), (name, alternative)
    counts = join_counts(maps > np.log(2), n_resamples=199, seed=3)
    for part in (counts.bb, counts.bw, counts.ww):  # ties make it conservative
        assert (part.p_values <= 0.05).mean() <= 0.05 + bound


def test_normal_theory_holds_for_normal_maps() -> None:
    maps = np.random.default_rng(8).normal(size=(2000, 10, 10))
    for make in (morans_i, gearys_c):
        z = make(maps, n_resamples=0).z_normality
        assert z.mean() == pytest.approx(0, abs=4 / math.sqrt(2000))
        assert z.std() == pytest.approx(1, abs=4 / math.sqrt(4000))


def test_smoother_maps_have_more_autocorrelation() -> None:
    rng = np.random.default_rng(9)
    noise, field = rng.standard_normal((20, 12, 14)), smooth(rng, 20, 1.5)
    means = [morans_i(noise + share * field, n_resamples=0).values.mean() for share in (0, 0.5, 1, 2, 8)]
    assert (np.diff(means) > 0).all()
    assert (gearys_c(field).values < 1).all()
    assert (morans_i(field).p_values == 2 / 1000).all()  # the smallest of 999 draws
    assert (getis_ord_g(np.exp(field), alternative="greater").p_values <= 0.01).all()


def test_what_cannot_be_tested_is_nan_in_words() -> None:
    rng = np.random.default_rng(10)
    maps = rng.random((6, 4, 5))
    maps[1] = 0.1
    maps[2] = np.nan
    maps[3, :, 1::2], maps[3, ::2] = np.nan, np.nan  # no two neighbours by rook
    maps[4] = np.nan
    maps[4, 2, 2] = 1.0
    for make in STATISTICS.values():
        found = make(maps, n_resamples=19)
        assert np.isfinite(found.values).tolist() == [True, False, False, False, False, True]
        assert np.isnan(found.p_values[1:5]).all()
        assert "left out: 4, being constant, all missing" in found.sentence
        assert len(found.to_frame()) == 6
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["values"][1] is None
        for empty in (np.ones((1, 1)), np.ones((4, 4)), np.full((2, 4, 4), np.nan), np.zeros((0, 4, 4))):
            assert "nothing was tested" in make(empty).sentence
    assert "nothing was tested" in join_counts(np.ones((3, 4, 4), bool)).sentence
    lone = np.zeros((4, 4))
    lone[1, 1] = 3
    assert np.isnan(getis_ord_g(lone).values).all()
    # as many arrangements as values, but all of one sum
    whole = morans_i(rng.random((2, 2)), "queen", weights="binary", n_resamples=19)
    assert whole.values[0] == pytest.approx(-1 / 3)
    assert np.isnan(whole.z_randomisation[0])
    assert whole.p_values[0] == 1


def test_sentences_name_null_draws_and_limits() -> None:
    image = smooth(np.random.default_rng(11), 1)[0]
    words = morans_i(image, "queen").sentence
    for part in ("Moran's I: 0.", "p = 0.002", "999 draws", "queen neighbours, row weights", "neither where"):
        assert part in words
    many = gearys_c(np.stack([image, image.T[:12, :12].repeat(2, 1)[:, :14]]), 1.5, n_resamples=0).sentence
    assert "of 2 maps" in many
    assert "normal approximation, not corrected" in many
    counts = join_counts(image > 0)
    assert "not independent" in counts.sentence
    assert list(counts.to_frame()["statistic"]) == ["Joins inside", "Joins across", "Joins outside"]
    json.dumps(counts.to_dict(), allow_nan=False)


def test_lattices_of_ones_own_and_tori() -> None:
    rng = np.random.default_rng(12)
    image = rng.random((6, 8))
    valid = rng.random((6, 8)) < 0.8
    own = morans_i(image, Lattice.queen((6, 8), mask=valid), seed=3)
    assert own.p_values == morans_i(np.where(valid, image, np.nan), "queen", seed=3).p_values
    assert own.n_sites[0] == valid.sum()
    torus = Lattice.rook((6, 8), torus=True)
    z = image - image.mean()
    expected = sum((z * np.roll(z, step, (0, 1))).sum() for step in ((0, 1), (1, 0))) / 2 / (z**2).sum()
    assert morans_i(image, torus).values[0] == pytest.approx(expected, abs=1e-12)
    assert morans_i(image.T, Lattice.rook((8, 6), torus=True)).p_values == morans_i(image, torus).p_values
    across = Lattice((6, 8), ((0, 1), (0, -1)))
    down = Lattice((8, 6), ((1, 0), (-1, 0)))
    assert morans_i(image, across).p_values == morans_i(image.T, down).p_values
    assert morans_i(image.astype(np.float32)).values == pytest.approx(morans_i(image).values, abs=1e-6)
    assert np.isfinite(morans_i(image * 1e300).values).all()
    assert np.isfinite(morans_i(image * 1e-310).values).all()


def test_bad_input_is_refused_in_words() -> None:
    image = np.arange(12.0).reshape(3, 4)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: morans_i(np.ones(4)), "got shape"),
        (lambda: morans_i(np.ones((3, 4), complex)), "real numbers"),
        (lambda: morans_i(np.where(image == 3, np.inf, image)), "infinity"),
        (lambda: morans_i(image, mask=np.ones((3, 3), bool)), "mask must be bool"),
        (lambda: morans_i(image, Lattice.rook((4, 3))), "shape of the maps"),
        (lambda: morans_i(image, "bishop"), "unknown lattice"),  # type: ignore[arg-type]
        (lambda: morans_i(image, 0.5), "radius"),
        (lambda: morans_i(image, weights="r"), "unknown weights"),  # type: ignore[arg-type]
        (lambda: morans_i(image, alternative="both"), "unknown alternative"),  # type: ignore[arg-type]
        (lambda: morans_i(image, n_resamples=-1), "n_resamples"),
        (lambda: morans_i(image, seed=-1), "seed"),
        (lambda: getis_ord_g(image - 1), "nowhere negative"),
        (lambda: join_counts(image), "masks of 0 and 1"),
    ]
    for call, words in cases:
        with pytest.raises(InputError, match=words):
            call()
