"""Each result says what was tested, against what, given what, how often, and what it does not mean."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fields import packed, smooth, top

import spatialstats.stats as tools
from spatialstats import kernels
from spatialstats.stats.symmetry import symmetry_of

N, DRAWS = 24, 49
RNG = np.random.default_rng(3)
A, B, C = (smooth(RNG, N) for _ in range(3))
ROI, ROA, OTHER = (top(maps) for maps in (A, B, C))
PACKED = packed(ROI, ROA, OTHER)
CLASSES = np.arange(N) % 2
PIXELS = int(A[0].size)
ROWS = {"ClusterRow", "SwapRow", "Rung", "ControlRow"}
"""Parts of results; the result itself speaks for them."""


MADE: dict[str, Callable[[], Any]] = {
    "morans_i": lambda: tools.morans_i(A, n_resamples=DRAWS),
    "gearys_c": lambda: tools.gearys_c(A, n_resamples=DRAWS),
    "getis_ord_g": lambda: tools.getis_ord_g(A - A.min(), n_resamples=DRAWS),
    "bivariate_morans_i": lambda: tools.bivariate_morans_i(A, B, n_resamples=DRAWS),
    "join_counts": lambda: tools.join_counts(ROI, n_resamples=DRAWS),
    "correlogram": lambda: tools.correlogram(A, [0, 1, 2], n_resamples=DRAWS),
    "variogram": lambda: tools.variogram(A, [0, 1, 2]),
    "local_morans_i": lambda: tools.local_morans_i(A[:2], n_resamples=DRAWS),
    "bivariate_local_morans_i": lambda: tools.bivariate_local_morans_i(A[:2], B[:2], n_resamples=DRAWS),
    "local_g": lambda: tools.local_g(A[:2] - A.min(), n_resamples=DRAWS),
    "swap_test": lambda: tools.swap_test(*PACKED[:2], PIXELS, n_resamples=DRAWS),
    "swap_family": lambda: tools.swap_family({"x": (PACKED[0], PACKED[1])}, PIXELS, n_resamples=DRAWS),
    "explore": lambda: tools.explore(ROI, ROA, importance=A, attack=B, n_resamples=DRAWS),
    "colocation_ladder": lambda: tools.colocation_ladder(
        PACKED[0], PACKED[1], PIXELS, others=[PACKED[2]], noise=PACKED[2], classes=CLASSES, n_resamples=DRAWS
    ),
    "control_effects": lambda: tools.control_effects(
        PACKED[0], PACKED[1], PIXELS, edges=PACKED[2], noise=PACKED[2]
    ),
    "location_test": lambda: tools.location_test(
        tools.window_means(A, 3, 3).reshape(N, -1), np.zeros(N, np.int64), n_resamples=DRAWS
    ),
    "shift_test": lambda: tools.shift_test(A, B, n_resamples=DRAWS),
    "shift_test of masks": lambda: tools.shift_test(ROI, ROA, n_resamples=DRAWS),
    "phase_test": lambda: tools.phase_test(A, B, n_resamples=DRAWS),
    "pixel_permutation_test": lambda: tools.pixel_permutation_test(A, B, n_resamples=DRAWS),
    "effective_size_test": lambda: tools.effective_size_test(A, B),
    **{
        f"paired_test {statistic}": lambda statistic=statistic: tools.paired_test(  # type: ignore[misc]
            A, B, statistic=statistic, n_resamples=DRAWS
        )
        for statistic in ("max-t", "cluster-extent", "cluster-mass", "tfce", "fdr-bh", "fdr-by")
    },
    "sign_flip_test": lambda: tools.sign_flip_test(A - B, n_resamples=DRAWS),
    "group_test": lambda: tools.group_test(A, B, n_resamples=DRAWS),
    "confidence_set": lambda: tools.confidence_set(ROI, 0.25, n_resamples=DRAWS),
    "confidence_difference": lambda: tools.confidence_difference(ROI, ROA, 0.25, 0.25, n_resamples=DRAWS),
    "mcnemar_test": lambda: tools.mcnemar_test(ROI[:, 4, 4], ROA[:, 4, 4]),
    "interval": lambda: tools.mean_interval(A.mean((1, 2))),
    "difference of ratios": lambda: tools.ratio_difference(
        (ROI.sum((1, 2)), np.full(N, PIXELS)), (ROA.sum((1, 2)), np.full(N, PIXELS)), n_resamples=DRAWS
    ),
}
NULLS = ("against", "permuted pairings", "not tests", "confidence", "null is known", "Nothing was tested")
CONDITIONS = (
    "onditional on",
    "drawn from",
    "its own value held fixed",
    "over the same",
    "means the same everywhere only where",
)
LIMITS = (
    " not ",
    "says neither",
    "says nothing",
    "names no",
    "vouches for no",
    "holds for stationary",
    "are lent",
    "is lent",
)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return {}


def result(made: dict[str, Any], name: str) -> Any:
    if name not in made:
        made[name] = MADE[name]()
    return made[name]


@pytest.mark.parametrize("name", MADE)
def test_the_sentence_says_everything(made: dict[str, Any], name: str) -> None:
    sentence = result(made, name).sentence
    assert sentence.endswith((".", ".)"))
    assert any(word in sentence for word in NULLS), sentence
    assert any(word in sentence for word in CONDITIONS), sentence
    assert any(word in sentence for word in LIMITS), sentence
    drawn = f"{DRAWS} draws" in sentence or f"{DRAWS} permutations" in sentence
    assert drawn or any(
        word in sentence
        for word in ("analytic", "Nothing was tested", "bootstrap", "all that there are", "needs no draws")
    ), sentence
    assert not any(word in sentence for word in ("nan", "inf ", "None")), sentence


@pytest.mark.parametrize("name", MADE)
def test_it_becomes_a_table_and_json(made: dict[str, Any], name: str) -> None:
    found = result(made, name)
    frame = found.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.is_unique
    assert len(frame.columns) > 1
    assert len(frame) or not getattr(found, "clusters", True)
    held = found.to_dict()
    json.dumps(held, allow_nan=False)
    if not isinstance(found, tools.Interval):  # `value, low, high, n` stand in many places of results.json
        assert held["sentence"] == found.sentence


def test_no_kind_of_result_is_left_out(made: dict[str, Any]) -> None:
    kinds = {
        name
        for name in tools.__all__
        if isinstance(getattr(tools, name), type) and dataclasses.is_dataclass(getattr(tools, name))
    }
    assert kinds - ROWS == {type(result(made, name)).__name__ for name in MADE}


def test_images_that_are_left_out_are_named() -> None:
    masks = ROI.copy()
    masks[:3] = False
    family = tools.swap_family(
        {"x": (kernels.pack(masks), PACKED[1])}, PIXELS, n_resamples=DRAWS, classes=np.r_[[7], CLASSES[1:]]
    )
    assert "3 with a map or mask that is empty" in family.sentence
    flat = A.copy()
    flat[0] = 1.0
    assert "1 without two maps that vary left out" in tools.shift_test(flat, B, n_resamples=9).sentence


def test_equal_means_have_no_skewness_of_their_rounding() -> None:
    maps = np.exp(A)
    maps /= maps.mean((1, 2), keepdims=True)
    other = np.exp(B)
    other /= other.mean((1, 2), keepdims=True)
    found = symmetry_of(maps - other)
    assert np.isnan(found.image_means)
    assert np.isfinite(found.pixels)
    assert not found.doubtful
