"""What `bridle notifications` says of a run, and what it does about those that are to be delivered again."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dag_rewriter import files
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.condor_job import LIVE, JobStatus
from monitord_job.database.bridle_tables import BRIDLE_NOTIFICATION
from monitord_job.database.bulk_sql import Bulk
from monitord_job.database.reading import has_table, open_database, reading
from monitord_job.errors import LockedError, MonitorError, ScheddError
from monitord_job.lock import holder_of
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.notifications.outbox import entries, keys_below
from monitord_job.notifications.outbox_values import DeliveryState, Entry
from monitord_job.notifications.permits import Permits
from monitord_job.notifications.resend_requests import request_resend
from monitord_job.notifications.settings import settings_of
from monitord_job.readers.status import brought_up

ALL_FAILED = DeliveryState.FAILED.value
_MOST = 20
"""lines of a kind for people"""


def read_outbox(submit_dir: SubmitDir, url: str | None = None) -> list[Entry]:
    """The outbox of a run, after catching up if no monitor is alive to do that."""
    engine = open_database(brought_up(submit_dir, url))
    try:
        with reading(engine) as connection:
            is_there = has_table(connection, BRIDLE_NOTIFICATION)
            found = _entries(Bulk(connection), submit_dir) if is_there else []
    finally:
        engine.dispose()
    if files.is_locked(submit_dir.run.lock):
        return found
    # What ran when its monitor died runs no more: the next one delivers it.
    return [
        replace(one, state=DeliveryState.DUE) if one.state is DeliveryState.RUNNING else one for one in found
    ]


def _entries(bulk: Bulk, submit_dir: SubmitDir) -> list[Entry]:
    """Those of the run, or of a sub-workflow of it and what is below that."""
    root = submit_dir.run.wf_uuid or ""
    if submit_dir.top is None:
        return entries(bulk, root)
    keys = keys_below(bulk, root, submit_dir.wf_uuid or "")
    return [one for one in entries(bulk, root) if one.key in keys]


def not_run(submit_dir: SubmitDir, found: Iterable[Entry]) -> dict[str, str]:
    """By key, why what is due is not run, and the way out."""
    permits = Permits(submit_dir.run)
    permits.refresh()
    said = {
        one.key: permits.refusal(one.argv, one.directory) for one in found if one.state is DeliveryState.DUE
    }
    return {key: why for key, why in said.items() if why}


def who_delivers(submit_dir: SubmitDir, found: Iterable[Entry], refused: Mapping[str, str]) -> str | None:
    """Who delivers what is due or running, in words; None: nothing is that may be run.

    Asks the schedd where no monitor is at work.
    """
    going = (one for one in found if one.key not in refused)
    submit_dir = submit_dir.run
    if not any(one.state in (DeliveryState.DUE, DeliveryState.RUNNING) for one in going):
        return None
    if files.is_locked(submit_dir.lock):
        return f"delivered by the monitor at work, {holder_of(submit_dir.lock) or 'which does not say who it is'}"
    from monitord_job.schedd import monitor_jobs

    target = shlex.quote(str(submit_dir.path if submit_dir.is_planned else submit_dir.dag_file))
    by_hand = f"to deliver what is due: bridle monitord --deliver {target}"
    try:
        jobs = [job for job in monitor_jobs(submit_dir) if job.status in LIVE]
    except ScheddError as error:
        return (
            f"no monitor is running, and whether HTCondor starts one is not known ({error.what}); {by_hand}"
        )
    held = [job for job in jobs if job.status == JobStatus.HELD]
    if len(held) < len(jobs):
        ids = " ".join(job.job for job in jobs if job not in held)
        return f"no monitor is running; HTCondor starts the one that is in the queue, job {ids}"
    if held:
        return f"the monitor, job {held[0].job}, is held: {held[0].hold_reason}; to go on: condor_release {held[0].job}"
    return f"no monitor is running; {by_hand}"


@dataclass(frozen=True, slots=True)
class Resent:
    """What became of a request: the keys, and how they stand now; `waits`: a monitor at work will do it."""

    keys: tuple[str, ...]
    waits: bool
    found: list[Entry]

    @property
    def failed(self) -> bool:
        """Whether any of them failed again, or could not be delivered now."""
        return not self.waits and any(
            one.state is not DeliveryState.DELIVERED for one in self.found if one.key in self.keys
        )


def resend(submit_dir: SubmitDir, wanted: Sequence[str], url: str | None = None) -> Resent:
    """Deliver these again, now or by the monitor at work. Raises MonitorError for a key that is not there."""
    require_own(submit_dir.path)
    found = read_outbox(submit_dir, url)
    keys = tuple(dict.fromkeys(key for word in wanted for key in _keys(word, found)))
    if settings_of(submit_dir.run) is None:
        what = "notifications are switched off for this run"
        hint = "see pegasus.monitord.notifications and its .max in the properties"
        raise MonitorError(str(submit_dir.path), what, hint)
    if not keys:
        return Resent(keys, waits=False, found=found)
    request_resend(submit_dir.run.resend, keys)
    try:
        catch_up(submit_dir, Limits(), url=url, deliver=True)
    except LockedError:
        return Resent(keys, waits=True, found=found)
    return Resent(keys, waits=False, found=read_outbox(submit_dir, url))


def _keys(word: str, found: Sequence[Entry]) -> list[str]:
    if word == ALL_FAILED:
        return [one.key for one in found if one.state is DeliveryState.FAILED]
    meant = [one for one in found if one.key.startswith(word)]
    if len(meant) != 1:
        what = f"{len(meant)} notifications have a key that begins with {word!r}"
        raise MonitorError("--resend", what, "see `bridle notifications --json` for the keys")
    if meant[0].state not in (DeliveryState.FAILED, DeliveryState.DELIVERED):
        what = f"{meant[0].key} is still {meant[0].state.value}"
        raise MonitorError("--resend", what, "wait until it has ended")
    return [meant[0].key]


def as_json(found: Iterable[Entry], refused: Mapping[str, str]) -> dict[str, Any]:
    """For --json; times are seconds since the epoch. `not_run`: why one that is due is not delivered."""
    shown = [
        asdict(one)
        | {"state": one.state.value, "not_before": one.not_before or None, "not_run": refused.get(one.key)}
        for one in found
    ]
    counts = Counter(one["state"] for one in shown)
    return {"counts": {state.value: counts[state.value] for state in DeliveryState}, "notifications": shown}


def lines(found: Sequence[Entry], states: Sequence[DeliveryState], refused: Mapping[str, str]) -> list[str]:
    """For people: how many there are, and the newest of each of these states."""
    counts = Counter(one.state for one in found)
    said = [", ".join(f"{counts[state]} {state.value}" for state in DeliveryState)]
    for state in states:
        those = [one for one in found if one.state is state]
        left_out = len(those) - _MOST
        if left_out > 0:
            said.append(f"{state.value}: {left_out} earlier ones (--json shows all)")
        said += [_line(one, refused.get(one.key)) for one in those[-_MOST:]]
    return said


def _line(one: Entry, refused: str | None) -> str:
    whom = one.environment.get("PEGASUS_JOBID", one.entity)
    event = one.environment.get("PEGASUS_EVENT", one.rule)
    how = f"; NOT RUN: {refused}" if refused else _SAID[one.state](one)
    return f"{one.state.value} {one.key[:12]} {event} of {whom}: {shlex.join(one.argv)}{how}"


def _how_it_ended(one: Entry) -> str:
    why = one.cause or (f"signal {-one.code}" if one.code and one.code < 0 else f"exit code {one.code}")
    last = (one.stderr or "").strip().rpartition("\n")[2][:200]
    return f"; {why} after {one.seconds} s{_try(one)}{f': {last}' if last else ''}"


def _when_due(one: Entry) -> str:
    if not one.tries:
        return ""
    wait = one.not_before - time.time()
    when = f"again in {wait:.0f} s" if wait > 0 else "again now"
    return f"{_how_it_ended(one)}; {when}" if one.ended else f"; tried {one.tries} times, {when}"


def _try(one: Entry) -> str:
    return f" (try {one.tries})" if one.tries > 1 else ""


_SAID: dict[DeliveryState, Callable[[Entry], str]] = {
    DeliveryState.DUE: _when_due,
    DeliveryState.RUNNING: lambda one: (
        f"; for {max(0.0, time.time() - (one.started or 0.0)):.0f} s{_try(one)}"
    ),
    DeliveryState.DELIVERED: lambda one: f"; {one.seconds} s{_try(one)}",
    DeliveryState.FAILED: _how_it_ended,
}
