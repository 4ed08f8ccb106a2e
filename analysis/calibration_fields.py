"""Simulated maps for the calibration: settings, and fields of known smoothness, mean and skewness."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import fft, stats

N = 36
"""Images of a simulation."""

SMOOTHNESS = (0.0, 1.0, 2.0, 4.0)
BIAS = (0.0, 1.5)
DENSITIES = ((0.3, 0.2), (0.1, 0.05), (0.5, 0.3))
SIZES = ((16, 24, 32), (16, 24, 16), (16, 24, 48), (32, 16, 24))
CLASSES = np.arange(N) % 2
SHARED = 0.4
"""Share of the variance of maps that comes from the image, where maps of one image are alike."""


@dataclass(frozen=True)
class Setting:
    """What maps are like.

    Parameters
    ----------
    smoothness : float
        Standard deviation in pixels of the Gaussian that white noise is smoothed by, around the torus.
    size : int
        Height and width.
    roi, roa : float
        Densities of the masks.
    level : bool
        Whether masks are cut at a fixed level, so that areas vary, or hold a top fraction.
    bias : float
        Height of the bump in the centre that all maps share, in standard deviations.
    skewness : float
        s of ``exp(s z)``, which maps of values are taken through; 0 leaves them normal.
    """

    smoothness: float
    size: int
    roi: float
    roa: float
    level: bool
    bias: float
    skewness: float

    @property
    def name(self) -> str:
        """A name for a file."""
        masks = f"{'level' if self.level else 'top'}{self.roi:g}_{self.roa:g}"
        return f"s{self.smoothness:g}-{self.size}-{masks}-b{self.bias:g}-k{self.skewness:g}"

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def settings() -> tuple[Setting, ...]:
    """24 settings: smoothness by centre bias by three sizes; density, rule and skewness rotate."""
    found = []
    for i, smoothness in enumerate(SMOOTHNESS):
        for j, bias in enumerate(BIAS):
            for k, size in enumerate(SIZES[(i + 2 * j) % 4]):
                roi, roa = DENSITIES[(i + j + k) % 3]
                skewness = float((i // 2 + j + k) % 2)
                found.append(Setting(smoothness, size, roi, roa, (i + k) % 2 == 1, bias, skewness))
    return tuple(found)


@dataclass(frozen=True)
class World:
    """One simulation: independent stationary fields, (N, size, size) with unit variance, and what is added.

    Parameters
    ----------
    setting : Setting
        What they are like.
    own, other, attack, noise, image : numpy.ndarray
        For the RoI of this and of another model, for the attack and for noise, and for what all maps
        of one image share.
    seed : int
        Of the tests' draws, the same for all tests.
    contrasts : bool
        Whether tests are made that are known not to hold their level here: in one of four simulations.
    """

    setting: Setting
    own: np.ndarray
    other: np.ndarray
    attack: np.ndarray
    noise: np.ndarray
    image: np.ndarray
    seed: int
    contrasts: bool

    def masks(self, field: np.ndarray, density: float, mean: np.ndarray | float = 0.0) -> np.ndarray:
        """Masks of fields and their means, by the setting's rule."""
        if self.setting.level:
            return np.asarray(field + mean > stats.norm.isf(density))
        return top(field + mean, density)

    def values(self, field: np.ndarray) -> np.ndarray:
        """Maps of values, skewed as the setting says."""
        skewness = self.setting.skewness
        return np.exp(skewness * field) if skewness else field


def simulate(setting: Setting, *key: int) -> World:
    """One simulation, a pure function of the setting and of the key."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((*key, _number(setting)))))
    fields = smooth(rng, 5 * N, setting.smoothness, setting.size)
    own, other, attack, noise, image = np.split(fields, 5)
    seed = int(rng.integers(1 << 62))
    return World(setting, own, other, attack, noise, image, seed, key[-1] % 4 == 0)


def smooth(rng: np.random.Generator, n: int, smoothness: float, size: int) -> np.ndarray:
    """Stationary periodic fields of variance 1, float32 (n, size, size)."""
    noise = rng.standard_normal((n, size, size), np.float32)
    if not smoothness:
        return noise
    half = -(-n // 2)
    # two real fields in each complex transform
    paired = noise[:half] + 1j * np.concatenate([noise[half:], noise[: 2 * half - n]])
    smoothed = fft.ifft2(fft.fft2(paired) * transfer(smoothness, size))
    return np.concatenate([smoothed.real, smoothed.imag[: n - half]]).astype(np.float32)


@lru_cache(maxsize=16)
def transfer(smoothness: float, size: int) -> np.ndarray:
    """Of a Gaussian filter on the torus, scaled to leave a variance of 1."""
    frequency = fft.fftfreq(size)
    square = frequency[:, None] ** 2 + frequency**2
    gain = np.exp(-2 * (np.pi * smoothness) ** 2 * square)
    return np.asarray(gain / np.sqrt((gain**2).mean()), np.float32)


def top(maps: np.ndarray, share: float) -> np.ndarray:
    """Masks of the largest values of each map."""
    flat = maps.reshape(len(maps), -1)
    count = max(1, round(share * flat.shape[1]))
    edge = np.partition(flat, flat.shape[1] - count, axis=1)[:, flat.shape[1] - count]
    return np.asarray(maps >= edge[:, None, None])


@lru_cache(maxsize=16)
def bump(size: int, height: float, across: float = 0.0) -> np.ndarray:
    """A Gaussian bump, `across` of the map's width beside its centre."""
    steps = (np.arange(size) - (size - 1) / 2) / size
    return np.asarray(
        height * np.exp(-(steps[:, None] ** 2 + (steps - across) ** 2) / (2 * 0.2**2)), np.float32
    )


def of_classes(size: int) -> np.ndarray:
    """Means that differ between two classes, (N, size, size): left and right of the centre."""
    return np.stack([bump(size, 1.5, -0.2), bump(size, 1.5, 0.2)])[CLASSES]


def _number(setting: Setting) -> int:
    return int.from_bytes(setting.name.encode(), "little") % (1 << 63)
