"""Groups of `PixelMoments` added to others where the sums live on a device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from . import device
from .checks import Array
from .fixed_point import Ints, carried

MEMBERS = 1 << 14
"""Groups added between two carries: so many low words of 48 bits fit an int64."""


def pool(source: Mapping[str, Array], target: Ints, pooled: Mapping[str, Array]) -> None:
    """Add group g of some fields of `PixelMoments` into group ``target[g]`` of others, unless negative."""
    xp = device.namespace()
    for g in np.unique(target[target >= 0]):
        members = np.flatnonzero(target == g)
        for start in range(0, len(members), MEMBERS):
            taken = xp.asarray(members[start : start + MEMBERS])
            for name in ("count", "positive", "negative", "square_high", "square_low"):
                pooled[name][g] += source[name][taken].sum(axis=0)
            pooled["exceeded"][:, g] += source["exceeded"][:, taken].sum(axis=1)
            for name, extreme in (("minimum", "min"), ("maximum", "max")):
                widest = getattr(xp, name)
                pooled[name][g] = widest(pooled[name][g], getattr(source[name][taken], extreme)(axis=0))
            high, low = carried(pooled["square_high"][g], pooled["square_low"][g])
            pooled["square_high"][g], pooled["square_low"][g] = high, low
