"""What every data set becomes: labelled images that are read by row, in [0, 1]."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spatialstats.data.labels import as_classes, as_labels
from spatialstats.data.pixels import ArrayImages, as_images, check_values
from spatialstats.data.splitting import DIGEST_BYTES
from spatialstats.errors import InputError

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Reader = Callable[[Rows], Floats]
Digester = Callable[[Rows], list[bytes]]


@dataclass(frozen=True)
class Dataset:
    """Labelled images that are read by row.

    Made by `load_dataset` and `load_pairs`; a view made by `take` shares its readers.

    Attributes
    ----------
    name : str
        What the user called it.
    labels : ndarray of int64, (N,)
        True classes, positions in `classes`.
    classes : tuple of str
        Class names in the order of the model's outputs.
    indices : ndarray of int64, (N,)
        Position of each row in the set that it came from.
    shape : tuple of int
        ``(C, H, W)``.
    reader, digester : callable
        Take stored rows; use `read` and `digests`, which take rows of this view.
    rows : ndarray of int64, (N,)
        Stored row behind each row.
    bundled_model : str or None
        The bundled classifier that was trained for these classes.
    adversarial_reader : callable or None
        As `reader`, for the adversarial partners of saved pairs.
    identity : bytes
        What besides images and labels tells this set from others (the adversarial partners).
    notes : tuple of str
        Things noticed while loading, one sentence each, to be shown to the user.
    """

    name: str
    labels: npt.NDArray[np.int64] = field(repr=False)
    classes: tuple[str, ...]
    indices: Rows = field(repr=False)
    shape: tuple[int, int, int]
    reader: Reader = field(repr=False)
    digester: Digester = field(repr=False)
    rows: Rows = field(repr=False)
    bundled_model: str | None = None
    adversarial_reader: Reader | None = field(default=None, repr=False)
    identity: bytes = field(default=b"", repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        classes: Sequence[str] | None = None,
        name: str = "arrays",
    ) -> Dataset:
        """A data set over arrays in memory, checked.

        Parameters
        ----------
        images : array_like, (N, C, H, W)
            uint8, or float in [0, 1]; ``(N, H, W, C)`` and ``(N, H, W)`` are recognised.
        labels : array_like of int, (N,)
            True classes.
        classes : sequence of str, optional
            Their names; by default the numbers up to the largest label.
        name : str
            What to call the set in reports.

        Raises
        ------
        InputError
            If images or labels are not what they must be.
        """
        pixels = as_images(np.asarray(images), name)
        check_values(pixels, "images")
        known = None if classes is None else len(classes)
        numbers = as_labels(np.asarray(labels), len(pixels), name, known)
        return cls.of(
            name, pixels, numbers, tuple(classes) if classes is not None else as_classes(None, numbers)
        )

    @classmethod
    def of(
        cls,
        name: str,
        images: ArrayImages,
        labels: npt.NDArray[np.int64],
        classes: tuple[str, ...],
        bundled_model: str | None = None,
    ) -> Dataset:
        """A data set over images and labels that have been checked already."""
        rows = np.arange(len(labels))
        readers = (images.read, images.digests)
        notes = (images.note,) if images.note else ()
        return cls(name, labels, classes, rows, images.shape, *readers, rows, bundled_model, notes=notes)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, rows: npt.ArrayLike) -> Floats:
        """Images of `rows` (integers, or a boolean mask): float32 ``(n, C, H, W)`` in [0, 1]."""
        return self.reader(self.rows[_positions(rows)])

    @property
    def adversarial(self) -> Callable[[npt.ArrayLike], Floats] | None:
        """Reads the adversarial partners of `rows` as `read` does; None where there are none."""
        reader = self.adversarial_reader
        if reader is None:
            return None
        return lambda rows: reader(self.rows[_positions(rows)])

    def digests(self, rows: npt.ArrayLike | None = None) -> list[bytes]:
        """Content digest (16 bytes) of each of `rows`, by default of all; what `splits` takes."""
        if rows is None:
            return list(self._digests)
        return self.digester(self.rows[_positions(rows)])

    @cached_property
    def _digests(self) -> tuple[bytes, ...]:
        return tuple(self.digester(self.rows))

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of images, labels, classes, shape and adversarial partners, in their order."""
        whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
        whole.update(repr((self.shape, self.classes)).encode())
        whole.update(self.labels.astype("<i8").tobytes())
        whole.update(self.rows.astype("<i8").tobytes() if self.identity else b"")
        whole.update(self.identity)
        whole.update(b"".join(self._digests))
        return whole.hexdigest()

    def take(self, n: int | None, seed: int = 0) -> Dataset:
        """A view of `n` rows, each class in its share, in the stored order.

        Which rows of a class are taken is a pure function of ``(seed, class)`` and the class's
        rows; a larger `n` adds rows without exchanging those of a smaller one, as far as the
        rounding of the shares allows.

        Parameters
        ----------
        n : int or None
            How many rows; None takes all.
        seed : int
            Which draw.

        Raises
        ------
        InputError
            If `n` is below 1 or above the number of rows.
        """
        if n is None or n == len(self):
            return self
        if not 1 <= n <= len(self):
            raise InputError(
                f"the number of images must lie between 1 and the {len(self):,} of {self.name}, got {n:,}: "
                "ask for fewer, or take a larger set or split"
            )
        present, counts = np.unique(self.labels, return_counts=True)
        share = n * counts / len(self)
        quota = np.floor(share).astype(np.int64)
        rest = np.argsort(quota - share, kind="stable")[: n - quota.sum()]
        quota[rest] += 1
        chosen = []
        for label, amount in zip(present, quota, strict=True):
            rng = np.random.default_rng([seed, int(label)])
            chosen.append(rng.permutation(np.flatnonzero(self.labels == label))[:amount])
        return self.subset(np.sort(np.concatenate(chosen)))

    def subset(self, rows: npt.ArrayLike | Sequence[int]) -> Dataset:
        """A view of the given rows, in the given order."""
        at = np.arange(len(self))[_positions(rows)]
        return replace(self, labels=self.labels[at], indices=self.indices[at], rows=self.rows[at])


def _positions(rows: npt.ArrayLike) -> npt.NDArray[np.int64] | npt.NDArray[np.bool_]:
    """`rows` as an index array; an empty list stays an integer index."""
    at = np.atleast_1d(np.asarray(rows))
    return at if at.dtype == bool else at.astype(np.int64, casting="unsafe" if at.size == 0 else "same_kind")
