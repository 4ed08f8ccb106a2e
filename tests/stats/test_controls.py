"""Controls beside the real effect: values, what is left out, and what the sentence says."""

from __future__ import annotations

import numpy as np
import pytest

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats import control_effects, swap_test

N, SIDE = 60, 12


def masks(seed: int, *, like: np.ndarray | None = None, weight: float = 0.0) -> np.ndarray:
    """Masks of the quarter of pixels with the largest noise, to which a shared field may be added."""
    field = np.random.default_rng(seed).normal(size=(N, SIDE, SIDE))
    field = field if like is None else field + weight * like
    return field > np.quantile(field, 0.75, axis=(1, 2), keepdims=True)


def excess(roi: np.ndarray, roa: np.ndarray) -> float:
    """Mean lift of one image's masks less that of different images', from its definition."""
    lift = np.array([[(r & a).mean() / (r.mean() * a.mean()) for a in roa] for r in roi])
    off = lift[~np.eye(len(roi), dtype=bool)]
    return float(np.diag(lift).mean() - off.mean())


@pytest.fixture(scope="module")
def stacks() -> dict[str, np.ndarray]:
    content = np.random.default_rng(0).normal(size=(N, SIDE, SIDE))
    return {
        "roi": masks(1, like=content, weight=2),
        "roa": masks(2, like=content, weight=2),
        "edges": masks(3, like=content, weight=1),
        "untrained": masks(4),
        "noise": masks(5, like=content, weight=0.5),
    }


def test_effects_are_those_of_all_pairs(stacks: dict[str, np.ndarray]) -> None:
    packed = {name: kernels.pack(of) for name, of in stacks.items()}
    found = control_effects(
        packed["roi"],
        packed["roa"],
        SIDE**2,
        edges=packed["edges"],
        untrained=packed["untrained"],
        noise=packed["noise"],
    )
    pairs = {
        "this model": ("roi", "roa"),
        "edges": ("edges", "roa"),
        "random weights": ("untrained", "roa"),
        "clipped noise": ("roi", "noise"),
    }
    assert [row.key for row in found.rows] == list(pairs)
    for key, (roi, roa) in pairs.items():
        row = found.row(key)
        assert row.effect == pytest.approx(excess(stacks[roi], stacks[roa]), abs=1e-10)
        assert row.observed - row.swapped == pytest.approx(row.effect, abs=1e-12)
        assert row.low < row.effect < row.high
        assert row.real_less == pytest.approx(found.rows[0].effect - row.effect, abs=1e-12)
    assert found.row("this model").real_less_low == found.row("this model").real_less_high == 0
    # The planted order: own content twice, the edges' half of it, and nothing in the random network.
    assert found.row("edges").real_less_low > 0
    assert found.row("random weights").low < 0.05 < found.rows[0].low


def test_the_real_row_is_the_swap_test_without_the_diagonal(stacks: dict[str, np.ndarray]) -> None:
    roi, roa = kernels.pack(stacks["roi"]), kernels.pack(stacks["roa"])
    found = control_effects(roi, roa, SIDE**2).rows[0]
    test = swap_test(roi, roa, SIDE**2, n_resamples=9)
    assert found.effect == pytest.approx(test.effect * N / (N - 1), abs=1e-12)


def test_images_without_a_mask_are_left_out_of_every_row(stacks: dict[str, np.ndarray]) -> None:
    edges = stacks["edges"].copy()
    edges[:7] = False
    packed = [kernels.pack(stacks[name]) for name in ("roi", "roa")]
    found = control_effects(*packed, SIDE**2, edges=kernels.pack(edges))
    alone = control_effects(*(of[7:] for of in packed), SIDE**2)
    assert (found.n, found.n_left_out) == (N - 7, 7)
    assert found.rows[0].effect == alone.rows[0].effect
    assert {row.n for row in found.rows} == {N - 7}


def test_a_result_says_that_it_is_no_test_and_shows_itself(stacks: dict[str, np.ndarray]) -> None:
    found = control_effects(kernels.pack(stacks["roi"]), kernels.pack(stacks["roa"]), SIDE**2)
    assert "effect sizes, not tests" in found.sentence
    assert "none were given" in found.sentence
    assert list(found.to_frame()["key"]) == ["this model"]
    assert found.to_dict()["rows"][0]["effect"] == found.rows[0].effect


def test_too_few_images_are_handled_in_words() -> None:
    one = kernels.pack(np.ones((1, 4, 4), bool))
    found = control_effects(one, one, 16, edges=one)
    assert "fewer than two images" in found.sentence
    assert found.to_dict()["rows"][1]["effect"] is None
    with pytest.raises(InputError, match="same images"):
        control_effects(one, kernels.pack(np.ones((2, 4, 4), bool)), 16)
