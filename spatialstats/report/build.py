"""Builds report.html: gathers what the templates show and writes one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spatialstats.report import charts, controls, curves, ladder, page, palette, tables, text
from spatialstats.report.densities import Densities, densities
from spatialstats.report.pictures import pictures
from spatialstats.report.run import Run, load_run
from spatialstats.report.where import where_parts

Json = Mapping[str, Any]


def build_report(run_dir: Path) -> Path:
    """Builds the report of a run from its files.

    Parameters
    ----------
    run_dir : Path
        Run directory with ``results.json``, ``maps.npz`` and ``examples.npz``.

    Returns
    -------
    Path
        ``report.html`` in that directory: one file without outside references, written atomically.

    Raises
    ------
    InputError
        If there is no readable run.
    """
    run = load_run(Path(run_dir))
    return page.write(run.path, render(run))


def render(run: Run) -> str:
    """The page as text."""
    return page.render("report.html.j2", ("where.css",), context(run), "report.js")


def context(run: Run) -> dict[str, Any]:
    """Everything that the templates name, as finished strings and markup."""
    attacks = run.attacks
    keys = {str(attack.get("name")): f"a{i}" for i, attack in enumerate(attacks)}
    maps = densities(run, keys)
    domains = charts.share_domain(attacks), ladder.domain(attacks), controls.domain(attacks)
    shown = [_attack(run, attack, keys, *domains) for attack in attacks]
    return {
        "title": f"{_get(run.results, 'data', 'name')} × {_get(run.results, 'model', 'name')}",
        "run": run.results,
        "classes": run.classes,
        "headline": _get(run.results, "headline", "text") or _fallback(attacks),
        "chips": chips(run),
        "diverging": Markup(palette.gradient(palette.DIVERGING)),
        "attacks": shown,
        "sure": any(attack["where"]["sets"] or attack["where"]["contrast"] for attack in shown),
        "controlled": any(attack["controls"] or attack["location"] for attack in shown),
        "current": f"a{run.current}",
        "footnotes": footnotes(attacks),
        "forest": charts.lift_forest(attacks, keys, "lift"),
        "kinds": charts.kinds(attacks),
        "laddered": any(attack.get("ladder") for attack in attacks),
        "lift_rows": tables.lift_rows(attacks),
        "outcome_rows": tables.outcome_rows(attacks),
        "pictures": pictures(run, keys),
        "densities": maps,
        "only_correct": _only_correct(run),
        "density_data": _density_data(maps),
        "sensitivity": sensitivity(attacks, keys),
        "config": json.dumps(run.results.get("config"), indent=2),
        "stages": _stages(run.results),
    }


def _get(results: Json, *path: str) -> Any:
    found: Any = results
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _fallback(attacks: list[Json]) -> str:
    """A headline from the first attack with segments, where the run gave none."""
    for attack in attacks:
        contested = (attack.get("segments") or {}).get("contested")
        if contested:
            return (
                f"{attack.get('label')}: contested pixels are "
                f"{text.percent(text.point(contested.get('area')), 0)} of the area and carry "
                f"{text.percent(text.point(contested.get('damage')), 0)} of the damage."
            )
    return "No attack of this run formed a region of attack."


def chips(run: Run) -> list[dict[str, str]]:
    """Short facts that qualify everything on the first screen."""
    data, model = run.results.get("data") or {}, run.results.get("model") or {}
    n, report = data.get("n"), (data.get("splits") or {}).get("report")
    split = f" ({text.count(report)} in the report split)" if text.known(report) else ""
    found = [{"label": "n", "value": f"{text.count(n)} images{split}"}]
    clean = model.get("clean_accuracy")
    if text.point(clean) is not None:
        found.append(
            {"label": "clean accuracy", "value": f"{text.percent(text.point(clean))} {text.bracket(clean)}"}
        )
    rows = [row for attack in run.attacks for row in attack.get("neutralization") or []]
    roots = sorted({str((row.get("knowledge") or {}).get("roa")) for row in rows})
    if roots:
        found.append({"label": "knowledge", "value": "shown: oracle · defended: " + ", ".join(roots)})
    else:
        found.append({"label": "knowledge", "value": "oracle (needs the clean image)"})
    if all(row.get("static", True) for row in rows):
        found.append({"label": "static", "value": "no robustness claim", "kind": "warn"})
    return found


def footnotes(attacks: list[Json]) -> list[str]:
    """What has to be said of a co-location test beside its number, one sentence an attack."""
    found = []
    for attack in attacks:
        for item in (attack.get("colocation") or {}).values():
            if item and item.get("note"):
                found.append(f"{attack.get('label')}: {item['note']}")
    return found


def _attack(
    run: Run,
    attack: Json,
    keys: Mapping[str, str],
    shares: tuple[float, float],
    lifts: tuple[float, float],
    excesses: tuple[float, float],
) -> dict[str, Any]:
    key, label = keys[str(attack.get("name"))], str(attack.get("label") or attack.get("name"))
    segments, effect = attack.get("segments"), attack.get("effect") or {}
    regions, left_out = tables.region_rows(
        attack, run.results.get("regions") or () if attack.get("segments") else ()
    )
    robust = attack.get("robust_accuracy")
    return {
        "key": key,
        "label": label,
        "name": attack.get("name"),
        "control": bool(attack.get("control")),
        "bars": charts.share_bars(segments, label, f"bars-{key}", shares) if segments else None,
        "n": text.count(segments.get("n")) if segments else None,
        "ladder": ladder.ladder_parts(attack, lifts, f"ladder-{key}", run.results.get("others") or ()),
        "where": where_parts(run, attack, f"where-{key}"),
        "controls": controls.controls_parts(attack, excesses, f"controls-{key}"),
        "location": controls.location_parts(attack),
        "shares": tables.share_rows(segments) if segments else [],
        "reason": None if segments else effect.get("reason") or "no region of attack was formed",
        "robust": f"{text.percent(text.point(robust))} {text.bracket(robust)}",
        "ceilings": {name: tables.cell(item) for name, item in (attack.get("ceilings") or {}).items()},
        "neutralization": tables.neutralization_rows(attack, key),
        "fills": tables.fill_rows(attack),
        "regions": regions,
        "regions_left_out": left_out,
    }


def sensitivity(attacks: list[Json], keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Sensitivity curves, one column an attack that has them."""
    domains = {key: curves.curve_domain(attacks, key) for key in ("damage", "restored", "lift")}
    found = []
    for attack in attacks:
        rows, key = list(attack.get("sensitivity") or []), keys[str(attack.get("name"))]
        label = str(attack.get("label") or attack.get("name"))
        if len(rows) < 2:
            continue
        found.append(
            {
                "label": label,
                "damage": curves.share_curves(
                    rows, "damage", f"Damage share, {label}", f"sd-{key}", domains["damage"]
                ),
                "restored": curves.share_curves(
                    rows, "restored", f"Accuracy if restored, {label}", f"sr-{key}", domains["restored"]
                ),
                "lift": curves.lift_curve(rows, f"Lift excess, {label}", f"sl-{key}", domains["lift"]),
                "rows": [
                    {
                        "fraction": text.percent(row["fraction"], 0),
                        "n": text.count(row.get("n")),
                        "lift": text.number(text.point(row.get("lift")), 3, sign=True),
                        "damage": [
                            text.percent(text.point(((row.get("segments") or {}).get(s) or {}).get("damage")))
                            for s in palette.SEGMENTS
                        ],
                    }
                    for row in rows
                ],
            }
        )
    return found


def _only_correct(run: Run) -> bool:
    """Whether the densities count the images that the model got right, and no others."""
    counts, right = run.map("class_count"), _get(run.results, "model", "n_correct")
    return counts is not None and int(counts.sum()) == right


def _density_data(maps: Densities | None) -> dict[str, Any]:
    if maps is None:
        return {}
    return {"groups": maps.groups, "rows": {row.name: row.tops for row in maps.rows}}


def _stages(results: Json) -> list[dict[str, Any]]:
    time = _get(results, "provenance", "time") or {}
    total = time.get("total_s") or 0
    return [
        {
            "name": name,
            "time": text.duration(seconds),
            "share": text.percent(seconds / total if total else None, 0),
        }
        for name, seconds in (time.get("stages") or {}).items()
    ]
