"""Chunks cover every image once, within its split; seeds depend on all that they name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialstats.engine.config import Config
from spatialstats.engine.plan import PHASES, derive_seed, make_chunks, seeded_choice
from spatialstats.errors import InputError


@given(st.lists(st.integers(0, 2), max_size=80), st.integers(1, 9))
def test_chunks_cover_every_row_once_and_never_mix_splits(splits: list[int], size: int) -> None:
    codes = np.array(splits, np.int8)
    chunks = make_chunks(codes, size)
    rows = np.concatenate([chunk.rows for chunk in chunks]) if chunks else np.array([], int)
    assert sorted(rows) == list(range(len(splits)))
    assert all((codes[chunk.rows] == PHASES.index(chunk.phase)).all() for chunk in chunks)
    assert all(0 < len(chunk.rows) <= size + 1 for chunk in chunks)
    if size > 1:
        alone = [chunk for chunk in chunks if len(chunk.rows) == 1]
        assert all((codes == PHASES.index(chunk.phase)).sum() == 1 for chunk in alone)
    order = [PHASES.index(chunk.phase) for chunk in chunks]
    assert order == sorted(order)
    assert len({chunk.name for chunk in chunks}) == len(chunks)


def test_seeds_differ_for_different_purposes() -> None:
    seeds = {
        derive_seed(0),
        derive_seed(1),
        derive_seed(0, "a"),
        derive_seed(0, "a", "b"),
        derive_seed(0, "ab"),
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeded_choice_takes_exactly_k() -> None:
    assert seeded_choice(50, 7, 1).sum() == 7
    assert seeded_choice(5, 7, 1).all()
    assert (seeded_choice(50, 7, 1) == seeded_choice(50, 7, 1)).all()
    assert (seeded_choice(50, 7, 1) != seeded_choice(50, 7, 2)).any()


def test_configuration_survives_json() -> None:
    config = Config(attacks=("fgsm",), mean=(0.1, 0.2, 0.3), n=5)
    assert Config.from_dict(config.to_dict()) == config
    assert not config.differences(Config.from_dict(config.to_dict()))


@pytest.mark.parametrize("rule", [0.3, "0.3", "top:0.3", " top:0.3"])
def test_a_threshold_rule_has_one_form(rule: float | str) -> None:
    assert Config(roi=rule) == Config()
    assert Config(roi="Otsu").roi == "otsu"


def test_rules_are_told_in_words() -> None:
    rules = Config(roi="otsu").rules()
    assert (rules["roi"], rules["roa"]) == ("above Otsu's threshold", "top 20 %")
    assert rules["prior"].startswith("most often attacked but not important")
    assert Config(attack_map="frequency").rules()["roa"] == "all changed pixels"


def test_given_settings_win_over_the_effort() -> None:
    assert Config.of_effort("quick").n == 100
    assert Config.of_effort("quick", n=7).n == 7
    assert Config.of_effort("full").n is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"roi": 0.0}, "--roi is a top fraction"),
        ({"roa": 1.0}, "--roa is a top fraction"),
        ({"roi": "otsuu"}, "--roi is a top fraction .* or 'otsu', got otsuu"),
        ({"roa": "top:20"}, "--roa is a top fraction"),
        ({"roi": "nan"}, "--roi is a top fraction"),
        ({"reservoir": 0}, "reservoir must be at least 1"),
        ({"attack_map": "enrgy"}, "did you mean 'energy'"),
        ({"n": 0}, "n must be at least 1"),
        ({"connectivity": 3}, "connectivity must be 1"),
        ({"attacks": ()}, "at least one attack"),
        ({"backend": "cuda"}, "unknown backend"),
    ],
)
def test_settings_out_of_range_are_one_sentence(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Config(**settings)  # type: ignore[arg-type]


def test_unknown_effort_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'quick'"):
        Config.of_effort("quik")
