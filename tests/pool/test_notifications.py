"""Notifications on the pool: 220 nodes with a hook each, a monitor that is killed again and again, a pool that crashes.

What is due is derived from DAGMan's own JOBSTATE_LOG and from what the jobs wrote, not by the product's rules.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import Release
from tests.support.faults import check_rebuilt, jobs_of, kill, new_monitor, tool
from tests.support.runs import bridle, ended, monitor_pid, until

SEED = 6
KILLS = 20
GROUP = 10
"""Nodes that may end before each kill. One group more is for the crash of the pool, and one for the end."""
NODES = [f"n{number:03d}" for number in range((KILLS + 2) * GROUP)]
FLAKY = NODES[4::15]
"""They fail in their first attempt."""
UUID = "6b0f5c2e-7a2e-4f4e-9f0a-5d1f0c8a2b11"
LONGEST = 1.2
"""Seconds that a monitor works, at most, before it is killed."""
WORDS = ("start", "error", "success", "end")

JOB = """\
#!/bin/sh
until test -e go.{group}; do sleep 0.2; done
echo "{name} $1" >>trace
{last}
"""
FAILS_FIRST = "test -e {name}.seen || {{ touch {name}.seen; exit 3; }}"
SUBMIT = """\
universe = local
executable = {name}.sh
arguments = $(Cluster).$(Process)
output = {name}.out
error = {name}.err
queue
"""
VARIABLES = (
    "BRIDLE_NOTIFICATION_KEY",
    "PEGASUS_EVENT",
    "PEGASUS_JOBID",
    "PEGASUS_STATUS",
    "PEGASUS_WFID",
    "PEGASUS_SUBMIT_DIR",
    "PEGASUS_STDOUT",
    "PEGASUS_STDERR",
    "PEGASUS_EVENT_TIMESTAMP",
    "PEGASUS_EVENT_TIMESTAMP_ISO",
    "BRIDLE_ATTEMPT",
)


class Told(NamedTuple):
    """One run of the hook: what it was given."""

    key: str
    event: str
    job: str
    status: str
    workflow: str
    submit_dir: str
    stdout: str
    stderr: str
    timestamp: str
    iso: str
    attempt: str


class Due(NamedTuple):
    """What is to be told: of whom, what, of which attempt, when, and how it ended."""

    job: str
    event: str
    attempt: int
    time: int
    status: str


@pytest.fixture
def planned(work_dir: Path) -> SubmitDir:
    """A submit directory as a planner leaves it, with hooks for the workflow and every job in NAME.notify."""
    path = work_dir / "run"
    path.mkdir()
    hook = path / "hook.sh"
    line, values = "\\t".join(["%s"] * len(VARIABLES)), " ".join(f'"${name}"' for name in VARIABLES)
    hook.write_text(f"#!/bin/sh\nprintf '{line}\\n' {values} >>'{path / 'told'}'\n")
    hook.chmod(0o755)
    (path / "user.config").write_text(f"DAGMAN_MAX_JOBS_SUBMITTED = {2 * GROUP}\n")
    dag, rules = ["CONFIG user.config"], [f"WORKFLOW {UUID} {word} {hook}" for word in WORDS]
    for number, name in enumerate(NODES):
        last = FAILS_FIRST.format(name=name) if name in FLAKY else "exit 0"
        script = path / f"{name}.sh"
        script.write_text(JOB.format(group=number // GROUP, name=name, last=last))
        script.chmod(0o755)
        (path / f"{name}.sub").write_text(SUBMIT.format(name=name))
        dag += [f"JOB {name} {name}.sub", f"RETRY {name} 1"]
        rules += [f"JOB {name} {word} {hook}" for word in WORDS]
    (path / "hooks-0.dag").write_text("\n".join(dag) + "\n")
    (path / "hooks-0.notify").write_text("\n".join(rules) + "\n")
    (path / "braindump.yml").write_text(
        f'dag: "hooks-0.dag"\nwf_uuid: "{UUID}"\nroot_wf_uuid: "{UUID}"\ntype: "dag"\n'
        'dax_label: "hooks"\ndax_index: "0"\nnotify: "hooks-0.notify"\n'
    )
    (path / "bridle-policy.toml").write_text("[monitor]\nmax_starts = 100\n")
    return open_submit_dir(path)


def start(pool: Pool, submit_dir: SubmitDir) -> None:
    """Submit it with a monitor that HTCondor starts again at once: the waiting has its own tests, and takes long."""
    rewritten = bridle(pool, "rewrite", str(submit_dir.path))
    assert rewritten.returncode == 0, rewritten.stderr
    text = submit_dir.monitor_submit.read_text()
    patient = re.compile(r"^deferral_time .*$", re.MULTILINE)
    assert patient.search(text)
    submit_dir.monitor_submit.write_text(patient.sub("deferral_time = time()", text))
    tool(pool, "condor_submit_dag", submit_dir.dag, cwd=submit_dir.path)


def told(submit_dir: SubmitDir) -> list[Told]:
    log = submit_dir.path / "told"
    lines = log.read_text().splitlines() if log.exists() else []
    return [Told(*line.split("\t")) for line in lines]


def wait_for_moment(moment: float) -> None:
    """A moment of the monotonic clock, which is at random: neither the monitor nor a script is at a known place."""
    until(lambda: time.monotonic() >= moment, "the moment has come")


def due_by_dagman(submit_dir: SubmitDir) -> list[Due]:
    """By the JOBSTATE_LOG: of each attempt its first start and its end, of the workflow too."""
    found: list[Due] = []
    # By HTCondor's id: a DAGMan that recovers may give an attempt another number.
    attempts: dict[str, list[str]] = {}
    for line in submit_dir.jobstate_log.read_text().splitlines():
        clock, name, state, *rest = line.split()
        if name == "INTERNAL" and rest[0] == "DAGMAN_FINISHED":
            found += [Due(UUID, word, 1, int(clock), rest[1]) for word in ("success", "end")]
        if name not in NODES:
            continue
        ids = attempts.setdefault(name, [])
        if state == "EXECUTE" and rest[0] not in ids:
            ids.append(rest[0])
            found.append(Due(name, "start", len(ids), int(clock), ""))
        elif state in ("JOB_SUCCESS", "JOB_FAILURE"):
            word = {"JOB_SUCCESS": "success", "JOB_FAILURE": "error"}[state]
            found += [Due(name, event, len(ids), int(clock), rest[0]) for event in (word, "end")]
    first = submit_dir.jobstate_log.read_text().split()
    return [Due(UUID, "start", 1, int(first[0]), ""), *found]


@pytest.mark.timeout(900)  # a minute where nothing else is at work
def test_none_is_lost_whatever_is_killed(own_pool: Pool, release: Release, planned: SubmitDir):
    own_pool.start(release, slots=4)
    start(own_pool, planned)
    chance = random.Random(SEED)
    crash = chance.randrange(KILLS + 1)
    for group in range(KILLS + 1):
        monitor = until(lambda: monitor_pid(planned), "a monitor is at work")
        (planned.path / f"go.{group}").touch()
        wait_for_moment(time.monotonic() + chance.uniform(0, LONGEST))
        if group == crash:
            own_pool.crash()
            own_pool.start(release)
        else:
            kill(monitor)
        new_monitor(planned, monitor)
    (planned.path / f"go.{KILLS + 1}").touch()
    until(lambda: ended(planned), "the run has ended")
    until(lambda: not jobs_of(own_pool, planned), "all of its jobs have left the queue")

    check_told(planned)
    check_rebuilt(own_pool, planned)


def check_told(submit_dir: SubmitDir) -> None:
    due, runs = due_by_dagman(submit_dir), told(submit_dir)
    ran = {line.split()[0] for line in (submit_dir.path / "trace").read_text().splitlines()}
    assert ran == set(NODES), "each job ran"
    assert sorted(one.job for one in due if one.event == "success") == sorted([UUID, *NODES])
    assert [one.job for one in due if one.event == "error"], "some failed first"

    by_key = {run.key: run for run in runs}
    assert all(by_key[run.key] == run for run in runs), "what comes twice is the same"
    delivered = [
        Due(run.job, run.event, int(run.attempt), int(float(run.timestamp)), run.status)
        for run in by_key.values()
    ]
    assert Counter(delivered) == Counter(due), "each that is due, under one key, and no other"
    doubles = [key for key, times in Counter(run.key for run in runs).items() if times > 1]
    assert len(doubles) < KILLS, "fewer were delivered twice than monitors were killed"
    for run in by_key.values():
        check_environment(submit_dir, run)


def check_environment(submit_dir: SubmitDir, run: Told) -> None:
    """As Pegasus documents it."""
    assert run.submit_dir == str(submit_dir.path)
    assert run.workflow == "hooks-0"
    assert datetime.strptime(run.iso, "%Y-%m-%dT%H:%M:%S%z").timestamp() == float(run.timestamp)
    if run.job == UUID:
        assert run.stdout == str(submit_dir.dagman_out)
    else:
        files = (run.stdout, run.stderr)
        assert files == tuple(str(submit_dir.path / f"{run.job}.{kind}") for kind in ("out", "err"))
