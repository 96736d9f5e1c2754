"""A fencing token: who took it last may write, and every transaction of everybody else fails.

A lock alone is not enough. An orphan of a crashed pool that stood still, or a monitor on another host where locks do
not reach, still believes that it is the one: the database itself has to refuse it. Tokens only grow. They begin with
the time, so that a database that was removed or put back from a copy does not make an old one good again. Each
transaction makes its own one greater: an older copy that somebody put back, in place too, is known by its token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitord_job.database.bulk_sql import Bulk
from monitord_job.errors import AnotherDatabaseError, FencedError

_STANDING = "SELECT token, holder FROM bridle_fence WHERE wf_uuid = ?"
_STAND = (
    "INSERT INTO bridle_fence (wf_uuid, token, holder) VALUES (?, ?, ?) ON CONFLICT (wf_uuid) DO UPDATE "
    "SET token = excluded.token, holder = excluded.holder WHERE bridle_fence.token < excluded.token"
)


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write the hierarchy whose root is `wf_uuid`, as long as nobody took it after."""

    wf_uuid: str
    token: int
    holder: str
    """for people: process, host, since when"""

    def check(self, bulk: Bulk, database: str) -> None:
        """Within a transaction that writes: raises FencedError if somebody has taken over.

        Nobody can before this transaction ends: SQLite has one writer, PostgreSQL locks the row.
        """
        token, holder = _standing(bulk, self.wf_uuid)
        if token < self.token:
            # Just taken, or a new database, or an older one that was put back.
            bulk.run(_STAND, [(self.wf_uuid, self.token, self.holder)])
            token, holder = _standing(bulk, self.wf_uuid)
        if not self._is_ours(token, holder):
            what = f"another monitor has taken over: {holder}"
            raise FencedError(database, what, "leave it to that one; this one has stored nothing since")

    def step(self, bulk: Bulk, database: str) -> Fence:
        """As `check`, for a database that was opened: the right as it is when the transaction is committed.

        Raises AnotherDatabaseError for one that is not as our last transaction left it.
        """
        token, _ = _standing(bulk, self.wf_uuid)
        if token < self.token:
            what = "an older state of the database was put back; what it lacks is read from the logs"
            raise AnotherDatabaseError(database, what, "leave it as it is while a monitor runs")
        self.check(bulk, database)
        after = replace(self, token=token + 1)
        bulk.run(_STAND, [(after.wf_uuid, after.token, after.holder)])
        return after

    def _is_ours(self, token: int, holder: str) -> bool:
        """Also one greater by a transaction that was committed without our hearing of it."""
        return token == self.token or (token == self.token + 1 and holder == self.holder)


def take(bulk: Bulk, wf_uuid: str, holder: str, now_ns: int) -> Fence:
    """Take over from whoever had it; `now_ns` is the time in nanoseconds since the epoch. `check` makes it stand."""
    token, _ = _standing(bulk, wf_uuid)
    return Fence(wf_uuid, max(now_ns, token + 1), holder)


def _standing(bulk: Bulk, wf_uuid: str) -> tuple[int, str]:
    rows = bulk.select_for_update(_STANDING, wf_uuid)
    return rows[0] if rows else (0, "")
