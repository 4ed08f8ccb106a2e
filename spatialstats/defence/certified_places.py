"""Where on an image a patch is proven to change nothing: certificates of double masking, place by place."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spatialstats.attacks.losses import lead
from spatialstats.defence.masked import MaskedModel

__all__ = ["certified_places", "hidden_places", "unshaken"]


def certified_places(
    masked: MaskedModel, x: torch.Tensor, y: torch.Tensor, sides: tuple[int, int]
) -> torch.Tensor:
    """Where a patch leaves the answer of `PatchCleanser` right, whatever its content.

    A place is certified where some mask hides it whole and is unshaken: the label is predicted behind that
    mask alone and behind it with every other.  The proof of docs/certificates.md asks for no more of the
    mask that hides the patch, and nothing of pairs of other masks.  An image that is certified as a whole is
    certified at each of its places.

    Parameters
    ----------
    masked : MaskedModel
        The model behind a cover.
    x : torch.Tensor
        Floating (N, C, H, W) in [0, 1].
    y : torch.Tensor
        int64 (N,) true labels.
    sides : (int, int)
        Height and width of the patch in pixels; places of a patch that is larger than the masks are
        not certified.

    Returns
    -------
    torch.Tensor
        bool (N, H - h + 1, W - w + 1), by top left pixels.

    References
    ----------
    Xiang et al., *PatchCleanser*, USENIX Security 2022, theorem 1, for whole images.
    """
    hidden = hidden_places(masked.cover, sides).to(x.device)
    if not bool(hidden.any()) or not len(x):
        return torch.zeros(len(x), *hidden.shape[1:], dtype=torch.bool, device=x.device)
    with torch.no_grad():
        trusted = unshaken(masked, x, y)
    return (trusted.float() @ hidden.flatten(1).float()).view(len(x), *hidden.shape[1:]) > 0


def hidden_places(cover: torch.Tensor, sides: tuple[int, int]) -> torch.Tensor:
    """bool (M, H - h + 1, W - w + 1): places of a patch that masks (M, H, W) hide whole."""
    if any(side > n for side, n in zip(sides, cover.shape[1:], strict=True)):
        return torch.zeros(len(cover), 0, 0, dtype=torch.bool)
    return (-F.max_pool2d(-cover[:, None].float(), sides, stride=1)[:, 0]).bool()


def unshaken(masked: MaskedModel, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """bool (N, M): whether the label is predicted behind a mask alone and behind it with every other.

    The most doubtful pairs come first, a micro-batch at a time; a pair of two masks that are shaken already
    is not asked for.
    """
    logits = masked.one_mask(x)
    n, m = logits.shape[:2]
    margins = lead(logits.flatten(0, 1), y.repeat_interleave(m)).view(n, m)
    trusted: torch.Tensor = logits.argmax(2) == y[:, None]
    first, second = torch.triu_indices(m, m, 1, device=x.device)
    for row in range(n):
        order = (margins[row, first] + margins[row, second]).argsort()
        while len(order := order[trusted[row, first[order]] | trusted[row, second[order]]]):
            pairs, order = order[: masked.batch_size], order[masked.batch_size :]
            rows = torch.full_like(pairs, row)
            said = masked.logits(x, rows, first[pairs], second[pairs]).argmax(1)
            wrong = pairs[said != y[row]]
            trusted[row, first[wrong]] = trusted[row, second[wrong]] = False
    return trusted
