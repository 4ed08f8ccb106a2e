"""Does the attack hit where this model looks? Five rungs of evidence, each a paired excess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.bootstrap import BOOTSTRAP, bootstrap_columns
from spatialstats.stats.interval import Interval
from spatialstats.stats.ladder_result import Ladder
from spatialstats.stats.lift import Lift
from spatialstats.stats.resampling import checked, exceedances, p_value, spread
from spatialstats.stats.rung import CLASS, CONTENT, MODEL, MODEL_NOISE, NOISE, POPULATION, Rung
from spatialstats.stats.strata import Stratified, Stratum, strata

TITLES = {
    POPULATION: "same image, against any two images",
    CLASS: "same image, against two images of one class",
    CONTENT: "other models' RoI on the same image, against swapped images",
    MODEL: "this model's RoI, against other models' RoI",
    NOISE: "attack, against equal-budget noise",
    MODEL_NOISE: "this model's RoI beyond other models', attack against noise",
}
NEEDS = {
    CLASS: "as no class labels were given, or fewer than half of the images share their class with another",
    CONTENT: "as no RoI of an independently trained model was given",
    MODEL: "as no RoI of an independently trained model was given",
    NOISE: "as no RoA of equal-budget noise was given",
    MODEL_NOISE: "as it needs both other models' RoI and the RoA of noise",
}


def colocation_ladder(
    roi: np.ndarray,
    roa: np.ndarray,
    n_pixels: int,
    *,
    others: Sequence[np.ndarray] = (),
    noise: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    attack: str = "attack",
    shared_gradient: bool = False,
    n_resamples: int = 9999,
    seed: int = 0,
    confidence: float = 0.95,
) -> Ladder:
    """Climb from "no association" to "this attack hits where this model looks".

    Every rung is an excess of the overlap lift on the same images:

    * population: own RoI with the RoA of its image, less that of other images;
    * class: the same with other images of the class;
    * content: the RoI of independently trained models, less swapped ones: what any model's RoI
      has in common with the attack because both see one image;
    * model: own RoI less the mean of other models' RoI on the same image;
    * noise: the class excess of the attack less that of equal-budget noise.

    All are linearised by double centring (within the class, where there are labels), which
    takes out the sizes of the masks and the means of the population, and all are resampled by
    one bootstrap over images.  So model is class less content, image by image.

    Parameters
    ----------
    roi, roa : numpy.ndarray
        uint64 (N, ceil(HW / 64)) from `kernels.pack`: this model's RoI, the attack's RoA.
    n_pixels : int
        HW.
    others : sequence of numpy.ndarray
        RoI of each independently trained model on the same images, by the same rule.  They stay
        fixed: the intervals say nothing about models that were not given.
    noise : numpy.ndarray, optional
        RoA of noise of equal budget, by the same rule.
    classes : numpy.ndarray, optional
        int (N,).  Images that are alone in their class are left out of all rungs, unless these
        were more than half: then swaps go over all images and the class rung is not tested.
    attack : str
        Its name.
    shared_gradient : bool
        Whether RoI and RoA are both made of this model's gradient.  A field of gradients that
        means nothing then passes every rung, so that nothing is claimed.
    n_resamples, seed : int
        Permutations; draw k is a pure function of (seed, class, k).
    confidence : float
        Of every interval.

    Returns
    -------
    Ladder
        With its `sentence`.

    References
    ----------
    W. Hoeffding, *A combinatorial central limit theorem*, 1951, for the double centring; R. L.
    Berger, *Multiparameter hypothesis testing and acceptance sampling*, Technometrics 24, 1982:
    that all of several intervals lie above 0 needs no correction.
    """
    checked("two-sided", n_resamples)
    pairs = {CLASS: Lift((roi,), roa, n_pixels)}
    if others:
        pairs[CONTENT] = Lift(tuple(others), roa, n_pixels)
    if noise is not None:
        pairs[NOISE] = Lift((roi,), noise, n_pixels)
    if others and noise is not None:
        pairs[MODEL_NOISE] = Lift(tuple(others), noise, n_pixels)
    there = np.flatnonzero(np.all([lift.exists for lift in pairs.values()], axis=0))
    of, rows = _strata(len(roi), there, classes, seed)
    work = _Climb({key: lift.at(rows) for key, lift in pairs.items()}, of, n_resamples, seed)
    values = work.values() if len(rows) > 1 else {}
    keys = list(values)
    columns = np.stack([values[key].per_image for key in keys], 1) if keys else np.zeros((len(rows), 0))
    intervals = dict(zip(keys, bootstrap_columns(columns, seed, confidence=confidence), strict=True))
    rungs = [_rung(key, values.get(key), intervals.get(key), len(rows), n_resamples) for key in TITLES]
    nowhere = Interval(math.nan, math.nan, math.nan, len(rows), BOOTSTRAP)
    return Ladder(
        attack=attack,
        shared_gradient=shared_gradient,
        rungs=tuple(rungs[:5]),
        model_noise=rungs[5],
        placement=intervals.get("placement", nowhere),
        n=len(rows),
        n_empty=len(roi) - len(there),
        n_alone=len(there) - len(rows),
        n_models=len(others),
        n_resamples=n_resamples,
        confidence=confidence,
        per_image={key: value.per_image for key, value in values.items() if key in TITLES},
        images=rows,
    )


@dataclass(frozen=True)
class _Value:
    """A rung before its interval."""

    per_image: np.ndarray
    observed: float
    reference: float
    p_value: float = math.nan
    z: float = math.nan


@dataclass(frozen=True)
class _Climb:
    """The lifts on the images of all rungs, and what each rung makes of them."""

    pairs: dict[str, Lift]
    of: tuple[Stratum, ...]
    n_resamples: int
    seed: int

    def values(self) -> dict[str, _Value]:
        own = self.pairs[CLASS]
        everyone = strata(own.n, None, self.seed)
        found = {
            # No rung with noise is judged by permutations, so none needs their variance.
            key: Stratified.measured(pairs, self.of, self.n_resamples if key in (CLASS, CONTENT) else 0)
            for key, pairs in self.pairs.items()
        }
        by_class = self.of[0].label is not None
        whole = Stratified.measured(own, everyone, self.n_resamples) if by_class else found[CLASS]
        values = {POPULATION: self._swapped(own, whole)}
        sums = whole.sums[0]
        placed = sums.row_means + sums.column_means - sums.mean - 1
        values["placement"] = _Value(placed, math.nan, math.nan)
        if by_class:
            values[CLASS] = self._swapped(own, found[CLASS])
        if CONTENT in found:
            values[CONTENT] = self._swapped(self.pairs[CONTENT], found[CONTENT])
            values[MODEL] = _less(found[CLASS].per_image, found[CONTENT].per_image)
        if NOISE in found:
            values[NOISE] = _less(found[CLASS].per_image, found[NOISE].per_image)
        if MODEL_NOISE in found:
            beyond = found[NOISE].per_image - found[MODEL_NOISE].per_image
            values[MODEL_NOISE] = _less(values[MODEL].per_image, beyond)
        return values

    def _swapped(self, pairs: Lift, found: Stratified) -> _Value:
        null = found.pooled(found.draws(pairs, self.n_resamples))
        counts = exceedances(null, found.effect, max(1.0, abs(found.observed)))
        sd = spread(found.sd, null)
        return _Value(
            per_image=found.per_image,
            observed=found.observed,
            reference=found.observed - found.effect,
            p_value=p_value(*counts, self.n_resamples),
            z=found.effect / sd if sd > 0 else math.nan,
        )


def _less(values: np.ndarray, reference: np.ndarray) -> _Value:
    return _Value(values - reference, float(values.mean()), float(reference.mean()))


def _rung(key: str, value: _Value | None, interval: Interval | None, n: int, n_resamples: int) -> Rung:
    nan = math.nan
    if value is None or interval is None:
        why = NEEDS[key] if n > 1 and key in NEEDS else "as fewer than two images have all masks"
        return Rung(key, TITLES[key], nan, nan, nan, nan, nan, nan, nan, n, "none", why)
    swaps = key in (POPULATION, CLASS, CONTENT)
    return Rung(
        key=key,
        title=TITLES[key],
        excess=interval.value,
        low=interval.low,
        high=interval.high,
        observed=value.observed,
        reference=value.reference,
        p_value=value.p_value,
        z=value.z,
        n=n,
        null=f"permuted pairings, {n_resamples:,} draws"
        if swaps
        else "no mean difference on the same images",
        method=f"{BOOTSTRAP} over images" + (", two-sided permutation p" if swaps else ""),
    )


def _strata(
    n: int, there: np.ndarray, classes: np.ndarray | None, seed: int
) -> tuple[tuple[Stratum, ...], np.ndarray]:
    """Strata whose rows count within the images kept, and these images."""
    if classes is not None:
        classes = np.asarray(classes)
        if classes.shape != (n,):
            raise InputError(f"classes must be {n} integers, one an image, got shape {classes.shape}.")
        of = strata(len(there), classes[there], seed)
        kept = there[np.sort(np.concatenate([np.zeros(0, np.int64), *(stratum.rows for stratum in of)]))]
        if 2 * len(kept) >= len(there) and len(kept):
            return strata(len(kept), classes[kept], seed), kept
    return strata(len(there), None, seed), there
