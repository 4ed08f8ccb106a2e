"""What `bench_kernels.py` compares, and its cases of regions, DBSCAN and overlaps of many masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spatialstats import kernels

Array = npt.NDArray[Any]

POPCOUNTS = 132 * 16 * 1.755e9
"""32-bit population counts a second on an H100: 16 a clock and multiprocessor."""


@dataclass(frozen=True)
class Peer:
    """Somebody else's way to the same values.

    Attributes
    ----------
    name : str
    run : callable
    same : callable
        Takes our result and theirs, raises where they part, returns how far they agree.
    goal : float or None
        Least ratio of their time to ours; None where none was set.
    part : float
        Share of the samples that it runs on.  Its time is divided by it: only where samples are worked
        on one after the other, so that this is exact by construction.
    """

    name: str
    run: Callable[[], Any]
    same: Callable[[Any, Any], str]
    goal: float | None
    part: float = 1.0


@dataclass(frozen=True)
class Case:
    """One job on one set of data.

    Attributes
    ----------
    job : str
    inputs : tuple of arrays
        Those that would live on the device.
    ours : callable
        Takes the inputs.
    peers : list of Peer
    out : float
        Bytes of the result that must be written.
    read_goal : float or None
        Least share of the read bandwidth.
    work : (float, float, str) or None
        Operations, how many of them an H100 does in a second, and their name: where they, and not
        memory, may set the floor on a GPU.
    on_gpu : bool
        Whether there is a GPU version.
    """

    job: str
    inputs: tuple[Array, ...]
    ours: Callable[..., Any]
    peers: list[Peer]
    out: float = 0.0
    read_goal: float | None = None
    work: tuple[float, float, str] | None = None
    on_gpu: bool = True

    @property
    def moved(self) -> float:
        """Bytes that must be read or written, each once."""
        return self.out + sum(array.nbytes for array in self.inputs)


def equal(ours: Array, theirs: Array) -> str:
    """Refuse any difference."""
    np.testing.assert_array_equal(ours, theirs)
    return "equal"


def within(ours: Array, theirs: Array, most: float) -> str:
    """Refuse a difference above `most` of the largest value, and say how large it is."""
    there = np.asarray(theirs, np.float64)
    scale = float(np.abs(there).max(initial=0.0)) or 1.0
    apart = float(np.abs(np.asarray(ours, np.float64) - there).max(initial=0.0)) / scale
    if not apart <= most:
        raise AssertionError(f"values differ by {apart:.2g} of the largest, {most:.2g} is allowed")
    return "equal" if apart == 0 else f"to {apart:.0e}"


def masks_of(n: int, side: int, smooth: float, share: float) -> tuple[Array, Array]:
    """Masks of the largest values of smooth noise, and random weights."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(n, side, side)).astype(np.float32), (0, smooth, smooth))
    cut = np.quantile(noise.reshape(n, -1), 1 - share, axis=1).astype(np.float32)
    return noise > cut[:, None, None], rng.random((n, side, side)).astype(np.float32)


FEW = ("label", "area", "centroid", "bbox", "intensity_mean")
ALL = (*FEW, "intensity_max", "centroid_weighted")


def scikit_image(masks: Array, weights: Array, properties: tuple[str, ...]) -> tuple[Array, dict[str, Array]]:
    """Label and measure every mask, one after the other."""
    from skimage import measure

    label, table = cast(Any, measure.label), cast(Any, measure.regionprops_table)  # untyped
    labels = [label(mask, connectivity=1) for mask in masks]
    tables = [table(a, b, properties=properties) for a, b in zip(labels, weights, strict=False)]
    return np.stack(labels), {name: np.concatenate([of[name] for of in tables]) for name in tables[0]}


def region_values(ours: Any, theirs: tuple[Array, dict[str, Array]]) -> str:
    labels, table = theirs
    equal(ours.labels[: len(labels)], labels)
    regions, n = ours.regions, len(table["label"])
    whole = ("label", "area", "min_row", "min_col", "max_row", "max_col")
    for name, of in zip(whole, ("label", "area", *(f"bbox-{i}" for i in range(4))), strict=True):
        equal(getattr(regions, name)[:n], table[of])
    within(regions.mass[:n] / regions.area[:n], table["intensity_mean"], 1e-6)
    for name, of in (("centroid_row", "centroid-0"), ("centroid_col", "centroid-1")):
        within(getattr(regions, name)[:n], table[of], 1e-14)
    if "intensity_max" in table:
        within(regions.peak[:n], table["intensity_max"], 0)
        within(regions.weighted_row[:n], table["centroid_weighted-0"], 1e-5)
        within(regions.weighted_col[:n], table["centroid_weighted-1"], 1e-5)
    return "labels, areas, boxes equal, centroids to 1e-14, mass to float32"


