"""Run the `check` of one smoke file in the emulation, in several orders of threads, in a bare process.

    python tests/cuda_host/run_smoke.py label forward:1 reverse:1 random:1 random:2

`sanitize` and `mutate` start it; the exit status says what was found.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPILE_ERROR = 3
"""Exit status when a kernel does not compile; 1 when a check fails."""


def main(name: str, runs: list[str]) -> int:
    """Run the check in each order; say in which one it failed, and how."""
    # kernel_oracles.py lies in tests/kernels
    sys.path[:0] = [str(HERE), str(HERE.parent / "kernels"), str(HERE.parents[1])]
    from emulation import emulated
    from host_module import CompileError

    spec = importlib.util.spec_from_file_location(f"smoke_{name}", HERE / "smoke" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no smoke check of {name}")
    smoke = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(smoke)
    for run in runs:
        order, _, seed = run.partition(":")
        # for a check that enters emulated() by itself, without naming an order
        os.environ["HOST_ORDER"], os.environ["HOST_SEED"] = order, seed
        try:
            with emulated(order, int(seed)):
                smoke.check()
        except CompileError as error:
            print(error, file=sys.stderr)
            return COMPILE_ERROR
        except Exception as error:
            traceback.print_exc()
            print(f"found by {order} order: {type(error).__name__}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
