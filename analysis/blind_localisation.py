"""Finding a planted patch without the clean image, and what finding it is worth.

    python analysis/blind_localisation.py --images 200            # the tables, as markdown
    python analysis/blind_localisation.py --images 200 --docs     # and into docs/defences.md

A 5x5 patch is made for each of the images of a bundled classifier: every place is screened by a
forward pass and the three worst are climbed.  Each locator and rival then sees the attacked image
alone.  The attack does not know of any of them, so no number here is a robustness claim.

Images are of the `report` split of the test set; priors learn on its `locate` split.  Settings of this
package's choosing were looked at on the first 48 images of the permutation that the images are drawn
by, which are left out.  Every step is kept under --out and not made twice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from docs_numbers import ROOT, write_numbers
from scipy.stats import rankdata

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data import SPLITS, Dataset, load_dataset, splits
from spatialstats.defence.blind_roi import importance, top_fraction
from spatialstats.defence.control_masks import swapped_masks
from spatialstats.defence.defence import Defence
from spatialstats.defence.neutralized import NeutralizedModel, latency
from spatialstats.defence.oracle import Oracle
from spatialstats.defence.registry import get_defence
from spatialstats.models import Classifier, batched, load_model
from spatialstats.stats.intervals import (
    bootstrap_mean,
    mean_interval,
    paired_difference,
    proportion,
    resamples,
)

PAGE = ROOT / "docs" / "defences.md"
COMMAND = "python analysis/blind_localisation.py --images 200 --docs"
ATTACK = "patch(screened=784, places=3, steps=8)"
SPECS = (
    "none",
    "oracle",
    "neutralize(locator=gradient)",
    "neutralize(locator=frequency)",
    "neutralize(locator=frequency, fill=inpaint)",
    "neutralize(locator=outlier)",
    "anomaly-unveiled",
    "lgs",
    "saliency-mask",
    "jpeg",
    "blur",
    "neutralize(locator=frequency(roi=median))",
    "oddr",
    "neutralize(locator=prior(attack=patch))",
    "neutralize(locator=occluded)",
)
LOOKED_AT, LOCATE, ROI_IMAGES, ROI_SHARE = 48, 256, 25, 0.15
BATCH = 50  # divides the number of images: the last micro-batch is padded otherwise
Row = dict[str, Any]


def drawn(dataset: Dataset, split: str, n: int) -> tuple[Any, Any]:
    """Images and labels of a split, the first in a fixed permutation, without those that were looked at."""
    order = np.random.default_rng(1).permutation(len(dataset))[LOOKED_AT:]
    rows = order[splits(dataset.digests())[order] == SPLITS.index(split)][:n]
    return dataset.read(rows), dataset.labels[rows]


def planted(out: Path, classifier: Classifier, dataset: Dataset, n: int, seed: int) -> tuple[Any, Any, Any]:
    """Clean images, attacked images and labels."""
    path = out / f"attacked-{classifier.name}-{n}-{seed}.npz"
    if not path.exists():
        x, y = drawn(dataset, "report", n)
        attacked = run_attack(get_attack(ATTACK), classifier, x, y, seed=seed)
        np.savez(path, x=x, x_adv=attacked.x_adv, y=y)
    with np.load(path, allow_pickle=False) as file:
        return file["x"], file["x_adv"], file["y"]


def kept(path: Path, make: Callable[[], Row]) -> Row:
    """A result read from its file, or made and written."""
    if not path.exists():
        path.write_text(json.dumps(make()))
    found: Row = json.loads(path.read_text())
    return found


def evaluate(defence: Defence, classifier: Classifier, x: Any, x_adv: Any, y: Any, seed: int) -> Row:
    """What is correct with the defence and its controls, image by image, and how well it locates."""

    size = classifier.batch_size

    def right(images: torch.Tensor, masks: torch.Tensor | None) -> Any:
        """bool (N,): from masks at hand where the defence fills some, so that none is sought twice."""
        seen = (
            images
            if masks is None or not isinstance(defence, NeutralizedModel)
            else defence.fill(images, masks)
        )
        model = classifier if isinstance(defence, NeutralizedModel) else defence
        return batched(model, seen, size=size).argmax(1).numpy() == y

    clean, attacked = torch.from_numpy(x), torch.from_numpy(x_adv)
    true = (x != x_adv).any(1)
    with torch.no_grad():
        oracle = isinstance(defence, NeutralizedModel) and isinstance(defence.locator, Oracle)
        find = defence.located if oracle else lambda z: batched(defence.located, z, size=size)
        masks = [find(attacked), find(clean)]
        found = masks[0].numpy()
        row: Row = {
            "attacked": right(attacked, masks[0]).tolist(),
            "clean": right(clean, masks[1]).tolist(),
            "area": found.mean((1, 2)).tolist(),
            "iou": ((found & true).sum((1, 2)) / np.maximum(1, (found | true).sum((1, 2)))).tolist(),
            "seconds": None if oracle else latency(defence, attacked[:8], repeats=3),
            "knowledge": defence.knowledge.to_dict(),
            "label": defence.label,
        }
        if found.any():
            restored = torch.where(masks[0][:, None], clean, attacked)
            row["ceiling"] = (batched(classifier, restored, size=size).argmax(1).numpy() == y).tolist()
        if found.any() and isinstance(defence, NeutralizedModel):
            others = torch.from_numpy(swapped_masks(found, seed))
            row["swapped"] = right(attacked, others).tolist()
    return row


def claims(classifier: Classifier, x: Any, x_adv: Any) -> Row:
    """Of each estimate of the region of importance: share of the patch in it, and Dice with the clean one."""
    true = torch.from_numpy((x != x_adv).any(1))
    with torch.no_grad():
        clean, attacked = torch.from_numpy(x), torch.from_numpy(x_adv)
        reference = top_fraction(importance("plain", classifier, clean), ROI_SHARE)
        found: Row = {}
        for kind in ("plain", "crops", "blurred", "median"):
            region = top_fraction(importance(kind, classifier, attacked), ROI_SHARE)
            claimed = (region & true).sum((1, 2)) / true.sum((1, 2))
            both = 2 * (region & reference).sum((1, 2)) / (region.sum((1, 2)) + reference.sum((1, 2)))
            found[kind] = {"claimed": claimed.tolist(), "dice": both.tolist()}
    return found


def correlation(a: Any, b: Any, seed: int = 0) -> dict[str, float | None]:
    """Spearman's rank correlation with a percentile bootstrap interval over the units."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return {"value": None, "low": None, "high": None}
    draws = [_spearman(a[i], b[i]) for block in resamples(len(a), seed, 2000) for i in block]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return {"value": _spearman(a, b), "low": float(low), "high": float(high)}


