"""Grad-CAM: the last feature maps of the network, weighted by the class's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from spatialstats.errors import InputError, unknown
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import micro_batches

if TYPE_CHECKING:
    import torch

__all__ = ["GradCam"]


@dataclass(frozen=True)
class GradCam:
    """Feature maps weighted by their mean gradients, the positive part, bilinearly enlarged.

    Parameters
    ----------
    layer : str
        Name of a layer as in ``named_modules()``.  Empty: the last layer whose output
        has the shape (N, C, h, w) with more than one pixel.

    References
    ----------
    R. Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks*, ICCV 2017.
    """

    layer: str = ""

    name: ClassVar[str] = "grad-cam"
    signed: ClassVar[bool] = False
    gradient: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """For a reader: the method and its settings."""
        return f"Grad-CAM ({self.layer})" if self.layer else "Grad-CAM"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`; `seed` is not used."""
        import torch
        import torch.nn.functional as F

        out = x.new_empty(len(x), *x.shape[2:])
        for flat, first, last in micro_batches(len(x), classifier.batch_size, x.device):
            features, slopes = self._features(classifier, x[flat], target[flat])
            weights = slopes.mean((2, 3), keepdim=True)
            cam = torch.relu((weights * features).sum(1, keepdim=True)).float()
            large = F.interpolate(cam, size=x.shape[2:], mode="bilinear", align_corners=False)
            out[first:last] = large[: last - first, 0]
        return out

    def _features(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output of the layer, and the gradient of the target's logit there."""
        import torch

        seen: list[torch.Tensor] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
                seen[:] = [output]

        classifier.prepare(x)
        modules = dict(classifier.module.named_modules())
        if self.layer and self.layer not in modules:
            raise unknown("layer", self.layer, [name for name in modules if name])
        watched = [modules[self.layer]] if self.layer else list(modules.values())
        hooks = [module.register_forward_hook(keep) for module in watched]
        try:
            with torch.enable_grad():
                # The parameters of a prepared model have no gradients: the image must ask for them.
                logits = classifier.logits(x.detach().requires_grad_())
                score = logits.gather(1, target[:, None]).sum()
        finally:
            for hook in hooks:
                hook.remove()
        if not seen:
            where = f"the layer {self.layer!r}" if self.layer else "any layer of the model"
            raise InputError(
                "Grad-CAM needs feature maps of the shape (N, C, h, w) with more than one pixel, got none "
                f"from {where}: name a convolution, as in grad-cam(layer=block3.conv2)"
            )
        (slopes,) = torch.autograd.grad(score, seen, allow_unused=True)
        if slopes is None:
            raise InputError(
                "the logits must depend on the layer of Grad-CAM, got one that they do not depend on: "
                "name another, as in grad-cam(layer=block3.conv2)"
            )
        return seen[0].detach(), slopes
