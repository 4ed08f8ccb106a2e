"""t maps against SciPy, and their exactness: the same bits whatever the batch, the order or the device."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spatialstats.kernels.t_maps import Design, t_maps


def draws(rng: np.random.Generator, k: int, n: int, design: Design) -> np.ndarray:
    """K rows of signs: independent, or permutations of one labelling."""
    if design == "one-sample":
        return rng.choice(np.array([-1, 1], np.int8), (k, n))
    labels = np.repeat(np.array([1, -1], np.int8), [n // 3, n - n // 3])
    return rng.permuted(np.tile(labels, (k, 1)), axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 3, 17, 100])
def test_one_sample_t_is_scipys(rng: np.random.Generator, n: int, dtype: type) -> None:
    maps = (rng.normal(0.1, 1, (n, 7, 19)) * 10.0 ** rng.integers(-9, 9, (7, 19))).astype(dtype)
    signs = draws(rng, 5, n, "one-sample")
    for row, t in zip(signs, t_maps(maps, signs), strict=True):
        theirs = stats.ttest_1samp(maps.astype(np.float64) * row[:, None, None], 0).statistic
        np.testing.assert_allclose(t, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("n", [3, 16, 64])
def test_two_sample_t_is_scipys(rng: np.random.Generator, n: int, offset: float) -> None:
    maps = rng.normal(offset, 1, (n, 6, 11))
    signs = draws(rng, 5, n, "two-sample")
    for row, t in zip(signs, t_maps(maps, signs, design="two-sample"), strict=True):
        theirs = stats.ttest_ind(maps[row > 0], maps[row < 0]).statistic
        np.testing.assert_allclose(t, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("design", ["one-sample", "two-sample"])
@pytest.mark.parametrize("shape", [(5, 1, 1), (4, 3, 5), (19, 5, 13), (3, 0, 4)])
def test_every_kind_of_array(
    rng: np.random.Generator, place: Place, design: Design, shape: tuple[int, int, int]
) -> None:
    maps, signs = rng.normal(size=shape), draws(rng, 3, shape[0], design)
    expected = t_maps_here(maps, signs, design)
    got = place.get(t_maps(place.put(maps), place.put(signs), design=design, batch=2))
    assert got.shape == (3, *shape[1:])
    assert got.tobytes() == expected.tobytes()
    assert place.get(t_maps(place.put(maps), place.put(signs[:0]), design=design)).shape == (0, *shape[1:])


def t_maps_here(maps: np.ndarray, signs: np.ndarray, design: Design = "one-sample") -> np.ndarray:
    """The t maps by NumPy alone, from the same integers in the order that the contract states."""
    n = len(maps)
    flat = maps.reshape(n, -1).astype(np.float64)
    if design == "two-sample":
        flat = flat - np.add.accumulate(flat, axis=0)[-1] / n
    exponent = np.frexp(np.abs(flat).max(axis=0, initial=0))[1]
    q = np.rint(np.ldexp(flat, np.minimum(min(53 - (n - 1).bit_length(), 51) - exponent, 1000)))
    squares, total = np.zeros(q.shape[1]), q.sum(axis=0)
    for row in q:
        squares += row * row
    g = signs.astype(np.float64) @ q
    first = float((signs[0] > 0).sum())
    if design == "one-sample":
        d, alpha, beta = g / n, float(n), 1 / (n * (n - 1.0))
    else:
        second = n - first
        d = 0.5 * (total + g) / first - 0.5 * (total - g) / second
        squares = squares - total * total / n
        alpha, beta = first * second / n, (1 / first + 1 / second) / (n - 2.0)
    within = (squares - d * d * alpha) * beta
    with np.errstate(all="ignore"):
        t = np.where(within > 0, d / np.sqrt(within), np.where(d == 0, 0, np.copysign(np.inf, d)))
    return t.reshape(len(signs), *maps.shape[1:])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40), st.integers(1, 9), st.integers(1, 80), st.integers(0, 2**32),
    st.sampled_from(["one-sample", "two-sample"]), st.sampled_from([1e-300, 1.0, 1e300]),
)  # fmt: skip
def test_t_maps_are_the_oracles_bits(
    n: int, height: int, width: int, seed: int, design: Design, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(max(n, 3), height, width)) * scale
    signs = draws(rng, 4, len(maps), design)
    assert t_maps(maps, signs, design=design).tobytes() == t_maps_here(maps, signs, design).tobytes()


@pytest.mark.parametrize(("order", "seed"), RUNS)
def test_cuda_gives_the_cpus_bits(rng: np.random.Generator, order: str, seed: int) -> None:
    maps = rng.normal(size=(6, 5, 53)).astype(np.float32)
    maps[:, 2, 3] = 0
    maps[:, 2, 4] = 0.7
    maps[:, 2, 5] = rng.normal(size=6) * 1e-41
    for design in ("one-sample", "two-sample"):
        signs = draws(rng, 4, 6, design)
        signs[0] = 1 if design == "one-sample" else signs[0]
        here = t_maps(maps, signs, design=design)
        with emulated(order, seed):
            there = t_maps(maps, signs, design=design)
        assert here.tobytes() == there.tobytes()


def test_bits_do_not_depend_on_the_batch_or_on_the_order_of_draws(rng: np.random.Generator) -> None:
    maps, signs = rng.normal(size=(33, 9, 9)), draws(rng, 50, 33, "one-sample")
    whole = t_maps(maps, signs)
    for batch in (1, 7, 64):
        assert t_maps(maps, signs, batch=batch).tobytes() == whole.tobytes()
    assert t_maps(maps, signs[::-1]).tobytes() == whole[::-1].tobytes()
    assert (t_maps(maps, -signs) == -whole).all()


def test_a_power_of_two_changes_no_bit(rng: np.random.Generator) -> None:
    maps, signs = rng.normal(size=(12, 4, 4)), draws(rng, 3, 12, "one-sample")
    assert t_maps(maps * 2.0**-40, signs).tobytes() == t_maps(maps, signs).tobytes()


def test_many_maps_and_many_draws(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(40_000, 1, 3))
    signs = draws(rng, 2, len(maps), "one-sample")
    theirs = stats.ttest_1samp(maps * signs[1][:, None, None], 0).statistic
    np.testing.assert_allclose(t_maps(maps, signs)[1], theirs, rtol=1e-10)
    few = rng.normal(size=(5, 1, 2))
    signs = draws(rng, 33_000, 5, "one-sample")
    assert t_maps(few, signs).tobytes() == t_maps_here(few, signs).tobytes()


def test_a_pixel_without_variance() -> None:
    maps = np.array([[[0.0, 2.0]], [[0.0, 2.0]], [[0.0, 2.0]], [[0.0, 2.0]]])
    signs = np.array([[1, 1, 1, 1], [-1, -1, -1, -1], [1, 1, -1, -1]], np.int8)
    assert t_maps(maps, signs).tolist() == [[[0, np.inf]], [[0, -np.inf]], [[0, 0]]]
    labels = np.array([[1, 1, -1, -1]], np.int8)
    maps[:2, 0, 1] = 5
    assert t_maps(maps, labels, design="two-sample").tolist() == [[[0, np.inf]]]


def test_extremes_of_the_range() -> None:
    top = np.finfo(np.float64).max
    maps = np.array([[[top, 1e-280, 5e-324]], [[-top, 1e-280, 5e-324]], [[top, 0.0, 0.0]]])
    t = t_maps(maps, np.ones((1, 3), np.int8))[0, 0]
    np.testing.assert_allclose(t, [0.5, 2.0, 0.0], rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(place: Place, bad: float) -> None:
    maps = np.ones((3, 2, 2))
    maps[1, 0, 1] = bad
    for design in ("one-sample", "two-sample"):
        with pytest.raises(ValueError, match="maps must be finite"):
            t_maps(place.put(maps), place.put(np.array([[1, 1, -1]], np.int8)), design=design)


def test_bad_input_is_refused() -> None:
    maps, signs = np.ones((4, 2, 2)), np.ones((1, 4), np.int8)
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        t_maps(maps.astype(np.int64), signs)
    with pytest.raises(ValueError, match="at least 2 maps"):
        t_maps(maps[:1], signs[:, :1])
    with pytest.raises(ValueError, match=r"int8 \(K, 4\)"):
        t_maps(maps, signs[:, :3])
    with pytest.raises(ValueError, match="signs must be -1 or 1"):
        t_maps(maps, signs * 0)
    with pytest.raises(ValueError, match="both groups must have maps"):
        t_maps(maps, signs, design="two-sample")
    with pytest.raises(ValueError, match="keep the sizes"):
        t_maps(maps, np.array([[1, 1, 1, -1], [1, 1, -1, -1]], np.int8), design="two-sample")
    with pytest.raises(ValueError, match="design must be"):
        t_maps(maps, signs, design="paired")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch must be at least 1"):
        t_maps(maps, signs, batch=0)
    with pytest.raises(TypeError, match="NumPy or CuPy"):
        t_maps([[1.0]], signs)  # type: ignore[arg-type]