def _spearman(a: Any, b: Any) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def summary(rows: dict[str, Row], n: int) -> Row:
    """Rates with intervals over the images that the attack fooled, and the correlations."""
    none = {key: np.asarray(rows["none"][key]) for key in ("clean", "attacked")}
    fooled = none["clean"] & ~none["attacked"]
    table: list[Row] = []
    for row in rows.values():
        attacked, clean = np.asarray(row["attacked"]), np.asarray(row["clean"])
        iou = np.asarray(row["iou"])[fooled]
        entry: Row = {key: row[key] for key in ("spec", "label", "knowledge", "seconds")}
        entry["area"] = float(np.mean(row["area"]))
        entry["iou"] = mean_interval(iou).to_dict() if iou.any() else None
        entry["recovered"] = proportion(attacked[fooled]).to_dict()
        entry["attacked"], entry["clean"] = proportion(attacked).to_dict(), proportion(clean).to_dict()
        entry["clean_cost"] = paired_difference(none["clean"], clean).to_dict()
        for key in ("ceiling", "swapped"):
            # One mask for all images has nothing to swap.
            shown = key in row and not (key == "swapped" and row["knowledge"]["roa"] == "prior")
            entry[key] = proportion(np.asarray(row[key])).to_dict() if shown else None
        entry["iou_and_recovery"] = correlation(iou, attacked[fooled]) if iou.any() else None
        table.append(entry)
    blind = [e for e in table if e["iou"] is not None and "oracle" not in e["knowledge"].values()]
    across = correlation([e["iou"]["value"] for e in blind], [e["recovered"]["value"] for e in blind])
    net = [e["recovered"]["value"] - e["clean_cost"]["value"] for e in blind]
    return {
        "n": n,
        "fooled": int(fooled.sum()),
        "attack": ATTACK,
        "table": table,
        "across_defences": across,
        "across_defences_net_of_clean_cost": correlation([e["iou"]["value"] for e in blind], net),
        "defences": len(blind),
    }


