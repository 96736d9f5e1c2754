"""What SQLite and PostgreSQL want said differently, and that it stands in one module."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import make_url

from monitord_job.database.dialect import Backend, dialect_of
from tests.support.places import CHECKOUT

ASKS = re.compile(
    r"get_backend_name|dialect\.name\b|postgresql\"|json_each|nextval|FOR UPDATE\"|PRAGMA (?!integrity)"
)


def test_nothing_else_asks_which_database_it_is() -> None:
    """But for Pegasus's catalogs, which are SQLite files of their own."""
    rooms = [CHECKOUT / "monitord_job", CHECKOUT / "planner_ext"]
    catalogs = CHECKOUT / "planner_ext" / "catalogs"
    product = [path for room in rooms for path in room.rglob("*.py") if catalogs not in path.parents]
    assert [path.name for path in product if ASKS.search(path.read_text())] == ["dialect.py"]


@pytest.mark.parametrize("backend", Backend)
def test_each_has_all_that_a_statement_needs(backend: Backend) -> None:
    dialect = dialect_of(make_url(f"{backend.value}:///there"))
    assert dialect.backend is backend
    text = dialect.text("SELECT a FROM t WHERE b = ? AND c IN (?*)")
    assert text.count(dialect.mark) == 2
    assert dialect.rows_in_a_statement(500) == 1
    assert dialect.unreadable_hint
    assert dialect.refused_hint
