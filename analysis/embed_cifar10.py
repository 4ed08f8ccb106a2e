"""Make the 1,000 CIFAR-10 test images that come with the package, from the whole test set.

    python analysis/embed_cifar10.py --out spatialstats/data/embedded

Takes the first 100 test images of each class, in the original order, and writes them as
one sheet in the smallest of three lossless forms (the table that it prints), beside a
JSON file with their labels, original positions, checksum and credit.  The sheet is read
back and compared.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from spatialstats.data.cifar import CLASSES, from_sheet, load_cifar10, to_sheet

PER_CLASS, COLUMNS = 100, 40
CREDIT = "CIFAR-10 test images. A. Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images."


def encodings(images: np.ndarray) -> dict[str, bytes]:
    """The sheet in each lossless form, by file suffix."""
    sheet = Image.fromarray(to_sheet(images, COLUMNS))
    webp, png, npz = io.BytesIO(), io.BytesIO(), io.BytesIO()
    sheet.save(webp, format="WEBP", lossless=True, quality=100, method=6, exact=True)
    sheet.save(png, format="PNG", optimize=True)
    np.savez_compressed(npz, images=images)
    return {"webp": webp.getvalue(), "png": png.getvalue(), "npz": npz.getvalue()}


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=Path("spatialstats/data/embedded"))
    options = parser.parse_args()
    images, labels = load_cifar10("test")
    indices = np.sort(np.concatenate([np.flatnonzero(labels == k)[:PER_CLASS] for k in range(len(CLASSES))]))
    kept = np.ascontiguousarray(images[indices])
    forms = encodings(kept)
    for suffix, content in forms.items():
        print(f"{suffix:5} {len(content):>10,} bytes")
    suffix = min((s for s in forms if s != "npz"), key=lambda s: len(forms[s]))
    if len(forms["npz"]) < len(forms[suffix]):
        raise SystemExit("npz has become the smallest: teach load_embedded to read it")
    with Image.open(io.BytesIO(forms[suffix])) as sheet:
        back = from_sheet(np.asarray(sheet.convert("RGB")), len(kept))
    if not np.array_equal(back, kept):
        raise SystemExit(f"the {suffix} form is not lossless")
    about = {
        "credit": CREDIT,
        "file": f"cifar10_test_1000.{suffix}",
        "layout": f"tiles of 32x32, {COLUMNS} a row, in the order of `indices`",
        "sha256": hashlib.sha256(kept.data).hexdigest(),
        "classes": CLASSES,
        "indices": indices.tolist(),
        "labels": labels[indices].tolist(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / about["file"]).write_bytes(forms[suffix])
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    (options.out / "cifar10_test_1000.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"kept {about['file']}: {len(kept)} images, SHA-256 of the pixels {about['sha256']}")


if __name__ == "__main__":
    main()
