"""`spatialstats doctor`: what is there, whether the kernels are right here, and what was not checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from . import machine
from .checks import Check, differing, far_from, on_cpu, on_gpu
from .entries import CHECKS

__all__ = ["Diagnosis", "Verdict", "examine", "shown", "verdict"]

OK, NOT_CHECKED = "ok", "not checked"


@dataclass(frozen=True)
class Verdict:
    """What the check of one operation said, in each respect "ok", "not checked", or what is wrong.

    Attributes
    ----------
    operation : str
    cpu : str
        The CPU kernel against a brief answer by NumPy, SciPy or scikit-learn.
    gpu : str
        The GPU kernel against the CPU kernel, every bit.
    again : str
        The GPU kernel against itself, run twice.
    """

    operation: str
    cpu: str
    gpu: str = NOT_CHECKED
    again: str = NOT_CHECKED

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return not {self.cpu, self.gpu, self.again} <= {OK, NOT_CHECKED}


@dataclass
class Diagnosis:
    """All that `examine` finds.

    Attributes
    ----------
    software, device : dict of str
        Versions; the device, empty without one.
    verdicts : list of Verdict
    speed : dict of float
        GB/s of density and of a copy, empty without a device.
    faults, unchecked : list of str
        What is wrong beside the verdicts; what could not be checked, and why.
    """

    software: dict[str, str]
    device: dict[str, str] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    speed: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing that could be checked is wrong."""
        return not self.faults and not any(verdict.failed for verdict in self.verdicts)

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {**asdict(self), "healthy": self.healthy}


def verdict(check: Check, gpu: bool) -> Verdict:
    """Run one operation's check; whatever it raises is its verdict."""
    cpu_side, truth = NOT_CHECKED, check.truth
    gpu_side = again = NOT_CHECKED
    try:
        here = on_cpu(check)
        if truth is not None:
            cpu_side = _worded(far_from(here, truth(check.given())))
    except Exception as error:
        return Verdict(check.name, _raised(error))
    if gpu:
        try:
            there = on_gpu(check)
            gpu_side = _worded(differing(there, here))
            again = _worded(differing(on_gpu(check), there))
        except Exception as error:
            gpu_side = _raised(error)
    return Verdict(check.name, cpu_side, gpu_side, again)


def examine(said: Callable[[str], None] = lambda text: None) -> Diagnosis:
    """Check what can be checked on this machine.

    Parameters
    ----------
    said : callable
        Told of every step that takes time.
    """
    found = Diagnosis(machine.software())
    found.faults += [f"{name} is missing from the installation" for name in machine.missing_sources()]
    reason = machine.why_no_gpu()
    if reason:
        found.unchecked += [
            f"No GPU was used ({reason}).",
            "So it was not checked that kernels compile for a device, run there, agree with the CPU, "
            "repeat their bits, or how fast they are.",
        ]
    else:
        found.device = machine.gpu()
    for check in CHECKS:
        said(f"checking {check.name} (the first run compiles it)")
        found.verdicts.append(verdict(check, gpu=not reason))
    if not reason:
        from . import speed

        said("measuring density against a device copy")
        try:
            found.speed = speed.density_against_copy()
        except Exception as error:
            found.faults.append(f"the measurement of speed ended with {_raised(error)}")
    return found


def shown(found: Diagnosis) -> str:
    """A diagnosis as text: what is there, one table, and what could not be checked."""
    rows = [("operation", "CPU = reference", "GPU = CPU, bits", "GPU again, bits")]
    rows += [(v.operation, v.cpu, v.gpu, v.again) for v in found.verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    there = {**found.software, **found.device}
    lines = [f"{name:<20} {value}" for name, value in there.items()] + [""]
    for row in rows:
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines.append("")
    if found.speed:
        density, copy = found.speed["density"], found.speed["copy"]
        lines.append(f"density reads {density:.0f} GB/s; a copy on the device moves {copy:.0f} GB/s.")
    lines += [f"Fault: {fault}." for fault in found.faults]
    lines += found.unchecked
    wrong = len(found.faults) + sum(v.failed for v in found.verdicts)
    lines.append("Nothing is wrong." if found.healthy else f"{wrong} things are wrong.")
    return "\n".join(lines)


def _worded(wrong: list[str]) -> str:
    return f"differs: {', '.join(name.removeprefix('result.') for name in wrong)}" if wrong else OK


def _raised(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:80]}"
