"""How long a run will take, from a few of its own images."""

from __future__ import annotations

import time

import numpy as np

from spatialstats.engine.context import Context
from spatialstats.engine.defend import Prior
from spatialstats.engine.plan import Chunk
from spatialstats.engine.run import measure, warm_up


def estimate(context: Context) -> float:
    """Seconds that the run should take: two micro-batches of the report split are measured, and thrown away.

    Parameters
    ----------
    context : Context
        The run's parts.
    """
    rows = np.flatnonzero(context.splits == 2)[: 2 * context.config.batch_size]
    warm_up(context)
    trial = Chunk("report", 0, rows)
    began = time.perf_counter()
    measure(context, trial, Prior({}), context.config.fills[0])
    return (time.perf_counter() - began) / len(rows) * len(context.splits)


def in_words(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
