"""What `bench_kernels.py` times: sums, regions, clusters and overlaps of many images, ours and the peers'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spatialstats import kernels
from spatialstats.data.cifar import load_cifar10

Array = npt.NDArray[Any]

LEVEL = 4.25 / 255
"""Threshold of the exceedance: between two steps of uint8, so that no float is a tie."""

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
    goal : float
        Least ratio of their time to ours.
    part : float
        Share of the samples that it runs on.  Its time is divided by it: only where samples are worked
        on one after the other, so that this is exact by construction.
    """

    name: str
    run: Callable[[], Any]
    same: Callable[[Any, Any], str]
    goal: float
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


def pairs_of_images(n: int, side: int, dtype: type) -> tuple[Array, Array, Array]:
    """CIFAR test images, enlarged to `side`, the same within 8/255 of them, and their classes."""
    images, labels = load_cifar10("test")
    clean = np.repeat(np.repeat(images[:n], side // 32, axis=2), side // 32, axis=3)
    rng = np.random.default_rng(0)
    moved = clean + rng.integers(-8, 9, clean.shape, dtype=np.int16)
    adversarial = np.clip(moved, 0, 255).astype(np.uint8)
    if dtype != np.uint8:
        return (clean / np.float32(255)).astype(dtype), (adversarial / np.float32(255)).astype(dtype), labels[:n]
    return np.ascontiguousarray(clean), adversarial, labels[:n]


def difference(clean: Array, adversarial: Array) -> tuple[Array, Array, float]:
    """The perturbation, its size, and the threshold, in the narrowest type that holds them."""
    if clean.dtype == np.uint8:
        delta: Array = adversarial.astype(np.int16) - clean
        return delta, np.abs(delta), 4
    delta = adversarial - clean
    return delta, np.abs(delta), np.float32(LEVEL)  # type: ignore[return-value]


def five_maps(delta: Array, size: Array, level: float) -> tuple[Array, ...]:
    """Count above a level, sum, sum of sizes, sum of squares, largest size."""
    squares = np.square(delta.astype(np.float32)).sum(0)
    return (size > level).sum(0), delta.sum(0), size.sum(0), squares, size.max(0)


def plain_numpy(clean: Array, adversarial: Array, labels: Array) -> list[Array]:
    """Whole arrays at once: one expression a map, as it is written first.  (5, 10, C, H, W), (5, C, H, W)."""
    delta, size, level = difference(clean, adversarial)
    own = [five_maps(delta[labels == k], size[labels == k], level) for k in range(10)]
    return [*map(np.stack, zip(*own, strict=True)), *five_maps(delta, size, level)]


def chunked_numpy(clean: Array, adversarial: Array, labels: Array, chunk: int) -> list[Array]:
    """Chunks of one class that stay in the cache; the whole is made of the classes."""
    order = np.argsort(labels, kind="stable")
    sums = np.int32 if clean.dtype == np.uint8 else np.float32
    count, total, sizes, square, most = (np.zeros((10, *clean.shape[1:])) for _ in range(5))
    ends = np.cumsum(np.bincount(labels, minlength=10))
    for k, end in enumerate(ends):
        for begin in range(ends[k - 1] if k else 0, end, chunk):
            rows = order[begin : min(begin + chunk, end)]
            delta, size, level = difference(clean[rows], adversarial[rows])
            floats = delta.astype(np.float32, copy=False)
            count[k] += np.count_nonzero(size > level, axis=0)
            total[k] += delta.sum(0, dtype=sums)
            sizes[k] += size.sum(0, dtype=sums)
            square[k] += np.einsum("n...,n...->...", floats, floats)
            np.maximum(most[k], size.max(0), out=most[k])
    own = [count, total, sizes, square, most]
    return [*own, *(part.sum(0) for part in own[:4]), most.max(0)]


def density_values(ours: Any, theirs: list[Array]) -> str:
    """Counts must be equal; sums too for uint8, else as good as float32 sums are."""
    worst = 0.0
    for at, moments in enumerate(ours):
        count, total, sizes, square, most = (
            part.reshape(moments.positive.shape) for part in theirs[5 * at : 5 * at + 5]
        )
        unit = float(moments.steps) if moments.steps != 255 else 1.0
        equal(moments.exceeded[0], count)
        squares = (moments.square_high * 2.0**48 + moments.square_low) / unit**2
        largest = np.maximum(moments.maximum, -moments.minimum) * (255 if moments.steps == 255 else 1)
        for mine, other in (
            ((moments.positive - moments.negative) / unit, total),
            ((moments.positive + moments.negative) / unit, sizes), (squares, square), (largest, most),
        ):  # fmt: skip
            worst = max(worst, np.abs(mine - other).max() / np.abs(other).max())
    if worst > (1e-6 if ours[0].steps == 255 else 1e-4):
        raise AssertionError(f"sums differ by {worst:.2g} of the largest")
    return f"counts equal, float32 sums to {worst:.0e}" if worst > 1e-12 else "equal"


def density_case(
    n: int, side: int, dtype: type, goals: tuple[float, float], chunk: int, read_goal: float | None = None
) -> Case:
    clean, adversarial, labels = pairs_of_images(n, side, dtype)

    def ours(x: Array, y: Array, groups: Array) -> Any:
        found = kernels.density_pairs(x, y, groups, 10, thresholds=(LEVEL,), channels="keep")
        return found, found.pool(np.zeros(10, np.int64))

    data = clean, adversarial, labels
    peers = [
        Peer("NumPy", lambda: plain_numpy(*data), density_values, goals[0]),
        Peer(f"NumPy, {chunk} at a time", lambda: chunked_numpy(*data, chunk), density_values, goals[1]),
    ]
    job = f"density per class, {n:,} pairs {side}x{side} {np.dtype(dtype).name}"
    return Case(job, data, ours, peers, out=11 * 3 * side * side * 48, read_goal=read_goal)


def masks_of(n: int, side: int, smooth: float, share: float) -> tuple[Array, Array]:
    """Masks of the largest values of smooth noise, and random weights."""
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(n, side, side)).astype(np.float32), (0, smooth, smooth))
    cut = np.quantile(noise.reshape(n, -1), 1 - share, axis=1).astype(np.float32)
    return noise > cut[:, None, None], rng.random((n, side, side)).astype(np.float32)


