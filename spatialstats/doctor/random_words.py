"""The kernels' random draws once more, in plain Python: Philox4x32-10 and what is made of its words."""

from __future__ import annotations

from collections.abc import Iterator

LOW = 0xFFFFFFFF


def words(use: int, k: int, seed: int, *, site: int | None = None) -> Iterator[int]:
    """All words of a draw; `use` says what they are for, and a site has words of its own."""
    block = 0
    while True:
        where = (block, use) if site is None else (k & LOW, block << 4 | use)
        rest = (k & LOW, k >> 32) if site is None else (site, k >> 32)
        yield from _philox((*where, *rest), (seed & LOW, seed >> 32))
        block += 1


def _philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    a, b, c, d = counter
    first, second = key
    for _ in range(10):
        even, odd = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = odd >> 32 ^ b ^ first, odd & LOW, even >> 32 ^ d ^ second, even & LOW
        first, second = first + 0x9E3779B9 & LOW, second + 0xBB67AE85 & LOW
    return a, b, c, d


def below(size: int, source: Iterator[int]) -> int:
    """The next even number in [0, size)."""
    for word in source:
        if word * size & LOW >= (1 << 32) % size:
            return word * size >> 32
    raise AssertionError("words never end")


def permutation(n: int, seed: int, k: int) -> list[int]:
    """What `kernels.pairing` must be."""
    order, source = list(range(n)), words(0, k, seed)
    for last in range(n - 1, 0, -1):
        j = below(last + 1, source)
        order[last], order[j] = order[j], order[last]
    return order


def signs(n: int, seed: int, k: int) -> list[int]:
    """A draw of `kernels.sign_flips`."""
    source = words(1, k, seed)
    bits = [word >> bit & 1 for _ in range(-(-n // 32)) for word in [next(source)] for bit in range(32)]
    return [1 - 2 * bit for bit in bits[:n]]


def shift(shape: tuple[int, int], seed: int, k: int) -> list[int]:
    """A draw of `kernels.shifts`."""
    source = words(2, k, seed)
    return [below(size, source) for size in shape]


def others(site: int, size: int, n: int, seed: int, k: int) -> list[int]:
    """A site's sample of `size` other sites in a draw of `kernels.local_sums`."""
    found: list[int] = []
    source = words(3, k, seed, site=site)
    while len(found) < size:
        j = below(n - 1, source)
        j += j >= site
        if j not in found:
            found.append(j)
    return found
