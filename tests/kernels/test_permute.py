"""Permutations, signs, shifts and the image-swap null, against their definition."""

from __future__ import annotations

import itertools

import kernel_oracles as oracles
import numba
import numpy as np
import oracle_autocorrelation as sums
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from spatialstats.kernels import permute_gpu, shuffle_cpu
from spatialstats.kernels.permute import pairing, permutations, shifts, sign_flips, swap_null

SEEDS = st.integers(0, 2**64 - 1)


def packed(masks: np.ndarray) -> np.ndarray:
    """Words of masks (N, P) by NumPy."""
    held = np.zeros((len(masks), 8 * -(-masks.shape[1] // 64)), np.uint8)
    held[:, : -(-masks.shape[1] // 8)] = np.packbits(masks, axis=1, bitorder="little")
    return held.view(np.uint64)


@pytest.mark.parametrize(("seed", "k"), [(0, 0), (7, 3), (2**63 + 5, 2**40 + 1), (2**64 - 1, 2**64 - 1)])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 257, 1025])
def test_pairing_is_fisher_yates_on_philox(n: int, seed: int, k: int) -> None:
    assert pairing(n, seed, k).dtype == np.int32
    assert pairing(n, seed, k).tolist() == oracles.shuffle(n, seed, k)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 2**64 - 8), st.integers(0, 40), st.integers(0, 5))
def test_permutations_are_pairings(seed: int, first: int, n: int, count: int) -> None:
    drawn = permutations(n, seed, first, count)
    assert drawn.shape == (count, n)
    assert drawn.tolist() == [oracles.shuffle(n, seed, first + k) for k in range(count)]


@pytest.mark.parametrize("wanted", [0, 1 << 31, 3 << 30])
def test_words_are_passed_over_evenly(wanted: int) -> None:
    """Sizes of which 2^32 is no multiple: rejection is common near 2^31, where no array could be shuffled."""
    chosen = np.empty(64, np.uint32)
    last = (1 << 31) + wanted // 4 - 1
    used = shuffle_cpu.choose(chosen, last, 3, np.uint64(5), np.uint64(9))
    stream = [w for block in range(60) for w in oracles.philox((block, 0, 5, 0), (9, 0))][3:]
    expected, taken = [], 0
    for s in range(64):
        while True:
            product = stream[taken] * (last + 1 - s)
            taken += 1
            if product & 0xFFFFFFFF >= (1 << 32) % (last + 1 - s):
                break
        expected.append(product >> 32)
    assert chosen.tolist() == expected
    assert used == taken + 3


def all_words(n_blocks: int, seed: int, k: int) -> np.ndarray:
    """Words of a draw, as `oracles.philox` gives them, by NumPy."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [np.arange(n_blocks, dtype=np.uint64)] + [np.full(n_blocks, w, np.uint64) for w in (0, k, k >> 32)]
    c[2] &= low
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        even, odd = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        own, other = np.uint64(keys[0]), np.uint64(keys[1])
        c = [(odd >> half) ^ c[1] ^ own, odd & low, (even >> half) ^ c[3] ^ other, even & low]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, axis=1).ravel()


def shuffled(n: int, seed: int, k: int) -> tuple[list[int], int]:
    """The k-th permutation of n, and how many words were passed over."""
    words, items, at = all_words(n // 4 + 8, seed, k).tolist(), list(range(n)), 0
    for last in range(n - 1, 0, -1):
        while words[at] * (last + 1) & 0xFFFFFFFF < (1 << 32) % (last + 1):
            at += 1
        j = words[at] * (last + 1) >> 32
        items[last], items[j] = items[j], items[last]
        at += 1
    return items, at - max(n - 1, 0)


@pytest.mark.parametrize("k", [0, 2**40 + 3])
@pytest.mark.parametrize("n", [3, 31, 32, 33, 511, 512, 513, 514, 1537, 4100])
def test_tiles_and_their_ends_are_shuffled_alike(n: int, k: int) -> None:
    assert pairing(n, 2**50 + 1, k).tolist() == shuffled(n, 2**50 + 1, k)[0]


def test_a_long_shuffle_goes_on_after_words_that_it_passes_over() -> None:
    """Half of these draws pass a word over, and then begin their tiles within a block of words."""
    n, over = 120_000, 0
    for k in range(3, 6):
        expected, passed = shuffled(n, 8, k)
        assert pairing(n, 8, k).tolist() == expected
        over += passed
    assert over > 0


@pytest.mark.parametrize("kind", [np.float64, np.int32, np.uint16, np.uint8])
def test_items_of_any_size_are_shuffled(kind: type) -> None:
    items, chosen = np.arange(200).astype(kind), np.empty((2, shuffle_cpu.ROOM), np.uint32)
    shuffle_cpu.shuffle(items, chosen, np.uint64(4), np.uint64(9))
    assert items.tolist() == oracles.shuffle(200, 4, 9)


def test_philox_gives_its_published_words() -> None:
    ones = 0xFFFFFFFF
    assert oracles.philox((0,) * 4, (0,) * 2) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert oracles.philox((ones,) * 4, (ones,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


def test_pairings_are_uniform() -> None:
    seen = dict.fromkeys(itertools.permutations(range(4)), 0)
    for order in permutations(4, 11, 0, 4800).tolist():
        seen[tuple(order)] += 1
    assert chisquare(list(seen.values())).pvalue > 1e-3
    places = np.zeros((20, 20))
    for seed in range(4000):
        places[np.arange(20), pairing(20, seed, 5)] += 1
    assert chisquare(places.ravel(), ddof=2 * 20 - 2).pvalue > 1e-3


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 2**64 - 8), st.integers(0, 300), st.integers(0, 3))
def test_signs_are_the_bits_of_their_counter(seed: int, first: int, n: int, count: int) -> None:
    low = 0xFFFFFFFF
    drawn = sign_flips(n, seed, first, count)
    assert drawn.shape == (count, n)
    assert drawn.dtype == np.int8
    for k in range(count):
        key, draw = (seed & low, seed >> 32), first + k
        words = [w for b in range(-(-n // 128)) for w in oracles.philox((b, 1, draw & low, draw >> 32), key)]
        assert drawn[k].tolist() == [1 - 2 * (words[i // 32] >> i % 32 & 1) for i in range(n)]


def test_signs_and_shifts_are_even() -> None:
    signs = sign_flips(100, 5, 0, 4000)
    assert abs(signs.mean()) < 4 / np.sqrt(signs.size)
    assert np.abs(signs.T.astype(int) @ signs / 4000 - np.eye(100)).max() < 0.09
    offsets = shifts((5, 7), 3, 0, 7000)
    counts = np.bincount(offsets[:, 0] * 7 + offsets[:, 1], minlength=35)
    assert len(counts) == 35
    assert chisquare(counts).pvalue > 1e-3


def test_draws_do_not_depend_on_where_they_start() -> None:
    for draw in (
        lambda *a: permutations(33, *a),
        lambda *a: sign_flips(33, *a),
        lambda *a: shifts((9, 8), *a),
    ):
        whole = draw(4, 0, 20)
        assert (draw(4, 13, 5) == whole[13:18]).all()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("shared_memory", [227 << 10, 1 << 10])
def test_gpu_draws_are_the_same(
    run: tuple[str, int], shared_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permute_gpu, "GRID", 2)  # several draws a block
    for n, first in ((0, 1), (1, 1), (2, 1), (100, 2**64 - 3)):
        with emulated(*run, shared_memory=shared_memory):
            orders = permutations(n, 2**63 + 1, first, 3, on_gpu=True)
            signs = sign_flips(n, 2**63 + 1, first, 3, on_gpu=True)
        assert (orders == permutations(n, 2**63 + 1, first, 3)).all()
        assert (signs == sign_flips(n, 2**63 + 1, first, 3)).all()
    with emulated(*run):
        offsets = shifts((5, 1 << 30), 3, 2**64 - 9, 9, on_gpu=True)
    assert (offsets == shifts((5, 1 << 30), 3, 2**64 - 9, 9)).all()


@pytest.mark.parametrize("n_resamples", [0, 3, 50])
def test_swap_null_is_brute_force(place: Place, rng: np.random.Generator, n_resamples: int) -> None:
    a, b = rng.random((40, 81)) < 0.4, rng.random((40, 81)) < 0.4
    wa, wb = rng.random(40), rng.random(40).astype(np.float32)
    if place.name == "emulated":
        n_resamples = min(n_resamples, 3)
    put = [place.put(array) for array in (packed(a), packed(b), wa, wb)]
    draws = place.get(swap_null(*put, 99, n_resamples))
    assert draws.shape == (n_resamples,)
    for k, draw in enumerate(draws.tolist()):
        order = oracles.shuffle(40, 99, k)
        terms = wa * wb.astype(float)[order] * (a & b[order]).sum(axis=1)
        assert draw == sums.lanes(terms, 256) / 40


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("shared_memory", [227 << 10, 1 << 10])
def test_gpu_swaps_have_the_same_bits(
    run: tuple[str, int], shared_memory: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permute_gpu, "GRID", 2)
    a, w = packed(rng.random((300, 70)) < 0.5), rng.random(300)
    with emulated(*run, shared_memory=shared_memory):
        draws = swap_null(a, a, w, w, 2**64 - 1, 3)
    assert draws.tobytes() == swap_null(a, a, w, w, 2**64 - 1, 3).tobytes()


def test_draws_do_not_depend_on_threads_or_their_number(rng: np.random.Generator) -> None:
    masks, ones = packed(rng.random((50, 64)) < 0.5), np.ones(50)
    many = swap_null(masks, masks, ones, ones, 3, 120)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert (swap_null(masks, masks, ones, ones, 3, 7) == many[:7]).all()
    finally:
        numba.set_num_threads(before)


def test_bad_null_arguments_are_refused() -> None:
    masks, ones = packed(np.ones((2, 9), bool)), np.ones(2)
    with pytest.raises(ValueError, match="finite numbers"):
        swap_null(masks, masks, ones, np.array([1, np.nan]), 0, 1)
    with pytest.raises(ValueError, match="as many masks"):
        swap_null(masks, masks[:1], ones, ones, 0, 1)
    with pytest.raises(ValueError, match="seed must lie"):
        swap_null(masks, masks, ones, ones, -1, 1)
    with pytest.raises(ValueError, match="k must lie"):
        pairing(3, 0, 1 << 64)
    with pytest.raises(ValueError, match="n must lie"):
        permutations(1 << 31, 0)
    with pytest.raises(ValueError, match="above 2\\^64"):
        sign_flips(3, 0, 2**64 - 1, 2)
    with pytest.raises(ValueError, match="two positive numbers"):
        shifts((0, 3), 0)
