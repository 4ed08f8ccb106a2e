"""The checks of `spatialstats doctor`: one entry for each operation of the kernels.

An entry makes small inputs, runs the operation on them, and gives a brief answer of its own by other
means.  To add an operation, append one `Check` to the `CHECKS` of a file below.
"""

from __future__ import annotations

from . import entries_images, entries_maps, entries_pairs

__all__ = ["CHECKS"]

CHECKS = (*entries_images.CHECKS, *entries_pairs.CHECKS, *entries_maps.CHECKS)
