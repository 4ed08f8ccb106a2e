"""Where do attacks hit an image classifier, where does it look, and what is blocking worth?

``spatialstats.analyze`` runs the whole analysis; the pieces work alone: `spatialstats.maps`,
`spatialstats.regions`, `spatialstats.segments`, `spatialstats.stats`, `spatialstats.defence`
and `spatialstats.kernels`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Names that are imported when they are first used: `import spatialstats` stays instant.
_LAZY = {
    "Classifier": "spatialstats.models",
    "Dataset": "spatialstats.data",
    "InputError": "spatialstats.errors",
    "Result": "spatialstats.api",
    "analyze": "spatialstats.api",
    "compare": "spatialstats.comparison",
    "load_dataset": "spatialstats.data",
    "load_model": "spatialstats.models",
    "load_result": "spatialstats.api",
}
_MODULES = (
    "attacks",
    "data",
    "defence",
    "density",
    "importance",
    "kernels",
    "maps",
    "models",
    "regions",
    "segments",
)

if TYPE_CHECKING:
    from spatialstats.api import Result, analyze, load_result
    from spatialstats.comparison import compare
    from spatialstats.data import Dataset, load_dataset
    from spatialstats.errors import InputError
    from spatialstats.models import Classifier, load_model

__all__ = [
    "Classifier",
    "Dataset",
    "InputError",
    "Result",
    "__version__",
    "analyze",
    "compare",
    "load_dataset",
    "load_model",
    "load_result",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in (*_MODULES, "stats", "api"):
        return importlib.import_module(f"spatialstats.{name}")
    raise AttributeError(f"module 'spatialstats' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "stats"})
