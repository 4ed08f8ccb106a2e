"""Error rates of tests of mean maps by simulation; what is refused, and what is warned of."""

from __future__ import annotations

import numpy as np
import pytest
from fields import smooth
from scipy import stats

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats import group_test, paired_test, sign_flip_test
from spatialstats.stats.symmetry import symmetry_of

RUNS = 200
ABOVE = stats.binom.isf(0.001, RUNS, 0.05) / RUNS
"""A share of rejections that a test of size .05 exceeds once in a thousand times: .105."""
FAMILYWISE = ("max-t", "cluster-extent", "cluster-mass", "tfce")


@pytest.mark.parametrize("statistic", [*FAMILYWISE, "fdr-bh"])
def test_symmetric_smooth_noise_is_rejected_as_often_as_said(statistic: str) -> None:
    rejected = np.zeros(2)
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        heavy = smooth(rng, 16) * rng.standard_t(4, (16, 1, 1))
        how = {
            "statistic": statistic,
            "n_resamples": 199,
            "seed": run,
            "threshold": 2.0 if statistic.startswith("cluster") else None,
            "parametric": statistic == "fdr-bh",
        }
        rejected += [
            sign_flip_test(heavy, **how).min_p <= 0.05,
            group_test(heavy[:7], heavy[7:], **how).min_p <= 0.05,
        ]
    assert (rejected / RUNS <= ABOVE).all(), rejected / RUNS


def test_paired_lognormal_maps_are_rejected_as_often_as_said_and_centred_ones_are_not() -> None:
    paired, raw, warned = 0, 0, 0
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        a, b = np.exp(1.5 * smooth(rng, 20)), np.exp(1.5 * smooth(rng, 20))
        shared = np.exp(rng.standard_normal((20, 1, 1)))  # images differ in scale, in both conditions
        paired += paired_test(shared * a, shared * b, n_resamples=199, seed=run).min_p <= 0.05
        # variance of the fields is near 1: the true mean of the lognormal is near exp(1.5^2 / 2)
        centred = sign_flip_test(a - np.exp(1.125), n_resamples=199, seed=run)
        raw += centred.min_p <= 0.05
        warned += "WARNING: the differences are skewed" in centred.sentence
    assert paired / RUNS <= ABOVE
    assert raw / RUNS > 0.5  # the reason for the refusal
    assert warned / RUNS > 0.9


def test_raw_maps_are_refused_in_a_sentence_that_says_why() -> None:
    maps = np.exp(smooth(np.random.default_rng(0), 10))
    with pytest.raises(InputError, match="symmetric around 0") as refusal:
        sign_flip_test(maps)
    for why in (
        "all non-negative",
        "lognormal",
        ".6 to .9",
        "centred",
        "paired_test(a, b)",
        "attack - noise",
    ):
        assert why in str(refusal.value)
    with pytest.raises(InputError, match="all non-negative"):
        sign_flip_test(np.maximum(maps - 1, 0))
    with pytest.raises(InputError, match="all non-positive"):
        sign_flip_test(-maps)
    with pytest.raises(InputError, match="attack B is the same map for all 10 images"):
        paired_test(maps, np.zeros_like(maps), names=("attack A", "attack B"))


def test_a_difference_of_one_sign_is_a_strong_paired_effect() -> None:
    a = np.exp(smooth(np.random.default_rng(0), 10))
    b = a * np.random.default_rng(1).uniform(0.1, 0.4, a.shape)
    assert paired_test(a, b, n_resamples=1023).significant.any()


def test_skewness_is_scipys_and_is_judged_by_its_error() -> None:
    rng = np.random.default_rng(4)
    differences = rng.gamma(0.5, size=(200, 5, 6)) - 0.5
    found = symmetry_of(differences)
    flat = differences.reshape(200, -1)
    assert found.image_means == pytest.approx(stats.skew(flat.mean(1)), rel=1e-10)
    assert found.pixels == pytest.approx(np.median(stats.skew(flat)), rel=1e-10)
    assert found.doubtful
    even = symmetry_of(rng.standard_normal((200, 5, 6)))
    assert not even.doubtful
    assert even.sentence.startswith("No asymmetry that matters")
    assert not symmetry_of(np.zeros((3, 2, 2))).doubtful
    assert not symmetry_of(np.zeros((30, 2, 2))).doubtful


def test_groups_of_unequal_size_and_spread_are_warned_of() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = rng.standard_normal((40, 6, 6)), 3 * rng.standard_normal((10, 6, 6))
    assert "WARNING: the groups are of unequal size (40 and 10)" in group_test(
        narrow, wide, n_resamples=99
    ).sentence  # fmt: skip
    assert "WARNING" not in group_test(narrow, wide[:10] / 3, n_resamples=99).sentence
    assert "WARNING" not in group_test(narrow[:10], wide, n_resamples=99).sentence


def test_bad_input_is_refused_in_words() -> None:
    maps = smooth(np.random.default_rng(0), 6)
    with pytest.raises(InputError, match=r"two maps of each image, got \(6, 12, 14\) and \(5, 12, 14\)"):
        paired_test(maps, maps[:5])
    with pytest.raises(InputError, match="N at least 2, got shape"):
        sign_flip_test(maps[:1])
    with pytest.raises(InputError, match="3 or more together"):
        group_test(maps[:1], maps[:1])
    with pytest.raises(InputError, match="finite, got NaN"):
        sign_flip_test(np.where(maps > 2, np.nan, maps) * np.nan)
    with pytest.raises(InputError, match="numbers or masks, got <U1"):
        sign_flip_test(np.full((3, 2, 2), "a"))
    with pytest.raises(InputError, match=r"unknown statistic 'maxt': did you mean 'max-t'\?"):
        sign_flip_test(maps, statistic="maxt")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown alternative"):
        sign_flip_test(maps, alternative="both")  # type: ignore[arg-type]
    for wrong, message in (
        ({"n_resamples": 0}, "needs draws"),
        ({"threshold": -1.0}, "positive t, got -1.0"),
        ({"connectivity": 3}, "connectivity must be 1"),
        ({"alpha": 5}, "use 0.05 for 5 %"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"parametric": True}, "for fdr-bh and fdr-by"),
    ):
        with pytest.raises(InputError, match=message):
            sign_flip_test(maps, **wrong)  # type: ignore[arg-type]


def test_a_p_holds_the_error_it_says_for_every_draw_count() -> None:
    signs = kernels.sign_flips(12, 0, 0, 19)
    maps = smooth(np.random.default_rng(2), 12)
    found = sign_flip_test(maps, n_resamples=19)
    assert found.min_p >= 1 / 20
    np.testing.assert_allclose(found.p, kernels.cluster_test(maps, signs, 3.0).p_t)
