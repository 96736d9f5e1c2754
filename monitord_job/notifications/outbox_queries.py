"""Questions to the outbox. Only reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, inspect, select

from monitord_job.database.bridle_tables import BRIDLE_NOTIFICATION
from monitord_job.database.run_queries import reading
from monitord_job.notifications.outbox import DeliveryState


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification as the outbox has it. Times in seconds since the epoch; `code` is minus the signal."""

    key: str
    state: DeliveryState
    rule: str
    entity: str
    time: int
    tries: int
    not_before: float
    started: float | None
    ended: float | None
    code: int | None
    seconds: float | None
    cause: str | None
    argv: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    stdout: str | None
    stderr: str | None


_NAMES = tuple(Entry.__dataclass_fields__)


def entries(engine: Engine, root: str) -> list[Entry]:
    """All notifications of a run and of what is below it, in the order in which they became due."""
    table = BRIDLE_NOTIFICATION
    wanted = select(*(table.c[name] for name in _NAMES)).where(table.c.root_wf_uuid == root)
    with reading(engine) as connection:
        if not inspect(connection).has_table(table.name):
            return []
        return [_entry(row._asdict()) for row in connection.execute(wanted.order_by(table.c.number)).all()]


def _entry(values: dict[str, Any]) -> Entry:
    values["state"] = DeliveryState(values["state"])
    values["argv"] = tuple(json.loads(values["argv"]))
    values["environment"] = json.loads(values["environment"])
    return Entry(**values)
