"""Tests of mean maps: what no result depends on, planted effects, edge cases, words and tables."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from fields import planted, smooth

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats import MeanMapTest, group_test, paired_test, sign_flip_test

SIX = ("max-t", "cluster-extent", "cluster-mass", "tfce", "fdr-bh", "fdr-by")


def p_of(found: MeanMapTest) -> np.ndarray:
    """Corrected p of the pixels, or of the clusters."""
    return found.p if found.p is not None else np.array([row.p_value for row in found.clusters])


@pytest.mark.parametrize("statistic", SIX)
def test_nothing_depends_on_the_batch_and_draws_are_a_function_of_the_seed(statistic: str) -> None:
    a, b = planted(), smooth(np.random.default_rng(5), 24)
    for test in (paired_test, group_test):
        whole = test(a, b, statistic=statistic, n_resamples=200)
        parts = test(a, b, statistic=statistic, n_resamples=200, batch=7)
        np.testing.assert_array_equal(p_of(whole), p_of(parts))
        assert not whole.exact
        if not statistic.startswith("cluster"):
            other = test(a, b, statistic=statistic, n_resamples=200, seed=1)
            assert (p_of(other) != p_of(whole)).any()
        assert (p_of(whole) > 0).all()
        assert (p_of(whole) <= 1).all()


@pytest.mark.parametrize("statistic", SIX)
def test_p_moves_with_the_lattice_and_not_with_the_scale(statistic: str) -> None:
    differences = planted()
    found = sign_flip_test(differences, statistic=statistic, n_resamples=150)
    scaled = sign_flip_test(4 * differences, statistic=statistic, n_resamples=150)
    np.testing.assert_array_equal(p_of(found), p_of(scaled))
    for turn in (lambda x: x[..., ::-1, :], lambda x: np.swapaxes(x, -1, -2)):
        turned = sign_flip_test(np.ascontiguousarray(turn(differences)), statistic=statistic, n_resamples=150)
        if found.p is not None:
            np.testing.assert_array_equal(turned.p, turn(found.p))
        else:
            np.testing.assert_array_equal(turned.significant, turn(found.significant))
            np.testing.assert_array_equal(np.sort(p_of(turned)), np.sort(p_of(found)))
    mirrored = sign_flip_test(-differences, statistic=statistic, n_resamples=150)
    np.testing.assert_array_equal(p_of(found), p_of(mirrored))


@pytest.mark.parametrize("statistic", SIX)
def test_a_planted_patch_is_found_and_p_falls_with_its_strength(statistic: str) -> None:
    found = [
        sign_flip_test(
            planted(shift=shift), statistic=statistic, n_resamples=9999 if statistic == "fdr-by" else 999
        )
        for shift in (0.0, 0.5, 1.5)
    ]
    assert found[0].min_p > found[2].min_p
    assert found[1].min_p >= found[2].min_p
    inside = np.zeros_like(found[0].significant)
    inside[3:8, 2:7] = True
    assert found[2].significant[inside].mean() > 0.9
    assert found[2].significant[~inside].mean() < 0.2


def test_memory_is_flat_in_draws() -> None:
    differences = planted()
    peaks = []
    for n_resamples in (300, 3000):
        sign_flip_test(differences, n_resamples=64, batch=64)
        tracemalloc.start()
        sign_flip_test(differences, n_resamples=n_resamples, batch=64)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_no_difference_at_all_has_p_1() -> None:
    for statistic in SIX:
        found = sign_flip_test(np.zeros((6, 4, 5)), statistic=statistic)
        assert found.min_p == 1
        assert not found.significant.any()
    assert (
        "there is no cluster to test"
        in sign_flip_test(np.zeros((6, 4, 5)), statistic="cluster-mass").sentence
    )


def test_a_pixel_without_variance_is_tested_by_max_t_and_refused_by_tfce() -> None:
    differences = planted(12)
    differences[:, 0, 0] = 0.5
    found = sign_flip_test(differences, n_resamples=200)
    assert found.t[0, 0] == np.inf
    assert found.p[0, 0] == pytest.approx(1 / 201)
    with pytest.raises(InputError, match="use statistic='max-t'"):
        sign_flip_test(differences, statistic="tfce", n_resamples=200)


def test_masks_are_compared_as_frequencies() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((40, 6, 6)) < 0.6, rng.random((40, 6, 6)) < 0.2
    found = paired_test(a, b, n_resamples=500, alternative="greater")
    np.testing.assert_allclose(found.effect, a.mean(0) - b.mean(0), atol=1e-14)
    assert found.significant.mean() > 0.4
    signs = kernels.sign_flips(40, 0, 0, 500)
    whole = kernels.cluster_test(a.astype(float) - b, signs, 3.0, alternative="greater")
    np.testing.assert_array_equal(whole.p_t, found.p)


def test_results_say_what_was_tested_and_fit_json_and_tables() -> None:
    a, b = planted(), smooth(np.random.default_rng(5), 24)
    for statistic in SIX:
        found = paired_test(a, b, statistic=statistic, n_resamples=999, names=("PGD", "noise"))
        assert found.sentence.startswith("PGD - noise: ")
        assert "999 draws" in found.sentence
        assert "conditional on the maps of these 24 images" in found.sentence
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["sentence"] == found.sentence
        frame = found.to_frame()
        assert len(frame) == (len(found.clusters) if found.p is None else found.t.size)
        np.testing.assert_array_equal(frame["p_value"].to_numpy(), p_of(found).ravel())


def test_words_about_clusters_never_claim_a_location() -> None:
    for statistic in ("cluster-extent", "cluster-mass"):
        found = sign_flip_test(planted(shift=2.0), statistic=statistic, n_resamples=199)
        assert found.p is None
        assert "speaks of the cluster as a whole" in found.sentence
        assert "names no pixel" in found.sentence
        for word in (" at row", " peak", " located", "in pixels"):
            assert word not in found.sentence
    assert "not of that pixel" in sign_flip_test(planted(), statistic="tfce", n_resamples=199).sentence


def test_too_few_draws_for_a_false_discovery_rate_are_said() -> None:
    few = sign_flip_test(planted(), statistic="fdr-bh", n_resamples=99)
    assert "take more draws, or parametric p-values" in few.sentence
    assert "take more draws" not in sign_flip_test(planted(), n_resamples=99).sentence
