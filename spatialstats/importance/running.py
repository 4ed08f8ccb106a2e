"""Running an importance method over many images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError
from spatialstats.importance.protocol import Classifier, Importance
from spatialstats.importance.registry import get_importance

__all__ = ["run_importance"]


def run_importance(
    method: Importance | str, classifier: Classifier, x: Any, target: Any, *, seed: int = 0
) -> npt.NDArray[np.float32]:
    """Importance maps of images, in micro-batches.

    Parameters
    ----------
    method : Importance or str
        A method, or its name as `get_importance` takes it.
    classifier : Classifier
        The model that is explained.
    x : array or tensor, (N, C, H, W)
        Images in [0, 1].
    target : array or tensor of int, (N,)
        Class whose logit is explained: usually the predicted one.
    seed : int
        For the methods that draw.

    Returns
    -------
    ndarray of float32, (N, H, W)

    Raises
    ------
    InputError
        If `x` and `target` do not belong together, or the method gives something else than finite maps.
    """
    import torch

    if isinstance(method, str):
        method = get_importance(method)
    images = torch.as_tensor(x).detach()
    classes = torch.as_tensor(target).detach()
    if images.ndim != 4 or not images.is_floating_point():
        raise InputError(
            f"images must be floats of the shape (N, C, H, W), got {images.dtype} {tuple(images.shape)}"
        )
    if classes.shape != (len(images),) or classes.is_floating_point():
        raise InputError(
            f"target must hold one class number for each of {len(images)} images, got {classes.dtype} "
            f"{tuple(classes.shape)}"
        )
    out = np.empty((len(images), *images.shape[2:]), dtype=np.float32)
    for first in range(0, len(images), classifier.batch_size):
        rows = slice(first, first + classifier.batch_size)
        part = images[rows].to(classifier.device, torch.float32)
        maps = method(classifier, part, classes[rows].to(classifier.device, torch.int64), seed=seed)
        if maps.shape != out[rows].shape or not bool(torch.isfinite(maps).all()):
            raise InputError(
                f"{method.name} must give finite maps of the shape {out[rows].shape}, got "
                f"{tuple(maps.shape)} or values that are not finite: look into the model or the method"
            )
        out[rows] = maps.detach().cpu().numpy()
    return out
