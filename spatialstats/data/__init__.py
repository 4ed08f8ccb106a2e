"""Images to analyze: named sets, folders, array files, saved adversarial pairs; and their splits."""

from __future__ import annotations

from spatialstats.data.cache import cache_dir
from spatialstats.data.dataset import Dataset
from spatialstats.data.fetching import FETCHABLE, fetch
from spatialstats.data.load import NAMES, load_dataset
from spatialstats.data.pairs import check_pairs, load_pairs
from spatialstats.data.splitting import SPLITS, splits

__all__ = [
    "FETCHABLE",
    "NAMES",
    "SPLITS",
    "Dataset",
    "cache_dir",
    "check_pairs",
    "fetch",
    "load_dataset",
    "load_pairs",
    "splits",
]
