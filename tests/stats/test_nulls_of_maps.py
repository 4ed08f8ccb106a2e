"""The nulls inside one image: toroidal shifts, phases, pixels, effective sample size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from fields import smooth, top
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats import shifts
from spatialstats.stats.dutilleul import effective_size, effective_size_test
from spatialstats.stats.map_statistics import pearson
from spatialstats.stats.map_test import MapTest
from spatialstats.stats.phases import Frequencies, phase_surrogates, phase_test
from spatialstats.stats.pixel_permutation import pixel_permutation_test
from spatialstats.stats.shifts import shift_correlations, shift_test

TESTS: dict[str, Callable[..., MapTest]] = {
    "shift": lambda a, b, **k: shift_test(a, b, n_resamples=199, **k),
    "phase": lambda a, b, **k: phase_test(a, b, n_resamples=199, **k),
    "pixels": lambda a, b, **k: pixel_permutation_test(a, b, n_resamples=99, **k),
    "effective size": effective_size_test,
}


def rolled(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlations of one map with every shift of another, one by one."""
    height, width = a.shape
    return np.array(
        [
            [pearson(a[None], np.roll(b, (-y, -x), (0, 1))[None])[0] for x in range(width)]
            for y in range(height)
        ]
    )


@pytest.mark.parametrize("shape", [(6, 7), (5, 8), (4, 4)])
def test_correlations_at_all_shifts_equal_rolling_the_map(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((3, *shape)), rng.random((3, *shape))
    found = shift_correlations(a, b)
    for i in range(3):
        np.testing.assert_allclose(found[i], rolled(a[i], b[i]), atol=1e-12)


def test_shift_p_values_count_all_shifts() -> None:
    rng = np.random.default_rng(1)
    shared = smooth(rng, 6)
    a, b = shared + smooth(rng, 6), shared + smooth(rng, 6)
    for alternative in ("greater", "less", "two-sided"):
        found = shift_test(a, b, alternative=alternative)  # type: ignore[arg-type]
        for i in range(6):
            every = rolled(a[i], b[i])
            up, down = (every >= every[0, 0] - 1e-9).mean(), (every <= every[0, 0] + 1e-9).mean()
            expected = {"greater": up, "less": down, "two-sided": min(1, 2 * min(up, down))}[alternative]
            assert found.p_values[i] == pytest.approx(expected)
            assert found.values[i] == pytest.approx(every[0, 0], abs=1e-6)
            assert found.z[i] == pytest.approx(every[0, 0] / every.std(), rel=1e-4)


def test_shifted_masks_are_counted_exactly() -> None:
    rng = np.random.default_rng(2)
    a, b = top(smooth(rng, 5)), top(smooth(rng, 5), 0.1)
    found = shift_test(a, b, alternative="greater")
    assert found.statistic == "overlap lift"
    for i in range(5):
        both = np.array(
            [[(a[i] & np.roll(b[i], (y, x), (0, 1))).sum() for x in range(14)] for y in range(12)]
        )
        assert found.p_values[i] == (both >= both[0, 0]).mean()
        assert found.values[i] == pytest.approx(both[0, 0] * 168 / (a[i].sum() * b[i].sum()), rel=1e-14)


def test_shift_tests_do_not_depend_on_threads_or_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    a, b = smooth(rng, 50), smooth(rng, 50)
    monkeypatch.setattr(shifts, "BLOCK", 168 * 8)
    one, two = (shift_test(a, b, workers=workers) for workers in (1, 2))
    monkeypatch.setattr(shifts, "BLOCK", 1 << 18)
    whole = shift_test(a, b)
    for other in (two, whole):
        np.testing.assert_array_equal(one.p_values, other.p_values)
        assert one.p_value == other.p_value
    assert one.to_dict() == two.to_dict()


@pytest.mark.parametrize("offset", [0, 1000])
def test_float32_transforms_err_far_less_than_the_tie_tolerance(offset: float) -> None:
    rng = np.random.default_rng(4)
    a, b = smooth(rng, 10, 4, (64, 48)) + offset, smooth(rng, 10, 4, (64, 48)) + offset
    error = np.abs(shift_correlations(a, b, np.float32) - shift_correlations(a, b)).max()
    assert error < shifts.TIE_32 / 5


@settings(max_examples=30)
@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 2**32))
def test_surrogates_keep_the_spectrum_and_the_fast_path_is_their_correlation(
    height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((1, height, width)), rng.random((1, height, width))
    surrogate = phase_surrogates(b, seed, 3)
    np.testing.assert_allclose(np.abs(np.fft.fft2(surrogate)), np.abs(np.fft.fft2(b)), atol=1e-9)
    angles, signs = Frequencies.of(height, width).draw(seed, 3)
    assert 2 * len(angles) + len(signs) + 1 == height * width
    # turning b by angles less its own phases against a is the sum over cosines of the difference
    first, second = np.fft.fft2(a - a.mean()), np.fft.fft2(surrogate - b.mean())
    direct = (first.conj() * second).real.sum() / (height * width)
    assert direct == pytest.approx(((a - a.mean()) * (surrogate - b.mean())).sum(), abs=1e-9)


def test_the_phase_null_is_that_of_surrogates() -> None:
    rng = np.random.default_rng(5)
    a, b = smooth(rng, 1), smooth(rng, 1)
    surrogates = np.concatenate([phase_surrogates(b, 9, k) for k in range(2000)])
    drawn = pearson(np.repeat(a, 2000, 0), surrogates)
    found = phase_test(a, b, n_resamples=2000, seed=10, alternative="greater")
    sd = found.values[0] / found.z[0]
    assert drawn.std() == pytest.approx(sd, rel=0.06)
    assert drawn.mean() == pytest.approx(0, abs=4 * sd / math.sqrt(2000))
    expected = (drawn >= found.values[0]).mean()
    assert found.p_values[0] == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 2000))


