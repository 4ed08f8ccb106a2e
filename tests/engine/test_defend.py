"""Defended predictions are those of the torch adapter that a user deploys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spatialstats.data import Dataset
from spatialstats.defence.fills import FILLS, get_fill
from spatialstats.defence.neutralizer import Neutralizer
from spatialstats.engine import defend
from spatialstats.engine.config import Config
from spatialstats.engine.observe import see
from spatialstats.engine.plan import Chunk
from spatialstats.engine.setup import make_context
from spatialstats.models import Classifier


@pytest.fixture
def scene(classifier: Classifier, dataset: Dataset) -> Any:
    """A context, what the model sees of 37 images, and a mask for each."""
    config = Config(attacks=("fgsm",), importance="saliency", n=96, batch_size=16)
    context = make_context(config, dataset, classifier)
    seen = see(context, Chunk("report", 0, np.arange(37)))
    masks = np.random.default_rng(0).random(seen.roi.shape) < 0.3
    return context, seen, masks


@pytest.mark.parametrize("fill", FILLS)
def test_predictions_are_those_of_images_filled_beforehand(scene: Any, fill: str) -> None:
    context, seen, masks = scene
    for mask in (masks, masks[0]):
        images = get_fill(fill)(torch.from_numpy(seen.x), torch.from_numpy(mask)).numpy()
        expected = context.classifier.predict(images) == seen.labels
        np.testing.assert_array_equal(defend.defended(context, seen, seen.x, mask, fill), expected)


def test_every_defended_pass_goes_through_the_adapter_in_whole_micro_batches(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, seen, masks = scene
    met: list[tuple[int, bool]] = []
    real = Neutralizer.forward

    def spied(self: Neutralizer, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        met.append((len(x), mask is None))
        return real(self, x, mask)

    monkeypatch.setattr(Neutralizer, "forward", spied)
    defend.defended(context, seen, seen.x, masks, "blur")
    defend.defended(context, seen, seen.x, masks[0], "blur")
    assert met == [(16, False)] * 3 + [(16, True)] * 3  # 37 images, the last micro-batch padded


def test_controls_have_the_area_of_what_they_control(scene: Any) -> None:
    context, seen, masks = scene
    made = dict(defend.controls(context, seen, "roa", masks))
    assert list(made) == ["swapped", "blob", "scattered"]
    for name in ("blob", "scattered"):
        np.testing.assert_array_equal(made[name].sum((1, 2)), masks.sum((1, 2)))
    assert (made["blob"] != made["scattered"]).any((1, 2)).all()
    assert list(dict(defend.controls(context, seen, "prior", masks))) == ["blob", "scattered"]
