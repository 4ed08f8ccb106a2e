"""The packed masks of a run lie in files: what comes back, and what is held meanwhile."""

from __future__ import annotations

import errno
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from spatialstats.engine.files import write_json
from spatialstats.engine.mask_files import MaskFiles
from spatialstats.engine.merged import Merged
from spatialstats.errors import InputError

WORDS = 224 * 224 // 64


def chunk(number: int, n: int = 64, words: int = WORDS) -> dict[str, np.ndarray]:
    """A chunk's masks of two kinds, with two images in three classified correctly."""
    rng = np.random.default_rng(number)
    masks = {
        f"mask.{name}": rng.integers(0, 2**63, (n, words), dtype=np.uint64) for name in ("roi", "a/b.roa")
    }
    return {**masks, "row.correct": np.arange(n) % 3 > 0}


def test_masks_of_correct_images_come_back_in_order(tmp_path: Path) -> None:
    merged = Merged(tmp_path / "masks")
    chunks = [chunk(k, n=5, words=3) for k in range(3)]
    for arrays in chunks:
        merged.add(arrays)
    for name in ("roi", "a/b.roa"):
        wanted = np.concatenate([of[f"mask.{name}"][of["row.correct"]] for of in chunks])
        assert np.array_equal(merged.packed(name), wanted)
    assert merged.has_packed("roi")
    assert not merged.has_packed("other.0")
    assert "mask.roi" not in merged
    with pytest.raises(ValueError, match="read-only"):
        merged.packed("roi")[0] = 0


def test_a_second_process_begins_anew(tmp_path: Path) -> None:
    first = Merged(tmp_path / "masks")
    first.add(chunk(0, n=5, words=3))
    second = Merged(tmp_path / "masks")
    second.add(chunk(1, n=5, words=3))
    assert np.array_equal(second.packed("roi"), chunk(1, n=5, words=3)["mask.roi"][[1, 2, 4]])


def test_no_correct_image_yet_is_no_mask_yet(tmp_path: Path) -> None:
    merged = Merged(tmp_path / "masks")
    merged.add({**chunk(0, n=5, words=3), "row.correct": np.zeros(5, bool)})
    assert merged.packed("roi").shape == (0, 3)


def test_a_full_disk_is_told_with_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_json(tmp_path / "run" / "run.json", {})  # every job begins with it
    files = MaskFiles(tmp_path / "run" / "chunks" / "masks")
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=rf"the disk is full: .* --resume {tmp_path / 'run'}\."):
        files.append("roi", np.zeros((2, 3), np.uint64))


def test_bytes_held_do_not_grow_with_the_images(tmp_path: Path) -> None:
    """224 pixels: 1,280 images hold as much as 320, although their masks are 16 MB against 4."""

    def peak(n_chunks: int) -> int:
        merged = Merged(tmp_path / str(n_chunks))
        tracemalloc.start()
        for number in range(n_chunks):
            merged.add(chunk(number))
        assert len(merged.packed("roi")) > 40 * n_chunks
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(5), peak(20)
    assert many < 1.2 * few
    assert few > 64 * WORDS * 8  # one chunk's masks are counted, so that masks are
