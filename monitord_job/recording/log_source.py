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
from dag_rewriter.logs import jobstate_log
from dag_rewriter.logs.events import DagmanEvent, DagmanState, JobstateLine, NodeEvent
from dag_rewriter.logs.user_log import seconds_of
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
_LONGEST = 80
"""Bytes of such a line."""
_STARTS = b" INTERNAL *** DAGMAN_STARTED "
_WITHOUT_JOB = ("PRE_SCRIPT_", "SUBMIT_FAILURE")
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
    return Source(log, partial(_from_jobstate_log, behind=partial(_events_behind, submit_dir)))


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
    """The zone of the times that DAGMan writes, where it is another one than the schedd's; None: it is not."""
    ahead, begun, _ = _ahead(submit_dir, zone)
    if not ahead:
        return None
    offset = datetime.fromtimestamp(begun, zone).astimezone(zone).utcoffset() or timedelta()
    return timezone(offset + ahead)


def _events_behind(submit_dir: SubmitDir, job: str) -> int:
    """By how many seconds the times of events are too early that a DAGMan (`job`) writes into its JOBSTATE_LOG.

    They are those of its nodes' log, which it takes for its own zone's; of itself it writes what its clock says.
    """
    ahead, _, is_utc = _ahead(submit_dir, zone_of(submit_dir.braindump.get("timestamp")), job)
    return 0 if is_utc else int(ahead.total_seconds())


def _ahead(submit_dir: SubmitDir, zone: tzinfo | None, job: str | None = None) -> tuple[timedelta, int, bool]:
    """How far the clock of a DAGMan (None: the first one's) is ahead of the schedd's; when that started it, in seconds
    since the epoch; and whether the logs of events are in UTC.

    DAGMan has the TZ of who submitted it (getenv), and takes the times of its nodes' log, the schedd's, for its own.
    What tells is when the schedd says that it has started the DAGMan, and when that says it itself.
    """
    # Little is imported for most runs.
    from dag_rewriter.logs import dagman_log
    from monitord_job.logs.dagman_out_time import epoch_of

    unknown = timedelta(), 0, False
    try:
        said = _begun(submit_dir.dagman_out, job)
        if said is None:
            return unknown
        # Of a sub-workflow, the job that is named there is the DAGMan's at the top.
        when = dagman_log.started(files.read(submit_dir.dagman_log), said[2].decode("ascii"))
        if when is None:
            return unknown
        begun = seconds_of(when, zone, submit_dir.dagman_log.stat().st_mtime)
        late = (epoch_of(said[1], zone, 0) or begun) - begun
    except (OSError, FileError, ValueError, OverflowError):
        return unknown
    ahead = timedelta(seconds=round(late / _QUARTER) * _QUARTER)
    if not ahead or abs(ahead) > _FARTHEST or abs(late - ahead.total_seconds()) > _SOON:
        return unknown
    return ahead, begun, when.endswith("Z")


def _begun(path: Path, job: str | None) -> re.Match[bytes] | None:
    """What a DAGMan says when it has begun; the first one, if it is not known which, or nothing is said of it."""
    first = None
    with stream_of(path) as stream:
        before = b""
        while more := stream.read(_BEGINNING):
            for said in _BEGUN.finditer(before + more):
                if job is None or said[2] == job.encode():
                    return said
                first = first or said
            if job is None:
                return None
            before = more[-_LONGEST:]
    return first


def _only_source(debug_log: Path, log: Path, *, was_read: bool) -> bool:
    try:
        if log.stat().st_size or was_read:
            return False
    except FileNotFoundError:
        pass
    from monitord_job.logs.dagman_out_messages import BOOTSTRAPPING

    try:
        with stream_of(debug_log) as stream:
            return BOOTSTRAPPING in stream.read(_BEGINNING)
    except OSError:
        return False


def _from_jobstate_log(
    memo: str, lines: list[bytes], behind: Callable[[str], int] = lambda _: 0
) -> tuple[str, Numbered]:
    """The memo is empty, or by how many seconds the times of events are too early (`behind` says it of a DAGMan), and
    when the last one was.
    """
    events = [(number, jobstate_log.parse(line)) for number, line in enumerate(lines)]
    if not memo and not any(_STARTS in line for line in lines):
        return memo, events
    late, clock = map(int, memo.split()) if memo else (0, 0)
    for place, (number, event) in enumerate(events):
        if isinstance(event, DagmanEvent):
            clock = event.time
            if event.state is DagmanState.STARTED:
                late = behind(event.info)
        elif late and isinstance(event, NodeEvent):
            clock = _in_time(event, late, clock)
            events[place] = number, event._replace(time=clock)
    return f"{late} {clock}" if late else "", events


def _in_time(event: NodeEvent, late: int, clock: int) -> int:
    """When it happened, after `clock`. Of a node that had no job yet, DAGMan writes the time of its own clock."""
    mended = event.time + late
    if event.state.startswith(_WITHOUT_JOB) and abs(event.time - clock) < abs(mended - clock):
        return event.time
    return mended


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
