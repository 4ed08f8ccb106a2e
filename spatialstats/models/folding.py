"""Batch norm folded into the convolution or linear layer before it."""

from __future__ import annotations

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

__all__ = ["NORMS", "fold"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
PAIRS = ((nn.Conv1d, nn.BatchNorm1d), (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d))


def fold(module: nn.Module) -> tuple[nn.Module, int]:
    """Trace a module and fold what can be folded.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; its layers are used by the result.

    Returns
    -------
    traced : torch.fx.GraphModule
        Submodules keep their names, so that layers can still be hooked.
    folded : int
        Batch norms that went into the layer before them.

    Notes
    -----
    A layer whose output or weights are used elsewhere too stays as it is, and so does a
    batch norm without running statistics.  (torch's own ``fx.experimental.optimization``
    checks no sharing, and warns of deprecated parts when imported.)
    """
    traced = fx.symbolic_trace(module)
    parts = dict(traced.named_modules())
    runs: dict[int, int] = {}
    for node in traced.graph.nodes:
        if node.op == "call_module":
            runs[id(parts[node.target])] = runs.get(id(parts[node.target]), 0) + 1
    folded = 0
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        layer, norm = parts[before.target], parts[node.target]
        if len(before.users) > 1 or runs.get(id(layer), 1) > 1:  # a layer made here runs once
            continue
        if getattr(norm, "running_mean", None) is None or getattr(norm, "running_var", None) is None:
            continue
        if any(type(layer) is kind and type(norm) is kinds_norm for kind, kinds_norm in PAIRS):
            fused: nn.Module = fuse_conv_bn_eval(layer, norm)
        elif type(layer) is nn.Linear and type(norm) is nn.BatchNorm1d:
            fused = fuse_linear_bn_eval(layer, norm)
        else:
            continue
        parent, _, own_name = str(before.target).rpartition(".")
        setattr(traced.get_submodule(parent), own_name, fused)
        parts[before.target] = fused
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
        folded += 1
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced, folded
