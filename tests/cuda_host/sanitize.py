"""Run smoke checks, or other Python code, with kernels compiled under a sanitizer.

    python tests/cuda_host/sanitize.py [operation ...]

TSan takes every CUDA thread for a thread and barriers for the only order between them: it finds races
in shared and global memory.  ASan and UBSan find accesses out of bounds, misaligned loads, and
undefined arithmetic.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNTIMES = {"thread": "libtsan.so", "address,undefined": "libasan.so"}
NAMES = {"": "orders", "thread": "TSan", "address,undefined": "ASan/UBSan"}
RACE = re.compile(r"ThreadSanitizer: ([\w -]+)")
MEMORY = re.compile(r"AddressSanitizer: ([\w-]+)|runtime error: ([^\n]{1,60})")


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit status (None: it met the time limit), and what it printed."""

    status: int | None
    output: str

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return self.status == 0

    @property
    def found_by(self) -> str:
        """What noticed a fault, in a few words; empty where nothing did."""
        if self.passed:
            return ""
        if self.status is None:
            return "hang"
        if race := RACE.search(self.output):
            return f"TSan: {race[1].strip()}"
        if memory := MEMORY.search(self.output):
            return f"ASan/UBSan: {(memory[1] or memory[2]).strip()}"
        if order := re.search(r"found by (.*)", self.output):
            return order[1]
        return f"crash: {signal.Signals(-self.status).name}" if self.status < 0 else f"exit {self.status}"


def smoke_files() -> list[str]:
    """Operations that have a smoke file."""
    return sorted(path.stem for path in (HERE / "smoke").glob("*.py") if not path.stem.startswith("_"))


@functools.cache
def runtime(sanitizer: str) -> Path | None:
    """The library to load before Python, or None where GCC came without it."""
    if shutil.which("gcc") is None:
        return None
    asked = ["gcc", f"-print-file-name={RUNTIMES[sanitizer]}"]
    place = Path(subprocess.run(asked, capture_output=True, text=True).stdout.strip())
    return place if place.is_absolute() and place.exists() else None


def under(
    sanitizer: str, arguments: list[str], *, limit: float = 60, extra: dict[str, str] | None = None
) -> Outcome:
    """Run Python with `arguments` under a sanitizer ("": none), for at most `limit` seconds of CPU time.

    A kernel that hangs is busy, and seconds of CPU time do not depend on what else the machine does.
    """
    # One thread for BLAS and Numba: their pools are not what TSan is to watch.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "HOST_SANITIZE": sanitizer, **(extra or {})}
    command = ["prlimit", f"--cpu={limit:.0f}", sys.executable, *arguments]
    if sanitizer:
        # malloc for all of Python, so that ASan fences every array; TSan wants a fixed address layout
        environment |= {
            "LD_PRELOAD": str(runtime(sanitizer)),
            "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0",
            "TSAN_OPTIONS": "exitcode=66:halt_on_error=1:report_bugs=1",
        }
        command = ["setarch", "-R", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=50 * limit)
    except subprocess.TimeoutExpired:
        return Outcome(None, f"no end within {50 * limit:.0f} s")
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return Outcome(None, f"no end within {limit:.0f} s of CPU time\n{done.stdout}{done.stderr}")
    return Outcome(done.returncode, done.stdout + done.stderr)


def smoke(
    name: str,
    sanitizer: str = "",
    runs: tuple[str, ...] = ("random:1",),
    *,
    limit: float = 60,
    extra: dict[str, str] | None = None,
) -> Outcome:
    """Run an operation's smoke check in its own process."""
    return under(sanitizer, [str(HERE / "run_smoke.py"), name, *runs], limit=limit, extra=extra)


def main(names: list[str]) -> int:
    """Run every check named (all of them without names) under both sanitizers; print a table."""
    failed = 0
    print("| operation | sanitizer | result |\n|---|---|---|")
    for name in names or smoke_files():
        for sanitizer in RUNTIMES:
            if runtime(sanitizer) is None:
                print(f"| {name} | {NAMES[sanitizer]} | not run: GCC came without {RUNTIMES[sanitizer]} |")
                continue
            outcome = smoke(name, sanitizer)
            failed += not outcome.passed
            print(f"| {name} | {NAMES[sanitizer]} | {outcome.found_by or 'nothing found'} |", flush=True)
            if not outcome.passed:
                print(outcome.output, file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
