"""The works that a methods paragraph may cite, and what they are the source of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

OF_DATA = {"cifar10": "krizhevsky2009", "fashion-mnist": "xiao2017"}
OF_ATTACK = {
    "pgd-linf": "madry2018",
    "pgd-l2": "madry2018",
    "fgsm": "goodfellow2015",
    "mi-fgsm": "dong2018",
    "ddn": "rony2019",
    "sparse": "croce2019",
    "apgd-linf": "croce2020",
    "apgd-l2": "croce2020",
    "square-linf": "andriushchenko2020",
    "square-l2": "andriushchenko2020",
    "square-patch": "croce2022",
    "patch": "rao2020",
}
OF_IMPORTANCE = {
    "integrated-gradients": "sundararajan2017",
    "saliency": "simonyan2013",
    "smoothgrad": "smilkov2017",
    "grad-cam": "selvaraju2017",
    "occlusion": "zeiler2014",
}
OF_FILL = {"inpaint": "bertalmio2000", "blur": "knutsson1993", "svd": "chattopadhyay2025"}


@cache
def references() -> dict[str, str]:
    """BibTeX entries by key."""
    text = files("spatialstats.report").joinpath("references.bib").read_text(encoding="utf-8")
    return {
        entry[1]: entry[0]
        for entry in re.finditer(r"^@\w+\{(\w+),\n.*?^\}\n", text, re.DOTALL | re.MULTILINE)
    }


def bibliography(keys: Iterable[str]) -> str:
    """BibTeX of the works under the given keys, in their order."""
    return "\n".join(references()[key] for key in dict.fromkeys(keys))