def region_case(n: int, side: int, goal: float) -> Case:
    masks, weights = masks_of(n, side, 1.0, 0.3)
    some = max(1, n // 5)
    few, full = masks[:some], masks if side == 32 else masks[:some]
    peers = [
        Peer(
            f"skimage label + regionprops_table, {what}", partial(scikit_image, part, weights, properties),
            region_values, least, len(part) / n,
        )
        for what, part, properties, least in (
            ("these properties", full, ALL, goal), ("without peak and weighted centroid", few, FEW, None),
        )
    ]  # fmt: skip
    ours = lambda m, w: kernels.label(m, w, connectivity=1)  # noqa: E731
    regions = len(kernels.label(masks, weights).regions)
    job = f"label and measure, {n:,} masks {side}x{side} of {regions / n:.0f} regions"
    return Case(
        job, (masks, weights), ours, peers,
        out=4 * masks.size + 128 * regions,
    )  # fmt: skip


def label_case(n: int, side: int) -> Case:
    masks, _ = masks_of(n, side, 1.0, 0.3)
    across = np.zeros((3, 3, 3), bool)
    across[1] = ndimage.generate_binary_structure(2, 1)

    def same(ours: Array, theirs: tuple[Array, int]) -> str:
        # theirs are numbered over the whole batch, in raster order
        counts = ours.reshape(n, -1).max(axis=1).astype(np.int64)
        before = np.cumsum(counts) - counts
        return equal(np.where(ours > 0, ours + before[:, None, None], 0), theirs[0]) + ", renumbered"

    peer = Peer("scipy.ndimage.label in 3-D", lambda: ndimage.label(masks, across), same, 3)
    ours = lambda m: kernels.components(m, connectivity=1)  # noqa: E731
    return Case(f"labels only, {n:,} masks {side}x{side}", (masks,), ours, [peer], out=4 * masks.size)


def dbscan_case(n: int, side: int, goal: float) -> Case:
    rng = np.random.default_rng(0)
    weights = (rng.random((n, side, side)) < 0.4) * rng.integers(1, 9, (n, side, side)) / 4

    def scikit_learn() -> Array:
        from sklearn.cluster import DBSCAN

        dbscan = cast(Any, DBSCAN(eps=1.5, min_samples=4))  # untyped

        labels = np.full(weights.shape, -2, np.int32)
        for own, image in zip(labels, weights, strict=True):
            points = image > 0
            dbscan.fit(np.argwhere(points), sample_weight=image[points])
            own[points] = dbscan.labels_
        return labels

    ours = lambda w: kernels.lattice_dbscan(w, eps=1.5, min_samples=4)  # noqa: E731
    number = f"{n:,} masks" if n > 1 else "one mask"
    job = f"weighted DBSCAN, {number} {side}x{side}"
    return Case(
        job, (weights,), ours, [Peer("sklearn DBSCAN", scikit_learn, equal, goal)], out=4 * weights.size
    )


def swap_case(n: int) -> Case:
    rng = np.random.default_rng(0)
    a, b = (rng.random((n, 32, 32)) < 0.3 for _ in range(2))

    def product() -> Array:
        x, y = (masks.reshape(n, -1).astype(np.float32) for masks in (a, b))
        found: Array = x @ y.T
        return found

    ours = lambda x, y: kernels.overlap_matrix(kernels.pack(x), kernels.pack(y))  # noqa: E731
    peer = Peer("NumPy float32 product", product, equal, 3)
    return Case(
        f"image-swap matrix, {n:,} x {n:,} masks 32x32", (a, b), ours, [peer],
        out=4.0 * n * n, work=(32.0 * n * n, POPCOUNTS, "32-bit population counts"),
    )  # fmt: skip


def cases(quick: bool) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Names of the jobs, and what makes their data."""
    masks, large = (100, 5) if quick else (10_000, 500)
    yield "regions-32", partial(region_case, masks, 32, 250)
    yield "regions-224", partial(region_case, large, 224, 300)
    yield "label-32", partial(label_case, masks, 32)
    yield "label-224", partial(label_case, large, 224)
    yield "dbscan-32", partial(dbscan_case, 50 if quick else 2_000, 32, 150)
    yield "dbscan-224", partial(dbscan_case, 1, 224, 100)
    yield "image-swap", partial(swap_case, 500 if quick else 10_000)
