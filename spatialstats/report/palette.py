"""The report's colours, defined once for HTML, SVG and matplotlib.

The four segment colours were chosen so that the smallest CIEDE2000 difference between any two of them,
under normal vision and simulated protanopia, deuteranopia and tritanopia (the matrices of Machado et al.),
stays at 18 or more in the light theme.  Shape or text repeats what a colour says wherever one is used.

References
----------
Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
IEEE Transactions on Visualization and Computer Graphics 15(6), 2009.

Harrower, Brewer, "ColorBrewer.org: an online tool for selecting colour schemes for maps", The Cartographic
Journal 40, 2003.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SEGMENTS: Final = ("contested", "protected", "neutralizable", "background")
"""Segment names in the order in which every figure and table shows them."""

SEGMENT_CODES: Final = {"background": 0, "neutralizable": 1, "protected": 2, "contested": 3}
"""Codes in ``<attack>/segments``: bit 0 is the region of attack, bit 1 the region of importance."""

MEANING: Final = {
    "contested": "important and attacked",
    "protected": "important, not attacked",
    "neutralizable": "attacked, not important",
    "background": "neither",
}

LIGHT: Final = {
    "contested": "#a3195b",
    "protected": "#2f84cb",
    "neutralizable": "#d98c00",
    "background": "#959da8",
}
DARK: Final = {
    "contested": "#d84a8e",
    "protected": "#4c9fe6",
    "neutralizable": "#efab33",
    "background": "#7d8590",
}

_STOPS: Final = (
    (10, 8, 20),
    (38, 17, 75),
    (86, 22, 108),
    (134, 36, 110),
    (182, 52, 96),
    (223, 79, 72),
    (247, 127, 60),
    (253, 184, 92),
    (254, 236, 190),
)


DIVERGING: Final = (
    (168, 216, 255),
    (74, 144, 217),
    (28, 70, 128),
    (14, 16, 28),
    (128, 62, 12),
    (224, 130, 34),
    (255, 214, 150),
)
"""Blue below zero, near black at it, orange above: told apart under all common colour deficiencies."""

OPPOSED: Final = ((230, 97, 1), (253, 184, 99), (247, 247, 247), (178, 171, 210), (94, 60, 153))
"""Orange below zero, near white at it, purple above: PuOr of Harrower and Brewer."""


def colormap(levels: int = 256, stops: tuple[tuple[int, int, int], ...] = _STOPS) -> NDArray[np.uint8]:
    """A sequential map from near black over plum and orange to cream, lightness rising all the way.

    Parameters
    ----------
    levels : int
        Number of colours.
    stops : tuple of (int, int, int)
        Colours to go through at even steps; `DIVERGING` or `OPPOSED` for values of both signs.

    Returns
    -------
    ndarray of uint8, shape (levels, 3)
    """
    through = np.asarray(stops, dtype=np.float64)
    where = np.linspace(0, len(through) - 1, levels)
    channels = [np.interp(where, np.arange(len(through)), through[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def gradient(stops: tuple[tuple[int, int, int], ...] = _STOPS) -> str:
    """The map as CSS colour stops, for the colour bars."""
    return ", ".join(f"rgb({r} {g} {b})" for r, g, b in stops)
