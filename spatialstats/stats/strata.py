"""Permuting the pairing within classes: strata, their seeds, and sums over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.pair_sums import Pairs, PairSums
from spatialstats.stats.resampling import worth_squaring

MIN_CLASS = 30  # images a class needs for a p-value of its own


@dataclass(frozen=True)
class Stratum:
    """Images that may be swapped with each other.

    Parameters
    ----------
    label : int or None
        Their class; None where all images are one stratum.
    rows : numpy.ndarray
        int64: which images.
    seed : int
        Draw k pairs them by ``kernels.pairing(n, seed, k)``.  A function of the given seed and
        the label alone, so that every map and attack on these images sees the same pairings.
    """

    label: int | None
    rows: np.ndarray
    seed: int

    @property
    def n(self) -> int:
        """Images."""
        return len(self.rows)


def strata(n: int, classes: np.ndarray | None, seed: int) -> tuple[Stratum, ...]:
    """One stratum of all n images, or one for each class that has at least two of them.

    Parameters
    ----------
    n : int
        Images.
    classes : numpy.ndarray or None
        int (n,): class of each image.
    seed : int
        Of all draws, in [0, 2^64).

    Raises
    ------
    InputError
        If the classes are not one integer an image.
    """
    if classes is None:
        return (Stratum(None, np.arange(n), seed),)
    classes = np.asarray(classes)
    if classes.shape != (n,) or classes.dtype.kind not in "iu":
        raise InputError(
            f"classes must be {n} integers, one an image, got {classes.dtype} of shape {classes.shape}."
        )
    found = []
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        if len(rows) > 1:
            words = np.random.SeedSequence((seed, int(label) % 2**64)).generate_state(1, np.uint64)
            found.append(Stratum(int(label), rows, int(words[0])))
    return tuple(found)


@dataclass(frozen=True)
class Stratified:
    """A statistic of pairs of images, summed up stratum by stratum.

    Parameters
    ----------
    of : sequence of Stratum
        The strata; rows count within the images of the statistic.
    sums : sequence of PairSums
        One a stratum.
    """

    of: Sequence[Stratum]
    sums: Sequence[PairSums]

    @classmethod
    def measured(cls, pairs: Pairs, of: Sequence[Stratum], n_resamples: int) -> Stratified:
        """Sums over the pairs within each stratum, with squares where they cost no more than the draws."""
        return cls(of, [_sums(pairs, stratum, n_resamples) for stratum in of])

    @property
    def rows(self) -> np.ndarray:
        """int64 (n,): the images of all strata, in order."""
        return np.sort(np.concatenate([stratum.rows for stratum in self.of]))

    @property
    def shares(self) -> np.ndarray:
        """float64 (strata,): weight of the centred mean of each stratum in the pooled effect.

        The share of its images, times n / (n - 1) as in `PairSums.own_minus_others`.
        """
        sizes = np.array([stratum.n for stratum in self.of], np.float64)
        return np.asarray(sizes / sizes.sum() * sizes / (sizes - 1))

    def in_order(self, of_strata: Sequence[np.ndarray]) -> np.ndarray:
        """Values (n,) in the order of `rows` from those of the strata."""
        rows = np.concatenate([stratum.rows for stratum in self.of])
        return np.concatenate(list(of_strata))[np.argsort(rows, kind="stable")]

    @property
    def per_image(self) -> np.ndarray:
        """float64 (n,): linearised effects, own less other images of the stratum."""
        return self.in_order([sums.own_minus_others for sums in self.sums])

    @property
    def observed(self) -> float:
        """Mean of the statistic over maps of one image."""
        return float(self.in_order([sums.diagonal for sums in self.sums]).mean())

    @property
    def effect(self) -> float:
        """Mean of `per_image`."""
        centred = [sums.observed - sums.mean for sums in self.sums]
        return float(self.shares @ np.array(centred))

    @property
    def sd(self) -> float:
        """Hoeffding's standard deviation of the pooled effect, as strata are permuted independently.

        NaN where a stratum is so large that it was not worked out.
        """
        return float(np.sqrt((self.shares**2) @ np.array([sums.sd for sums in self.sums]) ** 2))

    def pooled(self, draws: Sequence[np.ndarray]) -> np.ndarray:
        """Draws of the effect from those of the mean of each stratum; their mean is exactly 0."""
        terms = zip(self.shares, draws, self.sums, strict=True)
        return np.asarray(sum(share * (drawn - sums.mean) for share, drawn, sums in terms))

    def draws(self, pairs: Pairs, n_resamples: int) -> list[np.ndarray]:
        """Permuted means of each stratum."""
        return [pairs.at(stratum.rows).draws(stratum.seed, n_resamples) for stratum in self.of]


def _sums(pairs: Pairs, stratum: Stratum, n_resamples: int) -> PairSums:
    return pairs.at(stratum.rows).sums(squares=worth_squaring(stratum.n, n_resamples))
