"""Where a saved adversarial set was perturbed, from the kernels alone: no model, no torch.

    python analysis/density_of_saved_arrays.py clean.npy adversarial.npy --labels labels.npy --out density.png
    python analysis/density_of_saved_arrays.py --demo

The arrays are uint8, float16 or float32 of shape (N, C, H, W), floats in [0, 1].  They
are memory-mapped and read in chunks; the exact integer sums of the chunks are merged, so
that the result does not depend on the chunk size.  `--demo` makes a noisy set from the
bundled images.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from spatialstats import kernels

TOP = 0.2


def density(
    clean: np.ndarray, adversarial: np.ndarray, labels: np.ndarray, chunk: int
) -> kernels.PixelMoments:
    """Moments of adversarial - clean per class, merged over chunks."""
    n_classes = int(labels.max()) + 1
    merged = None
    for at in range(0, len(clean), chunk):
        rows = slice(at, at + chunk)
        part = kernels.density_pairs(
            clean[rows], adversarial[rows], labels[rows], n_classes, thresholds=(0.5 / 255,)
        )
        merged = part if merged is None else merged.merge(part)
    if merged is None:
        raise SystemExit("the arrays hold no images")
    return merged


def demo(folder: Path) -> tuple[Path, Path, Path]:
    """A set to try: bundled images with noise in a disc."""
    from spatialstats import load_dataset

    data = load_dataset("cifar10")
    images = np.round(data.read(np.arange(500)) * 255).astype(np.uint8)
    rows, columns = np.mgrid[:32, :32]
    disc = (rows - 12) ** 2 + (columns - 18) ** 2 < 50
    noise = np.random.default_rng(0).integers(-8, 9, images.shape) * disc
    paths = tuple(folder / f"{name}.npy" for name in ("clean", "adversarial", "labels"))
    np.save(paths[0], images)
    np.save(paths[1], np.clip(images + noise, 0, 255).astype(np.uint8))
    np.save(paths[2], data.labels[:500])
    return paths  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clean", nargs="?", type=Path)
    parser.add_argument("adversarial", nargs="?", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--chunk", type=int, default=4096)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.demo:
            options.clean, options.adversarial, options.labels = demo(Path(folder))
        if options.clean is None or options.adversarial is None:
            parser.error("two arrays are needed, or --demo")
        clean, adversarial = (np.load(path, mmap_mode="r") for path in (options.clean, options.adversarial))
        labels = np.load(options.labels) if options.labels else np.zeros(len(clean), np.int64)
        moments = density(clean, adversarial, labels, options.chunk)
    everything = moments.pool(np.zeros(len(moments.count), np.int64))
    mean, often = everything.abs_mean()[0], everything.exceedance()[0, 0]
    mask = mean >= np.quantile(mean, 1 - TOP)
    mask &= mean > 0
    found = kernels.label(mask[None], mean[None].astype(np.float32))
    print(
        f"{int(everything.count[0])} pairs; a pixel is changed in {often.mean():.1%} of them, "
        f"at most {often.max():.1%}"
    )
    print(f"regions of the top {TOP:.0%} of the mean absolute change: {len(found.regions.area)}")
    for area, row, column in zip(
        found.regions.area, found.regions.centroid_row, found.regions.centroid_col, strict=True
    ):
        print(f"  {int(area):5d} pixels around row {row:.1f}, column {column:.1f}")
    if options.out:
        import matplotlib.pyplot as plt

        plt.imsave(options.out, mean, cmap="magma")
        print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
