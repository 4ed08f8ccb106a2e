"""The four segments that RoI and RoA cut an image into, and what each carries of the damage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spatialstats.errors import InputError, unknown
from spatialstats.stats.intervals import Interval, ratio_interval
from spatialstats.stats.shapley import shapley_values

if TYPE_CHECKING:
    import torch

SEGMENTS = ("background", "neutralizable", "protected", "contested")
N_COALITIONS = 16
FULL = N_COALITIONS - 1  # delta everywhere
BLOCK_BYTES = 1 << 26  # images composed at once


class Predictor(Protocol):
    """What `damage` needs of a `Classifier`."""

    batch_size: int

    def predict_logits(self, x: Any) -> np.ndarray:
        """float32 (N, K) logits of images (N, C, H, W)."""


@dataclass(frozen=True)
class Damage:
    """What the perturbation does from each subset of the segments.

    Parameters
    ----------
    shapley : numpy.ndarray
        float64 (N, 4): each segment's Shapley value for the drop of the margin, in logits;
        positive is damage.  A row sums to `drop`.
    margins : numpy.ndarray
        float64 (N, 16): margin with delta applied on the segments of the coalition; bit s of
        the coalition is segment s of `SEGMENTS`.
    predictions : numpy.ndarray
        int64 (N, 16): predicted class, likewise.
    area : numpy.ndarray
        float64 (N, 4): share of the pixels.
    """

    shapley: np.ndarray
    margins: np.ndarray
    predictions: np.ndarray
    area: np.ndarray

    @property
    def drop(self) -> np.ndarray:
        """float64 (N,): margin at x minus margin at x_adv."""
        drop: np.ndarray = self.margins[:, 0] - self.margins[:, FULL]
        return drop

    def restored(self, *segments: str) -> np.ndarray:
        """int64 (N,): predicted class when the clean pixels are back in the named segments.

        No fill of these segments can be credited with more than the accuracy of these
        predictions: it is the ceiling of their neutralization.
        """
        return restored(self.predictions, *segments)


def restored(predictions: np.ndarray, *segments: str) -> np.ndarray:
    """Predictions with the clean pixels back in the named segments, out of those of all coalitions.

    Parameters
    ----------
    predictions : numpy.ndarray
        (N, 16), as in `Damage`.
    *segments : str
        Names of `SEGMENTS`; none leaves the perturbation everywhere.

    Returns
    -------
    numpy.ndarray
        (N,).

    Raises
    ------
    InputError
        If there is no such segment.
    """
    coalition = FULL
    for name in segments:
        if name not in SEGMENTS:
            raise unknown("segment", name, SEGMENTS)
        coalition &= ~(1 << SEGMENTS.index(name))
    chosen: np.ndarray = predictions[:, coalition]
    return chosen


def segment(roi: np.ndarray, roa: np.ndarray) -> np.ndarray:
    """Codes of the four segments: bit 0 is RoA, bit 1 is RoI.

    Parameters
    ----------
    roi, roa : numpy.ndarray
        bool, any one shape.

    Returns
    -------
    numpy.ndarray
        uint8 of that shape; index into `SEGMENTS`.
    """
    roi, roa = np.asarray(roi, bool), np.asarray(roa, bool)
    if roi.shape != roa.shape:
        raise InputError(
            f"RoI and RoA must be masks of the same images, got shapes {roi.shape} and {roa.shape}."
        )
    codes: np.ndarray = (roi.astype(np.uint8) << 1) | roa.astype(np.uint8)
    return codes


def areas(codes: np.ndarray) -> np.ndarray:
    """float64 (N, 4): share of the pixels of each image (N, H, W) in each segment."""
    return np.stack([(codes == code).mean((1, 2)) for code in range(4)], 1)


def damage(
    classifier: Predictor,
    x: torch.Tensor | np.ndarray,
    x_adv: torch.Tensor | np.ndarray,
    y: np.ndarray,
    rival: np.ndarray,
    segments: np.ndarray,
    *,
    clean_logits: np.ndarray | None = None,
    adversarial_logits: np.ndarray | None = None,
) -> Damage:
    """Exact Shapley values of the four segments for the drop of the margin.

    The margin is the logit of the true label minus the logit of a fixed rival.  Every
    coalition of segments gets the perturbation while the others keep the clean pixels: 16
    forward passes an image, fewer where a segment is empty (it changes nothing and gets
    exactly 0) or where the two ends are known.

    Parameters
    ----------
    classifier : Classifier
        Or anything with ``predict_logits`` and ``batch_size``.
    x, x_adv : torch.Tensor or numpy.ndarray
        float32 (N, C, H, W): clean and adversarial images.
    y, rival : numpy.ndarray
        int (N,): true label and the class that the margin is taken against.
    segments : numpy.ndarray
        uint8 (N, H, W), from `segment`.
    clean_logits, adversarial_logits : numpy.ndarray, optional
        (N, K): logits at `x` and `x_adv` where they are known already.

    Raises
    ------
    InputError
        If a rival is the true label, or shapes disagree.

    References
    ----------
    X. Wang et al., arXiv 2108.06895, attribute attacks to regions by Shapley values.
    """
    y, rival, segments = np.asarray(y, np.int64), np.asarray(rival, np.int64), np.asarray(segments)
    _check(x, x_adv, y, rival, segments)
    n, area = len(y), areas(segments)
    bits = 1 << np.arange(4)
    present = (area > 0) @ bits
    same_as = np.arange(N_COALITIONS) & present[:, None]  # empty segments do not tell coalitions apart
    needed = same_as == np.arange(N_COALITIONS)
    margins, predictions = np.zeros((n, N_COALITIONS)), np.zeros((n, N_COALITIONS), np.int64)

    def record(rows: np.ndarray, coalitions: np.ndarray, logits: np.ndarray) -> None:
        at = np.arange(len(rows))
        values = np.asarray(logits, np.float64)
        margins[rows, coalitions] = values[at, y[rows]] - values[at, rival[rows]]
        predictions[rows, coalitions] = logits.argmax(1)

    everyone = np.arange(n)
    # Where every pixel is background, say, "delta everywhere" is coalition 1 rather than 15.
    for known, ends in ((clean_logits, np.zeros(n, np.int64)), (adversarial_logits, same_as[:, FULL])):
        if known is not None:
            record(everyone, ends, known)
            needed[everyone, ends] = False
    rows, coalitions = np.nonzero(needed)
    for start, stop in _blocks(len(rows), x, classifier.batch_size):
        images = _compose(x, x_adv, segments, rows[start:stop], coalitions[start:stop])
        record(rows[start:stop], coalitions[start:stop], classifier.predict_logits(images))
    margins = np.take_along_axis(margins, same_as, 1)
    return Damage(shapley_values(-margins), margins, np.take_along_axis(predictions, same_as, 1), area)


def shares(
    shapley: np.ndarray, *, seed: int = 0, n_resamples: int = 2000, confidence: float = 0.95
) -> dict[str, Interval]:
    """Share of the whole margin drop that each segment carries over many images.

    Sum of the Shapley values over sum of the drops, with a bootstrap interval over images.
    A mean of single images' shares would be ruled by the images whose drop is nearly zero.

    Parameters
    ----------
    shapley : numpy.ndarray
        float64 (N, 4), of correctly classified images: an image that was wrong to begin with
        has no margin to lose.
    seed, n_resamples, confidence
        Of the bootstrap; see `spatialstats.stats.intervals.ratio_interval`.
    """
    drop = shapley.sum(1)
    return {
        name: ratio_interval(shapley[:, s], drop, seed=seed, n_resamples=n_resamples, confidence=confidence)
        for s, name in enumerate(SEGMENTS)
    }


def _compose(x: Any, x_adv: Any, segments: np.ndarray, rows: np.ndarray, coalitions: np.ndarray) -> Any:
    """Images with the perturbation on the segments of each coalition."""
    attacked = ((coalitions[:, None, None] >> segments[rows]) & 1).astype(bool)[:, None]
    if isinstance(x, np.ndarray):
        return np.where(attacked, x_adv[rows], x[rows])
    import torch

    at = torch.from_numpy(rows).to(x.device)
    return torch.where(torch.from_numpy(attacked).to(x.device), x_adv[at], x[at])


def _blocks(n: int, x: Any, batch_size: int) -> list[tuple[int, int]]:
    """Ranges of whole micro-batches, so that only the very last one is padded."""
    image_bytes = 4 * int(np.prod(x.shape[1:]))
    size = max(1, BLOCK_BYTES // max(1, image_bytes * batch_size)) * batch_size
    return [(start, min(n, start + size)) for start in range(0, n, size)]


def _check(x: Any, x_adv: Any, y: np.ndarray, rival: np.ndarray, segments: np.ndarray) -> None:
    if x.shape != x_adv.shape or segments.shape != (x.shape[0], *x.shape[2:]) or len(y) != len(x):
        raise InputError(
            "damage needs as many clean and adversarial images, segments and labels, got "
            f"{tuple(x.shape)}, {tuple(x_adv.shape)}, {segments.shape} and {y.shape}."
        )
    if rival.shape != y.shape or (rival == y).any():
        raise InputError("the rival class of an image must differ from its true label, got the label itself.")