def test_surrogates_have_the_morans_i_of_the_map_on_the_torus() -> None:
    b = smooth(np.random.default_rng(6), 1)
    for weights in ([(0, 1), (1, 0)], [(0, 1), (1, 0), (1, 1), (1, -1)]):
        for k in range(3):
            pair = []
            for field in (b[0], phase_surrogates(b, 1, k)[0]):
                z = field - field.mean()
                pair.append(sum((z * np.roll(z, step, (0, 1))).sum() for step in weights) / (z**2).sum())
            assert pair[1] == pytest.approx(pair[0], abs=1e-12)


def test_rotating_cosine_and_sine_of_each_frequency_is_moran_spectral_randomisation() -> None:
    """Moran's eigenvectors of a torus come as cosine and sine with one eigenvalue; phases rotate the two."""
    height, width = 4, 5
    y, x = (axis.ravel() for axis in np.mgrid[:height, :width])
    down, right = np.abs(y[:, None] - y), np.abs(x[:, None] - x)
    down, right = np.minimum(down, height - down), np.minimum(right, width - right)
    weights = (down + right == 1).astype(float)
    b = np.random.default_rng(7).random((1, height, width))
    surrogate = phase_surrogates(b, 2, 0)
    frequencies = Frequencies.of(height, width)
    for u, v in zip(frequencies.free_rows, frequencies.free_columns, strict=True):
        angle = 2 * np.pi * (u * y / height + v * x / width)
        pair = np.stack([np.cos(angle), np.sin(angle)], 1)
        eigenvalue = (weights @ pair)[0, 0] / pair[0, 0]
        np.testing.assert_allclose(weights @ pair, eigenvalue * pair, atol=1e-12)
        lengths = [np.hypot(*(pair.T @ field.ravel())) for field in (b, surrogate)]
        assert lengths[1] == pytest.approx(lengths[0], abs=1e-12)


def test_pixel_permutations_equal_permuting_by_hand() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.random((3, 5, 6)), rng.random((3, 5, 6))
    found = pixel_permutation_test(a, b, n_resamples=49, seed=4, alternative="greater")
    drawn = np.array(
        [pearson(a, b.reshape(3, -1)[:, kernels.pairing(30, 4, k)].reshape(a.shape)) for k in range(49)]
    )
    np.testing.assert_allclose(found.p_values, ((drawn >= pearson(a, b)).sum(0) + 1) / 50)


