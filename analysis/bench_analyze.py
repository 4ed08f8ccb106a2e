"""Time, model share and peak memory of whole runs, each in a process of its own.

    python analysis/bench_analyze.py                       # the default run, cold and warm
    python analysis/bench_analyze.py --memory 1000 10000   # peak memory against the number of images

Cold means with an empty Numba cache.  The memory runs need the whole test set
(`spatialstats fetch cifar10`).  Prints a markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ENTRY = [sys.executable, "-c", "from spatialstats.cli import main; main()"]


def run(name: str, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """One run of the command line, measured from outside and by its own record."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        began = time.perf_counter()
        subprocess.run(
            [*ENTRY, "analyze", *arguments, "--out", str(out), "--quiet"],
            check=True,
            env=os.environ | environment,
        )
        wall = time.perf_counter() - began
        results = json.loads((out / "results.json").read_text())
        report = (out / "report.html").stat().st_size
    of = results["provenance"]
    return {
        "run": name,
        "images": results["data"]["n"],
        "wall s": round(wall, 1),
        "in the model, of wall": f"{of['time']['model_s'] / wall:.1%}",
        "analysis s": round(of["time"]["total_s"], 1),
        "in the model, of analysis": f"{of['time']['model_s'] / of['time']['total_s']:.1%}",
        "peak MiB": of["peak_memory_bytes"] // 2**20,
        "report MB": round(report / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", type=int, nargs="*", default=[], metavar="N")
    parser.add_argument("--attack", action="append", help="attacks of the memory runs; fgsm by default")
    options = parser.parse_args()
    rows = []
    if options.memory:
        for n in options.memory:
            attacks = [part for attack in options.attack or ["fgsm"] for part in ("--attack", attack)]
            arguments = [
                "--dataset",
                "cifar10",
                "--split",
                "test",
                "--n",
                str(n),
                "--importance",
                "saliency",
                *attacks,
            ]
            rows.append(run(f"{n} images", arguments, {}))
    else:
        with tempfile.TemporaryDirectory() as cache:
            for name in ("cold", "warm"):
                rows.append(run(name, ["--dataset", "cifar10"], {"NUMBA_CACHE_DIR": cache}))
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


if __name__ == "__main__":
    main()
