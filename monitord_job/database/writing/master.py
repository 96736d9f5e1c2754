"""The user's master database: which workflows there are and how each stands, for Pegasus's dashboard and its ensemble
manager. Rows as pegasus-monitord writes them (Pegasus's DashboardLoader), of root workflows alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from monitord_job.database.dialect import dialect_of, words_of
from monitord_job.database.schema import (
    DBVERSION,
    MASTER_WORKFLOW,
    MASTER_WORKFLOWSTATE,
    METADATA,
    STAMPEDE_VERSION,
    WORKFLOW,
    WORKFLOWSTATE,
)
from monitord_job.errors import TryAgainError

_OURS = "bridle_"
_HINT = "see who holds it, or who may write it; the run itself is stored, and goes on"


@dataclass(frozen=True, slots=True)
class Standing:
    """The row of a root workflow, and those of its states, by the names of their columns."""

    workflow: Mapping[str, Any]
    states: tuple[Mapping[str, Any], ...]


def standing(connection: Connection, wf_uuid: str, db_url: str) -> Standing | None:
    """How a workflow stands in its own database, which is `db_url`; None before its plan is stored."""
    row = connection.execute(select(WORKFLOW).where(WORKFLOW.c.wf_uuid == wf_uuid)).mappings().first()
    if row is None:
        return None
    states = connection.execute(select(WORKFLOWSTATE).where(WORKFLOWSTATE.c.wf_id == row["wf_id"])).mappings()
    said = {name: row[name] for name in row if name in MASTER_WORKFLOW.c and name != "wf_id"}
    return Standing(
        said | {"db_url": db_url, "archived": False},
        tuple({name: value for name, value in state.items() if name != "wf_id"} for state in states),
    )


def write(url: URL, run_standing: Standing) -> None:
    """Bring the master database up to that, in one transaction; others' rows stay, and what is there is left.

    The tables are made where there are none. Raises TryAgainError if it cannot be written.
    """
    engine = dialect_of(url).writing_engine(url)
    try:
        with engine.begin() as connection:
            dialect_of(url).lock_tables(connection)
            _make_tables(connection)
            wf_id = _workflow(connection, run_standing.workflow)
            _states(connection, wf_id, run_standing.states)
    except SQLAlchemyError as error:
        what = f"the master database cannot be written: {words_of(error)}"
        raise TryAgainError(dialect_of(url).shown(url), what, _HINT) from error
    finally:
        engine.dispose()


def _make_tables(connection: Connection) -> None:
    """Those of Pegasus, all of them, as pegasus-db-admin makes them."""
    if inspect(connection).has_table(MASTER_WORKFLOWSTATE.name):
        return
    METADATA.create_all(connection, [one for one in METADATA.sorted_tables if not one.name.startswith(_OURS)])
    if connection.scalar(select(DBVERSION.c.id).limit(1)) is None:
        version = {"version_number": STAMPEDE_VERSION, "version": str(STAMPEDE_VERSION)}
        connection.execute(DBVERSION.insert(), version | {"version_timestamp": int(time.time())})


def _workflow(connection: Connection, row: Mapping[str, Any]) -> int:
    table = MASTER_WORKFLOW
    wanted = select(table.c.wf_id).where(table.c.wf_uuid == row["wf_uuid"])
    wf_id = connection.scalar(wanted)
    if wf_id is None:
        connection.execute(table.insert(), dict(row))
        wf_id = connection.scalar(wanted)
    return int(wf_id or 0)


def _states(connection: Connection, wf_id: int, states: tuple[Mapping[str, Any], ...]) -> None:
    table = MASTER_WORKFLOWSTATE
    rows = connection.execute(select(table.c.state, table.c.timestamp).where(table.c.wf_id == wf_id))
    there = {(state, float(when)) for state, when in rows}
    new = [
        {**state, "wf_id": wf_id}
        for state in states
        if (state["state"], float(state["timestamp"])) not in there
    ]
    if new:
        connection.execute(table.insert(), new)
