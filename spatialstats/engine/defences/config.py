"""What an evaluation of defences is asked to do, whole."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from spatialstats.engine.config import Config
from spatialstats.errors import InputError, unknown

__all__ = ["EFFORTS", "DefendConfig"]

# Images of the report split that static and certified numbers stand on, and defences and threats by
# default; the adaptive attacks have presets of the same names (spatialstats.defence.adaptive.effort).
EFFORTS: dict[str, dict[str, Any]] = {
    "quick": {"n": 50, "defences": ("neutralize",), "threats": ("linf:8/255",)},
    "default": {
        "n": 300,
        "defences": ("neutralize", "oddr", "patchcleanser"),
        "threats": ("linf:8/255", "patch:5x5"),
    },
    "full": {
        "n": 1000,
        "defences": ("neutralize", "oddr", "patchcleanser"),
        "threats": ("linf:8/255", "l2:0.5", "patch:5x5"),
    },
}


@dataclass(frozen=True, kw_only=True)
class DefendConfig:
    """The settings of an evaluation of defences.

    Parameters
    ----------
    dataset, split, size, labels, model, weights, mean, std, device
        Which images and which classifier; see `Config`.
    defences : tuple of str
        Specifications; see `spatialstats.defence.registry.get_defence`.
    threats : tuple of str
        ``linf:8/255``, ``l2:0.5``, ``patch:5x5``.
    n : int
        Images of the `report` split that static and certified numbers stand on; all of them where
        there are fewer.
    adaptive : int or None
        How many of those are attacked adaptively; the effort's number when None.
    located : int
        Images of the `locate` split that priors are learnt on, at most.
    effort : {"quick", "default", "full"}
        How hard the adaptive attacks try.
    seed, chunk_size, batch_size, threads
        See `Config`.
    """

    dataset: str = "cifar10"
    split: str | None = None
    size: int | None = None
    labels: str | None = None
    model: str | None = None
    weights: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    device: str = "cpu"
    defences: tuple[str, ...] = ("neutralize",)
    threats: tuple[str, ...] = ("linf:8/255",)
    n: int = 300
    adaptive: int | None = None
    located: int = 256
    effort: str = "default"
    seed: int = 0
    chunk_size: int = 128
    batch_size: int = 64
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise unknown("effort", self.effort, EFFORTS)
        for name in ("n", "adaptive", "located", "batch_size", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', '-')} must be at least 1, got {value}.")
        if self.chunk_size < 2:
            raise InputError(
                f"chunk-size must be at least 2, so that masks can be swapped, got {self.chunk_size}."
            )
        for name in ("defences", "threats"):
            if not getattr(self, name):
                raise InputError(f"at least one of the {name} is needed, got none.")

    @classmethod
    def of_effort(cls, effort: str, **settings: Any) -> DefendConfig:
        """The preset of an effort, with the settings that are not None in its place."""
        if effort not in EFFORTS:
            raise unknown("effort", effort, EFFORTS)
        given = {key: value for key, value in settings.items() if value is not None}
        return cls(**{**EFFORTS[effort], **given, "effort": effort})

    def named(self) -> Config:
        """The part that names images and model, as a run's configuration."""
        shared = ("dataset", "split", "size", "labels", "model", "weights", "mean", "std", "device")
        values: dict[str, Any] = {
            key: getattr(self, key) for key in (*shared, "seed", "batch_size", "threads")
        }
        return Config(**values)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DefendConfig:
        """The configuration that `to_dict` wrote."""
        known = {field.name for field in dataclasses.fields(cls)}
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known
        }
        return cls(**given)

    def differences(self, other: DefendConfig) -> list[str]:
        """The settings in which two configurations differ, each as ``name: mine, theirs``."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{k}: {json.dumps(mine[k])}, {json.dumps(theirs[k])}" for k in mine if mine[k] != theirs[k]]
