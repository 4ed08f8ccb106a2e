"""Every kernel against the libraries that do the same, on the same data in one run, values compared.

    python analysis/bench_kernels.py --quick               # small sizes, seconds; writes nothing
    python analysis/bench_kernels.py                       # minutes; rewrites docs/kernels.md and its plot
    python analysis/bench_kernels.py --only density-cifar  # cases of that name alone; the rest is kept

Contestants take turns, so that a busy machine slows all of them, and medians are shown.  Each ran once
before on small data, so that nothing is compiled on the clock.  Who takes longer than a few seconds
runs once.  A read of 256 MiB takes its turn too: what this machine's memory gives at that moment.  Where
a GPU is present each job runs on it as well: same bits, and the share of the floor that is reached.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bench_kernels_cases
import bench_kernels_density
import bench_kernels_inference
import bench_kernels_nulls
import numba
import numpy as np
from bench_kernels_cases import Array, Case
from bench_kernels_page import draw, write_page, written
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "kernels.json"
SLOW = 3.0
"""Seconds from which on a contestant runs but once."""

HBM = 3.35e12
"""Bytes a second of an H100's memory."""

PEERS = ("numpy", "scipy", "scikit-image", "scikit-learn", "esda", "mne", "tfce", "numba")


@numba.njit(parallel=True)
def read(words: Array) -> Any:
    """Sum words on all threads: nothing but reading."""
    total = np.uint64(0)
    for part in numba.prange(64):
        size = words.size // 64
        own = words[part * size : (part + 1) * size]
        here = np.uint64(0)
        for word in own:
            here += word
        total += here
    return total


Clock = Callable[[], float]


def timed(run: Callable[[], Any], clock: Clock) -> tuple[float, Any]:
    """Seconds, and the result."""
    began = clock()
    result = run()
    return clock() - began, result


def turns(
    runs: dict[str, Callable[[], Any]], repeats: int, clock: Clock
) -> tuple[dict[str, float], set[str], dict[str, Any]]:
    """Median seconds and first result of each contestant, and those who ran but once."""
    times: dict[str, list[float]] = {}
    results: dict[str, Any] = {}
    for name, run in runs.items():
        first, results[name] = timed(run, clock)
        times[name] = [first]
    quick = [name for name in runs if times[name][0] < SLOW]
    for turn in range(repeats):
        for name in quick:
            if turn == 0:
                times[name] = []  # what came first had cold caches
            gc.collect()
            times[name].append(timed(runs[name], clock)[0])
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians, set(runs) - set(quick), results


def measure(name: str, case: Case, repeats: int, threads: int, clock: Clock) -> dict[str, Any]:
    """One case: times, ratios, what is equal, bytes."""
    words = np.ones(1 << 25, np.uint64)

    def alone() -> Any:
        numba.set_num_threads(1)
        try:
            return case.ours(*case.inputs)
        finally:
            numba.set_num_threads(threads)

    runs: dict[str, Callable[[], Any]] = {
        "read": lambda: read(words),
        "ours": lambda: case.ours(*case.inputs),
        "ours, 1 thread": alone,
    }
    times, slow, results = turns({**runs, **{peer.name: peer.run for peer in case.peers}}, repeats, clock)
    if flat(results["ours"]) != flat(results["ours, 1 thread"]):
        raise AssertionError(f"{name}: one thread gives other bits")
    peers = []
    for peer in case.peers:
        seconds = times[peer.name] / peer.part
        ratio = seconds / times["ours"]
        same = peer.same(results["ours"], results[peer.name])
        peers.append(
            {"name": peer.name, "ms": 1e3 * seconds, "ratio": ratio, "goal": peer.goal, "same": same,
             "once": peer.name in slow, "part": peer.part}
        )  # fmt: skip
    bandwidth = words.nbytes / times["read"]
    floor = {"memory": case.moved / HBM}
    if case.work:
        floor[case.work[2]] = case.work[0] / case.work[1]
    binds = max(floor, key=lambda kind: floor[kind])
    return {
        "name": name, "job": case.job, "ms": 1e3 * times["ours"], "ms_alone": 1e3 * times["ours, 1 thread"],
        "peers": peers, "bytes": case.moved, "read_gb_s": bandwidth / 1e9, "read_goal": case.read_goal,
        "share": case.moved / times["ours"] / bandwidth, "floor_ms": 1e3 * floor[binds], "floor": binds,
        "gpu": on_gpu(case, results["ours"], floor[binds], repeats),
    }  # fmt: skip


