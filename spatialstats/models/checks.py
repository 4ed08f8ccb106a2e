"""What is refused at the border: images and models that would give meaningless results."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spatialstats.errors import InputError

__all__ = ["check_classifier", "check_images", "find_device", "fingerprint"]

ROW_TOLERANCE = 1e-3  # of the largest logit: other batch shapes choose other float32 sums


class _Model(Protocol):
    name: str

    def logits(self, x: torch.Tensor) -> torch.Tensor: ...


def check_images(x: torch.Tensor | npt.NDArray[Any]) -> None:
    """Refuse what is not (N, C, H, W) floats in [0, 1].

    Raises
    ------
    InputError
    """
    if x.ndim != 4 or 0 in x.shape:
        raise InputError(f"images must have the shape (N, C, H, W), got {tuple(x.shape)}: reshape them.")
    floating = x.is_floating_point() if isinstance(x, torch.Tensor) else np.issubdtype(x.dtype, np.floating)
    if not floating:
        raise InputError(f"images must be floats in [0, 1], got {x.dtype}: divide 8-bit images by 255.")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"images must lie in [0, 1], got [{low:.4g}, {high:.4g}]: "
            "pass unnormalised images and give mean and std to Classifier."
        )


def check_classifier(classifier: _Model, x: torch.Tensor) -> None:
    """Refuse a model whose logits are not finite, are random, or mix the rows of a batch.

    Parameters
    ----------
    classifier : Classifier
    x : Tensor of float32, (n, C, H, W)
        A few images on its device.

    Raises
    ------
    InputError
    """
    with torch.no_grad():
        logits = classifier.logits(x)
        if not bool(torch.isfinite(logits).all()):
            raise InputError(f"model {classifier.name!r} gave logits that are not finite: check its weights.")
        if logits.shape[1] < 2:
            got = logits.shape[1]
            raise InputError(f"model {classifier.name!r} has {got} logits: a classifier needs at least two.")
        scale = max(1.0, float(logits.abs().max()))
        if float((classifier.logits(x) - logits).abs().max()) > ROW_TOLERANCE * scale:
            raise InputError(
                f"model {classifier.name!r} gave two answers for the same images: "
                "switch its random layers off, nothing could be told from the attack's effect otherwise."
            )
        # Each image once among strangers: its own negative and, where there are more, the others reversed.
        strangers = torch.cat([x.flip(0), 1 - x])
        moved = classifier.logits(strangers)[: len(x)].flip(0)
        alone = torch.cat([classifier.logits(x[i : i + 1]) for i in range(min(2, len(x)))])
        change = max(float((moved - logits).abs().max()), float((alone - logits[: len(alone)]).abs().max()))
        if change > ROW_TOLERANCE * scale:
            raise InputError(
                f"the logits of model {classifier.name!r} change with an image's neighbours in the batch "
                f"(by {change:.2g}): "
                "give batch norm layers running statistics, and do not normalise over the batch."
            )


def find_device(device: str | torch.device) -> torch.device:
    """A device that exists, with its index.

    Raises
    ------
    InputError
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device must be cpu, cuda or cuda:N, got {device!r}.") from error
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {str(device)!r} was asked for but torch sees no CUDA device: use cpu.")
        if found.index is None:
            found = torch.device("cuda", torch.cuda.current_device())
        if (found.index or 0) >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            raise InputError(f"device {str(device)!r} was asked for but torch sees {count}: use cuda:0.")
    return found


def fingerprint(module: nn.Module, extra: str) -> str:
    """Hexadecimal SHA-256 of a module's class, parameters and buffers, and of a text."""
    digest = hashlib.sha256(f"{type(module).__qualname__} {extra}".encode())
    for key, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
