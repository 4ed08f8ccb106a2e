"""A small world to run the whole analysis in: four kinds of blobs and a network that tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import spatialstats
from spatialstats.data import Dataset
from spatialstats.models import Classifier

CENTRES = ((4, 4), (4, 11), (11, 4), (11, 11))
CLASSES = ("north-west", "north-east", "south-west", "<b>south-east</b>")
SIDE = 16
SETTINGS = {
    "attacks": ["pgd-linf(epsilon=0.15,alpha=0.04,steps=5)", "noise"],
    "importance": "saliency",
    "n": 96,
    "n_resamples": 99,
    "sensitivity_images": 16,
    "reservoir": 24,
    "chunk_size": 16,
    "batch_size": 16,
    "fills": ("mean", "blur"),
}


def blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (n, 3, 16, 16) of a bright blob in one of four corners, and which corner."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images = rng.uniform(0.2, 0.5, (n, 3, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        r, c = np.array(CENTRES[label]) + rng.normal(0, 0.7, 2)
        image += 0.25 * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 6)
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8), labels.astype(np.int64)


def trained(seed: int = 0) -> nn.Module:
    """A network of one convolution and one linear layer that has learnt the blobs."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Linear(128, 4),
    )
    images, labels = blobs(512, seed=1)
    x, y = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    optimiser = torch.optim.Adam(made.parameters(), 0.01)
    for _ in range(40):
        optimiser.zero_grad()
        F.cross_entropy(made(x), y).backward()
        optimiser.step()
    return made.eval()


def go(classifier: Classifier, dataset: Dataset, out: Path, **more: object) -> spatialstats.Result:
    """A whole run of the small world."""
    return spatialstats.analyze(classifier, dataset, out=out, **{**SETTINGS, **more})  # type: ignore[arg-type]
