"""The hero image and the six examples: pixels once, overlays as vectors that the page can colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from spatialstats.report import text
from spatialstats.report.images import SHARP, picture_uri
from spatialstats.report.outlines import outline
from spatialstats.report.palette import SEGMENT_CODES, SEGMENTS
from spatialstats.report.run import Run, outcome_name
from spatialstats.report.svg import el


@dataclass(frozen=True)
class Example:
    """One image of the run, as the page shows it."""

    position: int
    title: str
    label: str
    prediction: str
    quantile: str
    lift: str
    reached: dict[str, str]
    outcome: dict[str, str]
    areas: dict[str, dict[str, str]]
    svg: dict[str, Markup]
    hero: dict[str, Markup]


@dataclass(frozen=True)
class Pictures:
    """Shared definitions, the six examples in the order of their quantile, and which one is the hero."""

    defs: Markup
    examples: list[Example]
    hero: Example


def pictures(run: Run, keys: dict[str, str]) -> Pictures | None:
    """The pictures of a run, or None where it kept no examples.

    Parameters
    ----------
    run : Run
    keys : dict
        Attack name to the short key used in the page.
    """
    x, listed = run.examples.get("x"), list(run.results.get("examples") or [])
    if x is None or not listed:
        return None
    n = min(len(x), len(listed))
    defs: list[Markup] = []
    examples = [_example(run, keys, position, listed[position], defs) for position in range(n)]
    order = sorted(range(n), key=lambda i: _quantile(listed[i]))
    median = min(range(n), key=lambda i: abs(_quantile(listed[i]) - 0.5))
    shown = [examples[i] for i in order if n <= 6 or i != median][:6]
    block = el("svg", el("defs", *defs), width=0, height=0, aria_hidden="true", class_="defs")
    return Pictures(block, shown, examples[median])


def _quantile(listed: Mapping[str, Any]) -> float:
    value: Any = listed.get("quantile")
    return float(value) if text.known(value) else 0.5


def _symbol(uid: str, picture: NDArray[np.uint8]) -> Markup:
    height, width = picture.shape[1:]
    image = el(
        "image",
        href=picture_uri(picture),
        width=width,
        height=height,
        preserveAspectRatio="none",
        class_="pixels" if max(height, width) <= SHARP else None,
    )
    return el("symbol", image, id=uid, viewBox=f"0 0 {width} {height}")


def _shape(uid: str, mask: NDArray[np.bool_]) -> Markup:
    # Not inherited through <use>, hence an attribute of the path itself.
    return el("path", id=uid, d=outline(mask), vector_effect="non-scaling-stroke")


def _masks(run: Run, name: str, position: int) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """RoI and RoA of one example; the RoA is None where the attack formed none."""
    roi = run.examples.get("roi")
    codes, roa = run.examples.get(f"{name}/segments"), run.examples.get(f"{name}/roa")
    important = None if roi is None else roi[position].astype(bool)
    formed = any(a.get("name") == name and a.get("segments") for a in run.attacks)
    if not formed:
        return important, None
    if codes is not None:
        return (codes[position] & 2) > 0 if important is None else important, (codes[position] & 1) > 0
    return important, None if roa is None else roa[position].astype(bool)


def _example(
    run: Run, keys: dict[str, str], i: int, listed: Mapping[str, Any], defs: list[Markup]
) -> Example:
    picture = run.examples["x"][i]
    defs.append(_symbol(f"x{i}", picture))
    label, prediction = run.class_name(listed.get("label")), run.class_name(listed.get("prediction"))
    title = f"Image {listed.get('index', listed.get('row', i))}, {label}"
    reached: dict[str, str] = {}
    outcome: dict[str, str] = {}
    areas: dict[str, dict[str, str]] = {}
    small: dict[str, Markup] = {}
    large: dict[str, Markup] = {}
    for name, key in keys.items():
        after = (listed.get("attacks") or {}).get(name) or {}
        reached[key], outcome[key] = (
            run.class_name(after.get("prediction")),
            outcome_name(after.get("outcome")),
        )
        attacked = run.examples.get(f"{name}/x_adv")
        if attacked is not None:
            defs.append(_symbol(f"x{i}-{key}", attacked[i]))
        roi, roa = _masks(run, name, i)
        areas[key] = _areas(roi, roa)
        both = None if roa is None or roi is None else roi & roa
        if roi is not None and key == next(iter(keys.values())):  # one RoI serves all attacks
            defs.append(_shape(f"roi{i}", roi))
        for kind, mask in (("roa", roa), ("con", both)):
            if mask is not None:
                defs.append(_shape(f"{kind}{i}-{key}", mask))
        spoken = f"{label}, read as {prediction} clean and as {reached[key]} attacked. " + (
            "; ".join(f"{segment} {share} of the area" for segment, share in areas[key].items()) + "."
            if areas[key]
            else "No region of attack was formed."
        )
        parts = (attacked is not None, roi is not None, roa is not None)
        small[key] = _photo(i, key, picture.shape[1:], f"s{i}-{key}", title, spoken, parts)
        large[key] = _photo(i, key, picture.shape[1:], f"h{i}-{key}", title, spoken, parts)
    quantile = text.number(_quantile(listed), 2)
    lift = text.number(listed.get("lift_effect"), 2, sign=True)
    return Example(i, title, label, prediction, quantile, lift, reached, outcome, areas, small, large)


def _areas(roi: NDArray[np.bool_] | None, roa: NDArray[np.bool_] | None) -> dict[str, str]:
    if roi is None or roa is None:
        return {}
    codes = roa.astype(int) + 2 * roi.astype(int)
    return {name: text.percent(float(np.mean(codes == SEGMENT_CODES[name])), 0) for name in SEGMENTS}


def _photo(
    i: int,
    key: str,
    shape: tuple[int, ...],
    uid: str,
    title: str,
    spoken: str,
    parts: tuple[bool, bool, bool],
) -> Markup:
    height, width = shape
    attacked, roi, roa = parts
    ids = {"roi": f"#roi{i}", "roa": f"#roa{i}-{key}", "con": f"#con{i}-{key}"}
    fills = [("roi", "protected", roi), ("roa", "neutralizable", roa), ("con", "contested", roi and roa)]
    lines = [("roi", roi), ("roa", roa)]
    children = [el("use", href=f"#x{i}", width=width, height=height, class_="clean" if attacked else None)]
    if attacked:
        children.append(el("use", href=f"#x{i}-{key}", width=width, height=height, class_="attacked"))
    if roa:  # without a region of attack there are no segments to fill
        children.append(
            el(
                "g",
                *[
                    el("use", href=ids[kind], class_=f"photo-{segment}")
                    for kind, segment, there in fills
                    if there
                ],
                class_="overlay",
            )
        )
    for class_ in ("halo", "line"):
        children.append(
            el(
                "g",
                *[
                    el("use", href=ids[kind], class_=f"{class_}-{kind}" if class_ == "line" else class_)
                    for kind, there in lines
                    if there
                ],
                class_="contours",
            )
        )
    return el(
        "svg",
        el("title", title, id=f"{uid}-t"),
        el("desc", spoken, id=f"{uid}-d"),
        *children,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{uid}-t {uid}-d",
        class_="photo",
    )
