"""The user's torch model as everything else sees it: images in [0, 1] in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models.batching import batched
from spatialstats.models.checks import check_classifier, check_images, find_device, fingerprint
from spatialstats.models.normalisation import Channels, Normalisation
from spatialstats.models.passes import failed, forward, guesses
from spatialstats.models.prepare import Prepared, prepare, unprepared
from spatialstats.models.stopwatch import Stopwatch
from spatialstats.precision import check_precision

__all__ = ["Classifier"]

Images = torch.Tensor | npt.NDArray[Any]


class Classifier:
    """An image classifier that owns its normalisation and leaves the user's module alone.

    The module is never moved, its mode and its parameters' ``requires_grad`` are never
    changed for good, and no gradient is left in its parameters.  Passes run on a copy made
    when the first images come: evaluation mode, no parameter gradients, batch norm folded
    where the module can be traced, channels last.  Its logits and input gradients are compared
    with the module's on those images; `preparation` says what was done.  Later changes to the
    module are not seen.

    Parameters
    ----------
    module : torch.nn.Module
        Maps normalised images (N, C, H, W) to logits (N, K).
    mean, std : float or sequence of C floats, optional
        Of the pixel values in `bounds`; the module gets ``(x - mean) / std``.
    bounds : tuple of float
        Range of pixel values that the module was trained on, before mean and std.  Images
        given to the classifier lie in [0, 1] and are stretched to it.
    name : str
        What reports call the model.
    device : str or torch.device
        Where the copy lives and passes run.
    batch_size : int
        Images of a micro-batch.  32 to 64 is fastest on a CPU.
    prepare : bool
        False calls the module itself, as it is, in evaluation mode for the length of a pass.
    precision : {"float32", "bfloat16"}
        Of the passes that record a gradient.  In bfloat16 their convolutions and matrix products are
        nearly twice as fast on processors that know it; gradients change by some
        percent of their largest value.  Predictions are always float32.

    Attributes
    ----------
    calls : int
        Forward passes so far.
    """

    def __init__(
        self,
        module: nn.Module,
        mean: Channels = None,
        std: Channels = None,
        bounds: tuple[float, float] = (0.0, 1.0),
        *,
        name: str = "model",
        device: str | torch.device = "cpu",
        batch_size: int = 64,
        prepare: bool = True,
        precision: str = "float32",
    ) -> None:
        if not isinstance(module, nn.Module):
            got = type(module).__name__
            raise InputError(f"a model must be a torch.nn.Module, got {got}: pass the module itself.")
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}: 64 is a good choice.")
        self.name, self.batch_size, self.calls = name, batch_size, 0
        self.precision = check_precision(precision)
        self.device = find_device(device)
        self._original = module
        self._normalised = Normalisation(mean, std, bounds, self.device)
        where = next((tensor.device for tensor in module.parameters()), self.device)
        if not prepare and where != self.device:
            raise InputError(
                f"an unprepared model runs where it lies, on {where}, not on {self.device}: "
                "pass that device or prepare=True."
            )
        self._where = where
        self._prepared = None if prepare else unprepared(module, "not asked for")
        self._watch = Stopwatch(self.device)
        self._n_classes: int | None = None
        self._fingerprint = ""

    def around(self, module: nn.Module, name: str) -> Classifier:
        """A classifier of another module, all else being the same: normalisation, device, size of batches."""
        made = Classifier(
            module, name=name, device=self.device, batch_size=self.batch_size, precision=self.precision
        )
        made._normalised = self._normalised
        return made

    @property
    def original(self) -> nn.Module:
        """The module that was given: read it, never change it."""
        return self._original

    def prepare(self, x: Images) -> None:
        """Make and compare the copy on some images; done once, by itself, by whatever comes first."""
        if self._prepared is None:
            few = self.as_images(x[:4])
            few = few if len(few) > 1 else torch.cat([few, 1 - few])
            try:
                self._prepared = prepare(self._original, self._normalised(few).to(self._where), self.device)
            except Exception as error:  # a user's module may raise anything
                raise failed(self.name, few, error) from error

    @property
    def module(self) -> nn.Module:
        """The module that runs: its layers may be hooked.

        Asked for before an image was seen, it is compared on random images of a common size
        or, where the model takes none of those, remains the user's own.
        """
        return self._ready().module

    def normalise(self, x: torch.Tensor) -> torch.Tensor:
        """Images in [0, 1], on the classifier's device, as the module wants them."""
        return self._normalised(x)

    @property
    def preparation(self) -> dict[str, Any]:
        """What was done to the copy: see `spatialstats.models.prepare.Prepared`."""
        if self._prepared is None:
            return {"copied": False, "reason": "no image was seen yet"}
        return dict(self._prepared.report)

    @property
    def passes(self) -> str:
        """How passes run, in words: what may move a result by floating-point noise, or more."""
        narrow = "" if self.precision == "float32" else f", gradients in {self.precision}"
        return f"batches of {self.batch_size} on {self.device}{narrow}"

    @property
    def n_classes(self) -> int:
        """Number of logits; known once an image was seen."""
        if self._n_classes is None:
            raise InputError("the number of classes is unknown until an image was seen: call check(x) first.")
        return self._n_classes

    @property
    def seconds(self) -> float:
        """Time spent inside the module, forward and backward."""
        return self._watch.seconds

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of the module's parameters, buffers and normalisation."""
        self._fingerprint = self._fingerprint or fingerprint(self._original, repr(self._normalised))
        return self._fingerprint

    def as_images(self, x: Images) -> torch.Tensor:
        """Images as a float32 tensor on the classifier's device."""
        if not isinstance(x, torch.Tensor):
            x = torch.from_numpy(np.require(x, np.float32, ("C", "W")))  # torch takes no read-only memory
        return x.to(self.device, torch.float32)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images, differentiable with respect to them.

        Parameters
        ----------
        x : Tensor of float32, (N, C, H, W)
            In [0, 1], on the classifier's device.

        Returns
        -------
        Tensor of float32, (N, K)
            Computed in `precision` where a gradient is recorded, in float32 otherwise.
        """
        self.prepare(x)
        since, z = self._watch.mark(), self._normalised(x)
        backward = torch.is_grad_enabled() and x.requires_grad
        if backward:
            z = z.view_as(z)  # so that the hook below is on no tensor of the caller's
        logits = forward(self._ready(), z, self.name, bfloat16=backward and self.precision == "bfloat16")
        self.calls += 1
        self._n_classes = logits.shape[1]
        self._watch.add(since)
        if backward and logits.requires_grad:
            began: list[Any] = []

            def end(gradient: torch.Tensor) -> torch.Tensor:
                if began:
                    self._watch.add(began.pop())
                return gradient.contiguous()  # an attack written elsewhere may take views of it

            logits.register_hook(lambda _: began.append(self._watch.mark()))
            z.register_hook(end)
        return logits

    __call__ = logits

    def gradient(
        self, x: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient of a loss with respect to images, and their logits.

        Parameters
        ----------
        x : Tensor of float32, (N, C, H, W)
            In [0, 1], on the classifier's device.
        loss : callable
            Logits (N, K) to a scalar or to one value an image (N,), which are summed.

        Returns
        -------
        gradient : Tensor of float32, (N, C, H, W)
        logits : Tensor of float32, (N, K)
            Without a graph.
        """
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            logits = self.logits(leaf)
            value = loss(logits).sum()
            found = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
        if found is None:
            raise InputError(
                f"model {self.name!r} has no gradient with respect to its images: "
                "use attacks and importance methods without gradients, or a differentiable model."
            )
        return found, logits.detach()

    def predict_logits(self, x: Images) -> npt.NDArray[np.float32]:
        """Logits (N, K) of images (N, C, H, W), float32, in padded micro-batches."""
        if len(x) == 0:
            return np.zeros((0, self.n_classes), np.float32)
        self.prepare(x)
        # The user's own module may keep tensors of a pass: made in inference mode, they break gradients.
        with torch.inference_mode() if self._ready().own else torch.no_grad():
            images = x if isinstance(x, torch.Tensor) else self.as_images(x)
            found = batched(lambda part: self.logits(self.as_images(part)), images, size=self.batch_size)
            return found.cpu().numpy()

    def predict(self, x: Images) -> npt.NDArray[np.int64]:
        """Predicted classes, int64 (N,)."""
        found: npt.NDArray[np.int64] = self.predict_logits(x).argmax(1)
        return found

    def check(self, x: Images) -> None:
        """Refuse images and models that do not fit each other, or whose results would mean nothing.

        Parameters
        ----------
        x : array or Tensor, (n, C, H, W)
            A few images; at most eight are used.

        Raises
        ------
        InputError
            If the images do not lie in [0, 1] or the model refuses them; if its output is
            not (n, classes), not finite, random, or depends on an image's neighbours.
        """
        check_images(x)
        check_classifier(self, self.as_images(x[:8]))

    def _ready(self) -> Prepared:
        """The module that runs; images are guessed where none came yet."""
        for guess in guesses(self._original) if self._prepared is None else ():
            with suppress(InputError):
                self.prepare(guess)
                break
        if self._prepared is None:
            self._prepared = unprepared(self._original, "the module was asked for before an image was seen")
        return self._prepared
