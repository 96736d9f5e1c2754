"""From which file the events of a run come: the JOBSTATE_LOG if DAGMan writes one, else its debug log."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import FileError
from dag_rewriter.files import stream_of
from dag_rewriter.logs import dagman_log, jobstate_log
from dag_rewriter.logs.events import JobstateLine
from dag_rewriter.logs.user_log import seconds_of
from monitord_job.logs.dagman_out_messages import BOOTSTRAPPING
from monitord_job.logs.tail import CHUNK, Cursor, read_new_lines

Numbered = list[tuple[int, JobstateLine]]
"""Events, each with the number of the line that it was read from, counted from 0."""

_BEGINNING = 1 << 18
_BEGUN = re.compile(
    rb"^(\d\d/\d\d/\d\d \d\d:\d\d:\d\d) Workflow batch-id: <(\d{1,10}\.\d{1,10})>", re.MULTILINE
)
"""When a DAGMan has begun, and its job."""
_QUARTER, _SOON = 900, 120
"""Seconds: by what zones differ, and within which DAGMan speaks after it was started."""
_FARTHEST = timedelta(hours=23)
"""Zones are at most 26 hours apart, and a zone's offset is less than a day."""
_PLANNED = re.compile(r"(\d{8}T\d{6})([+-]\d{4})$")


@dataclass(frozen=True, slots=True)
class Source:
    """A file and how it is read: `events(memo, lines)` gives the next memo, and the events in the lines.

    The memo is what the reader has to remember between two lines; it is stored with the file's cursor, and empty at
    the beginning of the file. `held_back(memo)` are the events that wait for a line
    after them, when there will be none.
    """

    path: Path
    events: Callable[[str, list[bytes]], tuple[str, Numbered]]
    held_back: Callable[[str], tuple[str, list[JobstateLine]]] = lambda memo: (memo, [])

    def events_before(self, end: int) -> Iterator[JobstateLine]:
        """The events in the lines before the byte `end`, read again."""
        cursor = Cursor()
        while cursor.offset < end:
            reading = read_new_lines(self.path, cursor, min(CHUNK, end - cursor.offset))
            if reading.replaced or reading.cursor.offset <= cursor.offset:
                return
            memo, events = self.events(cursor.memo, reading.lines)
            cursor = replace(reading.cursor, memo=memo)
            yield from (event for _, event in events)


def pick_source(
    submit_dir: SubmitDir, log: Path, read_before: Collection[str], *, was_read: bool = False
) -> Source:
    """The source of a run whose DAG has the JOBSTATE_LOG `log`; its database was made from the files `read_before`.

    A database stays with its source: no event is stored twice. Otherwise it is the JOBSTATE_LOG, when it is there or
    when the run has yet to begin; a DAGMan that has begun without writing it was started before the DAG named it. One
    that `was_read` and is empty now may be put back: only if it is gone, the rest comes from the debug log.
    """
    debug_log = submit_dir.dagman_out
    if log.name not in read_before and (
        debug_log.name in read_before or _only_source(debug_log, log, was_read=was_read)
    ):
        zone = zone_of(submit_dir.braindump.get("timestamp"))
        clock = _clock_zone(submit_dir, zone)
        return Source(debug_log, partial(_from_dagman_out, zone=zone, clock_zone=clock), _held_back)
    return Source(log, _from_jobstate_log)


def zone_of(planned: str | None) -> tzinfo | None:
    """The zone of the local times of a run that was planned at a time like `20230305T091006-0800`.

    None, this machine's, if that is how its clock stood then; else (the run was copied from elsewhere) the offset.
    """
    match = _PLANNED.match(planned or "")
    if match is None:
        return None
    try:
        when = datetime.strptime(match[1] + match[2], "%Y%m%dT%H%M%S%z")
        here = when.astimezone().utcoffset()
    except (ValueError, OverflowError, OSError):
        return None
    offset = when.utcoffset()
    return None if offset is None or offset == here else timezone(offset)


def _clock_zone(submit_dir: SubmitDir, zone: tzinfo | None) -> tzinfo | None:
    """The zone of the times that DAGMan writes, where it is another one than the schedd's; None: it is not.

    DAGMan has the TZ of who submitted it (getenv), and takes the times of its nodes' log, the schedd's, for its own.
    What tells is when the schedd says that it has started the first DAGMan, and when that says it itself.
    """
    from monitord_job.logs.dagman_out_time import epoch_of  # only runs that were never rewritten need it

    try:
        with stream_of(submit_dir.dagman_out) as stream:
            said = _BEGUN.search(stream.read(_BEGINNING))
        when = (
            None
            if said is None
            else dagman_log.started(files.read(submit_dir.dagman_log), said[2].decode("ascii"))
        )
        if said is None or when is None:
            return None
        begun = seconds_of(when, zone, submit_dir.dagman_log.stat().st_mtime)
        late = (epoch_of(said[1], zone, 0) or begun) - begun
        offset = datetime.fromtimestamp(begun, zone).astimezone(zone).utcoffset() or timedelta()
    except (OSError, FileError, ValueError, OverflowError):
        return None
    hours = timedelta(seconds=round(late / _QUARTER) * _QUARTER)
    if not hours or abs(hours) > _FARTHEST or abs(late - hours.total_seconds()) > _SOON:
        return None
    return timezone(offset + hours)


def _only_source(debug_log: Path, log: Path, *, was_read: bool) -> bool:
    try:
        if log.stat().st_size or was_read:
            return False
    except FileNotFoundError:
        pass
    try:
        with stream_of(debug_log) as stream:
            return BOOTSTRAPPING in stream.read(_BEGINNING)
    except OSError:
        return False


def _from_jobstate_log(memo: str, lines: list[bytes]) -> tuple[str, Numbered]:
    return memo, [(number, jobstate_log.parse(line)) for number, line in enumerate(lines)]


def _from_dagman_out(
    memo: str, lines: list[bytes], zone: tzinfo | None, clock_zone: tzinfo | None
) -> tuple[str, Numbered]:
    from monitord_job.logs import dagman_out  # only runs that were never rewritten need it
    from monitord_job.logs.dagman_out_state import dump, load

    state, events = dagman_out.parse_lines(load(memo), lines, zone, clock_zone)
    return dump(state), events


def _held_back(memo: str) -> tuple[str, list[JobstateLine]]:
    from monitord_job.logs import dagman_out
    from monitord_job.logs.dagman_out_state import dump, load

    state, events = dagman_out.finish(load(memo))
    return dump(state), events
