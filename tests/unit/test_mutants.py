"""`make mutants` changes lines that are there."""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, Mutant
from tests.support.places import CHECKOUT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_that_a_mutant_changes_stands_there_once(mutant: Mutant) -> None:
    assert (CHECKOUT / mutant.file).read_text().count(mutant.before) == 1
