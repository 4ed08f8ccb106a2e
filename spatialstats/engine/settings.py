"""What the settings of every job share: which images, which model, how passes go; and their JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from spatialstats.errors import InputError, unknown


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a job; the same settings and data give the same bits.

    Parameters
    ----------
    dataset, split, size, labels
        Which images; see `spatialstats.data.load_dataset`.
    model, weights, mean, std, device
        Which classifier; see `spatialstats.models.load_model`.
    seed : int
        Seed of everything random.
    chunk_size, batch_size : int
        Images a chunk and images a pass through the model.  Results depend on them to
        within floating-point noise, so they belong to the settings.
    threads : int or None
        torch threads; torch's own choice when None.
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
    seed: int = 0
    chunk_size: int = 128
    batch_size: int = 64
    threads: int | None = None
    effort: str = "default"

    COUNTS: ClassVar[tuple[str, ...]] = ("batch_size", "threads")
    """Settings that are 1 or more, or None."""
    EFFORTS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named efforts and the settings that each stands for."""

    def __post_init__(self) -> None:
        if self.effort not in self.EFFORTS:
            raise unknown("effort", self.effort, self.EFFORTS)
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}.")
        for name in self.COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', '-')} must be at least 1, got {value}.")
        if self.chunk_size < 2:
            raise InputError(
                f"chunk-size must be at least 2, so that masks can be swapped, got {self.chunk_size}."
            )

    @classmethod
    def of_effort(cls, effort: str, **settings: Any) -> Self:
        """The settings that a named effort stands for, with those given that are not None in their place.

        Raises
        ------
        InputError
            If there is no such effort, or a setting cannot be used.
        """
        if effort not in cls.EFFORTS:
            raise unknown("effort", effort, cls.EFFORTS)
        given = {name: value for name, value in settings.items() if value is not None}
        return cls(**{**cls.EFFORTS[effort], **given, "effort": effort})

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The settings that `to_dict` wrote; what is none of them is left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known
        }
        return cls(**given)

    def differences(self, other: Self) -> list[str]:
        """The settings in which two jobs differ, each as ``name: mine, theirs``."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{k}: {json.dumps(mine[k])}, {json.dumps(theirs[k])}" for k in mine if mine[k] != theirs[k]]
