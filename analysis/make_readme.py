"""Rebuild the pictures and numbers of the README and the docs from one default run.

    python analysis/make_readme.py               # runs `spatialstats analyze --dataset cifar10` first
    python analysis/make_readme.py --run RUN     # from a run that is there

Writes ``docs/_static/*.svg``, ``docs/_static/report.png`` (needs Chromium and playwright)
and the block between the two marks in README.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from docs_numbers import ROOT, write_numbers

import spatialstats
from spatialstats.engine.headline import percent

STATIC = ROOT / "docs" / "_static"
COMMAND = "spatialstats analyze --dataset cifar10"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


def interval(of: dict[str, Any]) -> str:
    """``37 % [35, 39]``."""
    if of["low"] is None:
        return percent(of["value"])
    return f"{percent(of['value'])} [{100 * of['low']:.1f}, {100 * of['high']:.1f}]"


def numbers(results: dict[str, Any]) -> str:
    """The tables of the README, as markdown."""
    n, of = results["data"]["n"], results["provenance"]
    lines = [
        results["headline"]["text"],
        "",
        f"`{COMMAND}`: {n} images, model {results['model']['name']} "
        f"({interval(results['model']['clean_accuracy'])} right on them), "
        f"RoI from {results['importance']['label']}, seed {of['seed']}. Brackets are 95 % intervals.",
        "",
        "| attack | accuracy left | contested: area, damage | neutralizable: area, damage "
        "| ceiling of the neutralizable region |",
        "|---|---|---|---|---|",
    ]
    for attack in results["attacks"]:
        if attack["segments"] is None:
            continue
        cells = [attack["label"], interval(attack["robust_accuracy"])]
        for segment in ("contested", "neutralizable"):
            part = attack["segments"][segment]
            cells.append(f"{percent(part['area']['value'])}, {interval(part['damage'])}")
        cells.append(interval(attack["ceilings"]["neutralizable"]))
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *ladder(results["attacks"])]
    lines += [
        "",
        f"Neutralization on the report split (fill chosen on other images: {results['fill']}; "
        "static, so **no robustness claim**):",
        "",
        "| attack | mask | knowledge | clean, neutralized | attacked | neutralized | ceiling "
        "| swapped mask | equal-area blobs | scattered pixels |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for attack in results["attacks"]:
        for row in attack["neutralization"]:
            keys = ("clean_neutralized", "attacked", "neutralized", "ceiling", "swapped", "blob", "scattered")
            shown = ["same mask" if row[key]["value"] is None else percent(row[key]["value"]) for key in keys]
            knowledge = f"RoI {row['knowledge']['roi']}, RoA {row['knowledge']['roa']}"
            lines.append("| " + " | ".join([attack["label"], row["mask"], knowledge, *shown]) + " |")
    return "\n".join(lines)


def ladder(attacks: list[dict[str, Any]]) -> list[str]:
    """Does the attack hit where this model looks?  A row an attack, and where the evidence stops."""
    held = [attack for attack in attacks if attack["ladder"]]
    if not held:
        return []
    titles = [*(rung["key"] for rung in held[0]["ladder"]["rungs"]), held[0]["ladder"]["model_noise"]["key"]]
    lines = [
        "Does it hit where this model looks? Excess of the overlap lift on each rung of evidence "
        f"(other models: {', '.join(held[0]['ladder']['others']) or 'none'}):",
        "",
        f"| attack | {' | '.join(titles)} | n | evidence |",
        "|---" * (len(titles) + 3) + "|",
    ]
    for attack in held:
        found = attack["ladder"]
        cells = [
            "not tested"
            if rung["low"] is None
            else f"{rung['excess']:+z.3f} [{rung['low']:z.3f}, {rung['high']:z.3f}]"
            for rung in (*found["rungs"], found["model_noise"])
        ]
        lines.append(f"| {attack['label']} | {' | '.join(cells)} | {found['n']} | {found['outcome']} |")
    return lines


def screenshot(report: Path, to: Path) -> None:
    """The first screen of the report on a laptop."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(report.resolve().as_uri())
        page.screenshot(path=to)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path)
    parser.add_argument("--no-screenshot", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.run is None:
            result = spatialstats.analyze("cifar10-0", "cifar10", out=Path(folder) / "run")
        else:
            result = spatialstats.load_result(options.run)
        STATIC.mkdir(parents=True, exist_ok=True)
        for figure in (result.path / "figures").glob("*.svg"):
            shutil.copy(figure, STATIC / figure.name)
        if not options.no_screenshot:
            screenshot(result.report, STATIC / "report.png")
        write_numbers(ROOT / "README.md", "python analysis/make_readme.py", numbers(result.results))
    print(f"wrote README.md and {STATIC.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
