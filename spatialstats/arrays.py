"""The border between torch and the kernels: arrays cross it without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def to_array(tensor: torch.Tensor) -> Any:
    """The NumPy (or, for a CUDA tensor, CuPy) array that shares memory with `tensor`.

    Parameters
    ----------
    tensor : torch.Tensor
        Any shape, dtype and device; detached and made contiguous first.

    Returns
    -------
    numpy.ndarray or cupy.ndarray
        The same shape and dtype.  No copy unless `tensor` was not contiguous.
    """
    tensor = tensor.detach().contiguous()
    if tensor.device.type == "cuda":
        import cupy

        return cupy.from_dlpack(tensor)
    return tensor.cpu().numpy()


def to_tensor(array: Any, device: str | torch.device | None = None) -> torch.Tensor:
    """The torch tensor that shares memory with `array`, then moved to `device` where one is named.

    Parameters
    ----------
    array : numpy.ndarray, cupy.ndarray or torch.Tensor
        Any shape and any dtype that torch knows.
    device : str or torch.device, optional
        Where the tensor is wanted.
    """
    import torch

    if isinstance(array, torch.Tensor):
        tensor = array
    elif isinstance(array, np.ndarray):
        # from_numpy warns about read-only memory (memory maps); one copy is the price of being safe.
        tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    else:
        tensor = torch.utils.dlpack.from_dlpack(array)
    return tensor if device is None else tensor.to(device)
