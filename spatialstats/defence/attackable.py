"""A defence as a `Classifier`: what attacks, damage shares and evaluations of this package take."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import nn

from spatialstats.defence.defence import Defence
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.models.checks import check_images

__all__ = ["DefendedClassifier", "as_classifier"]


class DefendedClassifier(Classifier):
    """A classifier whose passes run the defence itself: nothing is copied, folded or reordered.

    `check` refuses images out of range and logits that are not finite.  Two answers for the
    same images are allowed where the defence says that it is randomized; any other defence must
    pass the checks of every classifier.
    """

    def __init__(self, defence: Defence, *, temperature: float | None, **options: Any) -> None:
        super().__init__(_Passes(defence, temperature), prepare=False, **options)
        self.defence, self.temperature = defence, temperature

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of the wrapped model, the defence's settings and its own tensors."""
        inner = getattr(self.defence.model, "fingerprint", "")
        told = f"{inner} {self.defence.spec} {self.temperature} {super().fingerprint}"
        digest = hashlib.sha256(told.encode())
        for tensor in self.defence.own_tensors():
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def check(self, x: Any) -> None:
        """See `Classifier.check`."""
        if not self.defence.randomized:
            super().check(x)
            return
        check_images(x)
        logits = self.predict_logits(x[:8])
        if not bool(torch.isfinite(torch.from_numpy(logits)).all()):
            raise InputError(f"defence {self.name!r} gave logits that are not finite: check its settings.")


def as_classifier(
    defence: Defence,
    *,
    temperature: float | None = None,
    batch_size: int | None = None,
    device: str | torch.device | None = None,
) -> DefendedClassifier:
    """A defence that attacks and evaluations can take in a model's place.

    Parameters
    ----------
    defence : Defence
        Its gradients are its own, end to end.
    temperature : float, optional
        Where given, passes that record a gradient follow `Defence.relaxed` at this temperature;
        predictions remain those of `Defence.forward`.
    batch_size : int, optional
        Images of a micro-batch; the wrapped classifier's, else 64.
    device : str or torch.device, optional
        Where images are put; the wrapped classifier's, else that of the module's parameters.

    Returns
    -------
    DefendedClassifier
    """
    model = defence.model
    if device is None:
        device = getattr(model, "device", None)
        if device is None and isinstance(model, nn.Module):
            device = next((tensor.device for tensor in model.parameters()), None)
    size = batch_size or getattr(model, "batch_size", 64)
    name = f"{defence.name} of {getattr(model, 'name', 'model')}"
    return DefendedClassifier(
        defence, temperature=temperature, name=name, batch_size=size, device=device or "cpu"
    )


class _Passes(nn.Module):
    """`forward`, or the stand-in where a gradient is recorded and a temperature was given."""

    def __init__(self, defence: Defence, temperature: float | None) -> None:
        super().__init__()
        self.defence, self.temperature = defence, temperature

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.temperature is not None and torch.is_grad_enabled() and x.requires_grad:
            return self.defence.relaxed(x, self.temperature)
        found: torch.Tensor = self.defence(x)
        return found
