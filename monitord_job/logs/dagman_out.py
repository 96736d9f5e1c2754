"""Reads X.dag.dagman.out, where no JOBSTATE_LOG was written: the same events in DAGMan's order, with more details.

A message that is no event is no error: most are none. Where DAGMan says what became of a job or a script, the time is
that of its line, where its JOBSTATE_LOG repeats the time of the event before. `attempt` is 0: DAGMan does not say it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo

from dag_rewriter.logs.events import REMOVED, DagmanEvent, DagmanState, JobstateLine, Malformed, NodeEvent
from monitord_job.logs import dagman_out_messages as texts
from monitord_job.logs.dagman_out_format import MARK
from monitord_job.logs.dagman_out_reader import Reader
from monitord_job.logs.dagman_out_state import Cluster, DagmanOutState, Starting
from monitord_job.logs.dagman_out_time import USUAL, prefix_length
from monitord_job.text.unprintable import text_of

ABORTED = str(REMOVED)


def parse(
    state: DagmanOutState, line: bytes, zone: tzinfo | None = None
) -> tuple[DagmanOutState, list[JobstateLine]]:
    """The events that a line (without its newline) completes, and the state to read the next line with.

    `zone` is that of the machine where DAGMan ran; None means this machine's.

    >>> from datetime import timezone
    >>> line = b"11/23/26 05:28:03 PRE Script of Node A failed with status 7"
    >>> parse(DagmanOutState(), line, timezone.utc)[1][0].info
    '7'
    """
    state, events = parse_lines(state, [line], zone)
    return state, [event for _, event in events]


def parse_lines(
    state: DagmanOutState,
    lines: Iterable[bytes],
    zone: tzinfo | None = None,
    clock_zone: tzinfo | None = None,
) -> tuple[DagmanOutState, list[tuple[int, JobstateLine]]]:
    """The same for many lines: each event with the number of the line that completed it, counted from 0.

    `clock_zone` is that of the times before the lines, where it is not that of the events in the log of the nodes.
    """
    reader = Reader(state, zone, clock_zone)
    events: list[tuple[int, JobstateLine]] = []
    rules, new = _RULES, reader.events
    for number, line in enumerate(lines):
        start = USUAL
        if reader.format is not None:
            start = reader.start_of(line)
        elif line[8:9] != b" " or line[17:18] != b" " or line[18:19] == b"(":
            start = prefix_length(line)
        if reader.starting is not None and MARK in line:
            reader.learn_format(line)
        rule = rules.get(line[start : start + 3])
        if rule is not None and reader.read_stamp(line[:start]):
            rule(reader, line[start:])
        elif reader.held_back and start:
            reader.let_go()
        if new:
            events.extend((number, event) for event in new)
            new.clear()
    return reader.state(), events


def finish(state: DagmanOutState) -> tuple[DagmanOutState, list[JobstateLine]]:
    """The events that wait for the line after them, when there will be none."""
    reader = Reader(state, None)
    reader.let_go()
    return reader.state(), list(reader.events)


def _event(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.EVENT.match(message)
    if match is None:
        if not message.startswith(b"Event: ULOG_"):
            return  # "Event is okay" and the like, of a high DAGMAN_VERBOSITY
        if texts.EVENT_OF_NO_NODE.match(message):
            reader.count()
        else:
            reader.events.append(Malformed(text_of(message), "not an event as DAGMan writes it"))
        return
    state, name, cluster, proc, when, rest = match.groups()
    node = text_of(name)
    if state == b"SUBMIT_FAILURE":
        _submit_failed(reader, node, rest)
    elif reader.count():
        reader.judged = False
        reader.read_event_time(when)
        job = "-" if cluster == b"-1" else f"{int(cluster)}.{int(proc)}"
        reader.hold_back(node, state.decode("ascii"), job, reader.event_clock)
        in_cluster = _IN_CLUSTER.get(state)
        if in_cluster is not None:
            # A NOOP node is job 2147483647 of cluster 0.
            in_cluster(reader, node, int(proc) if cluster != b"0" else 0)


def _submitted(reader: Reader, node: str, proc: int) -> None:
    cluster = reader.clusters.get(node)
    if proc > 0 or (cluster and cluster.factory):
        cluster = cluster or Cluster(1)
        reader.clusters[node] = cluster._replace(procs=cluster.procs + 1)
    elif cluster:
        del reader.clusters[node]  # an attempt that DAGMan never saw to its end


def _cluster_submitted(reader: Reader, node: str, _proc: int) -> None:
    reader.clusters[node] = Cluster(0, factory=True)


def _cluster_removed(reader: Reader, node: str, _proc: int) -> None:
    cluster = reader.clusters.pop(node, None)
    if cluster is not None:
        _node_ended(reader, node, cluster.failed or "0", reader.now)


def _aborted(reader: Reader, node: str, _proc: int) -> None:
    # There is no line on this; DAGMan judges at once.
    _proc_ended(reader, node, ABORTED, reader.event_clock)


def _proc_ended(reader: Reader, node: str, code: str, time: int) -> None:
    """A job left the queue; its node has ended with the last one, and failed as the first that did."""
    cluster = reader.clusters.get(node)
    if cluster is None:
        _node_ended(reader, node, code, time)
        return
    failed = cluster.failed or (None if code == "0" else code)
    reader.clusters[node] = Cluster(cluster.procs - 1, failed, cluster.factory)
    if cluster.procs <= 1 and not cluster.factory:
        del reader.clusters[node]
        _node_ended(reader, node, failed or "0", time)


def _node_ended(reader: Reader, node: str, code: str, time: int) -> None:
    reader.hold_back(node, "JOB_SUCCESS" if code == "0" else "JOB_FAILURE", code, time)


_IN_CLUSTER: dict[bytes, Callable[[Reader, str, int], None]] = {
    b"SUBMIT": _submitted,
    b"CLUSTER_SUBMIT": _cluster_submitted,
    b"CLUSTER_REMOVE": _cluster_removed,
    b"JOB_ABORTED": _aborted,
}


def _hold_reason(reader: Reader, message: bytes) -> None:
    match = texts.HOLD_REASON.match(message)
    held = reader.held_back
    reason = match[1].rstrip(b" ") if match else b""
    if held and held[-1].state == "JOB_HELD" and reason not in (b"", b"(unknown)"):
        reader.held_back = (*held[:-1], held[-1]._replace(reason=text_of(reason)))
    reader.let_go()


def _bad_event(reader: Reader, message: bytes) -> None:
    if texts.BAD_EVENT_DROPPED.match(message):
        reader.held_back = ()
    elif not message.startswith(b"BAD EVENT"):
        _error(reader, message)


def _error(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.NO_SUBMIT_FILE.match(message)
    if match:
        reader.submitting = text_of(match[1])
    _reason(reader, message)


def _about_node(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.JOB_ENDED.match(message)
    if match is None:
        _submit_tried(reader, message)
    elif not reader.outcome_is_known():
        name, how, code = match.groups()
        value = code.decode("ascii") if code else "0"
        _proc_ended(reader, text_of(name), f"-{value}" if how == b"signal" else value, reader.now)
        reader.let_go()


def _submitting(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.SUBMITTING.match(message)
    if match:
        reader.submitting = text_of(match[1])


def _submit_tried(reader: Reader, message: bytes) -> None:
    reader.let_go()
    if reader.submitting is not None and texts.SUBMIT_FAILED.match(message):
        _submit_failed(reader, reader.submitting, None)


def _submit_failed(reader: Reader, node: str, reason: bytes | None) -> None:
    event = NodeEvent(
        reader.clock, node, "SUBMIT_FAILURE", "-", 0, text_of(reason).strip() if reason else None
    )
    reader.events.append(event)
    reader.submitting = None  # newer DAGMans say it twice


def _running(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.SCRIPT_RUNS.match(message)
    if match:
        # Also in a RECOVERY section: a POST script that a killed DAGMan had started is started again.
        reader.tell(text_of(match[2]), f"{text_of(match[1])}_SCRIPT_STARTED", "-", reader.clock)
    elif message.startswith(b"Running in RECOVERY mode..."):
        reader.recovering, reader.at, reader.fresh = True, 0, False
        reader.events.append(DagmanEvent(reader.clock, DagmanState.RECOVERY_STARTED, ""))


def _script_ended(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.SCRIPT_ENDED.match(message)
    if match is None or (match[1] == b"POST" and reader.outcome_is_known()):
        return
    kind, name, status, signal = (text_of(group) if group else "" for group in match.groups())
    if message.endswith(b"completed successfully."):
        reader.tell(name, f"{kind}_SCRIPT_SUCCESS", "0", reader.now)
    else:
        reader.tell(name, f"{kind}_SCRIPT_FAILURE", status or (f"-{signal}" if signal else "1"), reader.now)


def _recovered(reader: Reader, message: bytes) -> None:
    reader.let_go()
    if reader.recovering and message.startswith(b"...done with RECOVERY mode"):
        # The file may hold fewer events than were counted, if somebody cut it.
        reader.recovering, reader.seen = False, reader.at
        reader.events.append(DagmanEvent(reader.clock, DagmanState.RECOVERY_FINISHED, ""))


def _banner(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.STARTING_UP.match(message)
    if match:
        reader.starting = Starting(text_of(match[1]) if match[1] else "", reader.clock)
        return
    match = texts.PID.match(message)
    if match and reader.starting:
        reader.starting = reader.starting._replace(pid=text_of(match[1]))


def _batch(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.BATCH.match(message)
    if match and reader.starting:
        reader.starting = reader.starting._replace(batch=text_of(match[1]))


def _warning(reader: Reader, message: bytes) -> None:
    reader.let_go()
    if reader.starting and message.startswith(texts.AT_THE_TOP):
        reader.starting = reader.starting._replace(job=reader.starting.job or reader.starting.batch)


def _parsing(reader: Reader, message: bytes) -> None:
    reader.let_go()
    # When it has read the DAG, DAGMan writes DAGMAN_STARTED.
    if reader.starting and not reader.starting.parsed and texts.PARSING.match(message):
        reader.starting = reader.starting._replace(time=reader.clock, parsed=True)


def _bootstrapping(reader: Reader, _message: bytes) -> None:
    reader.let_go()
    _announce(reader)
    # Held up or killed within a RECOVERY section, and now another one begins.
    reader.fresh, reader.recovering, reader.reason = True, False, None


def _announce(reader: Reader) -> None:
    if reader.starting:
        reader.events.append(DagmanEvent(reader.starting.time, DagmanState.STARTED, reader.starting.job))
        reader.starting = None


def _locked_out(reader: Reader, message: bytes) -> None:
    reader.let_go()
    if reader.starting and texts.LOCKED_OUT.match(message):
        reader.refused, reader.starting = reader.starting.pid, None
    _reason(reader, message)


def _exiting(reader: Reader, message: bytes) -> None:
    reader.let_go()
    match = texts.EXITING.match(message)
    if match is None:
        return
    pid = text_of(match[1]) if match[1] else ""
    if pid == reader.refused:
        reader.refused = None
        return
    if reader.starting and pid == reader.starting.pid:
        _announce(reader)  # it left before it began: a DAG that it does not take
    reader.events.append(DagmanEvent(reader.clock, DagmanState.FINISHED, text_of(match[2]), reader.reason))
    reader.reason = None


def _reason(reader: Reader, message: bytes) -> None:
    reader.let_go()
    for pattern, words in texts.REASONS:
        match = pattern.match(message)
        if match:
            reader.reason = words or text_of(match[1])


_RULES: dict[bytes, Callable[[Reader, bytes], None]] = {
    b"Eve": _event,
    b"  H": _hold_reason,
    b"BAD": _bad_event,
    b"Con": _bad_event,
    b"ERR": _bad_event,
    b"Nod": _about_node,
    b"Job": _submit_tried,
    b"Sub": _submitting,
    b"Run": _running,
    b"PRE": _script_ended,
    b"POS": _script_ended,
    b"...": _recovered,
    b"** ": _banner,
    b"***": _exiting,
    b"Wor": _batch,
    b"War": _warning,
    b"Par": _parsing,
    b"Boo": _bootstrapping,
    b"Abo": _locked_out,
    b"Loc": _locked_out,
    b"Rec": _reason,
    b"Exi": _reason,
    b"Fai": _reason,
}
"""The messages that mean something, by their first three bytes: most lines need no more than this look."""
