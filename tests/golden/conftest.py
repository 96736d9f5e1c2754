"""Test data comes from the planner and the stand-ins in examples/."""

import sys
from pathlib import Path

import pytest

from monitord_job import schedd
from monitord_job.errors import ScheddError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))


@pytest.fixture
def no_schedd(monkeypatch: pytest.MonkeyPatch) -> None:
    """None can be asked; in this process a test on a pool may have had one before."""

    def silent(*_words: object) -> None:
        raise ScheddError("schedd", "it is not here", "start it")

    monkeypatch.setattr(schedd, "_query", silent)
