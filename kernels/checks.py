"""What every kernel asks of its arrays before it starts."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import device

Array: TypeAlias = NDArray[Any]


def on_device(**arrays: object) -> bool:
    """Say where arrays live, all of them in one place, refusing what is neither NumPy's nor CuPy's.

    Returns
    -------
    bool
        True for CuPy arrays, False for NumPy's.

    Raises
    ------
    TypeError
        If an array is of another library, or some are NumPy's and some CuPy's.
    """
    placed = {}
    for name, array in arrays.items():
        if device.lives_on_device(array):
            placed[name] = True
        elif isinstance(array, np.ndarray):
            placed[name] = False
        else:
            kind = type(array)
            origin = kind.__module__.partition(".")[0]
            hint = "pass spatialstats.arrays.to_array" if origin == "torch" else "pass numpy.asarray"
            raise TypeError(
                f"{name} must be a NumPy or CuPy array, got {origin}.{kind.__qualname__}: {hint} of it."
            )
    if len(set(placed.values())) > 1:
        where = ", ".join(f"{name} in {'CuPy' if there else 'NumPy'}" for name, there in placed.items())
        raise TypeError(f"arrays must all be NumPy's or all CuPy's, got {where}: move them to one place.")
    return any(placed.values())


def doubles(array: Array) -> Array:
    """Return the values of an array as float64, subnormal ones too, where it lives.

    CuPy compiles its casts with ``-ftz=true``, which takes subnormal float32 values for zeros.
    """
    wide: Array = array.astype(np.float64, copy=False)
    if array.dtype != np.float32 or not device.lives_on_device(array):
        return wide
    xp = device.namespace()
    bits = xp.ascontiguousarray(array).view(np.int32)
    small = (bits & 0x007FFFFF).astype(np.float64) * 2.0**-149
    exact: Array = xp.where(bits & 0x7F800000, wide, xp.where(bits < 0, -small, small))
    return exact


def frozen(array: Array) -> Array:
    """Return a C-contiguous read-only view, or copy, of an array.

    Numba compiles one version for writable and another for read-only arrays: showing it read-only
    ones alone halves the compilations, and keeps the caller's data safe.
    """
    view = np.ascontiguousarray(array).reshape(array.shape).view()
    view.flags.writeable = False
    return view


def binary(masks: Array, name: str, ndim: int = 3) -> NDArray[np.uint8]:
    """Return masks as read-only C-contiguous uint8, refusing other dtypes and shapes.

    The values of uint8 masks are checked by `refuse_values`, where a kernel has seen them.
    """
    if masks.dtype != np.bool_ and masks.dtype != np.uint8:
        raise TypeError(f"{name} must be bool or uint8, got {masks.dtype}: compare with a threshold first.")
    if masks.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {masks.shape}.")
    return frozen(masks).view(np.uint8)


def refuse_values(name: str, expected: str, values: Array, advice: str) -> ValueError:
    """Make the error for values outside of what a kernel takes, naming what came."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size < values.size:
        came = f"{values.size - finite.size} values that are NaN or infinite"
    else:
        came = f"[{finite.min():.6g}, {finite.max():.6g}]"
    return ValueError(f"{name} must lie in {expected}, got {came}: {advice}.")


def group_index(groups: Array, n_groups: int, n_samples: int) -> NDArray[np.int64]:
    """Return groups as int64 after checking their length and range."""
    if groups.dtype.kind not in "iu" or groups.shape != (n_samples,):
        raise ValueError(
            f"groups must be {n_samples} integers, one a sample, got {groups.dtype} of shape {groups.shape}."
        )
    if n_groups < 1:
        raise ValueError(f"n_groups must be at least 1, got {n_groups}.")
    if n_samples and (int(groups.min()) < 0 or int(groups.max()) >= n_groups):
        raise ValueError(
            f"groups must lie in [0, {n_groups - 1}], got [{groups.min()}, {groups.max()}]: "
            "raise n_groups or leave those samples out."
        )
    return groups.astype(np.int64)
