"""The methods paragraph of a run, from what the run recorded and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spatialstats.report import text
from spatialstats.report.paper_latex import escape
from spatialstats.report.paper_references import OF_ATTACK, OF_DATA, OF_FILL, OF_IMPORTANCE

Json = Mapping[str, Any]
MAPS = {
    "effect": "the damaging part of the effect map, the gradient of the logit margin integrated along the "
    "path from the clean to the attacked image",
    "energy": "the energy map, the norm of the perturbation over the channels",
    "frequency": "the map of changed pixels",
}
FILLS = {
    "mean": "the mean colour of the visible pixels",
    "constant": "a constant",
    "blur": "a Gaussian blur of the visible pixels",
    "inpaint": "inpainting",
    "svd": "a low-rank approximation",
}
MASKS = {
    "roa-minus-roi": "the region of attack without the region of importance",
    "roa": "the whole region of attack",
    "prior": "one mask learnt on other images",
}


SAID = ("epsilon", "side")
"""Settings of attacks that the budget says already."""


class Cited:
    """Keys of the works that a text cites, in their order."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str | None) -> str:
        """The ``\\cite`` of works, with the space before it; nothing for None."""
        known = [key for key in keys if key]
        self.keys += [key for key in known if key not in self.keys]
        return rf"~\cite{{{','.join(known)}}}" if known else ""


