"""Outlines, pictures, numbers, colours and figures, against plain references."""

from __future__ import annotations

import base64
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from synthetic import make_run

from spatialstats.report import palette, svg, text, write_figures
from spatialstats.report.images import picture_uri, reduce, sprite_uri
from spatialstats.report.outlines import LIMIT, outline


def inside(path: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centre an even-odd ray to the left crosses an odd number of upright edges for."""
    crossings = np.zeros(shape, dtype=int)
    for loop in re.findall(r"M([^M]*)z", path):
        start, *steps = re.findall(r"^-?\d+ -?\d+|[hv]-?\d+", loop)
        column, row = first = tuple(int(v) for v in start.split())
        moves = [(step[0], int(step[1:])) for step in steps]
        points = [(column, row)]
        for kind, length in moves:
            column, row = (column + length, row) if kind == "h" else (column, row + length)
            points.append((column, row))
        points.append((int(first[0]), int(first[1])))
        for (c0, r0), (c1, r1) in pairwise(points):
            if c0 == c1:
                crossings[min(r0, r1) : max(r0, r1), c0:] += 1
    return crossings % 2 == 1


@pytest.mark.parametrize("seed", range(6))
def test_outline_encloses_exactly_the_mask(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((9, 7 + seed)) < 0.15 * (seed + 1)
    assert np.array_equal(inside(outline(mask), mask.shape), mask)


def test_outline_of_a_ring_has_two_loops() -> None:
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    assert outline(mask).count("z") == 2
    assert outline(np.zeros((3, 3), dtype=bool)) == ""


def test_scattered_large_mask_is_drawn_coarser_and_short() -> None:
    mask = np.random.default_rng(0).random((224, 224)) < 0.4
    assert len(outline(mask)) <= LIMIT


def decode(uri: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def test_small_pictures_are_lossless() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    assert np.array_equal(decode(picture_uri(picture)).transpose(2, 0, 1), picture)


def test_sprite_runs_from_the_darkest_to_the_lightest_colour() -> None:
    maps = np.stack([np.zeros((4, 4)), np.full((4, 4), 0.5), np.full((4, 4), 9.0)])
    pixels = decode(sprite_uri(maps, 0.5))
    ramp = palette.colormap()
    assert pixels.shape == (12, 4, 3)
    assert np.array_equal(pixels[0, 0], ramp[0])
    assert np.array_equal(pixels[4, 0], ramp[-1])
    assert np.array_equal(pixels[8, 0], ramp[-1])


def test_reducing_averages_blocks() -> None:
    maps = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    assert np.allclose(reduce(maps, 4), maps.reshape(2, 4, 2, 4, 2).mean(axis=(2, 4)), atol=1e-6)


def test_colormap_grows_lighter_all_the_way() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(palette.colormap(64) @ weights) > 0).all()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.372, "37.2\u202f%"), (-0.01, "\u22121.0\u202f%"), (-0.0001, "0.0\u202f%"), (None, "\u2013")],
)
def test_percentages(value: float | None, shown: str) -> None:
    assert text.percent(value) == shown


def test_smallest_p_value_says_that_it_is() -> None:
    assert "smallest" in text.p_value({"p_value": 2e-4, "n_resamples": 9999})
    assert text.p_value({"p_value": 0.25, "n_resamples": 9999}) == "p = 0.2500"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.2, 0.35), (0, 0.04), (3, 3)])
def test_ticks_lie_inside_their_range(low: float, high: float) -> None:
    found = svg.ticks(low, high)
    assert found
    assert min(found) >= low
    assert max(found) <= high


def test_elements_escape_text_and_attributes() -> None:
    made = svg.el("text", "<b>&", class_='a"b', x=1.50)
    assert str(made) == '<text class="a&#34;b" x="1.5">&lt;b&gt;&amp;</text>'


def test_figures_come_as_svg_and_png_the_same_each_time(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, attacks=("patch",))
    first = {path.name: path.read_bytes() for path in write_figures(run_dir)}
    again = {path.name: path.read_bytes() for path in write_figures(run_dir)}
    names = ("shares", "colocation", "ladder", "densities", "sensitivity", "neutralization", "example")
    assert set(first) == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    assert first == again
    assert b"contested" in first["shares.svg"]  # text stays text
    assert Image.open(io.BytesIO(first["shares.png"])).info["dpi"][0] == pytest.approx(300, abs=1)