def percent(entry: Row | None) -> str:
    if entry is None or entry["value"] is None:
        return "–"
    return f"{100 * entry['value']:.1f} [{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]"


def spec_text(entry: Row) -> str:
    """A row's name; the oracle has no specification, as it goes with its images."""
    return "oracle (analysis only)" if entry["spec"] == "oracle" else f"`{entry['spec']}`"


def number(entry: Row | None) -> str:
    if entry is None or entry["value"] is None:
        return "–"
    return f"{entry['value']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"


def markdown(found: Row, regions: Row) -> str:
    """Both tables and the sentences under them."""
    lines = [
        f"{found['n']} images, {found['fooled']} of them fooled by `{found['attack']}`; 95 % intervals. "
        "Static: no robustness claim.",
        "",
        "| defence | knowledge | area % | IoU | recovered % of the fooled | attacked % | clean % | "
        "clean cost, points | swapped % | ceiling % | ms an image | IoU with recovery, over images |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for e in found["table"]:
        known = e["knowledge"]
        said = known["roi"] if known["roi"] == known["roa"] else f"{known['roi']}, {known['roa']}"
        time = "–" if e["seconds"] is None else f"{1000 * e['seconds']:.1f}"
        lines.append(
            f"| {spec_text(e)} | {said} | {100 * e['area']:.1f} | {number(e['iou'])} | "
            f"{percent(e['recovered'])} | {percent(e['attacked'])} | {percent(e['clean'])} | "
            f"{percent(e['clean_cost'])} | {percent(e['swapped'])} | {percent(e['ceiling'])} | {time} | "
            f"{number(e['iou_and_recovery'])} |"
        )
    lines += [
        "",
        f"Over the {found['defences']} blind and prior ones that locate anything, the rank correlation of "
        f"mean IoU with recovery is {number(found['across_defences'])}, and with recovery less the clean "
        f"cost {number(found['across_defences_net_of_clean_cost'])}.",
        "",
        f"| region of importance, top {100 * ROI_SHARE:.0f} %, of the attacked image | "
        "share of the patch in it, % | Dice with the plain one of the clean image |",
        "|---|---|---|",
    ]
    for kind, values in regions.items():
        shares = [bootstrap_mean(np.asarray(values[key]), 0).to_dict() for key in ("claimed", "dice")]
        lines.append(f"| `{kind}` | {percent(shares[0])} | {number(shares[1])} |")
    count = len(next(iter(regions.values()))["dice"])
    return "\n".join([*lines, "", f"The second table is of the first {count} images that were fooled."])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/blind_localisation"))
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/defences.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    classifier = load_model(options.model, batch_size=BATCH)
    dataset = load_dataset("cifar10", split="test")
    x, x_adv, y = planted(options.out, classifier, dataset, options.images, options.seed)
    locate = drawn(dataset, "locate", LOCATE)

    def made(spec: str) -> Row:
        defence = (
            NeutralizedModel(classifier, Oracle.of_change(x, x_adv))
            if spec == "oracle"
            else get_defence(spec, classifier, locate=locate)
        )
        # A learnt mask's own specification does not say how it was learnt: what was asked for does.
        return evaluate(defence, classifier, x, x_adv, y, options.seed) | {"spec": spec}

    stem = f"{options.model}-{options.images}-{options.seed}"
    rows: dict[str, Row] = {}
    for k, spec in enumerate(SPECS):
        rows[spec] = kept(options.out / f"{stem}-{k:02d}-{spec.split('(')[0]}.json", lambda s=spec: made(s))  # type: ignore[misc]
        share = np.mean(rows[spec]["attacked"])
        print(f"{spec}: attacked {share:.3f}, clean {np.mean(rows[spec]['clean']):.3f}", flush=True)
    fooled = np.asarray(rows["none"]["clean"]) & ~np.asarray(rows["none"]["attacked"])
    few = np.flatnonzero(fooled)[:ROI_IMAGES]
    regions = kept(options.out / f"{stem}-regions.json", lambda: claims(classifier, x[few], x_adv[few]))
    found = summary(rows, len(y))
    (options.out / "results.json").write_text(json.dumps({**found, "regions": regions}, indent=1))
    text = markdown(found, regions)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
