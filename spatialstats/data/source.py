"""What a source of a data set is, and the pieces that several sources need."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spatialstats.data.cache import Parts, cache_dir
from spatialstats.errors import InputError

Report = Callable[[str], None]
_BLOCK = 1 << 20
SYSTEM = Path("/usr/share/datasets")  # where Debian's dataset packages put theirs
_TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class Source:
    """One place a set may come from.

    Attributes
    ----------
    name : str
        As users read it: "the official archive".
    get : callable
        ``get(report, cache) -> (parts, where)``; raises `InputError` with the reason when it
        has nothing to give.
    """

    name: str
    get: Callable[[Report, Path], tuple[Parts, str]]


def search_roots(cache: str | Path | None = None) -> list[Path]:
    """Folders in which local copies are looked for, most specific first, without duplicates.

    ``$SPATIALSTATS_DATA`` (several, separated as in PATH), the current folder and its ``data``,
    ``~/data``, the Keras and system-wide folders, the cache.
    """
    named = [Path(p).expanduser() for p in os.environ.get("SPATIALSTATS_DATA", "").split(os.pathsep) if p]
    here, home = Path.cwd(), Path.home()
    usual = [here, here / "data", home / "data", home / ".keras" / "datasets", SYSTEM]
    return list(dict.fromkeys([*named, *usual, cache_dir(cache)]))


def download(url: str, target: Path, md5: str, report: Report) -> Path:
    """Fetch `url` into `target` and compare its MD5, the checksum its publisher gives.

    Raises
    ------
    InputError
        If the server does not answer, the transfer breaks off or the checksum differs.
    """
    seen, done, said = hashlib.md5(usedforsecurity=False), 0, 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, target.open("wb") as file:
            whole = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(_BLOCK):
                file.write(block)
                seen.update(block)
                done += len(block)
                if whole and 10 * done // whole > said:
                    said = 10 * done // whole
                    report(f"{target.name}: {done / 1e6:.0f} of {whole / 1e6:.0f} MB")
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{url} does not answer ({reason})") from error
    if seen.hexdigest() != md5:
        raise InputError(
            f"{url} gave {done:,} bytes with MD5 {seen.hexdigest()}, expected {md5}: truncated or another "
            "file"
        )
    return target
