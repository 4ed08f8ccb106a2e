"""Deletion and insertion curves: does the model need the pixels that a map calls important?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.importance.baselines import baseline_images
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import micro_batches

__all__ = ["Curves", "deletion_insertion"]


class Curves(NamedTuple):
    """Probability of the explained class as pixels go and come, the most important first.

    Attributes
    ----------
    deletion : ndarray of float64, (N, steps)
        After a share of the pixels was replaced; a good map makes it fall early.
    insertion : ndarray of float64, (N, steps)
        After a share of the pixels was put into the baseline; a good map makes it rise early.
    """

    deletion: npt.NDArray[np.float64]
    insertion: npt.NDArray[np.float64]

    def areas(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Area under the deletion and the insertion curve of each image, (N,), by trapezoids, in [0, 1]."""
        n = self.deletion.shape[1] - 1
        weights = np.r_[0.5, np.ones(n - 1), 0.5] / n
        return self.deletion @ weights, self.insertion @ weights


def deletion_insertion(
    classifier: Classifier,
    x: Any,
    target: Any,
    maps: Any,
    steps: int = 11,
    *,
    baseline: str = "blur",
    seed: int = 0,
) -> Curves:
    """Replace, and restore, the most important pixels first.

    Parameters
    ----------
    classifier : Classifier
        The model that is explained.
    x : array or tensor of float32, (N, C, H, W)
        Images in [0, 1].
    target : array or tensor of int, (N,)
        The explained classes.
    maps : array or tensor, (N, H, W)
        Magnitudes.  Ties, such as the zeros of a map, are ordered at random, the same
        way in every image.
    steps : int
        Points of a curve, from none to all of the pixels: 2 (steps - 1) forward passes an image.
    baseline : {'blur', 'mean', 'black', 'grey'}
        What replaces the pixels.
    seed : int
        Of the order among ties.

    Returns
    -------
    Curves

    Raises
    ------
    InputError
        If `steps` is below 2, or the maps do not belong to the images.

    References
    ----------
    V. Petsiuk, A. Das, K. Saenko, *RISE: Randomized Input Sampling for Explanation of
    Black-box Models*, BMVC 2018, arXiv 1806.07421.
    """
    import torch

    images = torch.as_tensor(x).to(classifier.device, torch.float32)
    classes = np.asarray(torch.as_tensor(target).cpu())
    n, _, height, width = images.shape
    if steps < 2 or tuple(maps.shape) != (n, height, width):
        raise InputError(
            f"curves need at least 2 steps and maps of the shape {(n, height, width)}, got {steps} steps and "
            f"{tuple(maps.shape)}"
        )
    ranks = torch.from_numpy(_ranks(torch.as_tensor(maps).cpu().numpy(), seed)).to(images.device)
    counts = torch.from_numpy(np.rint(np.linspace(0, height * width, steps)).astype(np.int64)).to(
        images.device
    )
    fill = baseline_images(images, baseline)
    # Points 0 to steps - 2 delete, the others insert: each end of a curve is the start of the other.
    n_points = 2 * (steps - 1)
    found = np.empty(n * n_points)
    for flat, first, last in micro_batches(n * n_points, classifier.batch_size, images.device):
        rows, point = flat // n_points, flat % n_points
        inserted = point >= steps - 1
        taken = ranks[rows] < counts[point - (steps - 1) * inserted][:, None, None]
        shown = (taken == inserted[:, None, None])[:, None]
        logits = classifier.predict_logits(torch.where(shown, images[rows], fill[rows])).astype(np.float64)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        found[first:last] = shares[np.arange(len(shares)), classes[rows.cpu().numpy()]][: last - first]
    deletion, insertion = found.reshape(n, 2, steps - 1).transpose(1, 0, 2)
    return Curves(np.c_[deletion, insertion[:, :1]], np.c_[insertion, deletion[:, :1]])


def _ranks(maps: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int64]:
    """Place of each pixel by decreasing value, (N, H, W); ties in one seeded order."""
    flat = maps.reshape(len(maps), -1)
    shuffled = np.random.default_rng(seed).permutation(flat.shape[1])
    order = shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None], axis=1)
    return ranks.reshape(maps.shape)
