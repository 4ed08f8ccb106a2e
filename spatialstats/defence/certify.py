"""Certificates of double masking: images that no patch of a given size can change the answer of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spatialstats.attacks.losses import lead
from spatialstats.defence.cover import placements
from spatialstats.defence.masked import MaskedModel
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.errors import InputError
from spatialstats.stats.intervals import proportion

__all__ = ["Certificates", "certify", "refuse_broken"]

FIRST = 8  # pairs of masks asked for at once at first; the number doubles while images hold out


@dataclass(frozen=True)
class Certificates:
    """Which images are certified, against what, and what it cost.

    Parameters
    ----------
    certified : numpy.ndarray
        bool (N,): whether every one- and two-mask prediction is the label.  For such an image
        `PatchCleanser` gives the label whatever stands in one patch at any of the placements.
    patch : (int, int)
        Sides of the patch.
    placements : float
        Share of all placements that are spoken of: 1, or less where a region is kept.
    masks : int
        Masks of the cover.
    predictions : int
        Masked predictions that were made.
    exhaustive : int
        Masked predictions without early exit: N times M (M + 1) / 2.
    """

    certified: np.ndarray
    patch: tuple[int, int]
    placements: float
    masks: int
    predictions: int
    exhaustive: int

    @property
    def sentence(self) -> str:
        """What is certified, and what is not."""
        found = proportion(self.certified)
        where = (
            "anywhere"
            if self.placements == 1
            else f"at the {100 * self.placements:.1f} % of placements that are disjoint from the kept region"
        )
        return (
            f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}] of {found.n} images "
            f"keep their right answer under any one patch of at most {self.patch[0]}x{self.patch[1]} pixels "
            f"{where}: proven for these images by {self.masks} masks and their pairs, not estimated from "
            "attacks; nothing is said of other images, larger or several patches, or changes elsewhere."
        )

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, without the array."""
        return {
            "certified": proportion(self.certified).to_dict(),
            "patch": list(self.patch),
            "placements": self.placements,
            "masks": self.masks,
            "predictions": self.predictions,
            "exhaustive": self.exhaustive,
            "sentence": self.sentence,
        }


def certify(defence: PatchCleanser, x: torch.Tensor, y: torch.Tensor) -> Certificates:
    """Check two-mask correctness of labelled images.

    One-mask predictions come first.  Images that survive are asked for pairs of masks, the most
    doubtful first (the lowest sum of one-mask margins), in growing blocks, and leave at the
    first pair that fails; a pair is predicted once, not once in either order.

    Parameters
    ----------
    defence : PatchCleanser
        Whose masks, fill and model count.
    x : torch.Tensor
        Floating (N, C, H, W) in [0, 1].
    y : torch.Tensor
        int64 (N,) true labels.

    Returns
    -------
    Certificates

    Raises
    ------
    InputError
        If there is not one label an image.

    References
    ----------
    Xiang et al., USENIX Security 2022, theorem 1; worked out in docs/certificates.md.
    """
    if y.shape != (len(x),):
        raise InputError(f"certificates need one label an image, got {tuple(y.shape)} for {len(x)} images.")
    masked = defence.masked(x)
    m, before = len(masked.cover), masked.predictions
    with torch.no_grad():
        alive = two_mask_correct(masked, x, y) if len(x) else torch.zeros(0, dtype=torch.bool)
    shape = (int(x.shape[2]), int(x.shape[3]))
    return Certificates(
        certified=alive.cpu().numpy(),
        patch=defence.sides,
        placements=float(placements(shape, defence.sides, defence.keep).float().mean()),
        masks=m,
        predictions=masked.predictions - before,
        exhaustive=len(x) * m * (m + 1) // 2,
    )


def two_mask_correct(masked: MaskedModel, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """bool (N,): whether the prediction behind every mask and every pair of masks is the label."""
    logits = masked.one_mask(x)
    margins = lead(logits.flatten(0, 1), y.repeat_interleave(logits.shape[1])).view(logits.shape[:2])
    alive = (logits.argmax(2) == y[:, None]).all(1)
    first, second = torch.triu_indices(len(masked.cover), len(masked.cover), 1, device=x.device)
    order = (margins[:, first] + margins[:, second]).argsort(1)  # (N, pairs): the most doubtful first
    start, block = 0, FIRST
    while start < order.shape[1] and bool(alive.any()):
        at = torch.nonzero(alive)[:, 0]
        pairs = order[at, start : start + block]
        rows = at.repeat_interleave(pairs.shape[1])
        said = masked.logits(x, rows, first[pairs].flatten(), second[pairs].flatten()).argmax(1)
        alive[at] = (said == y[rows]).view(len(at), -1).all(1)
        start, block = start + block, 2 * block
    return alive


def refuse_broken(certified: np.ndarray, broken: np.ndarray) -> None:
    """Stop where an attack within the certified threat changed a certified answer.

    Parameters
    ----------
    certified : numpy.ndarray
        bool (N,): `Certificates.certified`.
    broken : numpy.ndarray
        bool (N,): whether an attack inside the certified threat made the defence wrong.

    Raises
    ------
    RuntimeError
        If an image is certified and broken: either the proof's assumptions do not hold for this
        model (a prediction that depends on its batch, a randomized forward), or there is a bug.
    """
    both = np.flatnonzero(np.asarray(certified, bool) & np.asarray(broken, bool))
    if len(both):
        raise RuntimeError(
            f"images {both[:5].tolist()} are certified and were broken inside the certified threat: the "
            "model's prediction of a masked image must be a function of that image alone."
        )
