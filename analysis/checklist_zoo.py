"""Sensitivity and false alarms of the checklist on zoos of planted defences.

    python analysis/checklist_zoo.py --zoo open sound --seeds 0 --out docs/checklist.json

Each member is attacked as `spatialstats defend` attacks a defence, with a small effort, and its
checklist is read.  A planted defence counts as flagged if any check flags it.  Finished members are
in the JSON file and are not run again.  A planted defence must look robust to a plain attack (``naive``)
and not be so (``worst``: the least that the adaptive attacks left, or the plain attack's images
of the undefended model, shown to a defence that was asked nothing before); those that do not are
named and left out of the rates.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from checklist_zoo_naive import Model, naive
from checklist_zoo_world import EFFORT, Member, digits

from spatialstats.defence import check, gradient_flags, output_flags, paired_flags, probe
from spatialstats.defence import checklist as listed
from spatialstats.defence.adaptive import Threat, evaluate_adaptive
from spatialstats.defence.checklist import checklist
from spatialstats.stats.intervals import wilson

GAP = 0.2  # by which a plain attack must overrate a planted defence
ZOOS = {
    "open": ("checklist_zoo_open", "OPEN"),
    "held-out": ("checklist_zoo_held_out", "HELD_OUT"),
    "regions-open": ("checklist_zoo_regions_open", "REGIONS_OPEN"),
    "regions-held-out": ("checklist_zoo_regions_held_out", "REGIONS_HELD_OUT"),
    "sealed": ("checklist_zoo_sealed", "SEALED"),
    "sound": ("checklist_zoo_sound", "SOUND"),
    "sound-patch": ("checklist_zoo_sound", "SOUND_PATCH"),
    "blind": ("checklist_zoo_sound", "BLIND"),
    "blind-patch": ("checklist_zoo_sound", "BLIND_PATCH"),
}
PLANTED = ("open", "held-out", "regions-open", "regions-held-out", "sealed")


def zoo(name: str) -> tuple[Member, ...]:
    """The members; what is held out is imported only when it is asked for."""
    module, attribute = ZOOS[name]
    members: tuple[Member, ...] = getattr(importlib.import_module(module), attribute)
    return members


def code() -> str:
    """A digest of the flags' source, so that a result says which flags it is of."""
    digest = hashlib.sha256()
    for module in (check, listed, gradient_flags, output_flags, paired_flags, probe):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


CODE = code()


def judged(member: Member, seed: int) -> dict[str, Any]:
    """Attack a member and read its checklist."""
    began = time.process_time()
    torch.manual_seed(seed)
    classifier, defence = member.make(seed)
    _, _, x, y = digits()
    right = (classifier.logits(x[:200]).argmax(1) == y[:200]).nonzero()[: EFFORT.images, 0]
    x, y = x[right], y[right]
    threat = Threat.parse(member.threat)
    effort = replace(EFFORT, passes=min(EFFORT.passes, member.passes))
    adaptive = evaluate_adaptive(defence, classifier, x, y, threat, effort=effort, seed=seed)
    checks = checklist(defence, classifier, x, y, adaptive, seed=seed)
    plain, carried = (naive(model, x, y, threat) for model in (defence, classifier.logits))
    fresh = member.make(seed)[1]  # one that was asked nothing yet: some remember
    return {
        "member": member.name,
        "seed": seed,
        "threat": threat.spec,
        "clean": float(adaptive.clean.mean()),
        "naive": share_right(defence, plain, y),
        "worst": min(share_right(fresh, carried, y), float(adaptive.worst.mean())),
        "undefended": float(adaptive.baseline.robust.mean()),
        "flags": [one.name for one in checks if one.flag],
        "evidence": {one.name: one.evidence for one in checks if one.flag},
        "seconds": round(time.process_time() - began, 1),
        "flags_code": CODE,
    }


def share_right(model: Model, x: torch.Tensor, y: torch.Tensor) -> float:
    """Accuracy on these images, in one batch."""
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def rates(rows: list[dict[str, Any]], *, planted: bool) -> dict[str, Any]:
    """Share of flagged with Wilson's interval; planted ones that a plain attack sees through apart."""
    counted = [row for row in rows if not planted or looks_robust(row)]
    hits = [row for row in counted if row["flags"]]
    said = wilson(len(hits), len(counted))
    return {
        "members": len(counted),
        "flagged": len(hits),
        "share": said.value,
        "low": said.low,
        "high": said.high,
        "unflagged": [f"{row['member']} {row['seed']}" for row in counted if not row["flags"]],
        "flagged_members": [f"{row['member']} {row['seed']}" for row in hits],
        "left_out": [f"{row['member']} {row['seed']}" for row in rows if row not in counted],
    }


def looks_robust(row: dict[str, Any]) -> bool:
    """Whether a plain attack overrates a planted defence."""
    gap: float = row["naive"] - row["worst"]
    return gap >= GAP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--zoo", nargs="+", default=["open", "sound"], choices=[*ZOOS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="*", help="names of members")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out and asked.out.exists() else {}
    for name in asked.zoo:
        rows = found.setdefault(name, {"rows": []})["rows"]
        done = {(row["member"], row["seed"], row["threat"]) for row in rows}
        for seed in asked.seeds:
            for member in zoo(name):
                if (member.name, seed, Threat.parse(member.threat).spec) in done or (
                    asked.only and member.name not in asked.only
                ):
                    continue
                rows.append(judged(member, seed))
                row = rows[-1]
                print(
                    f"{name} {member.name} {seed}: clean {row['clean']:.2f} naive {row['naive']:.2f} "
                    f"worst {row['worst']:.2f} bare {row['undefended']:.2f} {row['seconds']} s: "
                    + ("; ".join(row["flags"]) or "-"),
                    flush=True,
                )
                if asked.out:
                    asked.out.write_text(json.dumps(found, indent=1) + "\n")
        said = rates(rows, planted=name in PLANTED)
        print(
            f"{name}: {said['flagged']} of {said['members']} flagged, {100 * said['share']:.0f} % "
            f"[{100 * said['low']:.0f}, {100 * said['high']:.0f}]; left out {said['left_out']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
