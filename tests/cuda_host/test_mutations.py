"""The mutation run on a few mutants of each operation; all of them run by `mutate.py`, a step of its own."""

from __future__ import annotations

import mutate
import pytest
import sanitize
from host_module import has_compiler

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++, which the host emulation compiles with")


@pytest.mark.parametrize("operation", mutate.operations())
def test_mutants_fit_their_kernels(operation: str) -> None:
    planted = mutate.mutants(operation)
    assert all(mutant.replace != mutant.find for mutant in planted)
    assert operation in sanitize.smoke_files()


@pytest.mark.parametrize("operation", mutate.operations())
def test_a_wrong_bound_or_index_is_noticed(operation: str) -> None:
    chosen = [mutant for mutant in mutate.mutants(operation) if mutant.kind in ("index", "bound")][:1]
    for mutant in chosen:
        assert mutate.noticed_by(mutant, limit=60)


def test_a_mutant_that_changes_nothing_survives() -> None:
    operation = mutate.operations()[0]
    first = mutate.mutants(operation)[0]
    harmless = mutate.Mutant(
        operation, first.file, "index", first.find, f"{first.find} /* as it was */", first.nth
    )
    assert "as it was" in harmless.text()
    assert mutate.noticed_by(harmless, limit=60) == ""
