"""Micro-batches of one size."""

from __future__ import annotations

import pytest
import torch

from spatialstats.models import batched


@pytest.mark.parametrize("n", [1, 3, 4, 9])
def test_every_batch_has_the_same_size_and_rows_come_back_in_order(n: int) -> None:
    sizes: list[int] = []

    def double(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return 2 * x + y

    x, y = torch.arange(n * 2.0).view(n, 2), torch.arange(n * 1.0)[:, None]
    assert torch.equal(batched(double, x, y, size=4), 2 * x + y)
    assert set(sizes) == {4}


def test_tuples_are_joined_one_by_one() -> None:
    x = torch.arange(5)
    plus, minus = batched(lambda part: (part + 1, -part), x, size=2)
    assert torch.equal(plus, x + 1)
    assert torch.equal(minus, -x)


def test_the_last_batch_is_padded_by_its_last_row() -> None:
    seen: list[torch.Tensor] = []
    batched(lambda part: seen.append(part) or part, torch.arange(3), size=2)
    assert seen[1].tolist() == [2, 2]


@pytest.mark.parametrize(("tensors", "size"), [((0,), 2), ((3, 2), 2), ((3,), 0)])
def test_wrong_sizes_are_refused(tensors: tuple[int, ...], size: int) -> None:
    with pytest.raises(ValueError, match="micro-batches need"):
        batched(lambda *parts: parts[0], *(torch.zeros(n) for n in tensors), size=size)
