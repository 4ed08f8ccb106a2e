"""Which images may be learnt from: the three splits, decided by each image's own content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

SPLITS = ("locate", "choose", "report")
DIGEST_BYTES = 16
_KEY = b"spatialstats-splits-1"  # a change would move images between the splits of published runs


def digest(content: bytes | memoryview) -> bytes:
    """The 16-byte BLAKE2b digest by which an image is known."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def splits(
    digests: Sequence[bytes], fractions: tuple[float, float, float] = (0.25, 0.15, 0.6)
) -> npt.NDArray[np.int8]:
    """Put each image into `locate`, `choose` or `report` by a hash of its content.

    The hash is read as a number in [0, 1) and compared with the cumulative fractions, so
    an image's split depends on nothing but its content: duplicates land together, and adding,
    removing or reordering images moves no other.

    Parameters
    ----------
    digests : sequence of bytes
        One content digest an image, as `Dataset.digests` returns them.
    fractions : tuple of float
        Expected shares of ``locate``, ``choose`` and ``report``; non-negative, sum 1.

    Returns
    -------
    ndarray of int8, (N,)
        Positions in `SPLITS`: 0 locate, 1 choose, 2 report.

    Raises
    ------
    InputError
        If the fractions are negative or do not sum to 1.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise InputError(
            f"the fractions of {', '.join(SPLITS)} must be three non-negative numbers with sum 1, got "
            f"{fractions}"
        )
    keyed = [hashlib.blake2b(d, digest_size=8, key=_KEY).digest() for d in digests]
    numbers = np.frombuffer(b"".join(keyed), dtype=">u8").astype(np.float64) / 2.0**64
    return np.searchsorted(np.cumsum(fractions)[:2], numbers, side="right").astype(np.int8)
