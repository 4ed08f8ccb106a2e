"""Count the machine instructions in the innermost loops of a kernel file, by pipe: where time will go.

    python tests/cuda_host/loops.py density [90 [-DOPTION ...]]

Needs the extra ``gpu-check``, as `compile_check`.
"""

from __future__ import annotations

import collections
import re
import sys
from collections.abc import Iterator

from compile_check import door
from cubin import flow, machine_code

SECTION = re.compile(r"\s*\.section\s+\.text\.(\w+)")
LABEL = re.compile(r"\s*(\.L_x_\d+):")
INSTRUCTION = re.compile(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(.*?);")
BRANCH = re.compile(r"BRA.*`\((\.L_x_\d+)\)")


def innermost(listing: str) -> Iterator[tuple[str, list[str]]]:
    """Kernel and instructions of every backward branch's span that holds no other such span."""
    code: dict[str, list[str]] = collections.defaultdict(list)
    labels: dict[str, dict[str, int]] = collections.defaultdict(dict)
    kernel = ""
    for line in listing.splitlines():
        if found := SECTION.match(line):
            kernel = found[1]
        elif found := LABEL.match(line):
            labels[kernel][found[1]] = len(code[kernel])
        elif found := INSTRUCTION.match(line):
            code[kernel].append(found[1])
    for kernel, instructions in code.items():
        spans = []
        for end, instruction in enumerate(instructions):
            target = BRANCH.search(instruction)
            begin = labels[kernel].get(target[1], end) if target else end
            if begin < end:
                spans.append((begin, end))
        for begin, end in spans:
            inside = [(a, b) for a, b in spans if begin <= a and b <= end and (a, b) != (begin, end)]
            if not inside:
                yield kernel, instructions[begin : end + 1]


def main(name: str, architecture: str = "90", *options: str) -> None:
    """Print one line a loop."""
    device = door()
    code = machine_code(device.source(name), f"{name}.cu", (*device.OPTIONS, *options), architecture)
    for kernel, instructions in innermost(flow(code)):
        counts = collections.Counter(re.split(r"[ .]", instruction)[0] for instruction in instructions)
        wide = sum(bool(re.search(r"LDG\S*\.(128|256)", instruction)) for instruction in instructions)
        shown = ", ".join(f"{count} {kind}" for kind, count in counts.most_common(12))
        print(f"{kernel}: {len(instructions)} instructions, {wide} loads of 128 bits: {shown}")


if __name__ == "__main__":
    main(*sys.argv[1:])
