"""Made-up pictures, maps and masks: smooth, centre-biased fields."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def bump(h: int, w: int, row: float, column: float, sigma: float) -> NDArray[np.float64]:
    r, c = np.mgrid[:h, :w]
    return np.exp(-(((r / h - row) ** 2) + ((c / w - column) ** 2)) / (2 * sigma**2))


def smooth(rng: np.random.Generator, h: int, w: int, sigma: float) -> NDArray[np.float64]:
    """Gaussian field on a torus, scaled to [0, 1]."""
    frequency = np.hypot(np.fft.fftfreq(h)[:, None] * h, np.fft.fftfreq(w)[None, :] * w)
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(h, w))) * np.exp(-((frequency * sigma) ** 2) * 20)).real
    return (field - field.min()) / np.ptp(field)


def top(values: NDArray[np.float64], fraction: float) -> NDArray[np.bool_]:
    return values > np.quantile(values, 1 - fraction)


def pictures(rng: np.random.Generator, size: int, channels: int) -> NDArray[np.uint8]:
    """Six pictures: a lit ground and a coloured body near the centre."""
    found = []
    for i in range(6):
        ground = smooth(rng, size, size, 0.12)[None] * rng.uniform(0.3, 0.9, (channels, 1, 1))
        body = bump(size, size, 0.5 + 0.1 * np.sin(i), 0.5 + 0.1 * np.cos(2 * i), 0.2) > 0.5
        tone = rng.uniform(0.1, 1.0, (channels, 1, 1)) * (0.7 + 0.3 * smooth(rng, size, size, 0.05))
        found.append(np.where(body, tone, ground))
    return np.rint(255 * np.clip(np.stack(found), 0, 1)).astype(np.uint8)


def maps_of(
    rng: np.random.Generator, attacks: tuple[str, ...], size: int, groups: int
) -> dict[str, NDArray[Any]]:
    def family(row: float, column: float, sigma: float, height: float, n: int) -> NDArray[np.float32]:
        each = [
            height
            * bump(size, size, row + rng.normal(0, 0.05), column + rng.normal(0, 0.05), sigma)
            * (0.8 + 0.4 * smooth(rng, size, size, 0.1))
            for _ in range(n)
        ]
        return np.stack(each).astype(np.float32)

    maps: dict[str, NDArray[Any]] = {"class_count": np.full(groups, 55, dtype=np.int64)}
    for key, height in (("importance", 0.34), ("roi", 0.62)):
        maps[f"{key}_by_class"] = family(0.5, 0.48, 0.24, height, groups)
        maps[key] = maps[f"{key}_by_class"].mean(axis=0)
    maps["roi_mask"] = top(maps["roi"], 0.3)
    heights = {
        "energy": 0.03,
        "frequency": 0.98,
        "damage": 0.25,
        "relief": 0.06,
        "roa": 0.55,
        "neutralizable": 0.27,
        "contested": 0.38,
    }
    for attack in attacks:
        for key, height in heights.items():
            if attack == "noise" and key not in ("energy", "frequency"):
                continue
            spread = 3.0 if key in ("energy", "frequency") and attack != "patch" else 0.21
            maps[f"{attack}/{key}_by_class"] = family(0.52, 0.54, spread, height, groups)
            maps[f"{attack}/{key}_by_outcome"] = family(0.5, 0.52, spread, height, 3)
            if key == "frequency":
                for part in ("class", "outcome"):
                    np.minimum(maps[f"{attack}/{key}_by_{part}"], 1, out=maps[f"{attack}/{key}_by_{part}"])
            maps[f"{attack}/{key}"] = maps[f"{attack}/{key}_by_class"].mean(axis=0)
        if attack != "noise":
            maps[f"{attack}/roa_mask"] = top(maps[f"{attack}/roa"], 0.3)
    return maps


def examples_of(
    rng: np.random.Generator, attacks: tuple[str, ...], x: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    size = x.shape[-1]
    importance = np.stack(
        [smooth(rng, size, size, 0.12) * bump(size, size, 0.5, 0.5, 0.25) for _ in range(6)]
    )
    roi = np.stack([top(one, 0.3) for one in importance])
    found: dict[str, NDArray[Any]] = {"x": x, "importance": importance.astype(np.float32), "roi": roi}
    for attack in attacks:
        signs = rng.choice((-8, 8), size=x.shape)
        found[f"{attack}/x_adv"] = np.clip(x.astype(int) + signs, 0, 255).astype(np.uint8)
        if attack == "noise":
            continue
        damage = np.stack(
            [0.5 * one + smooth(rng, size, size, 0.1) * bump(size, size, 0.5, 0.5, 0.3) for one in importance]
        )
        roa = np.stack([top(one, 0.3) for one in damage])
        found[f"{attack}/damage"], found[f"{attack}/roa"] = damage.astype(np.float32), roa
        found[f"{attack}/segments"] = (roa + 2 * roi).astype(np.uint8)
    return found
