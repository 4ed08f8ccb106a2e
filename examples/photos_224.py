"""Analyze a 224-pixel model on a folder of photographs: any torch module, no torchvision.

    python examples/photos_224.py --n 20
    python examples/photos_224.py --photos my_photos/

Without `--photos`, a few bundled CIFAR-10 images are upscaled into class folders, so that the
script runs offline.  `build` stands for your own model: replace its body.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

import spatialstats

SIZE = 224
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def build() -> nn.Module:
    """A module that takes normalised images (N, 3, 224, 224) and returns logits (N, classes)."""
    small = spatialstats.load_model("cifar10-0").module
    return nn.Sequential(nn.AvgPool2d(SIZE // 32), small)


def write_photos(folder: Path, n: int) -> None:
    """Upscale `n` bundled images into one folder for each class: ``0_airplane/17.png`` and so on."""
    data = spatialstats.load_dataset("cifar10").take(n)
    for row, (label, index) in enumerate(zip(data.labels, data.indices, strict=True)):
        pixels = np.rint(data.read([row])[0] * 255).astype(np.uint8).transpose(1, 2, 0)
        place = folder / f"{label}_{data.classes[label]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.NEAREST).save(place / f"{index}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of class folders, in the order of the outputs")
    parser.add_argument("--n", type=int, default=20, help="how many images")
    parser.add_argument("--attack", default="pgd-l2(epsilon=3)", help="an L2 budget grows with the image")
    parser.add_argument("--out", type=Path, help="run directory")
    options = parser.parse_args()
    model = spatialstats.Classifier(build(), MEAN, STD, name="pooled to 32 pixels", batch_size=8)
    with tempfile.TemporaryDirectory() as folder:
        photos = options.photos
        if photos is None:
            photos = Path(folder) / "photos"
            write_photos(photos, options.n)
        data = spatialstats.load_dataset(photos, size=SIZE)
        result = spatialstats.analyze(
            model,
            data,
            attacks=[options.attack, "noise"],
            n=min(options.n, len(data)),
            effort="quick",
            batch_size=8,
            out=options.out,
        )
    print(result.headline)
    print(f"Report: {result.report}")


if __name__ == "__main__":
    main()
