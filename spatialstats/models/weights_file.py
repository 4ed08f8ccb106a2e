"""Weights from a file into a module, without running any code of the file."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from spatialstats.errors import InputError

__all__ = ["load_weights", "save_weights"]

WRAPPERS = ("state_dict", "model_state_dict", "model")


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a module with the weights of a file; half-precision ones become float32.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    path : pathlib.Path
        ``.safetensors``, or a torch file that ``weights_only=True`` accepts.

    Raises
    ------
    InputError
        If the file is missing, holds anything but tensors, or does not fit the module.
    """
    state = _read(path)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        got = type(state).__name__
        raise InputError(f"weights {str(path)!r} must hold a state dict of tensors, got {got}.")
    if state and all(key.startswith("module.") for key in state):  # DataParallel's mark
        state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    own = module.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in own]
    other = [key for key in state if key in own and state[key].shape != own[key].shape]
    if missing or extra or other:
        said = [
            f"{len(keys)} {what} ({keys[0]})"
            for keys, what in ((missing, "missing"), (extra, "unexpected"), (other, "of another shape"))
            if keys
        ]
        raise InputError(
            f"weights {str(path)!r} do not fit {type(module).__name__}: {', '.join(said)}; "
            "pass the weights of this model."
        )
    module.load_state_dict(state, strict=False)


def save_weights(module: nn.Module, path: Path, about: dict[str, str], *, half: bool = False) -> None:
    """Write a module's weights as safetensors, whole or not at all.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters and buffers are written, the counters of batch norm are not.
    path : pathlib.Path
        Ends in ``.safetensors``.
    about : dict of str to str
        What the file says of itself.
    half : bool
        In half precision, half as large; `load_weights` makes float32 of it.

    Raises
    ------
    InputError
        If the path has another ending.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"weights are written as .safetensors, got {str(path)!r}: name such a file.")
    state = {
        key: (value.half() if half and value.is_floating_point() else value).cpu().contiguous().clone()
        for key, value in module.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    save_file(state, unfinished, metadata=about)
    unfinished.chmod(0o644)  # safetensors writes files that their owner alone may read
    os.replace(unfinished, path)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"weights {str(path)!r} do not exist: give a .safetensors or torch file.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what is no tensor is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, SafetensorError, EOFError, OSError, LookupError) as error:
        raise InputError(
            f"weights {str(path)!r} could not be read as tensors: files with code in them are refused; "
            "save the model's state_dict()."
        ) from error
