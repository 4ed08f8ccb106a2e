"""Maps turned into an orientation of their own, so that random draws do not depend on which way up they came.

Draw k puts values on sites in raster order: a map and its mirror image would get different draws
of the same null.  So each lattice is flipped and transposed into the first of its orientations (by
shape, stencil and missing pixels), and each map into the first of those left (by its values).  A test by
permutation stays exact: a permutation drawn independently of the data and then turned is as random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spatialstats.kernels import Lattice

AT_ONCE = 1 << 22
"""Values of maps that are worked on together."""

Way = tuple[bool, int, int]
"""Whether transposed, after the steps (1 or -1) along rows and columns."""

WAYS: tuple[Way, ...] = tuple((t, r, c) for t in (False, True) for r in (1, -1) for c in (1, -1))


@dataclass(frozen=True)
class Block:
    """Maps with the same missing pixels, in their own orientation.

    Parameters
    ----------
    maps : numpy.ndarray
        int64 (m,): which of the given maps these are.
    lattice : Lattice
        Turned; its sites are the valid pixels.
    values : tuple of numpy.ndarray
        float64 (m, n) on the sites, for each of the stacks given.
    pixels : numpy.ndarray
        int64 (m, n): pixel of each site in the map as it was given, in raster order.
    """

    maps: np.ndarray
    lattice: Lattice
    values: tuple[np.ndarray, ...]
    pixels: np.ndarray

    def images(self, values: np.ndarray) -> np.ndarray:
        """Values (m, n) on the sites as maps (m, H, W) of the turned lattice, 0 elsewhere."""
        held = np.zeros((len(values), self.lattice.shape[0] * self.lattice.shape[1]))
        held[:, self.lattice.sites] = values
        return held.reshape(-1, *self.lattice.shape)

    def on_sites(self, images: np.ndarray) -> np.ndarray:
        """Values (m, n) of maps of the turned lattice on its sites."""
        return np.asarray(images.reshape(len(images), -1)[:, self.lattice.sites])

    def only(self, which: np.ndarray) -> Block:
        """Some of the maps, by a bool (m,)."""
        return Block(
            self.maps[which], self.lattice, tuple(part[which] for part in self.values), self.pixels[which]
        )


def blocks(stacks: Sequence[np.ndarray], valid: np.ndarray, lattice: Lattice) -> Iterator[Block]:
    """Maps in blocks with the same missing pixels, turned; maps without a valid pixel are left out.

    Parameters
    ----------
    stacks : sequence of numpy.ndarray
        (N, H, W) each, turned together.
    valid : numpy.ndarray
        bool (N, H, W).
    lattice : Lattice
        Its missing pixels are missing in all maps.
    """
    if lattice.mask is not None:
        valid = valid & lattice.mask
    height, width = lattice.shape
    alike: dict[bytes, list[int]] = {}
    for i, mask in enumerate(np.packbits(valid.reshape(len(valid), height * width), axis=1)):
        alike.setdefault(mask.tobytes(), []).append(i)
    for members in alike.values():
        mask = valid[members[0]]
        if not mask.any():
            continue
        turned, ways = _first(_with(lattice, mask))
        pixels = np.stack([_turned(np.arange(mask.size).reshape(mask.shape), way) for way in ways])
        sites = pixels.reshape(len(ways), -1)[:, turned.sites]
        step = max(1, AT_ONCE // turned.n)
        for start in range(0, len(members), step):
            maps = np.array(members[start : start + step], np.int64)
            flat = [
                stack[maps].reshape(len(maps), mask.size).astype(np.float64, copy=False) for stack in stacks
            ]
            chosen = _chosen(flat, sites)
            rows = np.arange(len(maps))[:, None]
            yield Block(maps, turned, tuple(part[rows, chosen] for part in flat), chosen)


def _with(lattice: Lattice, mask: np.ndarray) -> Lattice:
    """The lattice with these valid pixels; itself, with what it has worked out, where it has them."""
    known = np.ones(lattice.shape, bool) if lattice.mask is None else lattice.mask
    if np.array_equal(known, mask):
        return lattice
    return replace(lattice, mask=None if mask.all() else mask)


def _first(lattice: Lattice) -> tuple[Lattice, list[Way]]:
    """The lattice in its first orientation, and all ways that lead there."""
    mask = np.ones(lattice.shape, bool) if lattice.mask is None else lattice.mask
    keys = {}
    for way in WAYS:
        image = _turned(mask, way)
        keys[way] = image.shape, _turned_offsets(lattice.offsets, way), np.packbits(image).tobytes()
    least = min(keys.values())
    ways = [way for way in WAYS if keys[way] == least]
    if keys[WAYS[0]] == least:
        return lattice, ways
    turned = None if lattice.mask is None else _turned(mask, ways[0])
    return replace(lattice, shape=least[0], offsets=least[1], mask=turned), ways


def _turned(image: np.ndarray, way: Way) -> np.ndarray:
    transposed, rows, cols = way
    flipped = image[::rows, ::cols]
    return np.ascontiguousarray(flipped.T if transposed else flipped)


def _turned_offsets(offsets: tuple[tuple[int, int], ...], way: Way) -> tuple[tuple[int, int], ...]:
    transposed, rows, cols = way
    flipped = [(row * rows, col * cols) for row, col in offsets]
    return tuple(sorted((col, row) for row, col in flipped) if transposed else sorted(flipped))


def _chosen(flat: list[np.ndarray], sites: np.ndarray) -> np.ndarray:
    """Of several orders of the pixels, for each map that whose values come first, (m, n)."""
    best = np.broadcast_to(sites[0], (len(flat[0]), sites.shape[1])).copy()
    for order in sites[1:]:
        undecided, better = np.ones(len(best), bool), np.zeros(len(best), bool)
        for part in flat:
            # the first site decides for nearly every map
            for width in (1, order.size):
                rows = np.flatnonzero(undecided)
                if not rows.size:
                    break
                ours = part[np.ix_(rows, order[:width])]
                theirs = part[rows[:, None], best[rows, :width]]
                differs = ours != theirs
                at = differs.argmax(axis=1)[:, None]
                decided = differs.any(axis=1)
                less = np.take_along_axis(ours, at, 1)[:, 0] < np.take_along_axis(theirs, at, 1)[:, 0]
                better[rows] = decided & less
                undecided[rows] = ~decided
        best[better] = order
    return best
