"""The tables and the plot of docs/kernels.md, from what `bench_kernels.py` measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

BEGIN, END = "<!-- numbers: python analysis/bench_kernels.py -->", "<!-- end of numbers -->"


def digits(number: float) -> str:
    """Three figures, without an exponent."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2g}" if number < 1 else f"{number:.2f}"


def table(rows: list[list[str]]) -> list[str]:
    """A markdown table of a header and rows."""
    return ["| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]


def verdict(peer: dict[str, Any]) -> str:
    """The goal, and whether it is missed."""
    if peer["goal"] is None:
        return "none set"
    return f"{peer['goal']:g}x" + ("" if peer["ratio"] >= peer["goal"] else ", **missed**")


def ratios(cases: list[dict[str, Any]]) -> list[str]:
    """One row for each peer."""
    rows = [["job", "ours, ms (1 thread)", "peer", "its ms", "ratio", "goal", "values"]]
    for case in cases:
        own = f"{digits(case['ms'])} ({digits(case['ms_alone'])})"
        for at, peer in enumerate(case["peers"]):
            note = "¹" if peer["once"] else ""
            if peer["part"] < 1:
                note += f" ({peer['part']:.0%} of them)²"
            first = [case["job"], own] if at == 0 else ["", ""]
            goal = verdict(peer)
            rows.append(
                [*first, peer["name"], digits(peer["ms"]) + note, f"{digits(peer['ratio'])}x", goal,
                 peer["same"]]
            )  # fmt: skip
    return table(rows)


def floors(cases: list[dict[str, Any]]) -> list[str]:
    """One row for each job: bytes, bandwidth, the floor on a GPU."""
    rows = [["job", "MB", "GB/s", "of read bandwidth", "H100 floor, ms", "set by", "on the GPU here"]]
    for case in cases:
        share = f"{case['share']:.0%}"
        if case["read_goal"]:
            share += f" (goal {case['read_goal']:.0%}" + (
                ")" if case["share"] >= case["read_goal"] else ", **missed**)"
            )
        gpu = case["gpu"]
        if gpu is None:
            there = "no GPU"
        elif "only" in gpu:
            there = "CPU only"
        else:
            bits = "same bits" if gpu["same"] else "**other bits**"
            there = f"{digits(gpu['ms'])} ms, {gpu['of_floor']:.0%} of the floor, {bits}"
        rows.append(
            [case["job"], digits(case["bytes"] / 1e6), digits(case["bytes"] / case["ms"] / 1e6), share,
             digits(case["floor_ms"]), case["floor"], there]
        )  # fmt: skip
    return table(rows)


def written(found: dict[str, Any]) -> str:
    """All that stands between the marks."""
    cases, on = list(found["cases"].values()), found["machine"]
    bandwidth = sorted(case["read_gb_s"] for case in cases)
    versions = ", ".join(f"{name} {number}" for name, number in on["versions"].items())
    threads = f"{on['threads']} thread{'s' if on['threads'] > 1 else ''}"
    head = (
        f"{on['date']}, {on['clock']} time, {on['cpu']}, {on['cores']} cores; {threads} for ours, BLAS, and "
        "every peer that can use them (the others run on one: compare with the number in brackets); read "
        f"bandwidth {bandwidth[0]:.0f} to {bandwidth[-1]:.0f} GB/s; load {on['load']:g} at the start. "
        f"{versions}."
    )
    notes = (
        "¹ One run: it takes longer than 3 seconds. ² It works on one mask after the other, so its time is "
        "that of this share of the masks, divided by the share."
    )
    return "\n".join([head, "", *ratios(cases), "", notes, "", *floors(cases)])


def write_page(found: dict[str, Any], page: Path) -> None:
    """Put the tables between the marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{page} lacks the marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{written(found)}\n{END}{after}")


def draw(found: dict[str, Any], to: Path) -> None:
    """Ratios as bars, goals as marks."""
    bars = [(case["job"], peer) for case in found["cases"].values() for peer in case["peers"]]
    mpl.rcParams |= {"svg.hashsalt": "spatialstats", "svg.fonttype": "none", "font.size": 8}
    figure, axes = plt.subplots(figsize=(9, 0.25 * len(bars) + 0.8), layout="constrained")
    for row, (_, peer) in enumerate(bars):
        goal = peer["goal"]
        met = goal is None or peer["ratio"] >= goal
        axes.barh(row, peer["ratio"], color="#4477aa" if met else "#cc6677", height=0.7)
        if goal is not None:
            axes.plot([goal] * 2, [row - 0.45, row + 0.45], color="black", linewidth=1.5)
    axes.set_yticks(range(len(bars)), [f"{job}: {peer['name']}" for job, peer in bars])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left=0.5)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel("time of the peer / ours (black: the goal; red: missed)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)
