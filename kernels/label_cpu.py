"""CPU side of `label`: runs of pixels, joined and then measured, a few masks a task."""

from __future__ import annotations

import numpy as np

from .checks import Array, frozen
from .jit import inner, n_threads, parallel, prange
from .label_regions import REAL, WHOLE, Found
from .label_runs import join_row, pack_row, paint, row_runs, runs_of_bits, runs_of_labels
from .label_sums import measure_runs

NO_ROWS = np.empty((0, 0, 0), np.uint64)
"""In place of rows of bits where there are none: one type, one compiled version."""


def components(masks: Array, connectivity: int) -> Found:
    """Label masks of 0 and 1 in uint8 (N, H, W)."""
    samples, height, width = masks.shape
    labels = np.zeros(masks.shape, np.int32)
    counts = np.zeros(samples, np.int64)
    rows = np.empty((samples, height, -(-width // 64)), np.uint64)
    wrong = np.zeros(samples, np.uint64)
    if masks.size:
        if width % 8 or masks.ctypes.data % 8:
            padded = np.zeros((samples, height, -(-width // 8) * 8), np.uint8)
            padded[:, :, :width] = masks
            masks = padded
        _components(masks.view(np.uint64), connectivity - 1, _tasks(samples), rows, labels, counts, wrong)
    return Found(labels, counts, not wrong.any(), rows)


def highest(labels: Array) -> Array:
    """Largest label of each sample, at least 0."""
    top: Array = labels.reshape(len(labels), -1 if labels.size else 0).max(axis=1, initial=0)
    return top.astype(np.int64)


def measured(
    labels: Array, counts: Array, weights: Array | None, rows: Array | None
) -> tuple[Array, Array, bool]:
    """Measure labels (N, H, W): tables of `WHOLE` and `REAL`, and whether weights were finite.

    With the rows of bits that the labels came from, runs are read off those.
    """
    first = np.cumsum(counts) - counts
    total = int(counts.sum())
    whole = np.empty((len(WHOLE), total), np.int64)
    real = np.empty((len(REAL), total), np.float64)
    wrong = np.zeros(len(labels), np.bool_)
    if total:
        bits = NO_ROWS if rows is None else rows
        _measure(frozen(labels), bits, weights, first, counts, _tasks(len(labels)), whole, real, wrong)
    return whole, real, not wrong.any()


def _tasks(samples: int) -> int:
    """Into how many tasks samples are cut: each allocates its buffers once."""
    return min(samples, 16 * n_threads())


@parallel
def _components(
    eights: Array, reach: int, tasks: int, rows: Array, labels: Array, counts: Array, wrong: Array
) -> None:
    samples, height, width = labels.shape
    most = height * ((width + 1) // 2)
    for task in prange(tasks):
        marks = np.empty(2 * most + 2, np.int32)
        parent = np.empty(most + 1, np.int32)
        blank = np.zeros(rows.shape[2], np.uint64)
        for s in range(task * samples // tasks, (task + 1) * samples // tasks):
            seen = np.uint64(0)
            n = 0
            above = 0
            for r in range(height):
                here = n
                seen |= pack_row(eights[s, r], rows[s, r])
                n = row_runs(rows[s, r], r * width, width, marks, here)
                join_row(rows[s, r - 1] if r else blank, rows[s, r], parent, above, here, n, reach)
                above = here
            wrong[s] = seen & np.uint64(0xFEFEFEFEFEFEFEFE)
            counts[s] = paint(labels[s].reshape(height * width), marks, parent, n)


@inner
def measure_one(
    labels: Array, rows: Array, weights: Array | None, s: int, buffers: tuple[Array, Array, Array],
    whole: Array, real: Array,
) -> bool:  # fmt: skip
    """Measure sample s; returns whether a weight is not finite."""
    marks, owner, row_of = buffers
    if rows.size == 0:
        runs_of_labels(labels[s], marks, owner, row_of)
    else:
        runs_of_bits(rows[s], labels[s], marks, owner, row_of)
    if weights is None:
        return measure_runs(marks, owner, row_of, None, labels.shape[2], s, whole, real)
    flat = weights[s].reshape(labels.shape[1] * labels.shape[2])
    return measure_runs(marks, owner, row_of, flat, labels.shape[2], s, whole, real)


@parallel
def _measure(
    labels: Array, rows: Array, weights: Array | None, first: Array, counts: Array,
    tasks: int, whole: Array, real: Array, wrong: Array,
) -> None:  # fmt: skip
    samples, height, width = labels.shape
    # of labels every pixel may begin a run, of bits every second one
    most = height * (width if rows.size == 0 else (width + 1) // 2)
    for task in prange(tasks):
        marks = np.empty(2 * most + 2, np.int32)
        owner = np.empty(most + 1, np.int32)
        row_of = np.empty(height + 1, np.int64)
        buffers = (marks, owner, row_of)
        for s in range(task * samples // tasks, (task + 1) * samples // tasks):
            lo = first[s]
            hi = lo + counts[s]
            if hi > lo:
                wrong[s] = measure_one(labels, rows, weights, s, buffers, whole[:, lo:hi], real[:, lo:hi])
