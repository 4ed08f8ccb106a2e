"""Made-up results of one attack."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialstats import kernels
from spatialstats.stats import colocation_ladder

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SEGMENTS = ("contested", "protected", "neutralizable", "background")
SHARES = {
    "pgd-linf": ((0.151, 0.152, 0.149, 0.548), (0.371, 0.081, 0.309, 0.239), (0.043, 0.020, 0.038, 0.023)),
    "pgd-l2": ((0.163, 0.138, 0.137, 0.562), (0.438, 0.072, 0.302, 0.188), (0.172, 0.061, 0.118, 0.055)),
    "patch": ((0.012, 0.288, 0.013, 0.687), (0.402, 0.006, 0.571, 0.021), (0.431, 0.231, 0.662, 0.236)),
}
LABELS = {
    "pgd-linf": ("PGD L∞ 8/255", "linf", 8 / 255, "L∞ ≤ 8/255", 0.014),
    "pgd-l2": ("PGD L2 0.5", "l2", 0.5, "L2 ≤ 0.5", 0.046),
    "patch": ("Patch 5×5", "patch", 25.0, "5×5 pixels", 0.228),
    "noise": ("Uniform noise 8/255", "linf", 8 / 255, "L∞ ≤ 8/255", 0.902),
}
LIFTS = {
    "pgd-linf": ((1.68, 1.40), (1.06, 1.04)),
    "pgd-l2": ((1.79, 1.43), (1.66, 1.38)),
    "patch": ((1.42, 1.12), (1.40, 1.11)),
    "noise": (None, (1.012, 1.002)),
}


def interval(value: float, n: int = 600, half: float | None = None) -> dict[str, Any]:
    half = 1.96 * float(np.sqrt(max(value * (1 - value), 0.0004) / n)) if half is None else half
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def lift_of(lifts: tuple[float, float], z: float) -> dict[str, Any]:
    observed, swapped = lifts
    effect = observed - swapped
    half = max(0.012, abs(effect) / max(z, 1) * 2)
    return {
        "statistic": "overlap lift",
        "observed": observed,
        "swapped": swapped,
        "effect": effect,
        "low": effect - half,
        "high": effect + half,
        "p_value": 1e-4,
        "z": z,
        "n": 553,
        "n_resamples": 9999,
        "note": None,
    }


def segments_of(name: str, scale: float = 1.0) -> dict[str, Any]:
    area, damage, restored = SHARES[name]
    found: dict[str, Any] = {"n": 553}
    for i, segment in enumerate(SEGMENTS):
        found[segment] = {
            "area": interval(area[i] * scale, half=0.002),
            "damage": interval(damage[i] * scale, half=0.014),
            "restored": interval(restored[i]),
        }
    return found


def ladder_of(name: str) -> dict[str, Any]:
    """The ladder of made-up masks: smooth fields that share what the images of the attack shall share."""
    rng = np.random.default_rng(len(name))
    content, own, noise = rng.normal(size=(3, 120, 16, 16))

    def mask(*fields: np.ndarray) -> np.ndarray:
        field = sum(fields) + rng.normal(size=content.shape)
        return kernels.pack(field > np.quantile(field, 0.75, axis=(1, 2), keepdims=True))

    ladder = colocation_ladder(
        mask(content, own),
        mask(content, own),
        256,
        others=[mask(content), mask(content)],
        noise=mask(content, noise),
        classes=np.arange(120) % 10,
        attack=LABELS[name][0],
        n_resamples=199,
    )
    return {**ladder.to_dict(), "others": ["cifar10-1", "cifar10-2"]}


def neutralization_of(name: str, robust: float) -> list[dict[str, Any]]:
    rows = []
    for knowledge, mask, gain in (
        ("oracle", "roa-minus-roi", 0.5),
        ("oracle", "roa", 1.0),
        ("prior", "prior", 0.12),
    ):
        room = SHARES[name][2][2] + 0.02
        own = robust + room * gain
        rows.append(
            {
                "knowledge": {"roi": knowledge, "roa": knowledge, "labels": knowledge == "oracle"},
                "deployable": knowledge == "prior",
                "mask": mask,
                "fill": "inpaint",
                "area": 0.15 * (1 + (mask == "roa")),
                "n": 600,
                "clean": interval(0.922),
                "clean_neutralized": interval(0.86 - 0.16 * (mask == "roa")),
                "attacked": interval(robust),
                "neutralized": interval(own),
                "ceiling": interval(min(1.0, own * 1.15)),
                "swapped": interval(robust + 0.01),
                "blob": interval(robust + 0.006),
                "scattered": interval(robust + 0.008),
                "gain_over_swapped": interval(own - robust - 0.01, half=0.013),
                "gain_over_blob": interval(own - robust - 0.006, half=0.012),
                "gain_over_scattered": interval(own - robust - 0.008, half=0.012),
                "gain_over_ceiling": interval(own - min(1.0, own * 1.15), half=0.012),
                "static": True,
            }
        )
    return rows


def regions_of(name: str, size: int) -> list[dict[str, Any]]:
    rows = []
    for mask, group, n in (
        ("roi", None, 2),
        ("roa", None, 3),
        ("roa", CLASSES[3], 2),
        ("roi", CLASSES[3], 1),
    ):
        for label in range(1, n + 1):
            r, c = size * (0.3 + 0.15 * label), size * (0.35 + 0.1 * label)
            rows.append(
                {
                    "mask": mask,
                    "source": "density",
                    "method": "components",
                    "label": label,
                    "area": 180 // label,
                    "centroid": [r, c],
                    "bbox": [int(r - 6), int(c - 5), int(r + 6), int(c + 5)],
                    "eccentricity": 0.31 + 0.1 * label,
                    "mass": 41.2 / label,
                    "peak": 0.62 / label,
                    "mean_importance": 0.31 / label,
                    "mean_attack": 0.24 / label,
                    "class": group,
                }
            )
    return rows


def attack_of(name: str, size: int) -> dict[str, Any]:
    label, norm, epsilon, budget, robust = LABELS[name]
    control = name == "noise"
    effect_lift, energy_lift = LIFTS[name]
    sensitivity = []
    for fraction in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4):
        if control:
            break
        grow = {
            "contested": fraction**0.75,
            "protected": 0.12 * fraction**0.2,
            "neutralizable": fraction**0.9,
        }
        damage = {k: v * SHARES[name][1][SEGMENTS.index(k)] * 2.2 for k, v in grow.items()}
        damage["background"] = 1 - sum(damage.values())
        sensitivity.append(
            {
                "fraction": fraction,
                "n": 553,
                "segments": {
                    k: {"area": 0.2, "damage": v, "restored": 0.02 + 0.3 * fraction * v}
                    for k, v in damage.items()
                },
                "lift": {
                    **lift_of(effect_lift or (1.0, 1.0), 20),
                    "effect": 0.9 * np.exp(-4 * fraction),
                    "low": 0.8 * np.exp(-4 * fraction),
                    "high": 1.0 * np.exp(-4 * fraction),
                },
            }
        )
    reason = "the clamped mass is 6.5 times the net change of the margin (limit 2)"
    return {
        "name": name,
        "label": label,
        "control": control,
        "budget": {"norm": norm, "epsilon": epsilon, "text": budget},
        "robust_accuracy": interval(robust),
        "outcomes": {
            "misclassified": 47,
            "resisted": int(600 * robust),
            "succeeded": 553 - int(600 * robust * 0.9),
        },
        "effect": {
            "completeness_error": 0.004,
            "cancellation": 6.5 if control else 1.07,
            "formed": not control,
            "n_formed": 0 if control else 553,
            "reason": reason if control else None,
        },
        "segments": None if control else segments_of(name),
        "ceilings": None
        if control
        else {
            k: interval(v)
            for k, v in (("neutralizable", 0.038), ("roa", 0.31), ("roi", 0.12), ("everything", 0.922))
        },
        "sensitivity": sensitivity,
        "colocation": {
            "effect": lift_of(effect_lift, 21.6) if effect_lift else None,
            "energy": lift_of(energy_lift, 4),
        },
        "ladder": None if control else ladder_of(name),
        "regions": [] if control else regions_of(name, size),
        "neutralization": [] if control else neutralization_of(name, robust),
        "fills": []
        if control
        else [
            {"fill": f, "choose_accuracy": interval(a, 150), "chosen": f == "inpaint"}
            for f, a in (("inpaint", 0.10), ("blur", 0.08), ("mean", 0.07))
        ],
    }
