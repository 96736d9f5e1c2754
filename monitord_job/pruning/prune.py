"""Takes old runs out of a database: looks, decides, and deletes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from dag_rewriter.directory.ownership import require_own
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.reading import has_table, open_database, reading
from monitord_job.database.schema import WORKFLOW
from monitord_job.database.url import Database, parse_url
from monitord_job.errors import MonitorError
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.trouble import patiently
from monitord_job.pruning.deletion import InTransaction, Piece, delete, delete_unnamed_files
from monitord_job.pruning.model import OldRun, Pruned, Verdict, reason_to_stay
from monitord_job.pruning.queries import count_unnamed_files, mark, marked_runs, old_runs
from monitord_job.pruning.reference_indexes import make_indexes, missing_indexes
from monitord_job.recording.transactions import Transactions
from monitord_job.runs.listing import Wanted, list_runs

_PATIENCE = Limits(database=60.0)
_CHANGED = "something happened in it while it was looked at"

Tell = Callable[[str, int], None]
"""Hears of each transaction: the run's name, and how many rows it deleted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runs are to go: those of the database in which nothing has happened since `before` (seconds since the
    epoch); `keep_failed`: only those that succeeded; `unnamed_files`: also what is known of files that nobody names.
    """

    url: str
    before: float
    keep_failed: bool = False
    unnamed_files: bool = False


def look(wish: Wish) -> Pruned:
    """What `prune` would do; nothing is written. Raises MonitorError if the database cannot be read."""
    database = Database(parse_url("--url", wish.url, Path.cwd()))
    engine = open_database(database)
    try:
        with reading(engine) as connection:
            if not has_table(connection, WORKFLOW):
                what = "there is no Stampede database in it"
                raise MonitorError(str(database), what, "name the one that runs are stored in")
            bulk = Bulk(connection)
            old, begun = old_runs(bulk, wish.before), marked_runs(bulk)
            unnamed = count_unnamed_files(bulk) if wish.unnamed_files else None
    finally:
        engine.dispose()
    resumed = tuple(uuid for _, uuid in begun)
    verdicts, silence = _verdicts(wish, old) if old else ((), "")
    goes = bool(resumed or unnamed) or any(not one.stays for one in verdicts)
    indexes = tuple(missing_indexes(database.url)) if goes else ()
    return Pruned(verdicts, silence, resumed, unnamed, indexes=indexes)


def _verdicts(wish: Wish, old: list[OldRun]) -> tuple[tuple[Verdict, ...], str]:
    listing = list_runs(Wanted(url=wish.url, uuids=[run.wf_uuid for run in old]))
    listed = {run.record.wf_uuid: run for run in listing.runs}
    verdicts = tuple(
        Verdict(run, seen, reason_to_stay(run, seen, keep_failed=wish.keep_failed))
        for run in old
        if (seen := listed.get(run.wf_uuid)) is not None
    )
    return verdicts, listing.silence


def prune(wish: Wish, tell: Tell) -> Pruned:
    """Take out the runs that may go, and what a prune that was cut off has left; what was done.

    At any moment it can be cut off: the next one goes on. Raises MonitorError as `look`, OtherOwnerError for an SQLite
    file in somebody else's directory, TryAgainError if the database cannot be used for a minute.
    """
    plan = look(wish)
    if not plan.resumed and not plan.gone and not plan.unnamed_files:
        return plan
    database = Database(parse_url("--url", wish.url, Path.cwd()))
    if database.file is not None:
        require_own(database.file.parent)
    make_indexes(database.url)
    with closing(Transactions(database.url)) as transactions:
        in_transaction = _patient(transactions)
        verdicts = tuple(_still(in_transaction, verdict) for verdict in plan.verdicts)
        names = {one.run.wf_uuid: one.listed.record.name for one in verdicts}
        rows = sum(_delete_marked(in_transaction, lambda uuid, rows: tell(names.get(uuid, uuid), rows)))
        if plan.unnamed_files:
            for deleted in delete_unnamed_files(in_transaction):
                tell("files", deleted)
                rows += deleted
    return replace(plan, verdicts=verdicts, rows=rows)


def _still(in_transaction: InTransaction, verdict: Verdict) -> Verdict:
    """The run is marked, or stays because it is no longer what it was."""
    if verdict.stays or in_transaction(lambda bulk: int(mark(bulk, verdict.run, int(time.time())))):
        return verdict
    return replace(verdict, stays=_CHANGED)


def _delete_marked(in_transaction: InTransaction, tell: Tell) -> Iterator[int]:
    """Those of this prune, and of one that was cut off."""
    found: list[tuple[int, str]] = []

    def find(bulk: Bulk) -> int:
        found[:] = marked_runs(bulk)
        return 0

    in_transaction(find)
    for root, uuid in found:
        for rows in delete(in_transaction, root, uuid):
            tell(uuid, rows)
            yield rows


def _patient(transactions: Transactions) -> InTransaction:
    """A transaction, and again if a monitor was in its way."""

    def once(piece: Piece) -> int:
        with transactions.writing() as bulk:
            return piece(bulk)

    return lambda piece: patiently(lambda: once(piece), _PATIENCE, lambda: None)
