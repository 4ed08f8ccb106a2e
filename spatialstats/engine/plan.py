"""Which images go into which chunk, in which phase."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

PHASES = ("locate", "choose", "report")


@dataclass(frozen=True)
class Chunk:
    """A run's unit of work: its result is a pure function of configuration, data and these rows.

    Parameters
    ----------
    phase : {"locate", "choose", "report"}
        The split that all of its images belong to.
    number : int
        Its place within the phase.
    rows : numpy.ndarray
        int64 (n,), rows of the dataset.
    """

    phase: str
    number: int
    rows: np.ndarray

    @property
    def name(self) -> str:
        """``locate-00003``: the stem of its file."""
        return f"{self.phase}-{self.number:05d}"


def make_chunks(splits: np.ndarray, size: int) -> list[Chunk]:
    """All chunks of `size` images, phase after phase, rows in their own order.

    The last chunk of a phase is smaller, or one larger.

    Parameters
    ----------
    splits : numpy.ndarray
        int8 (N,): 0 locate, 1 choose, 2 report.
    size : int
        Images a chunk.
    """
    chunks = []
    for code, phase in enumerate(PHASES):
        rows = np.flatnonzero(splits == code)
        starts = [*range(0, len(rows), size)]
        if len(starts) > 1 and len(rows) - starts[-1] == 1:
            starts.pop()  # one image alone has no other image to swap masks with: it joins the chunk before
        ends = [*starts[1:], len(rows)][: len(starts)]
        chunks += [
            Chunk(phase, k, rows[a:b]) for k, (a, b) in enumerate(zip(starts, ends, strict=True)) if b > a
        ]
    return chunks


def derive_seed(seed: int, *parts: object) -> int:
    """A seed in [0, 2^63) that depends on the run's seed and on what it is for."""
    text = "\x1f".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seeded_choice(n: int, k: int, seed: int) -> np.ndarray:
    """A boolean mask (n,) of `k` places chosen without replacement (all of them if k >= n)."""
    chosen = np.zeros(n, bool)
    chosen[np.random.Generator(np.random.Philox(key=seed)).permutation(n)[:k]] = True
    return chosen
