"""The sentences of a comparison: never more than was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spatialstats.engine.comparison.maps import KINDS
from spatialstats.engine.comparison.pairing import Side
from spatialstats.engine.comparison.rows import EffectRow
from spatialstats.stats.wording import number

if TYPE_CHECKING:
    from spatialstats.engine.comparison.result import Comparison

PLACES = (
    "attacks",
    "model",
    "dataset",
    "n",
    "seed",
    "n_resamples",
    "reservoir",
    "effort",
    "sensitivity_images",
)
"""Settings that two runs may differ in without their numbers meaning something else."""


def differing_settings(a: Side, b: Side) -> list[str]:
    """Settings in which the runs differ and that bear on the numbers, each as ``name: mine, theirs``."""
    if a.path.resolve() == b.path.resolve():
        return []
    found = a.config.differences(b.config)
    return [text for text in found if text.partition(":")[0] not in PLACES]


def headline(found: Comparison) -> str:
    """Where the maps differ, whether for certain, and what the first accuracy and lift say."""
    first, second = found.names
    on = f" ({found.common})" if found.common else ""
    test, size = found.test, found.test.t.size
    count, what = int(test.significant.sum()), KINDS[found.kind].what
    smallest = f"smallest corrected p: {test.min_p:.3g}"
    if not count:
        where = f"no difference in {what} is shown at any of {size:,} pixels ({smallest})"
    elif test.labels is not None:
        clear = sum(row.p_value <= found.alpha for row in test.clusters)
        where = f"{what} differs in {clear} cluster{'' if clear == 1 else 's'} of pixels ({smallest})"
    elif test.statistic == "tfce":
        where = f"{count:,} of {size:,} pixels lie in areas where {what} differs ({smallest})"
    else:
        where = f"{what} differs at {count:,} of {size:,} pixels ({smallest})"
    skewed = test.symmetry is not None and test.symmetry.doubtful
    care = ", from skewed differences, so that p may be too small" if skewed and count else ""
    parts = [f"{first} against {second}{on}: {where}, over {test.n:,} images{care}. {_certain(found)}"]
    rows = {row.key: row for row in found.effects}
    told = [rows[key] for key in ("robust", "lift_excess") if key in rows]
    if told:
        said = "; ".join(map(_told, told))
        parts.append(f"{said[0].upper()}{said[1:]}.")
    return " ".join(parts)


def _certain(found: Comparison) -> str:
    """How many pixels lie in the inner confidence sets."""
    counts = [int(one.certain.sum()) for one in found.sets]
    level = f"{100 * (1 - found.alpha):g} %"
    margin = {
        "frequency": f"{100 * found.margin:g} points",
        "energy": f"{number(found.margin)}/255",
    }.get(found.kind, f"{number(found.margin)} even spreads")
    if not any(counts):
        return f"No pixel differs by more than {margin} for certain ({level})."
    return (
        f"For certain ({level}) the first exceeds the second by more than {margin} at {counts[0]:,} pixels, "
        f"and the second the first at {counts[1]:,}."
    )


def _told(row: EffectRow) -> str:
    """Both sides of a row, and their difference with its interval."""
    scale, digits, unit = (100, 1, " points") if row.unit == "share" else (1, 2, "")
    of, first, second = (" %" if unit else ""), scale * row.a, scale * row.b
    change, low, high = (f"{scale * v:+z.{digits}f}" for v in (row.difference, row.low, row.high))
    return f"{row.title} {first:.{digits}f} against {second:.{digits}f}{of} ({change}{unit} [{low}, {high}])"


def sentence(found: Comparison) -> str:
    """What was tested, against what, how often drawn, conditional on what, and what it does not mean."""
    first, second = found.names
    kind = KINDS[found.kind]
    unpaired = [row.title for row in found.effects if not row.paired]
    level = f"{100 * (1 - found.alpha):g} %"
    parts = [
        f"A is {first}, B is {second}{f' (both: {found.common})' if found.common else ''}; "
        f"{found.pairing.sentence}; {found.held.sentence}.",
        f"Maps: {kind.what}, in {kind.unit}.",
        found.test.sentence,
        f"Confidence sets of the difference, both directions at once: {found.sets[0].sentence} "
        f"{found.sets[1].sentence}",
        f"Effects are differences A - B with {level} intervals, each by itself and not corrected for their "
        "number, conditional on these models, these perturbations and the rules that make RoI and RoA.",
    ]
    if unpaired:
        parts.append(
            "Unpaired, since a run of an earlier version keeps no value of each image for them: "
            f"{', '.join(unpaired)}; these intervals are of all images of each run, and wider than paired "
            "ones would be. Runs made again are compared image by image."
        )
    parts.append(
        "It does not say why the two differ, nor that other models, seeds or attacks of the same kind would: "
        "one model and one run of an attack stand on each side."
    )
    return " ".join(parts)
