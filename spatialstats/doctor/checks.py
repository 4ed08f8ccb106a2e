"""How `spatialstats doctor` checks an operation: on either side, and against a brief answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from spatialstats.kernels import device

Arrays = dict[str, Any]
Truth = Callable[[Mapping[str, Any]], Arrays]


@dataclass(frozen=True)
class Check:
    """How one operation is checked.

    Attributes
    ----------
    name : str
        Of the operation.
    inputs : callable
        From a generator to named NumPy arrays.
    run : callable
        From those arrays, on either side, and whether that is the GPU, to results: arrays, or tuples
        and dataclasses of them.
    truth : callable, optional
        From the inputs to what some of the results (named as `parts` names them) must be.
    """

    name: str
    inputs: Callable[[np.random.Generator], Arrays]
    run: Callable[[Mapping[str, Any], bool], Any]
    truth: Truth | None = None

    def given(self) -> Arrays:
        """The inputs, the same in every call."""
        return self.inputs(np.random.default_rng(20261124))


def on_cpu(check: Check) -> Arrays:
    """The results of a check on the CPU, by name."""
    return parts(check.run(check.given(), False))


def on_gpu(check: Check) -> Arrays:
    """The results of a check on the GPU, by name, as NumPy arrays."""
    put = device.namespace().asarray
    return parts(check.run({name: put(array) for name, array in check.given().items()}, True))


def parts(result: Any, name: str = "result") -> Arrays:
    """Every array in a result, as NumPy arrays by dotted name."""
    if is_dataclass(result):
        named = [(field.name, getattr(result, field.name)) for field in fields(result)]
    elif isinstance(result, tuple | list):
        named = [(str(index), part) for index, part in enumerate(result)]
    elif result is None or isinstance(result, str):
        return {}
    else:
        host = result.get() if device.lives_on_device(result) and hasattr(result, "get") else result
        return {name: np.asarray(host)}
    return {key: array for label, part in named for key, array in parts(part, f"{name}.{label}").items()}


def differing(found: Arrays, expected: Arrays) -> list[str]:
    """Names of arrays that are not the same in type, shape and every bit."""

    def bits(array: Any) -> tuple[Any, ...]:
        return array.dtype, array.shape, array.tobytes()

    wrong = [name for name in expected if name not in found or bits(found[name]) != bits(expected[name])]
    return wrong + [name for name in found if name not in expected]


def far_from(found: Arrays, truth: Arrays) -> list[str]:
    """Names of results that are not as they should be: integers exactly, floats to 9 digits."""
    wrong = []
    for name, expected in truth.items():
        value, right = found[name], np.asarray(expected)
        same = value.shape == right.shape and np.allclose(value, right, rtol=1e-9, atol=0, equal_nan=True)
        if not same or (right.dtype.kind in "iu" and not np.array_equal(value, right)):
            wrong.append(name)
    return wrong
