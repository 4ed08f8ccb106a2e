"""Micro-batches of one fixed size, so that a model always computes on the same shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

__all__ = ["batched"]

Result = TypeVar("Result", torch.Tensor, tuple[torch.Tensor, ...])


def batched(fn: Callable[..., Result], *tensors: torch.Tensor, size: int) -> Result:
    """Apply a function to micro-batches of exactly `size` rows.

    The last micro-batch is padded by repeats of its last row and the results of the padding
    are dropped: torch's floating-point results depend on the shape of a batch, so a row's
    result then depends neither on how many rows were asked for nor on their number's rest.

    Parameters
    ----------
    fn : callable
        Takes as many tensors as given, each of `size` rows, and returns a tensor of `size`
        rows or a tuple of such tensors.
    *tensors : Tensor, (N, ...)
        Tensors of the same number of rows, at least one.
    size : int
        Rows of a micro-batch.

    Returns
    -------
    Tensor or tuple of Tensor, (N, ...)

    Raises
    ------
    ValueError
        If there is no row, if the tensors differ in length, or if `size` is below 1.
    """
    n = len(tensors[0])
    if n == 0 or size < 1 or any(len(tensor) != n for tensor in tensors):
        lengths = ", ".join(str(len(tensor)) for tensor in tensors)
        raise ValueError(f"micro-batches need tensors of one length and a size, got {lengths}; size {size}")
    found: list[torch.Tensor | tuple[torch.Tensor, ...]] = []
    for start in range(0, n, size):
        parts = [tensor[start : start + size] for tensor in tensors]
        missing = size - len(parts[0])
        if missing:
            parts = [torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) for part in parts]
        found.append(fn(*parts))
    if isinstance(found[0], torch.Tensor):
        return _join(found, n)  # type: ignore[arg-type, return-value]
    return tuple(_join(column, n) for column in zip(*found, strict=True))  # type: ignore[arg-type, return-value]


def _join(pieces: list[torch.Tensor], n: int) -> torch.Tensor:
    """The first `n` rows of the pieces laid end to end; one piece is not copied."""
    return (pieces[0] if len(pieces) == 1 else torch.cat(tuple(pieces)))[:n]
