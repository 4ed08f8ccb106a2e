"""The small world's parts, and one finished run of it."""

from __future__ import annotations

import pytest
from small_world import CLASSES, blobs, go, trained
from torch import nn

import spatialstats
from spatialstats.data import Dataset
from spatialstats.models import Classifier


@pytest.fixture(scope="session")
def net() -> nn.Module:
    """The trained network."""
    return trained()


@pytest.fixture
def classifier(net: nn.Module) -> Classifier:
    """The network as a classifier."""
    return Classifier(net, batch_size=16, name="blobs")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """120 images."""
    return Dataset.from_arrays(*blobs(120, seed=2), classes=CLASSES)


@pytest.fixture(scope="session")
def finished(
    net: nn.Module, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> spatialstats.Result:
    """A run that nothing cut off."""
    return go(Classifier(net, batch_size=16, name="blobs"), dataset, tmp_path_factory.mktemp("runs") / "run")
