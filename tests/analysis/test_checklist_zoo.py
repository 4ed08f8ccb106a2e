"""A few planted and a few sound defences, judged as `analysis/checklist_zoo.py` judges all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import checklist_zoo
import pytest
import torch
from checklist_zoo_naive import naive
from checklist_zoo_regions import halves
from checklist_zoo_world import PATCH, digits, trained

from spatialstats.defence.adaptive import Threat


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small effort on one thread: the nets are tiny, and on a busy machine threads wait for each other."""
    small = replace(checklist_zoo.EFFORT, images=24, steps=8, restarts=1, queries=30)
    monkeypatch.setattr(checklist_zoo, "EFFORT", small)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def test_a_planted_region_defence_looks_robust_under_a_patch_and_is_flagged() -> None:
    (member,) = [one for one in checklist_zoo.zoo("regions-open") if one.name == "SaturatedWhenFound, patch"]
    row = checklist_zoo.judged(member, 0)
    assert row["flags"]
    assert row["naive"] - row["worst"] >= checklist_zoo.GAP


def test_the_region_zoos_are_the_halves_of_the_shuffle() -> None:
    for name, half in zip(("regions-open", "regions-held-out"), halves(), strict=True):
        members = checklist_zoo.zoo(name)
        assert {member.make(0)[1].name for member in members} == {one.lower() for one in half}
        assert len(members) == 2 * len(half)  # under both threats


@pytest.mark.parametrize("threat", ["linf:0.1", "l2:1.0", PATCH])
def test_the_plain_attack_breaks_a_net_that_hides_nothing(threat: str) -> None:
    model, (_, _, x, y) = trained(0), digits()
    x, y = x[:24], y[:24]
    budget = Threat.parse(threat)
    x_adv = naive(model.logits, x, y, budget)
    assert checklist_zoo.share_right(model.logits, x_adv, y) <= (0.05 if threat == PATCH else 0.4)
    assert 0 <= float(x_adv.min()) <= float(x_adv.max()) <= 1
    change = (x_adv - x).flatten(1)
    if budget.norm == "patch":
        for moved in ((x_adv != x)[:, 0].any(2), (x_adv != x)[:, 0].any(1)):
            for one in moved:
                places = one.nonzero()[:, 0]
                assert places.max() - places.min() < budget.epsilon
    else:
        order = torch.inf if budget.norm == "linf" else 2
        assert torch.linalg.vector_norm(change, order, 1).max() <= budget.epsilon + 1e-5


def test_rates_leave_out_what_a_plain_attack_sees_through() -> None:
    seen_through = {"member": "a", "seed": 0, "naive": 0.1, "worst": 0.05, "flags": []}
    believed = {"member": "b", "seed": 0, "naive": 0.9, "worst": 0.1, "flags": ["x"]}
    missed = {**believed, "member": "c", "flags": []}
    said = checklist_zoo.rates([seen_through, believed, missed], planted=True)
    assert (said["members"], said["flagged"], said["left_out"]) == (2, 1, ["a 0"])
    assert said["unflagged"] == ["c 0"]
    assert 0 < said["low"] < 0.5 < said["high"] < 1


def test_the_sealed_zoo_is_the_file_of_its_one_run() -> None:
    """Edited afterwards it would be no sealed zoo any more: write a new one."""
    module, _ = checklist_zoo.ZOOS["sealed"]
    written = (Path(checklist_zoo.__file__).parent / f"{module}.py").read_bytes()
    assert hashlib.sha256(written).hexdigest().startswith("cf4ee2c643accfeb")
    rows = json.loads((Path(checklist_zoo.__file__).parents[1] / "docs" / "checklist.json").read_text())
    assert {row["member"] for row in rows["sealed"]["rows"]} == {
        one.name for one in checklist_zoo.zoo("sealed")
    }
