"""How long a model's passes take, on the CPU's clock or between events on a CUDA stream."""

from __future__ import annotations

import time

import torch

__all__ = ["Stopwatch"]


class Stopwatch:
    """Adds up intervals without making a GPU wait.

    Parameters
    ----------
    device : torch.device
        Where the timed work runs.  On CUDA an interval is two events, read when the total
        is asked for: waiting after every pass would cost more than it measures.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._total = 0.0
        self._pending: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def mark(self) -> float | torch.cuda.Event:
        """The present moment, to be given to `add`."""
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def add(self, since: float | torch.cuda.Event) -> None:
        """Add the time that went by since a mark."""
        now = self.mark()
        if isinstance(now, float) and isinstance(since, float):
            self._total += now - since
        elif not isinstance(now, float) and not isinstance(since, float):
            self._pending.append((since, now))
            if len(self._pending) >= 1024:
                self._drain()

    @property
    def seconds(self) -> float:
        """The sum of the intervals so far."""
        self._drain()
        return self._total

    def _drain(self) -> None:
        for start, end in self._pending:
            end.synchronize()
            self._total += start.elapsed_time(end) / 1000
        self._pending.clear()
