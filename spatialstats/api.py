"""The analysis as one call, and its result as an object."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.attacks import Attack
from spatialstats.data import Dataset
from spatialstats.engine.config import IN_MEMORY, Config
from spatialstats.engine.files import new_folder, read_arrays
from spatialstats.engine.headline import percent
from spatialstats.engine.progress import Progress
from spatialstats.engine.run import analyze as run_analysis
from spatialstats.engine.rundir import RunDirectory
from spatialstats.engine.setup import make_context
from spatialstats.importance import Importance
from spatialstats.models import Classifier
from spatialstats.named import find_dataset, find_model, find_others, named_attacks
from spatialstats.report import build_report, write_figures

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


class Result:
    """A finished run.

    Parameters
    ----------
    path : Path or str
        The run directory.

    Attributes
    ----------
    path : Path
        The run directory.
    results : dict
        What ``results.json`` holds.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.results: dict[str, Any] = RunDirectory(self.path).results()

    @property
    def headline(self) -> str:
        """The finding in two sentences."""
        return str(self.results["headline"]["text"])

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @cached_property
    def maps(self) -> dict[str, np.ndarray]:
        """Density maps by name: float32 (H, W), or (K, H, W) by class."""
        return read_arrays(self.path / "maps.npz")

    @cached_property
    def reservoir(self) -> dict[str, np.ndarray]:
        """Maps and packed masks of single images, for further statistics: see ``reservoir.npz``."""
        return read_arrays(self.path / "reservoir.npz")

    @cached_property
    def regions(self) -> pd.DataFrame:
        """One row a region."""
        import pandas as pd

        return pd.read_parquet(self.path / "regions.parquet")

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row an image."""
        import pandas as pd

        return pd.read_parquet(self.path / "samples.parquet")

    def to_frame(self) -> pd.DataFrame:
        """One row per attack and segment: area share, damage share and restored accuracy, with intervals."""
        import pandas as pd

        rows = []
        for attack in self.results["attacks"]:
            for segment, of in (attack["segments"] or {}).items():
                if segment != "n":
                    flat = {f"{key}_{end}": of[key][end] for key in of for end in ("value", "low", "high")}
                    rows.append(
                        {"attack": attack["name"], "segment": segment, "n": attack["segments"]["n"], **flat}
                    )
        return pd.DataFrame(rows)

    def paper_kit(self, out: str | Path | None = None) -> Path:
        """Write SVG figures, LaTeX tables, a methods paragraph and its BibTeX to `out`, or ``paper/``."""
        from spatialstats.report.paper import paper_kit

        return paper_kit(self.path, out)

    def __repr__(self) -> str:
        return f"Result({str(self.path)!r}): {self.headline}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(a['label'])}</td><td>{percent(a['robust_accuracy']['value'])}</td>"
            + "".join(f"<td>{share_on_area(a['segments'], s)}</td>" for s in ("contested", "neutralizable"))
            + "</tr>"
            for a in self.results["attacks"]
        )
        return (
            f"<p><b>{html.escape(self.headline)}</b></p>"
            "<table><thead><tr><th>attack</th><th>accuracy left</th>"
            "<th>contested: damage on area</th><th>neutralizable: damage on area</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{html.escape(str(self.report))}</p>"
        )


def analyze(
    model: str | Classifier | nn.Module | None = None,
    data: str | Dataset | tuple[Any, Any] = "cifar10",
    *,
    attacks: Sequence[str | Attack] | None = None,
    importance: str | Importance | None = None,
    others: Sequence[str | Classifier] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    effort: str = "default",
    progress: Progress | None = None,
    command: str = "",
    **settings: Any,
) -> Result:
    """Find where attacks hit, where the model looks, and what neutralizing the difference is worth.

    Parameters
    ----------
    model : str, Classifier or torch.nn.Module, optional
        A bundled name, ``package.module:attribute``, or the object.  The bundled model of the
        dataset when None.  A bare module gets images in [0, 1]: wrap it in a `Classifier` to
        give mean and std.
    data : str, Dataset or (images, labels)
        What `load_dataset` takes, or uint8 or float32 images (N, C, H, W) with labels (N,).
    attacks : sequence of str or Attack, optional
        Specifications or callables.
    importance : str or Importance, optional
        How the region of importance is found.
    others : sequence of str or Classifier, optional
        Independently trained models of the same classes, by name or as objects: their RoI on the
        same images tells what belongs to the image and what to this model.  The other bundled
        ones for a bundled model.
    out : path, optional
        The run directory; a new folder under ``runs/`` when None.
    resume : bool
        Continue the run in `out` that was cut off.
    effort : {"quick", "default", "full"}
        How many images, and how much of the costlier measurements.
    progress : Progress, optional
        Who is told of the progress.
    command : str
        How the run was called, for the record.
    **settings
        Any other field of `spatialstats.engine.config.Config`.

    Returns
    -------
    Result
        The finished run; it shows itself in a notebook.

    Raises
    ------
    InputError
        If something given cannot be used; the message says what to do.

    Examples
    --------
    >>> import spatialstats
    >>> result = spatialstats.analyze("cifar10-0", "cifar10", n=200)  # doctest: +SKIP
    >>> result.to_frame()  # doctest: +SKIP
    """
    specs = (
        tuple(a if isinstance(a, str) else getattr(a, "name", "custom") for a in attacks) if attacks else None
    )
    config = Config.of_effort(
        effort,
        dataset=data if isinstance(data, str) else IN_MEMORY,
        model=model if isinstance(model, str) else None,
        attacks=specs,
        importance=importance if isinstance(importance, str) else None,
        **settings,
    )
    dataset = find_dataset(config, data)
    classifier = find_model(config, model, dataset)
    made = None
    if attacks and not all(isinstance(a, str) for a in attacks):
        made = named_attacks(attacks)
    return run(
        config,
        dataset,
        classifier,
        attacks=made,
        importance=None if isinstance(importance, str) else importance,
        others=others,
        out=out,
        resume=resume,
        progress=progress,
        command=command,
    )


def run(
    config: Config,
    dataset: Dataset,
    classifier: Classifier,
    *,
    attacks: dict[str, Attack] | None = None,
    importance: Importance | None = None,
    others: Sequence[str | Classifier] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    command: str = "",
) -> Result:
    """Run a configuration on its dataset and classifier, and write the report."""
    if config.threads is not None:
        import torch

        torch.set_num_threads(config.threads)
    config = replace(config, precision=classifier.precision)  # a classifier that was given has its own
    path = Path(out) if out is not None else new_folder(Path(config.clean or config.dataset).stem)
    context = make_context(
        config,
        dataset,
        classifier,
        attacks=attacks,
        importance=importance,
        others=find_others(config, classifier, others),
        progress=progress,
    )
    run_analysis(context, path, resume=resume, command=command)
    context.progress.start("write the report", 2)
    write_figures(path)
    context.progress.advance(1)
    build_report(path)
    context.progress.advance(1)
    return Result(path)


def share_on_area(segments: dict[str, Any] | None, segment: str) -> str:
    """``37 % on 15 %``: damage share on area share."""
    if segments is None:
        return "not formed"
    return " on ".join(percent(segments[segment][key]["value"]) for key in ("damage", "area"))


def load_result(path: str | Path) -> Result:
    """The result of a finished run.

    Raises
    ------
    InputError
        If `path` holds no finished run.
    """
    return Result(path)