def test_effective_size_equals_dutilleuls_formula_with_matrices() -> None:
    height, width = 5, 6
    n = height * width
    y, x = (axis.ravel() for axis in np.mgrid[:height, :width])
    rings = np.rint(np.hypot(y[:, None] - y, x[:, None] - x)).astype(int)
    centring = np.eye(n) - 1 / n
    rng = np.random.default_rng(9)
    a, b = smooth(rng, 4, 1, (height, width)), smooth(rng, 4, 1, (height, width))
    for i in range(4):
        matrices = []
        for field in (a[i].ravel(), b[i].ravel()):
            z = field - field.mean()
            products = np.outer(z, z)
            of_ring = [products[rings == ring].mean() for ring in range(rings.max() + 1)]
            matrices.append(np.array(of_ring)[rings] / of_ring[0])
        first, second = (centring @ matrix for matrix in matrices)
        expected = 1 + first.trace() * second.trace() / (first @ second).trace()
        assert effective_size(a[i : i + 1], b[i : i + 1])[0] == pytest.approx(
            expected if expected > 1 else n, rel=1e-9
        )


def test_size_on_stationary_maps_and_how_wrong_permuting_pixels_is() -> None:
    rng = np.random.default_rng(10)
    n, shape = 300, (32, 32)
    for sigma, bounds in ((1, (0.25, 0.55)), (2, (0.5, 0.8))):
        a, b = smooth(rng, n, sigma, shape), smooth(rng, n, sigma, shape)
        for name, test in TESTS.items():
            rate = (test(a[:100], b[:100]) if name == "pixels" else test(a, b)).p_values <= 0.05
            low, high = bounds if name == "pixels" else (0.01, 0.11)
            assert low <= rate.mean() <= high, (name, sigma)


def test_a_shared_centre_is_rejected_by_all_of_them_as_they_say() -> None:
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:24, :24] - 11.5
    bump = 2 * np.exp(-(y**2 + x**2) / 60)
    a, b = (smooth(rng, 60, 1, (24, 24)) + bump for _ in range(2))
    for name, test in TESTS.items():
        found = test(a, b)
        assert found.p_value <= 0.02  # the smallest of 99 draws
        assert "bias to the centre" in found.sentence or name == "pixels"
    assert "contrast, not a test" in TESTS["pixels"](a, b).sentence


@pytest.mark.parametrize("name", list(TESTS))
def test_planted_association_is_found_and_results_keep_the_rules(name: str) -> None:
    rng = np.random.default_rng(12)
    shared = smooth(rng, 25, 1)
    a, b = shared + smooth(rng, 25, 1), shared + smooth(rng, 25, 1)
    b[7] = 0.5
    found = TESTS[name](a, b)
    assert (found.n, found.n_left_out) == (24, 1)
    assert 7 not in found.images
    assert found.p_value <= 0.02  # the smallest of 99 draws
    assert found.low > 0.2
    assert ((found.p_values > 0) & (found.p_values <= 1)).all()
    scaled = TESTS[name](7 * a - 3, 0.1 * b)
    np.testing.assert_allclose(scaled.p_values, found.p_values, atol=1e-9)
    assert len(found.to_frame()) == 24
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["null"] == name
    stronger = TESTS[name](a, b + shared)
    assert stronger.effect > found.effect


@pytest.mark.parametrize("name", list(TESTS))
def test_nothing_and_bad_input_are_handled_in_words(name: str) -> None:
    flat = np.ones((3, 4, 4))
    found = TESTS[name](flat, flat)
    assert found.sentence.startswith("Nothing was tested")
    assert found.to_dict()["observed"] is None
    with pytest.raises(InputError, match="two stacks"):
        TESTS[name](flat, flat[:2])
    with pytest.raises(InputError, match="finite"):
        TESTS[name](flat * np.nan, flat)
