"""Masks that together cover every place where a patch may lie."""

from __future__ import annotations

import torch

from spatialstats.defence.blind_windows import intervals
from spatialstats.errors import InputError

__all__ = ["hidden", "mask_cover", "placements", "spaced", "uncovered"]

Size = tuple[int, int]


def mask_cover(
    shape: Size, patch: int | Size, per_axis: int = 6, keep: torch.Tensor | None = None
) -> torch.Tensor:
    """The fewest equal windows on a grid of which at least one hides any given patch whole.

    Along an axis of `n` pixels the windows stand `s = ceil((n - p + 1) / k)` apart and are
    `p + s - 1` long: a patch of `p` pixels that begins between two of them ends in the first.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    patch : int or (int, int)
        Sides of the patch; every smaller patch is covered too.
    per_axis : int
        Windows along each axis: more of them are smaller, and cost more predictions.
    keep : torch.Tensor, optional
        bool (H, W): pixels that no mask may hide.  What is left of the windows covers every
        patch that is disjoint from them, and no other.

    Returns
    -------
    torch.Tensor
        bool (M, H, W), in raster order, none empty and none twice.

    Raises
    ------
    InputError
        If the patch does not fit the images or `keep` does not have their shape.

    References
    ----------
    C. Xiang, S. Mahloujifar, P. Mittal, *PatchCleanser*, USENIX Security 2022 (arXiv
    2108.09135), section 3.2.
    """
    sides = _sides(shape, patch)
    rows, cols = (intervals(n, *spaced(n, p, per_axis)) for n, p in zip(shape, sides, strict=True))
    masks = (rows[:, None, :, None] & cols[None, :, None, :]).reshape(-1, *shape)
    if keep is not None:
        if keep.dtype != torch.bool or tuple(keep.shape) != tuple(shape):
            raise InputError(
                f"the pixels to keep are boolean of shape {tuple(shape)}, got {keep.dtype} "
                f"{tuple(keep.shape)}: compare a map with a threshold first."
            )
        masks = masks & ~keep.cpu()
        masks = masks[masks.any(2).any(1)]
    seen: dict[bytes, int] = {}
    for k, mask in enumerate(masks):
        seen.setdefault(mask.numpy().tobytes(), k)
    return masks[list(seen.values())]


def placements(shape: Size, patch: int | Size, keep: torch.Tensor | None = None) -> torch.Tensor:
    """Where a patch may lie.

    Parameters
    ----------
    shape, patch, keep
        See `mask_cover`.

    Returns
    -------
    torch.Tensor
        bool (H - p + 1, W - q + 1): whether the patch with its top left pixel there is disjoint
        from `keep`.  Its mean is the share of the placements that a certificate with these
        pixels kept speaks of.
    """
    sides = _sides(shape, patch)
    places = [n - p + 1 for n, p in zip(shape, sides, strict=True)]
    if keep is None:
        return torch.ones(*places, dtype=torch.bool)
    touched = torch.nn.functional.max_pool2d(keep[None, None].float(), sides, stride=1)[0, 0]
    return ~touched.bool()


def uncovered(masks: torch.Tensor, patch: int | Size, keep: torch.Tensor | None = None) -> int:
    """Number of allowed placements that no mask hides whole; 0 for a cover."""
    return int(
        (placements((masks.shape[1], masks.shape[2]), patch, keep) & ~hidden(masks, patch).any(0)).sum()
    )


def hidden(masks: torch.Tensor, patch: int | Size) -> torch.Tensor:
    """bool (M, H - p + 1, W - q + 1): the placements of a patch that each of masks (M, H, W) hides whole."""
    sides = _sides((masks.shape[1], masks.shape[2]), patch)
    return -torch.nn.functional.max_pool2d(-masks[:, None].float(), sides, stride=1)[:, 0] > 0


def _sides(shape: Size, patch: int | Size) -> Size:
    """Both sides of the patch, after a check that it fits."""
    sides = (patch, patch) if isinstance(patch, int) else (int(patch[0]), int(patch[1]))
    if not all(1 <= side <= n for side, n in zip(sides, shape, strict=True)):
        raise InputError(
            f"a patch of {sides[0]}x{sides[1]} pixels does not fit images of {shape[0]}x{shape[1]}: "
            "give sides between 1 and those of the images."
        )
    return sides


def spaced(n: int, patch: int, count: int) -> tuple[int, int]:
    """Length and distance of at most `count` windows along an axis of `n` pixels; see `mask_cover`."""
    if count < 1:
        raise InputError(f"a cover has at least one mask an axis, got {count}.")
    stride = -(-(n - patch + 1) // count)
    return patch + stride - 1, stride
