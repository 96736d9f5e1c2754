"""What a pool needs of the machine, in words where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from planner_ext.errors import PoolError
from planner_ext.pool.environment import as_pool_user

REFUSED = "unshare: unshare failed: Operation not permitted"


@pytest.mark.parametrize("says", [REFUSED, ""])
def test_a_forbidden_user_namespace_is_the_reason_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    program = tmp_path / "unshare"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(PoolError, match="needs a user namespace") as caught:
        as_pool_user(0)
    assert (says or "exit code 1") in caught.value.what
    assert "as an ordinary user" in caught.value.hint


def test_an_ordinary_user_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert as_pool_user(1000) == []
