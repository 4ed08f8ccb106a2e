"""``spatialstats test``: tests for those who bring only maps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spatialstats.cli.options import JsonOption, SeedOption
from spatialstats.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLES = """
**Examples**

- `spatialstats test importance.npz attack.npz` : overlap of top fractions against swapped images
- `spatialstats test a.npz b.npz --statistic pearson --classes labels.npy` : swapped within classes
- `spatialstats test a.npz b.npz --null sign-flip --statistic tfce` : where do the means differ?
- `spatialstats test group1.npz group2.npz --null permutation` : the same, of different images
- `spatialstats test maps.npz --statistic morans-i` : autocorrelation of each map
"""
LONGEST = 20


def only_maps(
    a: Annotated[Path, typer.Argument(help="Maps (N, H, W): .npz or .npy.")],
    b: Annotated[
        Path | None, typer.Argument(help="Other maps, of the same images in the same order.")
    ] = None,
    statistic: Annotated[
        str | None,
        typer.Option(help="lift, pearson, dice, ...; max-t, tfce, ...; morans-i, ...: what the null takes."),
    ] = None,
    null: Annotated[
        str | None,
        typer.Option(
            help="swap, shift, phase, effective-size, pixel (a contrast, no test), sign-flip, permutation."
        ),
    ] = None,
    roi: Annotated[str, typer.Option(help="Rule that makes masks of A: 0.3, top:0.3 or otsu.")] = "0.3",
    roa: Annotated[str, typer.Option(help="Rule that makes masks of B, likewise.")] = "0.2",
    classes: Annotated[
        Path | None, typer.Option(help="Labels (.npy), one an image: swap within classes.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="Name of the array in an .npz; twice: of the first and the second."),
    ] = None,
    n_resamples: Annotated[
        int | None, typer.Option(help="Draws; 9,999 for swap and sign-flip, else 999, if none.")
    ] = None,
    alternative: Annotated[str, typer.Option(help="two-sided, greater or less.")] = "two-sided",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Test maps that were made elsewhere: co-location, difference, autocorrelation."""
    from spatialstats.stats.maps_only import choose

    chosen = choose(b is not None, null, statistic)  # a wrong name is told before any file is read
    from spatialstats.data.map_file import read_classes, read_maps
    from spatialstats.stats.maps_only import run_test

    keys = list(key or ())
    if len(keys) > 2:
        raise InputError(f"--key is given once or twice, got {len(keys)} times.")
    paths = [a] if b is None else [a, b]
    stacks = [read_maps(path, (keys[i] if i < len(keys) else keys[-1]) if keys else None)
              for i, path in enumerate(paths)]  # fmt: skip
    rules = ["masks as they came"] * len(stacks)
    if chosen.masks:
        made = [as_masks(maps, rule) for maps, rule in zip(stacks, (roi, roa), strict=False)]
        stacks, rules = [masks for masks, _ in made], [text for _, text in made]
    found = run_test(
        chosen,
        *stacks,
        classes=None if classes is None else read_classes(classes),
        n_resamples=n_resamples,
        seed=seed,
        alternative=alternative,  # type: ignore[arg-type]
        names=(a.stem, "" if b is None else b.stem) if b is None or a.stem != b.stem else ("A", "B"),
    )
    asked = {"null": chosen.null, "statistic": chosen.statistic, "files": [path.name for path in paths]}
    if chosen.masks:
        asked["masks"] = rules
    if as_json:
        print(json.dumps(asked | {"seed": seed} | found.to_dict(), indent=1, ensure_ascii=False))
        return
    print(found.sentence)
    if chosen.masks:
        print("Masks: " + "; ".join(f"{path.name}: {rule}" for path, rule in zip(paths, rules, strict=True)))
    print()
    print(shown(found))


def as_masks(maps: np.ndarray, rule: str) -> tuple[np.ndarray, str]:
    """Masks of maps by a rule, or as they are where they are masks already; and which of both in words."""
    import numpy as np

    from spatialstats.regions import threshold
    from spatialstats.spec import rule_text, threshold_rule

    if maps.dtype == bool or bool(((maps == 0) | (maps == 1)).all()):
        return np.asarray(maps, bool), "masks as they came"
    wanted = threshold_rule(rule)
    if isinstance(wanted, float) and not 0 < wanted < 1:
        raise InputError(f"a top fraction lies above 0 and below 1, got {rule}: 0.2 takes a fifth.")
    return threshold(maps, wanted), f"{rule_text(wanted)} of each image"


def shown(found: Any) -> str:
    """A result's table as text; a map's in one line, a long one cut."""
    table = summary(found)
    text = str(table.head(LONGEST).to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    rest = len(table) - LONGEST
    return text if rest <= 0 else f"{text}\n... and {rest:,} rows more: --json has them all"


def summary(found: Any) -> pd.DataFrame:
    """What fits on a screen: one row a test, a cluster or a map."""
    import pandas as pd

    from spatialstats.stats.inference_result import MeanMapTest
    from spatialstats.stats.map_test import MapTest

    if isinstance(found, MeanMapTest) and found.p is not None:
        row, column = divmod(int(abs(found.t).argmax()), found.t.shape[1])
        return pd.DataFrame(
            [
                {
                    "pixels": found.t.size,
                    "significant": int(found.significant.sum()),
                    "smallest p": found.min_p,
                    "largest |t|": float(abs(found.t).max()),
                    "at row": row,
                    "column": column,
                    "its mean difference": float(found.effect[row, column]),
                }
            ]
        )
    if isinstance(found, MapTest):
        kept = ("statistic", "observed", "expected", "effect", "low", "high", "p_value", "n", "n_left_out")
        return pd.DataFrame([{name: getattr(found, name) for name in kept}])
    frame = found.to_frame()
    few = ("map", "statistic", "values", "expected", "z_randomisation", "p_values", "n_sites")
    return frame[list(few)] if set(few) <= set(frame.columns) else frame
