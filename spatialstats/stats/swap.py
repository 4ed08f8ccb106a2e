"""Image-swap tests of several attacks, classes or statistics at once, with one permutation for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.bootstrap import bootstrap_columns
from spatialstats.stats.correction import max_t
from spatialstats.stats.interval import Interval
from spatialstats.stats.lift import Lift
from spatialstats.stats.pair_sums import Pairs
from spatialstats.stats.resampling import (
    Alternative,
    checked,
    exceedances,
    p_value,
    spread,
)
from spatialstats.stats.strata import MIN_CLASS, Stratified, Stratum, strata
from spatialstats.stats.swap_result import ALL, WITHIN, SwapFamily, SwapRow


def swap_family(
    tests: Mapping[str, tuple[np.ndarray, np.ndarray]],
    n_pixels: int,
    *,
    classes: np.ndarray | None = None,
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    min_class: int = MIN_CLASS,
) -> SwapFamily:
    """Test the overlap lift of several pairs of masks on the same images, by swapping images.

    Parameters
    ----------
    tests : mapping of str to (numpy.ndarray, numpy.ndarray)
        For each test RoI and RoA, uint64 (N, ceil(HW / 64)) from `kernels.pack`.  Images with an
        empty mask in any test are left out of all.
    n_pixels : int
        HW.
    classes : numpy.ndarray, optional
        int (N,).  Given, images are swapped within their class only: each class gives
        estimates, those of at least `min_class` images p-values too, and all classes are pooled.
    n_resamples, seed : int
        Draw k is a pure function of (seed, class, k), the same for every test.
    alternative : {"two-sided", "greater", "less"}
        Of all p-values.
    confidence : float
        Of the intervals: one bootstrap of the linearised effects over images, in which a
        resampled image never meets its own copy.
    min_class : int
        Images that a class needs for a p-value.

    Returns
    -------
    SwapFamily

    References
    ----------
    W. Hoeffding, *A combinatorial central limit theorem*, 1951; P. H. Westfall, S. S. Young,
    *Resampling-Based Multiple Testing*, 1993; J. Hemerik, J. Goeman, *Exact testing with random
    permutations*, TEST 27, 2018: permutations with fixed points, as those without are no group.
    """
    lifts = {name: Lift((roi,), roa, n_pixels) for name, (roi, roa) in tests.items()}
    if len({lift.n for lift in lifts.values()}) != 1:
        raise InputError("a family needs at least one test, and masks of the same images in all.")
    there = np.flatnonzero(np.all([lift.exists for lift in lifts.values()], axis=0))
    n_given = next(iter(lifts.values())).n
    if classes is not None and len(np.asarray(classes)) != n_given:
        raise InputError(f"classes must be {n_given} integers, one an image, got {len(np.asarray(classes))}.")
    return family(
        "overlap lift",
        ((name, lift.at(there)) for name, lift in lifts.items()),
        there,
        n_empty=n_given - len(there),
        classes=None if classes is None else np.asarray(classes)[there],
        n_resamples=n_resamples,
        seed=seed,
        alternative=alternative,
        confidence=confidence,
        min_class=min_class,
    )


def family(
    statistic: str,
    tests: Iterable[tuple[str, Pairs]],
    images: np.ndarray,
    *,
    n_empty: int = 0,
    classes: np.ndarray | None = None,
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    min_class: int = MIN_CLASS,
) -> SwapFamily:
    """`swap_family` for any statistics of pairs: `tests` are made one after the other, and dropped."""
    checked(alternative, n_resamples)
    of = tuple(stratum for stratum in strata(len(images), classes, seed) if stratum.n > 1)
    kept = np.sort(np.concatenate([np.zeros(0, np.int64), *(stratum.rows for stratum in of)]))
    cells: list[_Cell] = []
    for name, pairs in tests if of else ():
        cells += _cells(name, pairs, of, n_resamples, seed, min_class)
    tested = [cell for cell in cells if cell.null is not None]
    adjusted: dict[int, float] = {}
    if tested:
        z = np.array([cell.z for cell in tested])
        drawn = np.stack([cell.standardised for cell in tested], 1)
        adjusted = dict(zip(map(id, tested), max_t(z, drawn, alternative).tolist(), strict=True))
    intervals = _intervals(cells, confidence)
    rows = []
    for cell in cells:
        interval, p = intervals[id(cell)], cell.p_value(alternative)
        # A step-down p counts |z|, the plain one twice the smaller tail: the larger of both is valid.
        rows.append(
            SwapRow(
                test=cell.test,
                stratum=cell.stratum,
                n=len(cell.per_image),
                observed=cell.observed,
                swapped=cell.observed - interval.value,
                effect=interval.value,
                low=interval.low,
                high=interval.high,
                z=cell.z,
                p_value=p,
                p_adjusted=float(np.fmax(p, adjusted.get(id(cell), math.nan))),
            )
        )
    return SwapFamily(
        statistic=statistic,
        rows=tuple(rows),
        n=len(kept),
        n_empty=n_empty,
        n_alone=len(images) - len(kept),
        n_resamples=n_resamples,
        min_class=min_class,
        alternative=alternative,
        per_image={cell.test: cell.per_image for cell in cells if cell.stratum in (ALL, WITHIN)},
        images=images[kept],
    )


@dataclass(frozen=True, eq=False)
class _Cell:
    """One test in one stratum, before its p-value is adjusted."""

    test: str
    stratum: str
    seed: int
    observed: float
    per_image: np.ndarray
    excess: float  # of the statistic that is permuted over its exact mean
    sd: float
    null: np.ndarray | None  # draws of the excess; None for a class too small for a p-value

    @property
    def z(self) -> float:
        return self.excess / self.sd if self.sd > 0 else math.nan

    @property
    def standardised(self) -> np.ndarray:
        null = np.zeros(0) if self.null is None else self.null
        return null / self.sd if self.sd > 0 else np.zeros_like(null)

    def p_value(self, alternative: Alternative) -> float:
        if self.null is None:
            return math.nan
        counts = exceedances(self.null, self.excess, max(1.0, abs(self.observed)))
        return p_value(*counts, len(self.null), alternative)


def _intervals(cells: list[_Cell], confidence: float) -> dict[int, Interval]:
    """The interval of each cell: one bootstrap for all tests of a stratum, whose images these are."""
    found: dict[int, Interval] = {}
    for label in dict.fromkeys(cell.stratum for cell in cells):
        alike = [cell for cell in cells if cell.stratum == label]
        columns = np.stack([cell.per_image for cell in alike], 1)
        each = bootstrap_columns(columns, alike[0].seed, confidence=confidence)
        found |= {id(cell): interval for cell, interval in zip(alike, each, strict=True)}
    return found


def _cells(
    name: str, pairs: Pairs, of: tuple[Stratum, ...], n_resamples: int, seed: int, min_class: int
) -> Iterator[_Cell]:
    """The pooled test, then that of each class."""
    found = Stratified.measured(pairs, of, n_resamples)
    draws = found.draws(pairs, n_resamples)
    label = ALL if of[0].label is None else WITHIN
    pooled = found.pooled(draws)
    sd = spread(found.sd, pooled)
    yield _Cell(name, label, seed, found.observed, found.per_image, found.effect, sd, pooled)
    for stratum, sums, drawn in zip(of, found.sums, draws, strict=True):
        if stratum.label is None:
            continue
        label, own = str(stratum.label), sums.own_minus_others
        null, excess = drawn - sums.mean, sums.observed - sums.mean
        sd, carried = spread(sums.sd, null), null if stratum.n >= min_class else None
        yield _Cell(name, label, stratum.seed, sums.observed, own, excess, sd, carried)
