"""Which images two runs share, and what each run holds of them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialstats.engine.config import Config
from spatialstats.engine.rundir import RunDirectory
from spatialstats.errors import InputError, unknown

Json = dict[str, Any]
FEWEST = 10
"""Shared images below which nothing is compared."""


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared: an attack in a run.

    Parameters
    ----------
    path : Path
        The run directory.
    results : dict
        Its ``results.json``.
    attack : str
        Name of the attack.
    """

    path: Path
    results: Json
    attack: str

    @property
    def entry(self) -> Json:
        """What ``results.json`` says of the attack."""
        found: Json = next(one for one in self.results["attacks"] if one["name"] == self.attack)
        return found

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.results["model"]["name"])

    @property
    def config(self) -> Config:
        """The run's settings."""
        return Config.from_dict(self.results["config"])

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row an image of the run."""
        return pd.read_parquet(self.path / "samples.parquet")

    def column(self, rows: np.ndarray, name: str) -> np.ndarray:
        """A column of the table of samples, on some of its rows."""
        return np.asarray(self.samples[name].to_numpy()[rows])

    def kept(self, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Arrays of ``reservoir.npz``; ``*`` in front of a name stands for the attack."""
        source = self.path / "reservoir.npz"
        try:
            with np.load(source, allow_pickle=False) as stored:
                return {name: stored[name.replace("*", self.attack + "/")] for name in names}
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{source} must hold the maps of a run, got {type(error).__name__}: run the analysis again."
            ) from error


def side(path: Path, attack: str | None, other: Json | None = None) -> Side:
    """An attack in a run: the one named, or the first that both runs fought, their headline's if it is one.

    Parameters
    ----------
    path : Path
        The run directory.
    attack : str, optional
        Name of the attack, controls among them.
    other : dict, optional
        ``results.json`` of the other run.
    """
    results = RunDirectory(Path(path)).results()
    names = [one["name"] for one in results["attacks"]]
    if attack is not None:
        if attack not in names:
            raise unknown(f"attack of {path}", attack, names)
        return Side(Path(path), results, attack)
    theirs = names if other is None else [one["name"] for one in other["attacks"]]
    shared = [one["name"] for one in results["attacks"] if not one["control"] and one["name"] in theirs]
    if not shared:
        raise InputError(
            f"the runs share no attack: {path} has {', '.join(names)}, the other {', '.join(theirs)}; name "
            "one of each with --attack A --attack B."
        )
    told = results["headline"].get("attack")
    return Side(Path(path), results, told if told in shared else shared[0])


@dataclass(frozen=True)
class Pairing:
    """The images that both sides have, in the order of the first.

    Parameters
    ----------
    a, b : numpy.ndarray
        int64 (n,): their rows in the two tables of samples.
    n_a, n_b : int
        Images of each run.
    how : str
        By what they were told to be the same.
    """

    a: np.ndarray
    b: np.ndarray
    n_a: int
    n_b: int
    how: str

    @property
    def n(self) -> int:
        """Shared images."""
        return len(self.a)

    @property
    def sentence(self) -> str:
        """How many images are shared, and how they were paired."""
        every = "all" if self.n == self.n_a == self.n_b else f"{self.n:,}"
        return f"{every} of {self.n_a:,} and {self.n_b:,} images are shared, paired by {self.how}"


def pair(a: Side, b: Side) -> Pairing:
    """Pair the images of two runs.

    Raises
    ------
    InputError
        If fewer than `FEWEST` are shared, or shared ones have other labels.
    """
    first, second = a.samples, b.samples
    if a.path.resolve() == b.path.resolve():
        rows = np.arange(len(first))
        return Pairing(rows, rows, len(rows), len(rows), "their row in the one run")
    if "digest" in first and "digest" in second:
        how, keys = "the hash of their content", [_counted(one["digest"]) for one in (first, second)]
    elif a.results["data"]["fingerprint"] == b.results["data"]["fingerprint"]:
        how, keys = "their row in one and the same set of images", [one["row"] for one in (first, second)]
    else:
        raise InputError(
            f"{a.path} and {b.path} were made of different sets of images, by a version that kept no hash of "
            "each: run the analyses again, and compare those."
        )
    place = pd.Series(np.arange(len(second)), index=pd.Index(keys[1]))
    at = place.reindex(pd.Index(keys[0])).to_numpy()
    shared = np.flatnonzero(~np.isnan(at))
    rows = at[shared].astype(np.int64)
    if len(shared) < FEWEST:
        raise InputError(
            f"two runs are compared on the images that they share, {FEWEST} or more, and {a.path} "
            f"({len(first)} images) and {b.path} ({len(second)}) share {len(shared)}: analyze the same "
            "images with both, by the same --dataset, --split, --n and --seed."
        )
    other = first["label"].to_numpy()[shared] != second["label"].to_numpy()[rows]
    if other.any():
        raise InputError(
            f"the runs give {int(other.sum())} of their {len(shared)} shared images different labels: "
            "analyze them with one and the same labels."
        )
    return Pairing(shared, rows, len(first), len(second), how)


def _counted(digests: pd.Series) -> list[tuple[str, int]]:
    """Each digest with how often it came before: copies of an image are paired in their order."""
    return list(zip(digests, digests.groupby(digests).cumcount(), strict=True))


def names_of(a: Side, b: Side) -> tuple[str, str]:
    """What the two are called: by what tells them apart."""
    parts: list[tuple[str, str]] = []
    if a.model != b.model:
        parts.append((a.model, b.model))
    if a.attack != b.attack:
        parts.append((str(a.entry["label"]), str(b.entry["label"])))
    methods = str(a.results["importance"]["label"]), str(b.results["importance"]["label"])
    if not parts and methods[0] != methods[1]:
        parts.append(methods)
    if not parts or all(x == y for x, y in parts):
        parts.append((a.path.resolve().name, b.path.resolve().name))
    return ", ".join(x for x, _ in parts), ", ".join(y for _, y in parts)


def common_to(a: Side, b: Side) -> str:
    """What the two have in common, in words: model or attack, or nothing."""
    parts = []
    if a.model == b.model:
        parts.append(a.model)
    if a.attack == b.attack and a.entry["label"] == b.entry["label"]:
        parts.append(str(a.entry["label"]))
    return ", ".join(parts)