PROPERTIES = ("label", "area", "centroid", "bbox", "intensity_mean", "intensity_max", "centroid_weighted")


def scikit_image(masks: Array, weights: Array) -> tuple[Array, dict[str, Array]]:
    """Label and measure every mask, one after the other."""
    from skimage.measure import label, regionprops_table

    labels = [label(mask, connectivity=1) for mask in masks]
    tables = [regionprops_table(a, b, properties=PROPERTIES) for a, b in zip(labels, weights, strict=True)]
    return np.stack(labels), {name: np.concatenate([of[name] for of in tables]) for name in tables[0]}


def region_values(ours: Any, theirs: tuple[Array, dict[str, Array]]) -> str:
    labels, table = theirs
    equal(ours.labels[: len(labels)], labels)
    regions, n = ours.regions, len(table["label"])
    whole = ("label", "area", "min_row", "min_col", "max_row", "max_col")
    for name, of in zip(whole, ("label", "area", *(f"bbox-{i}" for i in range(4))), strict=True):
        equal(getattr(regions, name)[:n], table[of])
    within(regions.mass[:n] / regions.area[:n], table["intensity_mean"], 1e-6)
    within(regions.peak[:n], table["intensity_max"], 0)
    names = ("centroid_row", "centroid_col", "weighted_row", "weighted_col")
    places = ("centroid-0", "centroid-1", "centroid_weighted-0", "centroid_weighted-1")
    for name, of in zip(names, places, strict=True):
        within(getattr(regions, name)[:n], table[of], 1e-5)
    return "labels, areas, boxes, peaks equal, rest to float32"


def region_case(n: int, side: int, goal: float) -> Case:
    masks, weights = masks_of(n, side, 1.0 if side == 32 else 4.0, 0.3)
    some = max(1, n if side == 32 else n // 5)
    peer = Peer(
        "skimage label + regionprops_table",
        lambda: scikit_image(masks[:some], weights[:some]),
        region_values,
        goal,
        some / n,
    )
    ours = lambda m, w: kernels.label(m, w, connectivity=1)  # noqa: E731
    regions = len(ours(masks, weights).regions)
    return Case(
        f"label and measure, {n:,} masks {side}x{side}", (masks, weights), ours, [peer],
        out=4 * masks.size + 128 * regions,
    )  # fmt: skip


def label_case(n: int, side: int) -> Case:
    masks, _ = masks_of(n, side, 1.0 if side == 32 else 4.0, 0.3)
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

        labels = np.full(weights.shape, -2, np.int32)
        for own, image in zip(labels, weights, strict=True):
            points = image > 0
            model = DBSCAN(eps=1.5, min_samples=4).fit(np.argwhere(points), sample_weight=image[points])
            own[points] = model.labels_
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
    many, few, masks, large = (500, 60, 100, 5) if quick else (10_000, 200, 10_000, 500)
    f32, u8 = np.float32, np.uint8
    yield "density-cifar-float32", lambda: density_case(many, 32, f32, (28, 5), 32, 0.5)
    yield "density-cifar-uint8", lambda: density_case(many, 32, u8, (45, 1), 32)
    yield "density-224-float32", lambda: density_case(few, 224, f32, (20, 1), 2)
    yield "density-224-uint8", lambda: density_case(few, 224, u8, (40, 1), 2)
    yield "regions-32", lambda: region_case(masks, 32, 250)
    yield "regions-224", lambda: region_case(large, 224, 300)
    yield "label-32", lambda: label_case(masks, 32)
    yield "label-224", lambda: label_case(large, 224)
    yield "dbscan-32", lambda: dbscan_case(50 if quick else 2_000, 32, 150)
    yield "dbscan-224", lambda: dbscan_case(1, 224, 100)
    yield "image-swap", lambda: swap_case(500 if quick else 10_000)
