"""Certificates go on where they were cut off, and start anew for another model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import certificate_tables as tables
import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.models import Classifier

CASE = tables.Case("toy", 2, "mean", n=6)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> list[Classifier]:
    """A small net in the place of the bundled ones, two images at a time; replace it to change the model."""
    torch.manual_seed(0)
    models = [Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 3)), name="toy", batch_size=8)]
    x = torch.rand(CASE.n, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    y = torch.from_numpy(models[0].predict(x)).long()
    monkeypatch.setattr(tables, "load_model", lambda _: models[0])
    monkeypatch.setattr(tables, "images", lambda n, split, part: (x[:n], y[:n]))
    monkeypatch.setattr(tables, "TOGETHER", 2)
    monkeypatch.setattr(tables, "PATCH", 2)
    monkeypatch.setattr(tables, "CASES", (CASE,))
    return models


def test_a_case_goes_on_where_it_was_cut_off(
    toy: list[Classifier], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: dict[str, Any] = {}
    tables.certified(CASE, whole, tmp_path / "whole.json")
    certify, calls = tables.certify, []

    def cut_off(*asked: Any) -> Any:
        calls.append(len(asked[1]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return certify(*asked)

    monkeypatch.setattr(tables, "certify", cut_off)
    out = tmp_path / "parts.json"
    with pytest.raises(KeyboardInterrupt):
        tables.certified(CASE, {}, out)
    parts = json.loads(out.read_text())
    assert len(parts[CASE.name]["certified"]) == 2
    tables.certified(CASE, parts, out)
    assert calls == [2, 2, 2, 2]  # of the four the second was lost
    for key in (*tables.KINDS, "predictions", "exhaustive"):
        assert parts[CASE.name][key] == whole[CASE.name][key]
    assert whole[CASE.name]["whole"] == "111111"
    shown = tables.tables(parts)
    assert shown.splitlines()[2].startswith("| `toy` | 2, mean | 6 `report` | 100.0 ")


def test_another_model_starts_anew(toy: list[Classifier], tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    tables.certified(CASE, found, tmp_path / "found.json")
    first = found[CASE.name]["fingerprint"]
    torch.manual_seed(5)
    toy[0] = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 3)), name="toy", batch_size=8)
    tables.certified(CASE, found, tmp_path / "found.json")
    assert found[CASE.name]["fingerprint"] != first
    assert len(found[CASE.name]["certified"]) == CASE.n
    assert np.mean(tables.bits(found[CASE.name]["whole"])) < 1


def test_the_comparison_counts_its_repeats(toy: list[Classifier], tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    tables.timed(found, tmp_path / "found.json", 1)
    tables.timed(found, tmp_path / "found.json", 2)
    (kept,) = found.values()
    assert len(kept["repeats"]) == 2
    assert all(one["agreement"] == 1 for one in kept["repeats"])
    assert "2 interleaved repeats" in tables.tables(found)
