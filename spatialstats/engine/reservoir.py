"""The reservoir: seeded images whose maps and masks outlive the run, for statistics that need no rerun.

A chunk's file holds the maps of its own reservoir images.  ``reservoir.npz`` is strung together
from those files one array and one chunk at a time, so that memory stays flat.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from spatialstats import kernels, maps
from spatialstats.engine.context import Context
from spatialstats.engine.files import atomic
from spatialstats.engine.merged import PICTURES, RESERVOIR
from spatialstats.engine.observe import Hit, Seen, spread
from spatialstats.engine.plan import Chunk
from spatialstats.engine.rundir import RunDirectory
from spatialstats.regions import threshold

FILE = "reservoir.npz"
MAX_BYTES = 2**28
FEWEST = 16  # images that are kept however large their maps are: the report shows some of them


def capacity(wanted: int, n_pixels: int, n_attacks: int) -> int:
    """How many images keep their maps: those wanted, or what `MAX_BYTES` hold."""
    maps_of_one = 2 * n_pixels * (1 + 2 * n_attacks)
    masks_of_one = -(-n_pixels // 64) * 8 * (1 + 4 * n_attacks)
    return min(wanted, max(FEWEST, MAX_BYTES // (maps_of_one + masks_of_one)))


def keep_seen(context: Context, seen: Seen) -> dict[str, np.ndarray]:
    """What a chunk keeps of the model alone, for its images in the reservoir."""
    at = np.flatnonzero(context.pictured[seen.chunk.rows])
    rows = seen.chunk.rows[at]
    kept = {
        "row": rows,
        "index": context.dataset.indices[rows],
        "label": seen.labels[at],
        "prediction": seen.prediction[at],
        "split": context.splits[rows],
        "importance": seen.importance[at].astype(np.float16),
        "importance_scale": seen.importance_scale[at],
        "roi": kernels.pack(seen.roi[at]),
    }
    return {f"{RESERVOIR}.{name}": values for name, values in kept.items()} | {
        f"{PICTURES}.x": as_bytes(seen.x[at])
    }


def keep_hit(context: Context, seen: Seen, hit: Hit, outcome: np.ndarray) -> dict[str, np.ndarray]:
    """What a chunk keeps of one attack; maps are NaN and masks empty where the clean image is wrong."""
    at = np.flatnonzero(context.pictured[seen.chunk.rows])
    ok = seen.correct[at]
    of = (np.cumsum(seen.correct) - 1)[at[ok]]  # their places among the correctly classified images
    effect, scale = maps.scale(hit.effect.values[of])
    energy = hit.energy[of]
    kept = {
        "prediction": hit.attacked.prediction[at],
        "outcome": outcome[at],
        "rival": spread(hit.rival[of], ok, -1),
        "formed": spread(hit.formed[of], ok, False),
        "effect": spread(effect.astype(np.float16), ok, np.nan),
        "effect_scale": spread(scale, ok, np.nan),
        "energy": spread(energy.astype(np.float16), ok, np.nan),
        "frequency": spread(kernels.pack(hit.frequency[of]), ok, 0),
        "roa": spread(kernels.pack(hit.roa[of]), ok, 0),
        "candidate": spread(kernels.pack(hit.candidate[of]), ok, 0),
        "energy_mask": spread(kernels.pack(threshold(energy, context.config.roa)), ok, 0),
    }
    return {f"{RESERVOIR}.{hit.name}/{name}": values for name, values in kept.items()} | {
        f"{PICTURES}.{hit.name}/x_adv": as_bytes(hit.attacked.x_adv[at])
    }


def write_reservoir(context: Context, run: RunDirectory, chunks: Sequence[Chunk]) -> None:
    """``reservoir.npz``: the reservoir images in the order of `chunks`, which is that of ``samples.parquet``.

    Maps are float16; masks are packed as `spatialstats.kernels.pack` does it, and
    ``spatialstats.kernels.unpack(packed, shape)`` undoes it.
    """
    kept = [chunk for chunk in chunks if context.pictured[chunk.rows].any()]
    n = int(context.pictured.sum())
    with (
        atomic(run.path / FILE) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        height, width = context.dataset.shape[1:]
        write_member(archive, "shape", 2, iter([np.array([height, width])]))
        for name in names(run, kept):
            parts = (read_member(run, chunk, f"{RESERVOIR}.{name}") for chunk in kept)
            write_member(archive, name, n, parts)


def names(run: RunDirectory, chunks: Sequence[Chunk]) -> list[str]:
    """The arrays of the reservoir, as the first chunk has them."""
    if not chunks:
        return []
    with np.load(run.chunk_path(chunks[0].name), allow_pickle=False) as stored:
        return [
            name.removeprefix(f"{RESERVOIR}.") for name in stored.files if name.startswith(f"{RESERVOIR}.")
        ]


def read_member(run: RunDirectory, chunk: Chunk, name: str) -> np.ndarray:
    """One array of a chunk's file; the others stay unread."""
    with np.load(run.chunk_path(chunk.name), allow_pickle=False) as stored:
        array: np.ndarray = stored[name]
    return array


def read_all(context: Context, run: RunDirectory, chunks: Sequence[Chunk], name: str) -> np.ndarray:
    """One array of all images of the reservoir, in the order of the chunks."""
    return np.concatenate(
        [read_member(run, chunk, name) for chunk in chunks if context.pictured[chunk.rows].any()]
    )


def write_member(archive: zipfile.ZipFile, name: str, n: int, parts: Iterator[np.ndarray]) -> None:
    """Add one array of `n` rows to an npz archive, part after part."""
    first = next(parts)
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (n, *first.shape[1:]),
    }
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(first.tobytes())
        for part in parts:
            member.write(part.tobytes())


def read_kept(
    context: Context, run: RunDirectory, chunks: Sequence[Chunk], rows: Sequence[int], wanted: Sequence[str]
) -> dict[str, np.ndarray]:
    """Arrays of chunk files for a few images of the reservoir, in the order of `rows`."""
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in wanted}
    for chunk in chunks:
        kept = chunk.rows[context.pictured[chunk.rows]]
        at = np.flatnonzero(np.isin(kept, rows))
        for name in wanted if len(at) else ():
            array = read_member(run, chunk, name)
            found[name] |= {int(kept[place]): array[place] for place in at}
    return {name: np.stack([of[row] for row in rows]) for name, of in found.items() if rows}


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as uint8, rounded: for pictures only."""
    return np.round(images * 255).astype(np.uint8)
