"""What a training goes on from: written whole after each epoch, read without running code."""

from __future__ import annotations

import copy
import json
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spatialstats.errors import InputError

__all__ = ["Checkpoint", "State", "saved_recipe"]


@dataclass
class State:
    """A module in training, its optimiser and what was seen so far.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    epoch : int
        Epochs that are over.
    history : list of dict
        One of each.
    corners : torch.Tensor
        Remembered windows (`Memory`); empty where none are.
    """

    module: nn.Module
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    corners: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 0, 2, dtype=torch.int64))
    _kept: dict[str, torch.Tensor] = field(default_factory=dict)

    def keep(self) -> None:
        """Remember the weights, for `take_back`."""
        self._kept = copy.deepcopy(self.module.state_dict())

    def take_back(self) -> None:
        """The weights as they were remembered."""
        if self._kept:
            self.module.load_state_dict(self._kept)


class Checkpoint:
    """The file of a training's state.

    Parameters
    ----------
    path : pathlib.Path or None
        Where; None keeps nothing.
    about : dict
        What the training is: a file of another one is refused.
    """

    def __init__(self, path: Path | None, about: dict[str, Any]) -> None:
        self.path, self.about = path, json.dumps(about, sort_keys=True, default=str)

    def save(self, state: State) -> None:
        """Write the state, whole or not at all."""
        if self.path is None:
            return
        held = {
            "about": self.about,
            "epoch": state.epoch,
            "history": state.history,
            "corners": state.corners,
            "module": state.module.state_dict(),
            "optimiser": state.optimiser.state_dict(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(self.path.name + ".tmp")
        torch.save(held, unfinished)
        os.replace(unfinished, self.path)

    def load(self, state: State) -> None:
        """Fill a state from the file.

        Raises
        ------
        InputError
            If there is no file, it cannot be read, or it belongs to another training.
        """
        held = _read(self.path)
        if held["about"] != self.about:
            raise InputError(
                f"{str(self.path)!r} belongs to a training of another model, of other images or with other "
                "settings: give those it began with, or another --out."
            )
        state.module.load_state_dict(held["module"])
        state.optimiser.load_state_dict(held["optimiser"])
        state.epoch, state.history = int(held["epoch"]), list(held["history"])
        state.corners = held["corners"]
        state.keep()


def saved_recipe(path: Path) -> dict[str, Any]:
    """The settings that a checkpoint was written under.

    Raises
    ------
    InputError
        If there is no checkpoint, or it cannot be read.
    """
    found: dict[str, Any] = json.loads(_read(path)["about"])
    return found


def _read(path: Path | None) -> dict[str, Any]:
    """What a checkpoint holds; no code in it is run."""
    if path is None or not path.is_file():
        raise InputError(f"there is no training to go on with at {path}: leave out --resume.")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {"about", "corners", "epoch", "history", "module", "optimiser"}
        if not isinstance(held, dict) or not wanted <= held.keys():
            raise KeyError
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError) as error:
        raise InputError(
            f"{str(path)!r} is no state of a training that can be read: delete it and begin anew."
        ) from error
    return held
