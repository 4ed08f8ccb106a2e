"""A device that is not there: numbers lie on the CPU and call themselves elsewhere, and mixing is refused.

Batches that a classifier on a GPU would refuse fail here too, on a machine without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["ELSEWHERE", "elsewhere"]

ELSEWHERE = torch.device("meta")  # a name that torch knows, and that never starts a driver
# As of CUDA: what is copied may cross, and indices may lie on the CPU.
CROSSING = ("copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_")


class There(torch.Tensor):
    """A tensor elsewhere; what it holds is `held`."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> There:
        made: There = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), dtype=held.dtype, device=ELSEWHERE,
            requires_grad=held.requires_grad,
        )  # fmt: skip
        made.held = held
        return made

    def tolist(self) -> Any:
        """torch refuses it to every subclass; a GPU does not."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return ran(func, args, kwargs or {})


class Copying(TorchFunctionMode):
    """What is made of numbers is made here and copied: torch would keep the shape alone."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == ELSEWHERE:
            kwargs.pop("device")
            return func(*args, **kwargs).to(ELSEWHERE)
        return func(*args, **kwargs)


class Watching(TorchDispatchMode):
    """Catches what makes tensors, too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return ran(func, args, kwargs or {})


def ran(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation on the CPU, refused where its tensors lie on two devices."""
    flat, shape = tree_flatten((args, kwargs))
    tensors = [one for one in flat if isinstance(one, torch.Tensor)]
    there = [one for one in tensors if isinstance(one, There)]
    name = func._schema.name.split("::")[1]
    here = [one for one in tensors if not isinstance(one, There) and one.ndim]
    if there and here and name not in CROSSING:
        raise RuntimeError(f"{name}: tensors on {ELSEWHERE} and on cpu")
    if name.startswith(("index", "_index")) and there and not isinstance(tensors[0], There):
        raise RuntimeError(f"{name}: indices on {ELSEWHERE} of a tensor on cpu")
    target = kwargs.get("device")
    wrapped = bool(there) if target is None else torch.device(target) == ELSEWHERE
    if name == "copy_":
        wrapped = isinstance(args[0], There)
    held = [one.held if isinstance(one, There) else one for one in flat]
    args_, kwargs_ = tree_unflatten(held, shape)
    if target is not None:
        kwargs_ = kwargs_ | {"device": torch.device("cpu")}
    found = func(*args_, **kwargs_)
    known = {id(inner): outer for inner, outer in zip(held, flat, strict=True) if isinstance(outer, There)}

    def out(one: Any) -> Any:
        if not isinstance(one, torch.Tensor) or not wrapped:
            return one
        # In-place operations give back what they were given.
        return known[id(one)] if id(one) in known else There(one)

    return tree_map(out, found)


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """A block in which tensors may lie elsewhere."""
    with Copying(), Watching():
        yield ELSEWHERE
