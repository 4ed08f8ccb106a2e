from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from fields import N_PIXELS, lifts, packed, smooth, top

from spatialstats.errors import InputError
from spatialstats.stats.ladder import colocation_ladder
from spatialstats.stats.ladder_result import Ladder
from spatialstats.stats.ladder_words import CLAIM


def planted(
    seed: int,
    n: int = 120,
    *,
    population: float = 0,
    of_class: float = 0,
    content: float = 0,
    own: float = 0,
    noise_content: float = 0,
    noise_own: float = 0,
    n_resamples: int = 99,
    **given: Any,
) -> Ladder:
    """A ladder on masks that share what is said: with all images, their class, the image, the model."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % 3
    everyone, by_class = smooth(rng, 1), smooth(rng, 3)[classes]
    image, model = smooth(rng, n), smooth(rng, n)
    base = population * everyone + of_class * by_class
    masks = {
        "roi": top(base + content * image + own * model + smooth(rng, n)),
        "roa": top(base + content * image + own * model + smooth(rng, n), 0.2),
        "noise": top(base + noise_content * image + noise_own * model + smooth(rng, n), 0.2),
    }
    others = [top(base + content * image + smooth(rng, n)) for _ in range(2)]
    given = {"others": packed(*others), "noise": packed(masks["noise"])[0], "classes": classes} | given
    return colocation_ladder(
        *packed(masks["roi"], masks["roa"]), N_PIXELS, seed=seed, n_resamples=n_resamples, **given
    )


def test_rungs_equal_differences_of_lifts_counted_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    roi, other, another, roa, noise = (top(smooth(rng, 30)) for _ in range(5))
    classes = np.arange(30) % 2
    found = colocation_ladder(
        *packed(roi, roa),
        N_PIXELS,
        others=packed(other, another),
        noise=packed(noise)[0],
        classes=classes,
        n_resamples=9,
    )

    def excess(matrix: np.ndarray, groups: np.ndarray) -> float:
        total = 0.0
        for label in np.unique(groups):
            block = matrix[np.ix_(groups == label, groups == label)]
            n = len(block)
            total += block.trace() - (block.sum() - block.trace()) / (n - 1)
        return total / len(matrix)

    everyone = np.zeros(30, int)
    content = (lifts(other, roa) + lifts(another, roa)) / 2
    content_noise = (lifts(other, noise) + lifts(another, noise)) / 2
    expected = {
        "population": excess(lifts(roi, roa), everyone),
        "class": excess(lifts(roi, roa), classes),
        "content": excess(content, classes),
        "model": excess(lifts(roi, roa) - content, classes),
        "noise": excess(lifts(roi, roa) - lifts(roi, noise), classes),
        "model beyond noise": excess(lifts(roi, roa) - content - lifts(roi, noise) + content_noise, classes),
    }
    for key, value in expected.items():
        assert found.rung(key).excess == pytest.approx(value, abs=1e-12)
        assert found.per_image[key].mean() == pytest.approx(value, abs=1e-12)
    assert found.placement.value == pytest.approx(lifts(roi, roa).mean() - 1)


def test_the_claim_is_made_for_a_planted_attack_on_what_the_model_looks_at() -> None:
    found = planted(1, content=1, own=1.2, noise_content=0.7)
    assert found.hits
    assert found.stops_at is None
    assert found.sentence.startswith(CLAIM)
    for key in ("population", "class", "model", "noise", "model beyond noise"):
        assert found.rung(key).low > 0


@pytest.mark.parametrize(
    ("shared", "stop", "words"),
    [
        ({}, "population", "are not shown to overlap more than those of different images"),
        ({"population": 2}, "population", "what the maps of all images share"),
        ({"of_class": 2}, "class", "what images of a class have in common may explain it"),
        ({"content": 1.5}, "model", "the content of the image may explain it"),
        (
            {"content": 1, "own": 1, "noise_content": 1, "noise_own": 1},
            "noise",
            "any perturbation of this size",
        ),
        (
            {"content": 1, "own": 1, "noise_own": 1},
            "model beyond noise",
            "its surplus over other models' RoI",
        ),
    ],
)
def test_the_sentence_says_at_which_rung_the_evidence_stops(
    shared: dict[str, float], stop: str, words: str
) -> None:
    found = planted(4, **shared)
    assert found.stops_at == stop
    assert not found.hits
    assert CLAIM not in found.sentence
    assert f"stops at the rung {stop!r}" in found.sentence
    assert words in found.sentence


def test_an_effect_of_the_wrong_sign_is_said_to_be_less() -> None:
    rng = np.random.default_rng(3)
    field = smooth(rng, 80)
    found = colocation_ladder(*packed(top(field), top(-field)), N_PIXELS, n_resamples=99)
    assert found.rung("population").below
    assert "overlap less than those of different images (-" in found.sentence


@pytest.mark.parametrize(
    ("missing", "stop", "why"),
    [
        ({"others": ()}, "model", "no RoI of an independently trained model was given"),
        ({"noise": None}, "noise", "no RoA of equal-budget noise was given"),
    ],
)
def test_what_was_not_tested_is_not_claimed(missing: dict[str, Any], stop: str, why: str) -> None:
    found = planted(1, content=1, own=1.2, **missing)
    assert found.stops_at == stop
    assert CLAIM not in found.sentence
    assert why in found.sentence
    assert not found.rung(stop).tested
    assert found.outcome == f"not tested: {stop}"


def test_without_classes_the_upper_rungs_are_measured_over_all_images() -> None:
    found = planted(1, content=1, own=1.2, noise_content=0.7, classes=None)
    assert not found.rung("class").tested
    assert found.stops_at == "class"
    assert found.rung("model").above
    assert "doubly centred over all images" in found.sentence
    alone = planted(1, content=1, own=1.2, noise_content=0.7, classes=np.arange(120))
    assert not alone.rung("class").tested
    assert alone.n_alone == 0
    assert alone.rung("model").excess == found.rung("model").excess


def test_images_alone_in_their_class_leave_every_rung() -> None:
    classes = np.arange(120) % 3
    classes[17] = 9
    found = planted(1, content=1, classes=classes)
    assert (found.n, found.n_alone) == (119, 1)
    assert 17 not in found.images


def test_the_model_rung_covers_zero_as_often_as_it_says_and_no_claim_is_made_of_content() -> None:
    n_trials, covered, claims = 150, 0, 0
    for trial in range(n_trials):
        found = planted(100 + trial, 45, population=1, content=1, noise_content=0.5, n_resamples=0)
        covered += found.rung("model").low <= 0 <= found.rung("model").high
        claims += found.hits
    assert 0.90 <= covered / n_trials <= 0.995
    assert claims / n_trials <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / n_trials)


def test_noise_that_does_as_much_as_the_attack_is_hardly_ever_taken_for_less() -> None:
    n_trials = 120
    same = {"content": 1, "own": 1, "noise_content": 1, "noise_own": 1}
    claims = sum(planted(500 + trial, 45, n_resamples=0, **same).hits for trial in range(n_trials))
    assert claims / n_trials <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / n_trials)


def test_the_ladder_fits_json_and_a_table() -> None:
    found = planted(1, content=1, own=1, noise=None)
    held = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [rung["key"] for rung in held["rungs"]] == ["population", "class", "content", "model", "noise"]
    assert held["rungs"][4]["excess"] is None
    assert held["hits"] is False
    frame = found.to_frame()
    assert list(frame.key[:5]) == ["population", "class", "content", "model", "noise"]
    assert frame.excess[3] == found.rung("model").excess


def test_the_same_seed_gives_the_same_bits() -> None:
    first, again = (planted(6, content=1).to_dict() for _ in range(2))
    assert first == again


def test_one_image_is_not_tested_and_bad_input_is_refused() -> None:
    rng = np.random.default_rng(2)
    roi, roa = packed(top(smooth(rng, 9)), top(smooth(rng, 9)))
    assert colocation_ladder(roi[:1], roa[:1], N_PIXELS).sentence.startswith("Nothing was tested")
    with pytest.raises(InputError, match="packed masks of the same images"):
        colocation_ladder(roi, roa, N_PIXELS, others=[roi[:4]])
    with pytest.raises(InputError, match="classes must be 9 integers"):
        colocation_ladder(roi, roa, N_PIXELS, classes=np.arange(4))


def test_gradients_without_any_looking_pass_every_rung_and_claim_nothing() -> None:
    rng = np.random.default_rng(11)
    x, gradient, theirs = (smooth(rng, 120) for _ in range(3))
    noise = rng.choice([-1.0, 1.0], gradient.shape)
    masks = packed(
        top(gradient * x), top(np.abs(gradient)), top(theirs * x), top(np.maximum(gradient * noise, 0))
    )
    roi, roa, other, of_noise = masks
    kinds = {"others": [other], "noise": of_noise, "classes": np.arange(120) % 4, "n_resamples": 199}
    naive = colocation_ladder(roi, roa, N_PIXELS, **kinds)
    assert naive.stops_at is None  # which is why the caller must say what RoI and RoA are made of
    found = colocation_ladder(roi, roa, N_PIXELS, shared_gradient=True, **kinds)
    assert not found.hits
    assert CLAIM not in found.sentence
    assert "made of this model's gradient" in found.verdict
