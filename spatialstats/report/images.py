"""Pictures as data URIs, small enough that the whole report stays one light file."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spatialstats.report.palette import DIVERGING, colormap

SHARP = 96
"""Pictures up to this side are kept lossless and shown with visible pixels."""
LARGEST = 256
"""Larger pictures are reduced to this side."""
LEVELS = 128
"""Grey levels of a density map: finer steps cannot be seen and would not compress."""


def _uri(image: Image.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{data}"


def to_pil(picture: NDArray[np.uint8]) -> Image.Image:
    """A (C, H, W) uint8 picture as an RGB or grey Pillow image; further channels are left out."""
    picture = np.ascontiguousarray(picture)
    if picture.shape[0] < 3:
        return Image.fromarray(picture[0])
    return Image.fromarray(np.ascontiguousarray(picture[:3].transpose(1, 2, 0)))


def picture_uri(picture: NDArray[np.uint8]) -> str:
    """A (C, H, W) uint8 picture as a PNG (small ones) or JPEG data URI."""
    image = to_pil(picture)
    if max(image.size) <= SHARP:
        return _uri(image, "PNG", optimize=True)
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return _uri(image, "JPEG", quality=86, optimize=True)


def reduce(maps: NDArray[np.floating], side: int) -> NDArray[np.float32]:
    """Maps (G, H, W) averaged over blocks so that no side exceeds `side`."""
    height, width = maps.shape[1:]
    if max(height, width) <= side:
        return np.asarray(maps, dtype=np.float32)
    factor = side / max(height, width)
    target = (max(1, round(width * factor)), max(1, round(height * factor)))
    reduced = [
        np.asarray(Image.fromarray(np.asarray(one, dtype=np.float32)).resize(target, Image.Resampling.BOX))
        for one in maps
    ]
    return np.stack(reduced).astype(np.float32)


def sprite_uri(maps: NDArray[np.floating], top: float) -> str:
    """Maps (G, H, W) below one another in one palette PNG; 0 is the darkest colour, `top` the lightest."""
    unit = np.nan_to_num(np.asarray(maps, dtype=np.float64) / (top if top > 0 else 1.0))
    codes = np.rint(np.clip(unit, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(codes.reshape(-1, codes.shape[2])).convert("P")
    image.putpalette(colormap(LEVELS).tobytes())
    return _uri(image, "PNG", optimize=True)


def diverging_uri(values: NDArray[np.floating], top: float) -> str:
    """A map (H, W) of both signs as a palette PNG: 0 is black, -`top` light blue, `top` light orange."""
    unit = np.clip(np.nan_to_num(np.asarray(values, np.float64)) / (top if top > 0 else 1.0), -1, 1)
    middle = LEVELS  # of 2 * LEVELS + 1 colours less two: zero has a colour of its own
    image = Image.fromarray(np.rint(unit * (middle - 1) + middle).astype(np.uint8)).convert("P")
    image.putpalette(colormap(2 * middle + 1, DIVERGING)[:256].tobytes())
    return _uri(image, "PNG", optimize=True)
