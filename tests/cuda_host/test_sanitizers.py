"""Every kernel's smoke check under TSan, and under ASan with UBSan."""

from __future__ import annotations

import pytest
import sanitize


@pytest.mark.parametrize("sanitizer", sanitize.RUNTIMES)
@pytest.mark.parametrize("name", sanitize.smoke_files())
def test_sanitizers_find_nothing(name: str, sanitizer: str) -> None:
    if sanitize.runtime(sanitizer) is None:
        pytest.skip(f"GCC came without {sanitize.RUNTIMES[sanitizer]}")
    outcome = sanitize.smoke(name, sanitizer)
    assert outcome.passed, outcome.output[-4000:]
