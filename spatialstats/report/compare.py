"""The page of a comparison: gathers what its template shows and writes one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spatialstats.engine.comparison.result import MAPS
from spatialstats.engine.files import read_arrays
from spatialstats.engine.job import COMPARISON, read_results
from spatialstats.report import compare_charts, page, palette, text
from spatialstats.stats.inference_result import STATISTICS

Json = Mapping[str, Any]


def build_compare_report(folder: Path) -> Path:
    """Builds the report of a comparison from its files.

    Parameters
    ----------
    folder : Path
        What `spatialstats.compare` wrote.

    Returns
    -------
    Path
        ``report.html`` in that folder: one file without outside references, written atomically.
    """
    results = read_results(Path(folder), COMPARISON)
    return page.write(Path(folder), render(results, read_arrays(Path(folder) / MAPS)))


def render(results: Json, maps: compare_charts.Maps) -> str:
    """The page as text."""
    first, second, top = compare_charts.mean_maps(maps)
    height, width = maps["difference"].shape
    values = {
        "both_ways": Markup(palette.gradient(palette.OPPOSED)),
        "found": results,
        "chips": chips(results),
        "difference": compare_charts.difference_map(maps, results),
        "limit": text.number(compare_charts.limit_of(maps), 2),
        "forest": compare_charts.forest(results["effects"]),
        "means": [
            {"letter": letter, "uri": uri, "name": name}
            for letter, uri, name in zip("AB", (first, second), results["names"], strict=True)
        ],
        "top": text.number(top, 2),
        "aspect": f"{width}/{height}",
        "pixels": max(height, width) <= 96,
        "method": STATISTICS[results["test"]["statistic"]][0],
        "marks": marks(results),
        "rows": [effect_cells(row) for row in results["effects"]],
        "unpaired": not all(row["paired"] for row in results["effects"]),
        "defended": [defended_cells(row) for row in results["defended"]],
        "clusters": [cluster_cells(row) for row in results["test"]["clusters"]],
        "config": json.dumps({side: results[side]["config"] for side in "ab"}, indent=2),
    }
    return page.render("compare.html.j2", ("compare.css",), values)


def marks(results: Json) -> str:
    """What the marks of the test on the difference map mean, or nothing where there is none."""
    test = results["test"]
    if not test["n_significant_pixels"]:
        return ""
    level = text.percent(results["alpha"], 0)
    if test["clusters"]:
        return f"dotted: clusters with p ≤ {level}, each as a whole"
    what = "pixel in an area that differs" if test["statistic"] == "tfce" else "pixel that differs"
    return f"dot: {what}, corrected p ≤ {level}"


def chips(results: Json) -> list[dict[str, str]]:
    """Short facts that qualify everything on the first screen."""
    test, shared = results["test"], results["shared"]
    found = [
        {"label": "A", "value": results["names"][0]},
        {"label": "B", "value": results["names"][1]},
        {"label": "images", "value": f"{text.count(shared['n'])} shared, maps of {text.count(test['n'])}"},
        {"label": "test", "value": f"{test['statistic']}, {text.count(test['n_resamples'])} sign-flips"},
    ]
    if (test.get("symmetry") or {}) and "WARNING" in test["sentence"]:
        found.append({"label": "differences", "value": "are skewed", "kind": "warn"})
    if results["differing_settings"]:
        found.append({"label": "settings", "value": "differ", "kind": "warn"})
    if all(row["static"] for row in results["defended"]):
        found.append({"label": "static", "value": "no robustness claim", "kind": "warn"})
    return found


def effect_cells(row: Json) -> dict[str, Any]:
    """One row of the table of effects, as finished strings."""
    share = row["unit"] == "share"

    def shown(value: Any) -> str:
        return text.percent(value) if share else text.number(value, 3)

    def signed(value: Any) -> str:
        return (
            text.number(None if value is None else 100 * value, 1, sign=True)
            if share
            else text.number(value, 3, sign=True)
        )

    pair = text.ends(row)
    return {
        "title": row["title"],
        "group": row["group"],
        "a": shown(row["a"]),
        "b": shown(row["b"]),
        "difference": signed(row["difference"])
        + (" points" if share and row["difference"] is not None else ""),
        "range": f"[{signed(pair[0])}, {signed(pair[1])}]" if pair else "",
        "n": text.count(row["n"]),
        "paired": "image by image" if row["paired"] else "unpaired",
        "method": row["method"],
        "clear": row["clear"],
    }


def defended_cells(row: Json) -> dict[str, Any]:
    """One defended accuracy of both sides, with everything that must stand beside it."""

    def cells(side: Json) -> dict[str, Any]:
        found: dict[str, Any] = {"fill": side["fill"]}
        for name, item in side.items():
            if name != "fill":
                found[name] = {"value": text.percent(text.point(item)), "range": text.bracket(item)}
        found["n"] = text.count((side["neutralized"] or {}).get("n"))
        return found

    difference = effect_cells(row["difference"])
    roots = row["knowledge"]
    knowledge = f"RoI {roots['roi']}, RoA {roots['roa']}" + (", labels used" if roots["labels"] else "")
    return {
        "mask": row["mask"],
        "knowledge": knowledge,
        "deployable": row["deployable"],
        "static": row["static"],
        "sides": [("A", cells(row["a"])), ("B", cells(row["b"]))],
        "difference": difference,
    }


def cluster_cells(row: Json) -> dict[str, str]:
    """One cluster of the test."""
    return {
        "label": text.count(row["label"]),
        "sign": "A above B" if row["sign"] > 0 else "B above A",
        "extent": text.count(row["extent"]),
        "mass": text.number(row["mass"], 1),
        "peak": text.number(row["peak_t"], 2),
        "p": f"{row['p_value']:.4f}",
    }
