"""What each defence is worth on the bundled models: static, certified, and attacked by somebody who knows it.

    python analysis/defence_tables.py --work runs/defences            # what is missing is run
    python analysis/defence_tables.py --work runs/defences --docs     # into docs/defences_worst_case.md
    python analysis/defence_tables.py --work runs/defences --only 0 2 # some cases of the list

Each case is one `spatialstats defend` on the whole test set of CIFAR-10 (`spatialstats fetch cifar10`), in
its own folder with its own report; one that was cut off goes on, one that is done is read.  With ``--docs``
its rows are kept in docs/defences_worst_case.json, from which the page is made, whatever else was run.  The
static and certified numbers stand on 1,000 images of the `report` split.  Cases whose defended prediction
takes many passes of the model are attacked on fewer images with the quick effort, and say so.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from docs_numbers import ROOT, markdown, write_numbers

from spatialstats.console import Console
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.evaluation import run

PAGE, COMMAND = ROOT / "docs" / "defences_worst_case.md", "python analysis/defence_tables.py --docs"
KEPT = PAGE.with_suffix(".json")
REPORT = 1000
Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One defence of one model against one threat."""

    model: str
    defence: str
    threat: str
    effort: str = "default"
    adaptive: int = 200

    @property
    def folder(self) -> str:
        """A name for its folder."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.model}-{self.defence}-{self.threat}").strip("-")

    def config(self) -> DefendConfig:
        """The settings of its evaluation."""
        return DefendConfig(
            dataset="cifar10",
            split="test",
            model=self.model,
            defences=(self.defence,),
            threats=(self.threat,),
            n=REPORT,
            adaptive=self.adaptive,
            effort=self.effort,
        )


FILTERED = "neutralize(locator=frequency, fill=inpaint)"
CASES = (
    Case("cifar10-0", "neutralize", "linf:8/255"),
    Case("cifar10-0", "neutralize", "patch:5x5"),
    Case("cifar10-0", FILTERED, "patch:5x5", effort="quick"),
    Case("cifar10-masked", "neutralize", "patch:5x5"),
    Case("cifar10-robust", "neutralize", "linf:8/255"),
    Case("cifar10-robust", "neutralize", "patch:5x5"),
    Case("cifar10-masked", "patchcleanser", "patch:5x5", effort="quick"),
    Case("cifar10-0", "oddr", "patch:5x5", effort="quick"),
)


def finished(case: Case, work: Path) -> Json:
    """The results of a case, run or gone on with where they are not there."""
    out = work / case.folder
    with Console() as console:
        return run(case.config(), out, resume=out.exists(), progress=console, command=COMMAND)


def percent(of: Json | None, *, signed: bool = False) -> str:
    """``32.0 [25.9, 38.8]``."""
    if of is None or of["low"] is None:
        return "–"
    sign = "+" if signed else ""
    return f"{100 * of['value']:{sign}.1f} [{100 * of['low']:{sign}.1f}, {100 * of['high']:{sign}.1f}]"


def which(case: Case, cell: Json) -> list[str]:
    """What a row is about: model, defence, threat."""
    return [case.model, f"`{cell['defence']}`", cell["threat_text"]]


def static(case: Case, results: Json) -> list[str]:
    """What an attack leaves that knows of no defence, and what is proven."""
    cell = results["cells"][0]
    said, certified = cell["static"], cell["certified"]
    return [
        *which(case, cell),
        f"{percent(said['clean'])}; {percent(said['undefended_clean'])}",
        percent(said["undefended_static"]),
        percent(said["static"]),
        percent(said["ceiling"]),
        percent(said["gain_over_swapped"], signed=True),
        percent(certified and certified["certified"]),
    ]


def adaptive(case: Case, results: Json) -> list[str]:
    """What attacks leave that know the defence."""
    cell = results["cells"][0]
    found = cell["adaptive"]
    gain = found["gain_over_no_defence"]
    strongest = min(
        (one for one in found["attacks"].values() if one["robust_accuracy"]),
        key=lambda one: float(one["robust_accuracy"]["value"]),
    )
    flagged = [one["name"] for one in cell["checklist"] if one["flag"]]
    return [
        *which(case, cell),
        f"{case.effort}, {found['n']}",
        percent(found["worst_case"]),
        percent(found["undefended_worst_case"]),
        f"{percent(gain, signed=True)}; {gain['mcnemar_p']:.2g}",
        f"{strongest['name']} {100 * strongest['robust_accuracy']['value']:.1f}",
        f"{100 * found['moved_by_doubling']:.1f}" if found["moved_by_doubling"] is not None else "–",
        ", ".join([*found["flags"], *flagged]) or "none",
        f"{results['provenance']['time']['total_s'] / 3600:.2f}",
    ]


STATIC = (
    *("model", "defence", "threat", "clean: with; without", "static, without", "static, with"),
    *("ceiling", "own − swapped", "certified"),
)
ADAPTIVE = (
    *("model", "defence", "threat", "effort, images", "worst case", "worst case without"),
    *("gain; McNemar p", "strongest attack", "moved by twice the budget", "flags", "hours"),
)


def rows_of(case: Case, results: Json) -> Json:
    """What the page keeps of a case."""
    hours = results["provenance"]["time"]["total_s"] / 3600
    return {"adaptive": adaptive(case, results), "static": static(case, results), "hours": hours}


def tables(found: dict[str, Json]) -> str:
    """Both tables, as markdown, of the cases that have been run, in the order of the list."""
    known = [found[case.folder] for case in CASES if case.folder in found]
    hours = sum(one["hours"] for one in known)
    return "\n\n".join(
        (
            f"{len(known)} of {len(CASES)} cases. Attacked by somebody who knows the defence; percent with "
            f"95 % intervals; {hours:.1f} hours in all, on one thread of a shared machine.",
            markdown([ADAPTIVE, *(one["adaptive"] for one in known)]),
            f"Attacked by somebody who does not, and what is proven; {REPORT:,} images of the `report` split "
            "of the test set. Static: no robustness claim.",
            markdown([STATIC, *(one["static"] for one in known)]),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/defences"))
    parser.add_argument("--only", type=int, nargs="+", choices=range(len(CASES)), default=range(len(CASES)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found: dict[str, Json] = json.loads(KEPT.read_text()) if options.docs and KEPT.exists() else {}
    for k in options.only:
        found[CASES[k].folder] = rows_of(CASES[k], finished(CASES[k], options.work))
    text = tables(found)
    print(text)
    if options.docs:
        KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
