"""Join counts of masks: how often neighbouring pixels are both in, both out, or one of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.kernels.autocorrelation import Exceedances
from spatialstats.stats.autocorrelation_blocks import Call, Part, measured
from spatialstats.stats.autocorrelation_result import LIMITS, Autocorrelation
from spatialstats.stats.lattices import Neighbours, lattice_of, stack_of
from spatialstats.stats.orientation import Block
from spatialstats.stats.permutation_moments import Moments, Powers, geary_moments, product_moments
from spatialstats.stats.resampling import Alternative

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class JoinCounts:
    """Joins, that is pairs of neighbouring pixels, by what the two are.

    Parameters
    ----------
    bb, bw, ww : Autocorrelation
        Joins of two pixels inside of the mask ("black"), of one inside and one outside, and of two outside.
        All three have the same draws; in each map they add up to its number of joins.
    """

    bb: Autocorrelation
    bw: Autocorrelation
    ww: Autocorrelation

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN."""
        parts = {name: getattr(self, name).to_dict() for name in ("bb", "bw", "ww")}
        return {**parts, "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with three rows a map."""
        import pandas as pd

        return pd.concat([part.to_frame() for part in (self.bb, self.bw, self.ww)], ignore_index=True)

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        if not self.bb.tested.size:
            return f"{self.bb.finding}. {LIMITS}"
        found = ". ".join(part.finding for part in (self.bb, self.bw, self.ww))
        return f"{found}. {self.bb.null} The three are not independent, and not corrected for. {LIMITS}"


def join_counts(
    masks: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> JoinCounts:
    """Count joins of masks and compare them with masks of the same area put down pixel by pixel.

    Parameters
    ----------
    masks : numpy.ndarray
        (H, W) or (N, H, W), bool or 0 and 1; NaN where a pixel is missing.
    lattice : Lattice, "rook", "queen" or float
        As for `spatialstats.stats.morans_i`; weights are binary, whatever a lattice says.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid.
    n_resamples, seed
        As for `spatialstats.stats.morans_i`.
    alternative : {"two-sided", "greater", "less"}
        About each count: clumped masks make bb and ww greater and bw less.

    Returns
    -------
    JoinCounts

    Notes
    -----
    Expectations and variances are those of all arrangements of this many pixels ("nonfree
    sampling"); esda's ``expected`` is that of a contingency table of joins, another thing.

    References
    ----------
    A. D. Cliff, J. K. Ord, *Spatial processes: models and applications*, 1981, chapter 2.
    """
    stack, valid = stack_of(masks, mask, "masks")
    inside = stack[valid]
    if not ((inside == 0) | (inside == 1)).all():
        raise InputError(
            f"join counts need masks of 0 and 1, got values in [{inside.min():.4g}, {inside.max():.4g}]: "
            "compare with a threshold first."
        )
    binary = replace(lattice_of(stack.shape[1:], lattice, "binary"), row_standardised=False)
    call = Call(binary, n_resamples, seed, alternative)
    names = ("Joins inside", "Joins across", "Joins outside")
    return JoinCounts(*measured(names, [stack], valid, call, _counts, Autocorrelation))


def _counts(block: Block, call: Call) -> list[Part]:
    """Joins inside, across and outside; the draws of the first two are the same pass."""
    inside, outside = block.values[0], 1.0 - block.values[0]
    first, second = (
        kernels.cross_sums(block.images(values), block.lattice, call.seed, call.n_resamples)
        for values in (inside, outside)
    )
    across = Part(first.geary.observed / 2, _across(block.lattice, Powers.of(inside)), first.geary)
    return [_alike(block.lattice, inside, first.cross), across, _alike(block.lattice, outside, second.cross)]


def _alike(lattice: kernels.Lattice, values: np.ndarray, sums: Exceedances) -> Part:
    moments = product_moments(lattice, Powers.of(values))
    return Part(sums.observed / 2, _times(moments, np.full(len(values), 0.5)), sums)


def _across(lattice: kernels.Lattice, powers: Powers) -> Moments:
    """Geary's C with its denominator put back; the moments of normal values are not for counts."""
    scale = lattice.s0 * powers.m2 * lattice.n / (lattice.n - 1)
    moments = geary_moments(lattice, powers)
    return _times(Moments(moments.expected, np.full(len(scale), np.nan), moments.randomisation), scale)


def _times(moments: Moments, scale: np.ndarray) -> Moments:
    return Moments(moments.expected * scale, moments.normality * scale**2, moments.randomisation * scale**2)
