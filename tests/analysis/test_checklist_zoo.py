"""A few planted and a few sound defences, judged as `analysis/checklist_zoo.py` judges all of them."""

from __future__ import annotations

from dataclasses import replace

import checklist_zoo
import pytest
import torch


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(checklist_zoo.EFFORT, images=24, steps=8, restarts=1, queries=30)
    monkeypatch.setattr(checklist_zoo, "EFFORT", small)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)


@pytest.mark.parametrize("name", ["SineShatter", "DetachAll", "GradientHole", "BatchMask"])
def test_a_planted_defence_looks_robust_and_is_flagged(name: str) -> None:
    (member,) = [one for one in checklist_zoo.zoo("open") if one.name == name]
    row = checklist_zoo.judged(member, 0)
    assert row["flags"]
    assert row["naive"] - row["worst"] >= checklist_zoo.GAP


@pytest.mark.parametrize("name", ["smooth net", "fixed mask, mean", "declared smoothing"])
def test_a_sound_model_is_not_flagged(name: str) -> None:
    (member,) = [one for one in checklist_zoo.zoo("sound") if one.name == name]
    assert checklist_zoo.judged(member, 0)["flags"] == []


def test_rates_leave_out_what_a_plain_attack_sees_through() -> None:
    seen_through = {"member": "a", "seed": 0, "naive": 0.1, "worst": 0.05, "flags": []}
    believed = {"member": "b", "seed": 0, "naive": 0.9, "worst": 0.1, "flags": ["x"]}
    missed = {**believed, "member": "c", "flags": []}
    said = checklist_zoo.rates([seen_through, believed, missed], planted=True)
    assert (said["members"], said["flagged"], said["left_out"]) == (2, 1, ["a 0"])
    assert said["unflagged"] == ["c 0"]
    assert 0 < said["low"] < 0.5 < said["high"] < 1
