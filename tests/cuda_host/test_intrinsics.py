"""The emulation's intrinsics against CUDA's documented values; a device's too, where there is one."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from emulation import RUNS
from host_module import HERE, HostModule, has_compiler

from spatialstats.kernels import device

Launch = Callable[..., list[np.ndarray]]


@pytest.fixture(params=[*RUNS, pytest.param("device", marks=pytest.mark.gpu)], ids=str)
def launch(request: pytest.FixtureRequest) -> Launch:
    """Run a kernel of intrinsics.cu, here or on a device; return its arrays as they were left."""
    if request.param == "device":
        cupy = pytest.importorskip("cupy")
        if not cupy.cuda.is_available():
            pytest.skip("no CUDA device")
        text = (HERE / "intrinsics.cu").read_text(encoding="utf-8")
        common = (device.FOLDER / "common.cuh").read_text(encoding="utf-8").replace("#pragma once", "")
        module = cupy.RawModule(code=text.replace('#include "common.cuh"', common), options=device.OPTIONS)
        put, get = cupy.asarray, cupy.asnumpy
    else:
        if not has_compiler():
            raise unittest.SkipTest("no g++, which the host emulation of CUDA compiles with")
        order, seed = request.param
        module = HostModule(HERE / "intrinsics.cu", order=order, seed=seed)
        put = get = np.copy

    def run(name: str, grid: tuple[int, ...], block: tuple[int, ...], *args: Any) -> list[np.ndarray]:
        given = [put(value) if isinstance(value, np.ndarray) else value for value in args]
        module.get_function(name)(grid, block, given)
        return [get(value) for value in given if not np.isscalar(value)]

    return run


def test_warp_intrinsics(launch: Launch) -> None:
    n = 64
    v = np.random.default_rng(3).integers(0, 64, n).astype(np.int32)
    t = np.arange(n)
    lane, base = t % 32, t // 32 * 32
    warps = v.reshape(2, 32)

    def pick(source: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return v[np.where(inside, base + source, t)]

    def each(function: Callable[[np.ndarray], Any]) -> np.ndarray:
        return np.repeat([function(warp) for warp in warps], 32)

    def mask(chosen: np.ndarray) -> int:
        return int((chosen.astype(np.int64) << np.arange(32)).sum().astype(np.uint32).astype(np.int32))

    lanes_alike = [mask((warps[i // 32] & 3) == (v[i] & 3)) for i in range(n)]
    expected = [
        pick(lane + 3, lane + 3 < 32),
        pick(lane - 5, lane >= 5),
        v[base + (lane ^ 9)],
        v[base + 7],
        pick(lane + 3, lane % 8 + 3 < 8),
        pick(lane - 3, lane % 8 >= 3),
        pick(lane ^ 12, (lane ^ 12) // 8 <= lane // 8),
        v[base + lane // 8 * 8 + 3],
        each(lambda warp: mask(warp & 1)),
        each(lambda warp: (warp > 60).any()),
        each(lambda warp: (warp < 60).all()),
        lanes_alike,
        each(np.sum),
        each(np.min),
        each(np.max),
        each(np.bitwise_or.reduce),
        each(np.bitwise_and.reduce),
        each(np.bitwise_xor.reduce),
        np.full(n, (v & 1).sum()),
        np.full(n, (v > 60).any()),
        np.ones(n),
        np.where(lane < 16, v[base + (lane ^ 1)], v[base + (lane ^ 2)]),
        pick(lane + 1, lane + 1 < 32),
        v[base + (lane ^ 1)],
        np.where(t < 32, -1, np.where(t < 48, 0xFFFF, -7)),
        np.where(t < 48, 11, -7),
    ]
    _, out = launch("warp_intrinsics", (1,), (n,), v, np.full((len(expected), n), -7, np.int32), np.int32(n))
    for row, values in enumerate(expected):
        np.testing.assert_array_equal(out[row], values, err_msg=f"row {row}")


def halves(words: np.ndarray, dtype: type) -> np.ndarray:
    """Packed lanes of words as int64 (n, lanes)."""
    return words.view(dtype).reshape(len(words), -1).astype(np.int64)


def packed(lanes: np.ndarray, dtype: type) -> np.ndarray:
    """Undo `halves`, cutting each lane to its width."""
    return np.ascontiguousarray(lanes.astype(dtype)).view(np.uint32).reshape(-1)


def test_words(launch: Launch) -> None:
    random = np.random.default_rng(5)
    a, b = random.integers(0, 1 << 32, (2, 96), dtype=np.uint32)
    a[:4], b[:4] = (0, 0xFFFFFFFF, 1, 0x80808080), (0, 0xFFFFFFFF, 0x80000000, 0x7F7F7F7F)
    x, y = a.astype(np.int64), b.astype(np.int64)
    i, j = a.view(np.int32).astype(np.int64), b.view(np.int32).astype(np.int64)
    u, v = halves(a, np.uint8), halves(b, np.uint8)
    s, t = halves(a, np.int8), halves(b, np.int8)
    hu, hv = halves(a, np.uint16), halves(b, np.uint16)
    both = (b.astype(np.uint64) << np.uint64(32)) | a
    text = [f"{word:032b}" for word in a.tolist()]
    expected = [
        [bits.count("1") for bits in text],
        [32 - len(bits.lstrip("0")) for bits in text],
        [32 - bits.rfind("1") if "1" in bits else 0 for bits in text],
        [int(bits[::-1], 2) for bits in text],
        [(p * q) >> 32 for p, q in zip(x.tolist(), y.tolist(), strict=True)],
        (i * j) >> 32,
        abs(x - y) + 7,
        (both << np.uint64(13)) >> np.uint64(32),
        both >> np.uint64(13),
        packed(np.stack([v[:, 1], u[:, 1], v[:, 3], u[:, 3]], axis=1), np.uint8),
        packed(abs(u - v), np.uint8),
        packed(np.maximum(u, v), np.uint8),
        packed(np.minimum(u, v), np.uint8),
        packed(np.maximum(s, t), np.uint8),
        packed(np.minimum(s, t), np.uint8),
        packed(u + v, np.uint8),
        packed(u - v, np.uint8),
        packed(np.minimum(u + v, 255), np.uint8),
        packed(np.maximum(u - v, 0), np.uint8),
        packed((u + v + 1) // 2, np.uint8),
        packed(np.where(u > v, 255, 0), np.uint8),
        packed(np.where(u >= v, 255, 0), np.uint8),
        packed(np.where(u == v, 255, 0), np.uint8),
        packed(np.where(s > t, 255, 0), np.uint8),
        packed(u > v, np.uint8),
        abs(u - v).sum(axis=1),
        packed(hu + hv, np.uint16),
        packed(np.maximum(hu, hv), np.uint16),
        packed(abs(hu - hv), np.uint16),
        (u * v).sum(axis=1) + 9,
        (s * t).sum(axis=1) - 9,
        np.minimum(x, y),
        np.maximum(i, j),
    ]
    out = np.zeros((len(expected), len(a)), np.uint32)
    out = launch("words", (3,), (32,), a, b, out, np.int32(len(a)))[-1]
    for row, values in enumerate(expected):
        cut = np.asarray(values).astype(np.int64).astype(np.uint32)
        np.testing.assert_array_equal(out[row], cut, err_msg=f"row {row}")


def test_long_words(launch: Launch) -> None:
    a, b = np.random.default_rng(6).integers(0, 1 << 64, (2, 64), dtype=np.uint64)
    a[:3] = 0, 1 << 63, (1 << 64) - 1
    x, y = a.tolist(), b.tolist()
    i, j = a.view(np.int64).tolist(), b.view(np.int64).tolist()
    text = [f"{word:064b}" for word in x]
    expected = [
        [bits.count("1") for bits in text],
        [64 - len(bits.lstrip("0")) for bits in text],
        [64 - bits.rfind("1") if "1" in bits else 0 for bits in text],
        [int(bits[::-1], 2) for bits in text],
        [p * q >> 64 for p, q in zip(x, y, strict=True)],
        [(p * q >> 64) % (1 << 64) for p, q in zip(i, j, strict=True)],
        [min(p, q) for p, q in zip(x, y, strict=True)],
        [max(p, q) % (1 << 64) for p, q in zip(i, j, strict=True)],
    ]
    out = np.zeros((len(expected), len(a)), np.uint64)
    out = launch("long_words", (2,), (32,), a, b, out, np.int32(len(a)))[-1]
    for row, values in enumerate(expected):
        np.testing.assert_array_equal(out[row], np.array(values, np.uint64), err_msg=f"row {row}")


def saturated(value: float, dtype: type, nan: int) -> int:
    """A whole float as an integer, kept in range; `nan` for NaN."""
    limits = np.iinfo(dtype)
    if np.isnan(value):
        return nan
    return int(min(max(int(value) if np.isfinite(value) else value, limits.min), limits.max))


def test_conversions(launch: Launch) -> None:
    special = [0.5, 1.5, 2.5, -0.5, -1.5, 3e9, -3e9, 1e19, -1e19, 3e19, np.inf, -np.inf, np.nan, 0.0]
    random = np.random.default_rng(7).normal(0, 1e6, 32 - len(special)).tolist()
    d = np.array(special + random)
    f = d.astype(np.float32)
    top = -(1 << 63)

    def whole(values: np.ndarray, rounding: Any, dtype: type, nan: int) -> list[int]:
        return [saturated(value, dtype, nan) for value in rounding(values.astype(np.float64)).tolist()]

    unsigned = whole(d, np.rint, np.uint64, 1 << 63)
    expected = [
        whole(f, np.rint, np.int32, 0),
        whole(f, np.trunc, np.int32, 0),
        whole(f, np.floor, np.int32, 0),
        whole(f, np.ceil, np.int32, 0),
        whole(f, np.rint, np.uint32, 0),
        whole(f, np.rint, np.int64, top),
        whole(d, np.rint, np.int32, -(1 << 31)),
        whole(d, np.rint, np.int64, top),
        whole(d, np.trunc, np.int64, top),
        whole(d, np.floor, np.int64, top),
        np.array(unsigned, np.uint64).view(np.int64),
        f.view(np.uint32),
        d.view(np.int64),
        np.sqrt(abs(d)).view(np.int64),
        np.sqrt(abs(f)).view(np.uint32),
        np.rint(f).view(np.uint32),
        np.rint(d).view(np.int64),
        d.view(np.int64).astype(np.float64).view(np.int64),
        np.fmin(f, np.float32(0.5)).view(np.uint32),
        (np.arange(32) * 31).astype(np.uint16).view(np.float16).astype(np.float32).view(np.uint32),
    ]
    out = np.zeros((len(expected), 32), np.int64)
    out = launch("conversions", (1,), (32,), f, d, out, np.int32(32))[-1]
    nans = np.isnan(d)  # which NaN comes out of arithmetic is not promised
    for row, values in enumerate(expected):
        kept = slice(None) if row < 13 else ~nans
        np.testing.assert_array_equal(out[row][kept], np.asarray(values)[kept], err_msg=f"row {row}")


def test_atomics(launch: Launch) -> None:
    n = 128
    whole = np.zeros(9, np.int32)
    whole[5] = -1
    large, extremes = np.zeros(3, np.uint64), np.zeros(3, np.int64)
    whole, large, extremes, real, old = launch(
        "atomics", (4,), (32,), whole, large, extremes, np.zeros(1), np.zeros(n, np.int32)
    )
    assert sorted(old) == list(range(n))
    assert whole[:7].tolist() == [n, -2 * n, 1 - n, n - 1, -1, -65536, 0]
    assert 1 <= whole[7] <= n
    assert whole[8] == 77
    triples = 0
    for _ in range(n):
        triples = (triples * 3 + 1) % (1 << 64)
    assert large.tolist() == [n << 33, (1 << 63) + n - 1, triples]
    assert extremes.tolist() == [-n * (n - 1) // 2, -(n - 1) << 40, (n - 1) << 40]
    assert real[0] == n / 2
