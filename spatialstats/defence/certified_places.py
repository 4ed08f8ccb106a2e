"""Where on an image a patch is proven to change nothing: certificates of double masking, place by place."""

from __future__ import annotations

import torch

from spatialstats.attacks.losses import lead
from spatialstats.defence.cover import hidden
from spatialstats.defence.masked import MaskedModel

__all__ = ["certified_places", "refuse_broken_at", "refuse_broken_places", "unshaken"]


def certified_places(
    masked: MaskedModel, x: torch.Tensor, y: torch.Tensor, sides: tuple[int, int]
) -> torch.Tensor:
    """Where a patch leaves the answer of `PatchCleanser` right, whatever its content.

    A place is certified where some mask hides it whole and is unshaken: the label is predicted behind that
    mask alone and behind it with every other.  The proof of docs/certificates.md asks for no more of the
    mask that hides the patch, and nothing of pairs of other masks.  An image that is certified as a whole is
    certified at each place of a patch that touches no kept pixel.

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

    Raises
    ------
    InputError
        If the patch does not fit the images.

    References
    ----------
    Xiang et al., *PatchCleanser*, USENIX Security 2022, theorem 1, for whole images.
    """
    whole = hidden(masked.cover, sides).to(x.device)
    if not bool(whole.any()) or not len(x):
        return torch.zeros(len(x), *whole.shape[1:], dtype=torch.bool, device=x.device)
    with torch.no_grad():
        trusted = unshaken(masked, x, y)
    return (trusted.float() @ whole.flatten(1).float()).view(len(x), *whole.shape[1:]) > 0


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


def refuse_broken_places(
    proven: torch.Tensor, x: torch.Tensor, x_adv: torch.Tensor, broken: torch.Tensor, side: int
) -> None:
    """Stop where an image was made wrong by a change that some certified place holds whole.

    Parameters
    ----------
    proven : torch.Tensor
        bool (N, H - s + 1, W - s + 1): certified places of a square patch.
    x, x_adv : torch.Tensor
        Floating (N, C, H, W): images, and what an attack made of them.
    broken : torch.Tensor
        bool (N,): whether the defence was right, and is wrong now.
    side : int
        Of the patch, in pixels.

    Raises
    ------
    RuntimeError
        If there is such an image: see `spatialstats.defence.certify.refuse_broken`.
    """
    changed = (x != x_adv).any(1)
    wrong = []
    for row in broken.nonzero()[:, 0].tolist():
        at, holding = changed[row].nonzero(), proven[row]
        if len(at):  # an image that was not changed was right before: every place holds that
            top, left = (at.amax(0) - side + 1).clamp_min(0).tolist()
            bottom, right = at.amin(0).tolist()
            holding = holding[top : bottom + 1, left : right + 1]
        if bool(holding.any()):
            wrong.append(row)
    refuse_broken_at(torch.tensor(wrong))


def refuse_broken_at(rows: torch.Tensor) -> None:
    """Stop if there are rows of images that were broken at certified places; see `refuse_broken_places`."""
    if len(rows):
        raise RuntimeError(
            f"images {rows[:5].tolist()} were broken by a patch at a place that is certified: the model's "
            "prediction of a masked image must be a function of that image alone."
        )
