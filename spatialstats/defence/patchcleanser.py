"""PatchCleanser: what the model says of an image when any one part of it is hidden."""

from __future__ import annotations

from typing import ClassVar

import torch

from spatialstats.defence.certified_places import certified_places
from spatialstats.defence.cover import mask_cover
from spatialstats.defence.defence import Defence
from spatialstats.defence.fill import Fill
from spatialstats.defence.fills import fill_spec, get_fill
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Model, check_batch
from spatialstats.defence.masked import MaskedModel
from spatialstats.errors import InputError

__all__ = ["PatchCleanser"]

BLOCK = 8  # second masks that a doubted prediction is asked for at once; most fall at the first


class PatchCleanser(Defence):
    """Double masking: a prediction stands where no second mask changes it.

    Every image is predicted behind each mask of a cover.  Where all agree, that is the answer.
    A mask whose prediction differs from the majority's either hid the patch or broke the image:
    it is believed if its prediction stays the same behind every second mask.  If none is
    believed, the majority is.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The better it classifies behind masks, the better the defence: see ``spatialstats harden``.
    patch : int or (int, int)
        Sides in pixels of the largest patch that is expected.
    per_axis : int
        Masks along each axis.
    fill : str or Fill
        What stands in place of hidden pixels; one that does not read them.
    keep : torch.Tensor, optional
        bool (H, W): a fixed region of importance that no mask may hide.  Certificates then
        speak only of patches that are disjoint from it.
    batch_size : int, optional
        Rows of a micro-batch; the model's own, or 64.

    Notes
    -----
    The logits are means over the masked predictions that decided; their largest is the decided
    class.  Their gradient is the true one of those predictions, which class decided being
    constant.

    References
    ----------
    C. Xiang, S. Mahloujifar, P. Mittal, *PatchCleanser: Certifiably Robust Defense against
    Adversarial Patches for Any Image Classifier*, USENIX Security 2022 (arXiv 2108.09135).
    """

    name: ClassVar[str] = "patchcleanser"
    label: ClassVar[str] = "PatchCleanser"

    def __init__(
        self,
        model: Model,
        patch: int | tuple[int, int] = 5,
        per_axis: int = 6,
        fill: str | Fill = "constant",
        keep: torch.Tensor | None = None,
        batch_size: int | None = None,
    ) -> None:
        super().__init__(model)
        self.patch, self.per_axis, self.fill, self.keep = patch, per_axis, get_fill(fill), keep
        self.batch_size: int = getattr(model, "batch_size", 64) if batch_size is None else batch_size
        self._covers: dict[tuple[int, int], MaskedModel] = {}

    @property
    def knowledge(self) -> Knowledge:
        """The image alone; a region that is kept was learnt elsewhere."""
        return Knowledge("blind" if self.keep is None else "prior", "blind")

    @property
    def spec(self) -> str:
        """See `Defence.spec`."""
        return f"{self.name}(patch={self.patch!r}, per_axis={self.per_axis}, fill={fill_spec(self.fill)!r})"

    @property
    def sides(self) -> tuple[int, int]:
        """Sides of the largest patch that is expected, in pixels."""
        return (self.patch, self.patch) if isinstance(self.patch, int) else self.patch

    def masked(self, x: torch.Tensor) -> MaskedModel:
        """The model behind the cover of images of this size."""
        return self._behind((int(x.shape[2]), int(x.shape[3])))

    def _behind(self, shape: tuple[int, int]) -> MaskedModel:
        """See `masked`."""
        if shape not in self._covers:
            cover = mask_cover(shape, self.patch, self.per_axis, self.keep)
            if len(cover) == 0:
                raise InputError("every pixel is to be kept, so no mask is left: keep a smaller region.")
            self._covers[shape] = MaskedModel(self.model, cover, self.fill, self.batch_size)
        return self._covers[shape]

    def family(self, shape: tuple[int, int]) -> torch.Tensor:
        """The cover of images of this size."""
        return self._behind(shape).cover

    def own_tensors(self) -> tuple[torch.Tensor, ...]:
        """See `Defence.own_tensors`."""
        return () if self.keep is None else (self.keep,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        check_batch(x)
        masked = self.masked(x)
        logits = masked.one_mask(x)
        said = logits.detach().argmax(2)
        most = majority(said, logits.shape[2])
        agrees = said == most[:, None]
        weight = agrees.to(logits)
        answer = (logits * weight[:, :, None]).sum(1) / weight.sum(1, keepdim=True)
        rows, masks = torch.nonzero(~agrees, as_tuple=True)
        if len(rows) == 0:
            return answer
        believed, means = second_round(masked, x, rows, masks, said[rows, masks], logits.shape[2])
        if not bool(believed.any()):
            return answer
        # Two believed masks of one image agree: each was a second mask of the other.
        return answer.index_copy(0, rows[believed], means[believed])

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        """Mean of the one-mask logits: what an attack that works behind every mask lowers."""
        check_batch(x)
        return self.masked(x).mean_logits(x)

    def certified_places(self, x: torch.Tensor, y: torch.Tensor, sides: tuple[int, int]) -> torch.Tensor:
        """See `Defence.certified_places`."""
        check_batch(x)
        return certified_places(self.masked(x), x, y, sides)


def majority(said: torch.Tensor, n_classes: int) -> torch.Tensor:
    """The class (N,) that most of the predictions (N, M) name; the lowest among equals."""
    votes = torch.zeros(len(said), n_classes, device=said.device)
    return votes.scatter_add_(1, said, torch.ones_like(said, dtype=votes.dtype)).argmax(1)


def second_round(
    masked: MaskedModel,
    x: torch.Tensor,
    rows: torch.Tensor,
    first: torch.Tensor,
    said: torch.Tensor,
    n_classes: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each doubted prediction stays the same behind every second mask.

    Parameters
    ----------
    masked : MaskedModel
        The model.
    x : torch.Tensor
        Floating (N, C, H, W).
    rows, first, said : torch.Tensor
        int64 (P,): image, first mask and its prediction.
    n_classes : int
        Of the logits.

    Returns
    -------
    believed : torch.Tensor
        bool (P,).
    means : torch.Tensor
        (P, K): mean logits over the second masks, of those that are believed.
    """
    m = len(masked.cover)
    alive = torch.ones(len(rows), dtype=torch.bool, device=x.device)
    total = x.new_zeros(len(rows), n_classes)
    for start in range(0, m, BLOCK):
        at = torch.nonzero(alive)[:, 0]
        if len(at) == 0:
            break
        second = torch.arange(start, min(start + BLOCK, m), device=x.device)
        pairs = at.repeat_interleave(len(second))
        logits = masked.logits(x, rows[pairs], first[pairs], second.repeat(len(at)))
        logits = logits.view(len(at), len(second), -1)
        total = total.index_add(0, at, logits.sum(1))
        alive[at] = (logits.detach().argmax(2) == said[at, None]).all(1)
    return alive, total / m
