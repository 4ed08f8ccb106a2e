"""Two models or two attacks on the same images: where they differ, and by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spatialstats.engine.comparison.effects import effect_rows
from spatialstats.engine.comparison.maps import check_kind, difference_sets, stacks
from spatialstats.engine.comparison.pairing import Side, common_to, names_of, pair, side
from spatialstats.engine.comparison.restored import defended_rows
from spatialstats.engine.comparison.result import Comparison
from spatialstats.engine.rundir import RunDirectory
from spatialstats.errors import InputError
from spatialstats.stats.inference import paired_test
from spatialstats.stats.inference_result import Statistic

SETS = 1999  # draws of the bootstrap of the confidence sets


def compare_runs(
    run_a: Path,
    run_b: Path | None = None,
    *,
    attacks: tuple[str, ...] = (),
    kind: str = "effect",
    statistic: Statistic = "max-t",
    margin: float | None = None,
    n_resamples: int = 9999,
    alpha: float = 0.05,
    seed: int = 0,
) -> Comparison:
    """Compare two models or two attacks on the images that two runs share.

    Parameters
    ----------
    run_a, run_b : Path
        Run directories; without the second, two attacks of the first are compared.
    attacks : tuple of str
        One attack for both sides, or one for each; by default the first that both runs have.
    kind : {"effect", "energy", "frequency", "importance"}
        Which map: `KINDS`.
    statistic : str
        As for `spatialstats.stats.paired_test`.  By default max-t, the only one whose p speaks of a pixel.
    margin : float, optional
        Difference from which on the confidence sets count; by default that of `KINDS`.
    n_resamples, seed : int
        Sign-flips, and permuted pairings of the lifts.
    alpha : float
        Level of the test, of both confidence sets together, and of each interval.

    Returns
    -------
    Comparison
    """
    a, b = _sides(run_a, run_b, attacks)
    what = check_kind(kind, a, b)
    if margin is None:
        margin = what.margin
    elif not 0 <= margin < np.inf:
        raise InputError(f"the margin must be a difference of 0 or more, got {margin}: 0.25, for example.")
    pairing = pair(a, b)
    names = names_of(a, b)
    held = stacks(a, b, pairing, kind)
    test = paired_test(
        held.a,
        held.b,
        statistic=statistic,
        n_resamples=n_resamples,
        seed=seed,
        alpha=alpha,
        names=names,
    )
    sets = difference_sets(held, names, margin, alpha=alpha, n_resamples=SETS, seed=seed)
    return Comparison(
        a=a,
        b=b,
        names=names,
        common=common_to(a, b),
        kind=kind,
        pairing=pairing,
        held=held,
        margin=margin,
        test=test,
        sets=sets,
        effects=effect_rows(a, b, pairing, alpha=alpha, n_resamples=n_resamples, seed=seed),
        defended=defended_rows(a, b, pairing, alpha=alpha),
        alpha=alpha,
        seed=seed,
        n_resamples=n_resamples,
    )


def _sides(run_a: Path, run_b: Path | None, attacks: tuple[str, ...]) -> tuple[Side, Side]:
    if len(attacks) > 2:
        raise InputError(f"two sides are compared, got {len(attacks)} attacks: name one or two.")
    if run_b is None or Path(run_b).resolve() == Path(run_a).resolve():
        if len(attacks) != 2 or attacks[0] == attacks[1]:
            raise InputError(
                "one run alone is compared by two of its attacks: pass --attack A --attack B, or another run."
            )
        return side(run_a, attacks[0]), side(run_a, attacks[1])
    if len(attacks) == 2:
        return side(run_a, attacks[0]), side(run_b, attacks[1])
    first = side(run_a, attacks[0] if attacks else None, RunDirectory(Path(run_b)).results())
    return first, side(run_b, first.attack)
