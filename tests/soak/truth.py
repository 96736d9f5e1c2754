"""What is to be true of a soak's run in the end, by what the jobs and the DAGMans themselves wrote."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.hierarchy import Hierarchy, Member
from tests.soak.strikes import Scene
from tests.support.database import QUERIES, Rows, check_sound, dump, query
from tests.support.runs import bridle

_INSTANCES = (
    "SELECT wf_uuid, exec_job_id, sched_id, exitcode FROM job_instance JOIN job USING (job_id) "
    "JOIN workflow USING (wf_id) ORDER BY job_submit_seq"
)
_END_OF = {
    "JOB_SUCCESS": "success",
    "JOB_FAILURE": "error",
    "POST_SCRIPT_SUCCESS": "success",
    "POST_SCRIPT_FAILURE": "error",
    "completed": "success",
    "failed": "error",
}
_POST_IN_DAGMAN_OUT = re.compile(
    r"ULOG_POST_SCRIPT_TERMINATED for HTCondor Node (\S+) \((\d+\.\d+)\.\d+\).*\n"
    r".* POST Script of node \S+ (completed|failed)"
)


@dataclass
class Attempt:
    """One attempt at a job, as it wrote it down. Jobs of the local universe die with their schedd and start again."""

    starts: int = 0
    codes: list[int] = field(default_factory=list)


Verdicts = dict[tuple[str, str, str], str]
"""(workflow, job, HTCondor's id) -> success or error, as DAGMan has it after the POST script."""
Attempts = dict[tuple[str, str], dict[str, Attempt]]
"""(workflow, job) -> HTCondor's id -> what it wrote, in the order of the first starts."""


@dataclass(frozen=True)
class Verdict:
    """Figures of a run that is as it should be."""

    rows: dict[str, int]
    ran_again: int
    """attempts that started more than once under the same id"""
    ended_again: int
    """... of which had ended before"""
    never_submitted: int
    """attempts whose DAGMan died after the PRE script"""
    failures: int
    """attempts that DAGMan takes for failed; each succeeded in a retry"""
    due: int
    delivered: int
    doubles: int
    mails: int
    """... of these delivered by mail, too"""


def attempts_of(hierarchy: Hierarchy) -> Attempts:
    """What the jobs wrote."""
    found: Attempts = defaultdict(dict)
    for uuid, name, what, job, *code in map(str.split, hierarchy.trace.read_text().splitlines()):
        attempt = found[uuid, name].setdefault(job, Attempt())
        if what == "start":
            attempt.starts += 1
        else:
            attempt.codes.append(int(code[0]))
    return found


def verdicts_of(hierarchy: Hierarchy) -> Verdicts:
    """What DAGMan says. A POST script that comes while its job runs again may find an empty output: then it failed."""
    found: Verdicts = {}
    for member in hierarchy.members:
        if member.has_log:
            lines = map(str.split, member.directory.jobstate_log.read_text().splitlines())
            told = ((words[1], words[3], words[2]) for words in lines if words[2].startswith("POST_SCRIPT_"))
            found |= {(member.uuid, name, job): _END_OF[w] for name, job, w in told if w in _END_OF}
        else:
            told = _POST_IN_DAGMAN_OUT.findall(member.directory.dagman_out.read_text())
            found |= {(member.uuid, name, job): _END_OF[w.split()[0]] for name, job, w in told}
    return found


def check(scene: Scene) -> tuple[Verdict, list[str]]:
    """All of it: the figures, and what is not as it should be."""
    hierarchy, database = scene.hierarchy, scene.database
    attempts, verdicts = attempts_of(hierarchy), verdicts_of(hierarchy)
    live = dump(database)
    wrong: list[str] = []
    told = (0, 0, 0)
    mails = 0
    with _noted(wrong):
        if isinstance(database, Path):
            check_sound(database)
    with _noted(wrong):
        _check_instances(scene, attempts, verdicts)
    with _noted(wrong):
        _check_result(scene)
    with _noted(wrong):
        told = _check_notifications(hierarchy, attempts, verdicts)
    with _noted(wrong):
        mails = _check_mails(scene, attempts, verdicts)
    _check_rebuilt(scene, live, wrong)
    every = [attempt for ids in attempts.values() for attempt in ids.values()]
    due, delivered, doubles = told
    return Verdict(
        rows={table: len(rows) for table, rows in live.items()},
        ran_again=sum(attempt.starts > 1 for attempt in every),
        ended_again=sum(len(attempt.codes) > 1 for attempt in every),
        never_submitted=sum(row[3] is None for row in live["job_instance"]),
        failures=list(verdicts.values()).count("error"),
        due=due,
        delivered=delivered,
        doubles=doubles,
        mails=mails,
    ), wrong


@contextmanager
def _noted(wrong: list[str]) -> Iterator[None]:
    """One thing that is not as it should be hides no other."""
    try:
        yield
    except (AssertionError, LookupError, subprocess.TimeoutExpired) as error:
        wrong.append(f"{type(error).__name__}: {error}")


def _check_rebuilt(scene: Scene, live: dict[str, Rows], wrong: list[str]) -> None:
    """`--rebuild` makes the same of the logs, table by table; what stood there before is kept beside if not."""
    root = scene.root.path
    with _noted(wrong):
        done = bridle(scene.pool, "monitord", "--rebuild", str(root))
        assert done.returncode == 0, f"--rebuild: {done.stderr}"
    anew = dump(scene.database)
    for table in QUERIES:
        with _noted(wrong):
            assert_same(table, _alike(table, live[table]), _alike(table, anew[table]))
    if wrong:
        root.with_name("live.json").write_text(json.dumps(live, indent=0))


def _alike(table: str, rows: Rows) -> Rows:
    """The rows without what depends on which of two workflows is read first: all have files of the same names."""
    return [row[:2] for row in rows] if table == "rc_meta" else rows


def assert_same(what: str, one: list, other: list) -> None:
    """Two tables, by content; the message names a few rows that only one of them has."""
    missing, more = Counter(one) - Counter(other), Counter(other) - Counter(one)
    assert not missing + more, f"{what}: only before {list(missing)[:5]}, only after {list(more)[:5]}"


def _check_instances(scene: Scene, attempts: Attempts, verdicts: Verdicts) -> None:
    """Each attempt is stored once, as it ended; each job was done in the end; and no other is stored."""
    hierarchy = scene.hierarchy
    stored = query(scene.database, _INSTANCES)
    twice = [key for key, n in Counter(row[:3] for row in stored).items() if n > 1 and key[2] is not None]
    assert not twice, f"stored twice: {twice}"
    ran = {(*job, number) for job, ids in attempts.items() for number in ids}
    nodes = {(str(uuid), str(name)) for uuid, name, *_ in stored}
    # An attempt whose DAGMan died between PRE script and submission has no id; the script has run.
    assert {row[3] for row in stored if row[2] is None} <= {None}
    jobs_stored = [row for row in stored if not _is_dag(row[1]) and row[2] is not None]
    traced = {(str(uuid), str(name), str(number)) for uuid, name, number, _ in jobs_stored}
    assert ran - traced == set(), f"ran and not stored: {sorted(ran - traced)[:5]}"
    assert traced - ran == set(), f"stored and did not run: {sorted(traced - ran)[:5]}"
    jobs = query(scene.database, "SELECT wf_uuid, exec_job_id FROM job JOIN workflow USING (wf_id)")
    assert len(jobs) == len(set(jobs)) == hierarchy.all_nodes, f"{len(jobs)} jobs of {hierarchy.all_nodes}"
    assert set(jobs) == nodes, f"never ran: {sorted(set(jobs) - nodes)[:5]}"
    last = {(uuid, name): code for uuid, name, _, code in stored}
    bad = [key for key, code in last.items() if code != 0]
    assert not bad, f"did not end well: {bad[:5]}"
    for uuid, name, number, code in jobs_stored:
        key = str(uuid), str(name), str(number)
        word, codes = verdicts[key], attempts[key[:2]][key[2]].codes
        assert (code == 0) == (word == "success"), f"{key}: {code}, but DAGMan says {word}"
        assert word == "error" or 0 in codes, f"{key}: {word}, but it ended with {codes}"


def _is_dag(name: object) -> bool:
    return str(name).startswith("dagman_")


def _check_result(scene: Scene) -> None:
    """The workflow has succeeded as if nobody had disturbed it: each run has its start and its end, no rescue DAG."""
    hierarchy = scene.hierarchy
    assert not [str(file) for m in hierarchy.members for file in m.directory.path.glob("*.rescue*")]
    states = query(
        scene.database,
        "SELECT wf_uuid, state, restart_count, status FROM workflowstate JOIN workflow USING (wf_id)",
    )
    expected = [
        (member.uuid, *state)
        for member in hierarchy.members
        for run in range(_ends(member))
        for state in (("WORKFLOW_STARTED", run, None), ("WORKFLOW_TERMINATED", run, 0))
    ]
    assert_same("workflowstate", states, expected)
    told = bridle(scene.pool, "status", str(hierarchy.root.path))
    assert told.returncode == 0, told.stderr
    assert "succeeded" in told.stdout, told.stdout
    strange = query(scene.database, "SELECT file, reason, text FROM bridle_quarantine")
    # What the faults did to logs is told there.
    unasked = [row for row in strange if "was replaced or cut" not in str(row[1]) and str(row[2])[:1] != "x"]
    assert not unasked, f"quarantine: {unasked[:5]}"


def _ends(member: Member) -> int:
    """How often its DAGMan has ended well: a schedd that is killed at that moment runs the finished DAG once more."""
    log, end = (
        (member.directory.jobstate_log, " INTERNAL *** DAGMAN_FINISHED 0 ")
        if member.has_log
        else (member.directory.dagman_out, " EXITING WITH STATUS 0\n")
    )
    return max(1, log.read_text().count(end))


def _check_mails(scene: Scene, attempts: Attempts, verdicts: Verdicts) -> int:
    """Each error and each end of a workflow came by mail, under its own Message-ID; some perhaps twice."""
    every = [one for member in scene.hierarchy.members for one in _due(member, attempts, verdicts)]
    due = sum(event == "error" or (event == "end" and uuid == name) for uuid, name, event in every)
    found = {str(mail["Message-ID"]) for mail in scene.mail.box.mails}
    assert len(found) == due, f"{due} mails due, {len(found)} came"
    return due


def _check_notifications(
    hierarchy: Hierarchy, attempts: Attempts, verdicts: Verdicts
) -> tuple[int, int, int]:
    """How many were due, how often scripts were run, how many of them more than once."""
    runs = [tuple(line.split(" ", 4)) for line in hierarchy.told.read_text().splitlines()]
    by_key: dict[str, tuple[str, ...]] = {}
    for key, *words in runs:
        assert by_key.setdefault(key, tuple(words)) == tuple(words), f"{key} is of two things"
    due = Counter(one for member in hierarchy.members for one in _due(member, attempts, verdicts))
    found = Counter(words[:3] for words in by_key.values())
    assert not due - found, f"lost: {list((due - found).elements())[:5]}"
    assert not found - due, f"not due, or under two keys: {list((found - due).elements())[:5]}"
    doubles = [key for key, times in Counter(key for key, *_ in runs).items() if times > 1]
    return due.total(), len(runs), len(doubles)


def _due(member: Member, attempts: Attempts, verdicts: Verdicts) -> Iterator[tuple[str, ...]]:
    """(workflow, job, event) by the JOBSTATE_LOG, and by what the jobs wrote where there is none."""
    for _ in range(_ends(member)):
        yield member.uuid, member.uuid, "start"
        yield member.uuid, member.uuid, "end"
    if not member.has_log:
        for (uuid, name), ids in attempts.items():
            for job in ids if uuid == member.uuid else ():
                yield uuid, name, "start"
                yield uuid, name, verdicts[uuid, name, job]
        return
    # By HTCondor's id: a DAGMan that recovers may give an attempt another number.
    events: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    ids_now: dict[str, str] = {}
    for line in member.directory.jobstate_log.read_text().splitlines():
        _, name, state, job, *_ = line.split()
        if name in ("INTERNAL", "bridle_monitor"):
            continue
        if state in ("SUBMIT", "EXECUTE", "JOB_TERMINATED"):
            ids_now[name] = job
        if state == "EXECUTE":
            events[name, job]["start"] = "start"
        elif state in _END_OF:  # the POST script's word comes last, if there is one
            events[name, ids_now[name]]["end"] = _END_OF[state]
    for (name, _), words in events.items():
        for word in words.values():
            yield member.uuid, name, word
