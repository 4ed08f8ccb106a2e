"""What each defence is worth on the bundled models: static, certified, and attacked by somebody who knows it.

    python analysis/defence_tables.py --work runs/defences            # what is missing is run
    python analysis/defence_tables.py --work runs/defences --docs     # into docs/defences_worst_case.md
    python analysis/defence_tables.py --work runs/defences --only 0 2 # some cases of the list
    python analysis/defence_tables.py --work runs/defences --all --docs   # and every other table of defences

Each case is one `spatialstats defend` on the whole test set of CIFAR-10 (`spatialstats fetch cifar10`), in
its own folder with its own report; one that was cut off goes on, one that is done is read.  With ``--docs``
its rows are kept in docs/defences_worst_case.json, from which the page is made, whatever else was run.  The
static and certified numbers stand on 1,000 images of the `report` split.

Where a defended prediction is dear, the quick effort attacks all 200 images, and then the default one, with
its doubled budgets, those that still stand and that no certificate proves (`defence_closer`): a worst case
needs no more.  Where twice the budget moved it by more than a point, it is doubled again.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from defence_closer import closer
from docs_numbers import ROOT, markdown, percent, write_numbers

from spatialstats.console import Console
from spatialstats.defence.adaptive.result import MOVES
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.paired_flags import DOUBLED
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.files import write_json
from spatialstats.evaluation import run
from spatialstats.stats.discordant import mcnemar_test
from spatialstats.stats.intervals import paired_difference, proportion

PAGE, COMMAND = ROOT / "docs" / "defences_worst_case.md", "python analysis/defence_tables.py --docs"
KEPT = PAGE.with_suffix(".json")
REPORT = 1000
Json = dict[str, Any]
Row = dict[str, str]


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
    Case("cifar10-0", "lgs", "patch:5x5", effort="quick"),
    Case("cifar10-0", "anomaly-unveiled", "patch:5x5", effort="quick"),
    Case("cifar10-0", "saliency-mask", "patch:5x5", effort="quick"),
    Case("cifar10-0", "jpeg", "linf:8/255"),
    Case("cifar10-0", "blur", "linf:8/255"),
    Case("cifar10-robust", "neutralize", "l2:0.5"),
)


def finished(case: Case, work: Path) -> Json:
    """The results of a case, run or gone on with where they are not there."""
    out = work / case.folder
    with Console() as console:
        return run(case.config(), out, resume=out.exists(), progress=console, command=COMMAND)


def which(case: Case, cell: Json) -> Row:
    """What a row is about: model, defence, where its RoI and its RoA come from, threat."""
    knowledge = cell["knowledge"]
    return {
        "model": case.model,
        "defence": f"`{case.defence}`",
        "RoI, RoA": f"{knowledge['roi']}, {knowledge['roa']}",
        "threat": cell["threat_text"],
    }


def static(case: Case, results: Json) -> Row:
    """What an attack leaves that knows of no defence, and what is proven."""
    cell = results["cells"][0]
    said, certified = cell["static"], cell["certified"]
    return which(case, cell) | {
        "clean: with; without": f"{percent(said['clean'])}; {percent(said['undefended_clean'])}",
        "static, without": percent(said["undefended_static"]),
        "static, with": percent(said["static"]),
        "ceiling": percent(said["ceiling"]),
        "own − swapped": percent(said["gain_over_swapped"], signed=True),
        "own − blob": percent(said["gain_over_blob"], signed=True),
        "certified": percent(certified and certified["certified"]),
    }


def adaptive(case: Case, work: Path, results: Json) -> tuple[Row, dict[str, float], float]:
    """What attacks leave that know the defence; what each alone left at first; and the hours of it all."""
    cell = results["cells"][0]
    found = cell["adaptive"]
    standing, undefended = (np.asarray(found["images"][key], bool) for key in ("worst", "undefended"))
    hours = results["provenance"]["time"]["total_s"] / 3600
    moved, effort, flags = found["moved_by_doubling"], f"{case.effort}, {found['n']}", list(found["flags"])
    left = {
        one["name"]: float(one["robust_accuracy"]["value"])
        for one in found["attacks"].values()
        if one["robust_accuracy"]
    }
    least = min(left.values())
    strongest = [name for name, share in left.items() if share == least]
    others = f" and {len(strongest) - 1} more" if len(strongest) > 1 else ""
    curve = [(float(point["robust_accuracy"]["value"]), point["threat"]) for point in found["curve"]]
    flagged = [one["name"] for one in cell["checklist"] if one["flag"]]
    if case.effort == "quick":
        more = closer(case.config(), work / case.folder, standing)
        effort, hours = f"{effort}; default on the {len(more.rows)} left", hours + more.hours
        if more.doublings > 1:
            effort += f", doubled {more.doublings} times"
        standing[more.rows] = more.worst
        undefended, moved = undefended & more.undefended, more.moved
        # What the quick effort says of itself does not hold of the one that came after; its curve stands.
        flags = [flag for flag in flags if "remain even at" in flag]
        flagged = [name for name in flagged if name != DOUBLED]
        if moved is not None and moved > MOVES + 1e-9:
            flags.append("not converged")
    gain = paired_difference(standing, undefended).to_dict()
    p = mcnemar_test(standing, undefended).p_value
    row = which(case, cell) | {
        "effort, images": effort,
        "worst case": percent(proportion(standing).to_dict()),
        "worst case without": percent(proportion(undefended).to_dict()),
        "gain; McNemar p": f"{percent(gain, signed=True)}; {p:.2g}",
        "strongest single attack, first effort": f"{strongest[0]}{others} {100 * least:.1f}",
        "moved by twice the budget": f"{100 * moved:.1f}" if moved is not None else "–",
        "sweep of the first effort, % left": "; ".join(
            f"{100 * share:.1f} at {Threat.parse(at).text}" for share, at in curve
        ),
        "flags": ", ".join([*flags, *flagged]) or "none",
        "hours": f"{hours:.2f}",
    }
    return row, left, hours


def rows_of(case: Case, work: Path, results: Json) -> Json:
    """What the page keeps of a case."""
    row, left, hours = adaptive(case, work, results)
    return {"adaptive": row, "static": static(case, results), "alone": left, "hours": hours}


def table(rows: list[Row]) -> str:
    """Markdown of rows of the same columns; an empty cell where one was kept before a column was there."""
    head = list(dict.fromkeys(title for row in rows for title in row))
    return markdown([head, *([row.get(title, "") for title in head] for row in rows)])


def tables(found: dict[str, Json]) -> str:
    """Both tables, as markdown, of the cases that have been run, in the order of the list."""
    known = [found[case.folder] for case in CASES if case.folder in found]
    hours = sum(one["hours"] for one in known)
    return "\n\n".join(
        (
            f"{len(known)} of {len(CASES)} cases. Attacked by somebody who knows the defence; percent with "
            f"95 % intervals; {hours:.1f} hours in all, on one thread of a shared machine.",
            table([one["adaptive"] for one in known]),
            f"Attacked by somebody who does not, and what is proven; {REPORT:,} images of the `report` split "
            "of the test set. Static: no robustness claim.",
            table([one["static"] for one in known]),
        )
    )


def kept() -> dict[str, Json]:
    """The rows of the page, by the folders of their cases."""
    found: dict[str, Json] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def others(work: Path) -> dict[str, list[str]]:
    """The scripts of the other tables of defences, which go on where they were cut off, too."""
    return {
        "factorial.py": ["--work", str(work / "factorial")],
        "certificate_tables.py": [],
        "blind_localisation.py": ["--images", "200", "--out", str(work / "localisation")],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/defences"))
    parser.add_argument("--only", type=int, nargs="+", choices=range(len(CASES)), default=range(len(CASES)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    parser.add_argument(
        "--all", action="store_true", help="then the factorial, the certificates and locating a planted patch"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = kept() if options.docs else {}
    for k in options.only:
        case = CASES[k]
        made = rows_of(case, options.work, finished(case, options.work))
        if options.docs:  # another run may have written rows meanwhile
            found = kept() | {case.folder: made}
            write_json(KEPT, found)
        found[case.folder] = made
    text = tables(found)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)
    if options.all:
        docs = ["--docs"] if options.docs else []
        for script, arguments in others(options.work).items():
            subprocess.run([sys.executable, ROOT / "analysis" / script, *arguments, *docs], check=True)


if __name__ == "__main__":
    main()