def methods(results: Json, request: Json, cite: Cited) -> str:
    """The paragraphs in LaTeX.

    Parameters
    ----------
    results, request : mapping
        ``results.json`` and ``run.json``.
    cite : Cited
        Takes down what is cited.
    """
    paragraphs = [
        _setting(results, cite),
        _attacks(results, request, cite),
        _regions(results, cite),
        _statistics(results, cite),
        _neutralization(results, cite),
        _record(results),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _setting(results: Json, cite: Cited) -> str:
    data, model, config = results["data"], results["model"], results["config"]
    source = OF_DATA.get(str(config.get("dataset"))) if config.get("clean") is None else None
    splits = ", ".join(f"{name}: {n}" for name, n in data["splits"].items())
    shape = "$\\times$".join(str(side) for side in data["shape"])
    accuracy = model["clean_accuracy"]
    return (
        f"We analysed where adversarial attacks hit an image classifier and where it looks, in the "
        f"framework of Chattopadhyay et al.{cite('chattopadhyay2020')}, with spatialstats "
        f"{escape(results['version'])}. "
        f"The images are {text.count(data['n'])} of {escape(data['name'])}{cite(source)} "
        f"({shape} pixels, {len(data['classes'])} classes), split by a hash of their content "
        f"({escape(splits)}). The classifier is {_code(model['name'])}, whose clean accuracy on "
        f"them is {_percent(accuracy)}. Maps and regions are of the {text.count(model['n_correct'])} images "
        "that it classifies correctly before the attack; accuracies under attack count all."
    )


def _attacks(results: Json, request: Json, cite: Cited) -> str:
    parts = []
    settings = _parts(str(request.get("parts") or ""))
    for attack in results["attacks"]:
        if attack["control"]:
            continue
        name = str(attack["name"]).partition("(")[0]
        how = settings.get(str(attack["name"]), "")
        parts.append(
            f"{escape(attack['label'])}{cite(OF_ATTACK.get(name))} "
            f"({'; '.join(part for part in ('budget ' + escape(attack['budget']['text']), how) if part)})"
        )
    controls = [attack for attack in results["attacks"] if attack["control"]]
    noise = " Noise of the same budget stands beside each as a control." if controls else ""
    what = "attack was" if len(parts) == 1 else "attacks were"
    return f"The {what} {_list(parts)}.{noise}" if parts else ""


def _regions(results: Json, cite: Cited) -> str:
    config, rules, importance = results["config"], results["rules"], results["importance"]
    source = cite(OF_IMPORTANCE.get(str(importance["name"])))
    roi = _rule(rules["roi"], "its positive part, smoothed once")
    roa = _rule(rules["roa"], MAPS[str(config["attack_map"])])
    otsu = cite("otsu1979") if "otsu" in (config["roi"], config["roa"]) else ""
    area = f", if of at least {config['min_area']} pixels," if config["min_area"] > 1 else ""
    return (
        f"Importance was attributed to the predicted class by {escape(_lower(importance['label']))}{source}; "
        f"the region of importance holds, in each image, {roi}. The region of attack holds {roa}{otsu}. "
        f"Connected components{area} are the regions. The two masks cut an image into four segments: "
        "contested (in both), protected (importance alone), neutralizable (attack alone) and background. "
        f"The damage share of a segment is its exact Shapley value{cite('shapley1953')} for the drop of the "
        "logit margin, over the 16 subsets of segments that the perturbation may be applied to."
    )


def _statistics(results: Json, cite: Cited) -> str:
    config = results["config"]
    ladders = [attack["ladder"] for attack in results["attacks"] if attack.get("ladder")]
    others = results.get("others") or []
    compared = [str(one["name"]) for one in others if one.get("comparable")]
    parts = [
        "The primary statistic of co-location, named before the run, is the overlap lift "
        "$|\\mathrm{RoI} \\cap \\mathrm{RoA}|\\,HW / (|\\mathrm{RoI}|\\,|\\mathrm{RoA}|)$. Its null pairs "
        f"regions of permuted images ({text.count(config['n_resamples'])} uniform permutations with fixed "
        f"points{cite('hemerik2018')}; two-sided $p = \\min(1, 2 (c + 1) / (n + 1))$, where $c$ of $n$ draws "
        f"reach the observed value in its nearer tail{cite('phipson2010')}), so that what all images share, "
        "such as a bias to the centre, drops out."
    ]
    if ladders:
        named = _list([_code(name) for name in compared])
        models = (
            f"independently trained models ({named})"
            if compared
            else "other models, of which there were none"
        )
        noise = any(attack["control"] for attack in results["attacks"])
        parts.append(
            "Beyond that, paired excesses of the lift over images of the same class, over the regions of "
            f"importance of {models} on the same images, and over noise of equal budget"
            f"{'' if noise else ' (which this run did not have)'} form a ladder; the claim that an attack "
            "hits where this model looks is made only where the intervals of all rungs lie above 0 and the "
            "importance uses no gradient of the model."
        )
    adjusted = [
        found
        for attack in results["attacks"]
        for found in (attack.get("colocation") or {}).values()
        if found and found.get("p_adjusted") is not None
    ]
    if adjusted:
        parts.append(
            f"Over the {adjusted[0]['tests']} attacks that formed a region, p-values of the image swap are "
            f"corrected by step-down max-T{cite('westfall1993')}, on the {adjusted[0]['n_adjusted']} images "
            "with all regions, under the same permutations."
        )
    parts.append(
        f"Intervals are at 95\\,\\%: Wilson's{cite('wilson1927')} for accuracies, Newcombe's paired "
        f"ones{cite('newcombe1998')} for their differences, and an expanded percentile "
        f"bootstrap{cite('hesterberg2015')} over images for means and ratios. They are conditional on this "
        "model and these perturbations, and not corrected over attacks."
    )
    return " ".join(parts)


def _neutralization(results: Json, cite: Cited) -> str:
    rows = [row for attack in results["attacks"] for row in attack.get("neutralization") or []]
    if not rows:
        return ""
    masks = list(dict.fromkeys(str(row["mask"]) for row in rows))
    fill = str(rows[0]["fill"])
    static = (
        f" The attacks did not know of the defence, so that these numbers are no claim of robustness"
        f"{cite('tramer2020')}."
        if any(row.get("static", True) for row in rows)
        else ""
    )
    return (
        f"Neutralization replaces the pixels of a mask ({_list([MASKS.get(m, escape(m)) for m in masks])}) "
        f"by {FILLS.get(fill, escape(fill))}{cite(OF_FILL.get(fill))}, a fill that was chosen on the choose "
        "split; accuracies are of the report split, on which nothing was chosen. Beside each stand the clean "
        "accuracy, the restoration ceiling (the true clean pixels put back), and the same mask taken from "
        f"another image, a blob, and scattered pixels of equal area as controls.{static}"
    )


def _record(results: Json) -> str:
    made, config = results["provenance"], results["config"]
    versions = ", ".join(f"{escape(name)} {escape(v)}" for name, v in made["versions"].items())
    narrow = config.get("precision", "float32")
    rounded = "" if narrow == "float32" else f" Gradients were computed in {narrow}, predictions in float32."
    return (
        f"All random draws derive from seed {config['seed']}.{rounded} Device: {escape(made['device'])}; "
        f"kernels: {escape(made['backend'])}; versions: {versions}. Fingerprints: data "
        f"{_code(str(results['data']['fingerprint'])[:16])}, model "
        f"{_code(str(results['model']['fingerprint'])[:16])}."
    )


def _rule(rule: Any, of: str) -> str:
    """The pixels that a threshold rule takes of a map, as the object of a sentence."""
    words = str(rule)
    if words.startswith("top"):
        return f"the {escape(words)} of the pixels by {of}"
    return escape(words) if words.startswith("all") else f"the pixels {escape(words)} of {of}"


def _parts(recorded: str) -> dict[str, str]:
    """Settings of attacks from their recorded form ``name=Class(key=value, ...); ...``, in words."""
    found = {}
    for part in re.split(r"; (?=[\w:.-]+(?:\([^;]*?\))?=[A-Z]\w*\()", recorded):
        match = re.fullmatch(r"(.+?)=([A-Z]\w*)\((.*)\)", part.strip(), flags=re.DOTALL)
        if match:
            pairs = [pair.strip() for pair in match[3].split(", ") if "=" in pair]
            kept = [pair for pair in pairs if not _said(pair)]
            found[match[1]] = ", ".join(_setting_text(pair) for pair in kept)
    return found


def _said(pair: str) -> bool:
    """Whether a setting is in the budget already, or stands for a default of the attack's own."""
    return pair.partition("=")[0] in SAID or pair in ("alpha=0.0", "alpha=None")


def _setting_text(pair: str) -> str:
    key, _, value = pair.partition("=")
    try:
        number = float(value)
        fine = number * 255
        whole = abs(fine - round(fine)) < 1e-6 and 0 < fine <= 32 and not value.isdigit()
        value = f"{round(fine)}/255" if whole else f"{number:g}"
    except ValueError:
        value = {"True": "yes", "False": "no"}.get(value, value.strip("'"))
    return escape(f"{key.replace('_', ' ')} {value}")


def _percent(item: Json) -> str:
    return escape(f"{text.percent(text.point(item))} {text.bracket(item)}".strip())


def _code(name: Any) -> str:
    return rf"\texttt{{{escape(name)}}}"


def _list(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _lower(label: str) -> str:
    """A label inside a sentence: its capital goes, unless the word is written in more of them."""
    return label[:1].lower() + label[1:] if label[1:2].islower() and "-" not in label.split()[0] else label