def flat(result: Any) -> list[bytes]:
    """The bits of all arrays of a result."""
    if hasattr(result, "get") and hasattr(result, "dtype"):
        result = result.get()
    if isinstance(result, np.ndarray):
        return [result.tobytes()]
    if is_dataclass(result) and not isinstance(result, type):
        result = [getattr(result, field.name) for field in fields(result)]
    if isinstance(result, tuple | list):
        return [part for one in result for part in flat(one)]
    return [repr(result).encode()]


def on_gpu(case: Case, here: Any, floor: float, repeats: int) -> dict[str, Any] | None:
    """The same job on a GPU, where there is one: milliseconds, equal bits, share of the floor."""
    if not case.on_gpu:
        return {"only": "CPU"}
    try:
        import cupy
    except ImportError:
        return None
    if not cupy.cuda.is_available():
        return None
    inputs = [cupy.asarray(array) for array in case.inputs]
    there = case.ours(*inputs)
    times = []
    for _ in range(max(repeats, 5)):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        case.ours(*inputs)
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end))
    ms = statistics.median(times)
    return {"ms": ms, "same": flat(there) == flat(here), "of_floor": 1e3 * floor / ms}


def all_cases(quick: bool, threads: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield from bench_kernels_density.cases(quick)
    yield from bench_kernels_cases.cases(quick)
    yield from bench_kernels_nulls.cases(quick, threads)
    yield from bench_kernels_inference.cases(quick, threads)


def machine(threads: int) -> dict[str, Any]:
    """Where this ran."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    load = Path("/proc/loadavg").read_text().split()[0]
    return {
        "cpu": names[0].partition(": ")[2] if names else platform.machine(), "cores": len(names),
        "threads": threads, "date": time.strftime("%Y-%m-%d"), "load": float(load),
        "versions": {name: version(name) for name in PEERS},
    }  # fmt: skip


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what was asked for, and say each case as it is done."""
    found: dict[str, Any] = {"machine": machine(options.threads), "cases": {}}
    clock = time.process_time if options.cpu_time else time.perf_counter
    found["machine"]["clock"] = "processor" if options.cpu_time else "wall"
    if options.only and options.out.exists() and not options.quick:
        before = json.loads(options.out.read_text())
        for what in ("cpu", "threads", "clock"):
            if before["machine"][what] != found["machine"][what]:
                raise SystemExit(f"{options.out} was measured with another {what}: run all cases")
        found["cases"] = before["cases"]
    small = dict(all_cases(True, options.threads))
    for name, make in all_cases(options.quick, options.threads):
        if options.only and not any(name.startswith(part) for part in options.only):
            continue
        warm = small[name]()  # which compiles what it needs, ours and theirs
        warm.ours(*warm.inputs)
        for peer in warm.peers:
            peer.run()
        of = measure(name, warm if options.quick else make(), options.repeats, options.threads, clock)
        found["cases"][name] = of
        if not options.quick:  # kept at once, should the run be stopped
            options.out.write_text(json.dumps(found, indent=1) + "\n")
        shown = ", ".join(f"{peer['ratio']:.1f} x {peer['name']} ({peer['same']})" for peer in of["peers"])
        print(
            f"{name}: {of['ms']:.2f} ms, {of['share']:.0%} of {of['read_gb_s']:.0f} GB/s; {shown}", flush=True
        )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", metavar="CASE", help="names that begin so; repeatable")
    parser.add_argument("--quick", action="store_true", help="small sizes, and no file is written")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of ours, BLAS and those who can use them")
    parser.add_argument("--out", type=Path, default=OUT, help="the page is rewritten only from the default")
    parser.add_argument(
        "--cpu-time", action="store_true", help="of this process: for a busy machine, with --threads 1"
    )
    parser.add_argument("--render", action="store_true", help="from the file, without measuring")
    options = parser.parse_args(arguments)
    if options.render:
        found = json.loads(options.out.read_text())
    else:
        numba.set_num_threads(options.threads)
        with threadpool_limits(options.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers' advice and deprecations
            found = run(options)
    print("\n" + written(found))
    if not options.quick and options.out == OUT:
        write_page(found, ROOT / "docs" / "kernels.md")
        draw(found, ROOT / "docs" / "_static" / "kernels.svg")


if __name__ == "__main__":
    main()
