from __future__ import annotations

import numpy as np
import pytest

from spatialstats.defence.locate import Knowledge, prior_mask
from spatialstats.errors import InputError


@pytest.fixture
def frequency() -> np.ndarray:
    """Two blobs of different weight and one loud single pixel."""
    values = np.zeros((16, 16))
    values[2:6, 2:6] = np.linspace(0.5, 0.6, 16).reshape(4, 4)
    values[10:13, 9:14] = np.linspace(0.3, 0.4, 15).reshape(3, 5)
    values[14, 1] = 0.9
    return values


def test_the_prior_mask_takes_the_most_frequent_pixels(frequency: np.ndarray) -> None:
    mask = prior_mask(frequency, 17 / 256, sigma=0)
    np.testing.assert_array_equal(mask, frequency > 0.45)


def test_small_regions_are_dropped(frequency: np.ndarray) -> None:
    mask = prior_mask(frequency, 0.5, sigma=0, min_area=2)
    np.testing.assert_array_equal(mask, (frequency > 0) & (frequency < 0.7))


def test_smoothing_breaks_the_ties_of_few_images(frequency: np.ndarray) -> None:
    counts = (frequency > 0).astype(float)
    assert not prior_mask(counts, 0.05, sigma=0).any()
    assert prior_mask(counts, 0.05).sum() == 13


def test_nothing_to_neutralize_gives_an_empty_mask() -> None:
    assert not prior_mask(np.zeros((8, 8)), 0.2).any()


def test_stacks_and_negative_frequencies_are_refused() -> None:
    for values in (np.zeros((2, 8, 8)), -np.ones((8, 8)), np.full((8, 8), np.nan)):
        with pytest.raises(InputError, match=r"one \(H, W\) map of frequencies"):
            prior_mask(values, 0.2)


def test_only_prior_and_blind_knowledge_make_a_defence() -> None:
    assert Knowledge("prior", "blind").is_defence
    assert not Knowledge("prior", "oracle").is_defence
    assert not Knowledge("prior", "prior", labels=True).is_defence
    assert Knowledge("prior", "blind").to_dict() == {"roi": "prior", "roa": "blind", "labels": False}


def test_unknown_sources_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'prior'"):
        Knowledge("priors", "oracle")  # type: ignore[arg-type]
