"""Break each kernel in one place at a time, and show which check notices.

    python tests/cuda_host/mutate.py [operation ...]            # all of them
    python tests/cuda_host/mutate.py --each 1                   # one of each kind, as in CI

Mutants are read from ``mutations/<operation>.toml``; those of a header name it as their ``file``.  For
each, the operation's smoke check runs in every order of threads, then under TSan, then under ASan and
UBSan, until one of them notices; a hang is noticed by its time limit.  The exit status is 1 if a mutant
survives.
"""

from __future__ import annotations

import argparse
import collections
import resource
import shutil
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sanitize
from emulation import RUNS
from host_module import HERE, KERNELS
from run_smoke import COMPILE_ERROR

KINDS = ("barrier", "bound", "atomic", "index", "reduction", "width")
ORDERS = tuple(f"{order}:{seed}" for order, seed in RUNS)
STAGES = (("", ORDERS), ("thread", ("random:1",)), ("address,undefined", ("random:1",)))


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes
    ----------
    operation : str
        Whose smoke check must notice.
    file : str
        The ``.cu`` file, or a ``.cuh`` that it includes.
    kind : str
        One of `KINDS`.
    find, replace : str
    nth : int
        Which occurrence of `find` is replaced, from 1; 0 where there must be only one.
    """

    operation: str
    file: str
    kind: str
    find: str
    replace: str
    nth: int = 0

    def text(self) -> str:
        """The file with the fault in it."""
        body = (KERNELS / self.file).read_text(encoding="utf-8")
        count = body.count(self.find)
        if count == 0 or self.nth > count or (self.nth == 0 and count > 1):
            raise SystemExit(f"{self.operation}: {self.find!r} occurs {count} times in {self.file}.")
        parts = body.split(self.find)
        at = max(self.nth, 1)
        return self.find.join(parts[:at]) + self.replace + self.find.join(parts[at:])

    @property
    def summary(self) -> str:
        """The fault in one cell of a table."""
        which = f" (no. {self.nth})" if self.nth else ""
        shown = [" ".join(part.split())[:48].replace("|", "\\|") for part in (self.find, self.replace)]
        return f"`{shown[0]}`{which} → " + (f"`{shown[1]}`" if shown[1] else "nothing")


def mutants(operation: str) -> list[Mutant]:
    """The mutants of an operation's file, each checked to fit its kernel."""
    tables = tomllib.loads((HERE / "mutations" / f"{operation}.toml").read_text(encoding="utf-8"))
    found = [Mutant(operation, table.pop("file", f"{operation}.cu"), **table) for table in tables["mutant"]]
    for mutant in found:
        if mutant.kind not in KINDS:
            raise SystemExit(f"{operation}: kind must be one of {', '.join(KINDS)}, got {mutant.kind!r}.")
        mutant.text()
    return found


def operations() -> list[str]:
    """Operations that have mutants."""
    return sorted(path.stem for path in (HERE / "mutations").glob("*.toml"))


def baseline(operation: str) -> float:
    """Seconds of CPU time that the sound kernels take at most; they must pass every check."""
    longest = 0.0
    for sanitizer, runs in STAGES:
        if sanitizer and sanitize.runtime(sanitizer) is None:
            continue
        start = _children()
        outcome = sanitize.smoke(operation, sanitizer, runs)
        longest = max(longest, _children() - start)
        if not outcome.passed:
            raise SystemExit(f"{operation}: the sound kernel fails: {outcome.found_by}\n{outcome.output}")
    return longest


def _children() -> float:
    """CPU seconds of all processes started from here so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def noticed_by(mutant: Mutant, limit: float) -> str:
    """Which check notices a mutant; empty if none does."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / mutant.file).write_text(mutant.text(), encoding="utf-8")
        if mutant.file.endswith(".cuh"):  # a file finds the header that lies beside it
            shutil.copy(KERNELS / f"{mutant.operation}.cu", folder)
        # what it compiles goes with the folder
        extra = {"HOST_REPLACE": folder, "TMPDIR": folder}
        for sanitizer, runs in STAGES:
            if sanitizer and sanitize.runtime(sanitizer) is None:
                continue
            outcome = sanitize.smoke(mutant.operation, sanitizer, runs, limit=limit, extra=extra)
            if outcome.status == COMPILE_ERROR:
                raise SystemExit(f"{mutant.operation}: {mutant.summary} does not compile\n{outcome.output}")
            if not outcome.passed:
                return outcome.found_by
    return ""


def some(planted: list[Mutant], each: int | None) -> list[Mutant]:
    """The first mutants of each kind; all of them if `each` is None."""
    seen: collections.Counter[str] = collections.Counter()
    kept = []
    for mutant in planted:
        seen[mutant.kind] += 1
        if each is None or seen[mutant.kind] <= each:
            kept.append(mutant)
    return kept


def main(names: list[str], each: int | None = None, jobs: int = 2) -> int:
    """Run the mutants of the operations named (all without names); print a table."""
    survivors = total = 0
    thin = []
    print("| operation | kind | mutant | found by |\n|---|---|---|---|")
    for name in names or operations():
        every = mutants(name)
        planted = some(every, each)
        limit = 5 + 5 * baseline(name)
        with ThreadPoolExecutor(jobs) as pool:
            verdicts = pool.map(lambda mutant, limit=limit: noticed_by(mutant, limit), planted)
            for mutant, found in zip(planted, verdicts, strict=True):
                print(
                    f"| {name} | {mutant.kind} | {mutant.summary} | {found or '**survives**'} |", flush=True
                )
                survivors += not found
        total += len(planted)
        counts = collections.Counter(mutant.kind for mutant in every)
        thin += [f"{name}: {counts[kind]} of kind {kind}" for kind in KINDS if counts[kind] < 2]
    print(f"\n{total - survivors} of {total} mutants are noticed.")
    if thin:
        print("Fewer than two mutants (fine where the kernel has nothing of the kind): " + "; ".join(thin))
    return int(survivors > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("operation", nargs="*")
    parser.add_argument("--each", type=int, help="how many of each kind and operation; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried at a time")
    options = parser.parse_args()
    sys.exit(main(options.operation, options.each, options.jobs))
