"""Where, with confidence: certain, possible and no, and what an attack does beyond noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from spatialstats.report import scales, text
from spatialstats.report.images import diverging_uri
from spatialstats.report.outlines import outline
from spatialstats.report.run import Run
from spatialstats.report.svg import el

Json = Mapping[str, Any]
SETS = (
    ("roi", "Region of importance", "seg-protected"),
    ("roa", "Region of attack", "seg-neutralizable"),
    ("neutralizable", "RoA without RoI", "seg-neutralizable"),
)
"""The sets (key, label, colour) in the order of the page."""
CERTAIN, POSSIBLE = 2, 1
LEVEL = 0.05


def where_parts(run: Run, attack: Json, uid: str) -> dict[str, Any]:
    """What the page shows of one attack; empty lists where the run has nothing of it.

    Parameters
    ----------
    run : Run
    attack : mapping
        One attack of ``results.json``.
    uid : str
        Prefix of the ids in these pictures.
    """
    return {"sets": _sets(run, attack, uid), "contrast": _contrast(run, attack)}


def _sets(run: Run, attack: Json, uid: str) -> list[dict[str, Any]]:
    found = []
    where = attack.get("where") or {}
    for key, label, colour in SETS:
        grades, said = run.map(f"{attack.get('name')}/where_{key}"), where.get(key)
        if grades is None or grades.ndim != 2 or not said:
            continue
        size = said.get("n_pixels")
        inner, outer = said.get("n_certain"), said.get("n_possible")
        more = outer - inner if text.known(inner) and text.known(outer) else None
        found.append(
            {
                "label": label,
                "picture": _graded(grades, f"{uid}-{key}", colour, f"{label}: {said.get('sentence')}"),
                "certain": _share(inner, size),
                "possible": _share(more, size),
                "sentence": said.get("sentence"),
                "n": text.count(said.get("n")),
            }
        )
    return found


def _share(count: Any, size: Any) -> str:
    return text.percent(count / size if text.known(count) and size else None, 0)


def _graded(grades: NDArray[Any], uid: str, colour: str, spoken: str) -> Markup:
    """A set as an SVG picture: certain filled, possible hatched, so that no colour needs to be told."""
    height, width = grades.shape
    step = max(width, height) / 24
    hatch = el(
        "pattern",
        el("path", d=f"M0 {step:.3f}L{step:.3f} 0", class_="hatch-line"),
        id=f"{uid}-hatch",
        width=step,
        height=step,
        patternUnits="userSpaceOnUse",
    )
    certain, possible = (outline(np.asarray(grades == grade)) for grade in (CERTAIN, POSSIBLE))
    return el(
        "svg",
        el("title", spoken, id=f"{uid}-t"),
        el("defs", hatch),
        el("path", d=possible, fill=f"url(#{uid}-hatch)", class_="possible") if possible else None,
        el("path", d=certain, class_="certain") if certain else None,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{uid}-t",
        class_=f"graded {colour}",
    )


def _contrast(run: Run, attack: Json) -> dict[str, Any] | None:
    """The paired map of attack less noise with its tests; None where the run has none."""
    found, name = attack.get("beyond_noise") or {}, attack.get("name")
    if found.get("left_out"):
        return {"left_out": found["left_out"]}
    effect = run.map(f"{name}/beyond_noise")
    if not found or effect is None or effect.ndim != 2:
        return None
    top = scales.round_up(float(np.quantile(np.abs(effect), 0.998)))
    height, width = effect.shape
    lines = []
    for key, class_ in (("tfce", "line-tfce"), ("max_t", "line-maxt")):
        p = run.map(f"{name}/beyond_noise_p_{key}")
        if p is None:
            continue
        for sign in (1, -1):
            path = outline(np.asarray((p <= LEVEL) & (sign * effect > 0)))
            lines.append(el("path", d=path, class_=class_) if path else None)
    n_max, n_area = (text.count((found.get(key) or {}).get("n_significant_pixels")) for key in TESTS)
    size = text.count(effect.size)
    return {
        "left_out": None,
        "uri": diverging_uri(effect, top),
        "pixelated": max(effect.shape) <= 96,
        "ratio": f"{width}/{height}",
        "outlines": el(
            "svg",
            *lines,
            viewBox=f"0 0 {width} {height}",
            preserveAspectRatio="none",
            aria_hidden="true",
        ),
        "alt": f"Attack less noise: of {size} pixels {n_max} differ by max-t, {n_area} lie in such areas",
        "top": text.number(top, 2, sign=True),
        "bottom": text.number(-top, 2, sign=True),
        "unit": found.get("unit"),
        "n": text.count(found.get("n")),
        "size": size,
        "max_t": n_max,
        "tfce": n_area,
        "sentences": [(found.get(key) or {}).get("sentence") for key in TESTS],
        "doubtful": any("WARNING" in str((found.get(key) or {}).get("sentence")) for key in TESTS),
    }


TESTS = ("max_t", "tfce")
