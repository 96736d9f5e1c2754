"""Runs that are disturbed on purpose: jobs that record what they do, and what is to be true after."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.monitor.unplanned_identity import identified
from planner_ext.operations.run import start
from planner_ext.pool.pool import Pool
from planner_ext.pool.processes import send
from tests.support.database import check_sound, dump, query
from tests.support.notices import check_notified, with_notices
from tests.support.places import BUILD, WORK
from tests.support.runs import bridle, ended, monitor_pid, queue, until
from tests.support.workflows import plan

FIGURES = BUILD / "recovered.jsonl"
"""Seconds until recovered, a line for each fault: where docs/reliability.md has its figures from."""

_WORKFLOW = """\
pegasus: 5.0.4
name: fan
jobs:
{jobs}- {{type: job, name: merge, id: merge, arguments: [merge], uses: []}}
jobDependencies:
{edges}"""
_JOB = "- {{type: job, name: work, id: {0}, arguments: [{0}], uses: []}}\n"
_EDGE = "- {{id: {0}, children: [merge]}}\n"
_TOOL = """\
#!/bin/sh
test ! -e {folder}/broken-$1 || exit 3
"""
_TRACED = """\
#!/bin/sh
echo "{name} start $CONDOR_JOBID" >> {trace}
{wait}
{executable} "$@"
code=$?
echo "{name} end $CONDOR_JOBID $code" >> {trace}
exit $code
"""
_WAIT = "while test ! -e {gate}; do sleep 0.1; done"


def traced(path: Path, *, waiting: str = "work_") -> SubmitDir:
    """Let every job of a planned directory record its start and end; those named so wait for `open_gate` in between."""
    submit_dir = open_submit_dir(path)
    for file in path.glob("00/00/*.sub"):
        text = file.read_text()
        found = re.search(r"^executable = (\S+)$", text, re.MULTILINE)
        assert found is not None, file
        script = file.with_suffix(".traced")
        wait = _WAIT.format(gate=path / "gate") if file.name.startswith(waiting) else ""
        script.write_text(
            _TRACED.format(name=file.stem, trace=path / "trace", wait=wait, executable=found[1])
        )
        script.chmod(0o755)
        file.write_text(text.replace(found[0], f"executable = {script}"))
    return submit_dir


def planned_run(work: Path, *words: str, broken: str | None = None) -> SubmitDir:
    """A planned workflow of local jobs: create_dir -> four workers -> merge, of which all is told.

    The workers wait for `open_gate`. `broken` fails, until `mend`ed.
    """
    folder = work / "abstract"
    folder.mkdir(parents=True)
    workers = [f"w{number:05}" for number in range(4)]
    jobs, edges = "".join(map(_JOB.format, workers)), "".join(map(_EDGE.format, workers))
    (folder / "workflow.yml").write_text(_WORKFLOW.format(jobs=jobs, edges=edges))
    catalog = "".join(f"- {{name: {name}, sites: [{{pfn: tool.sh}}]}}\n" for name in ("work", "merge"))
    (folder / "transformations.yml").write_text(f"transformations:\n{catalog}")
    (folder / "replicas.yml").write_text("replicas: []\n")
    (folder / "tool.sh").write_text(_TOOL.format(folder=folder))
    (folder / "tool.sh").chmod(0o755)
    if broken is not None:
        (folder / f"broken-{broken}").touch()
    path = plan(work, "--no-cleanup", "--universe", "local", *words, str(folder / "workflow.yml"))
    return with_notices(traced(path))


def mend(work: Path, broken: str) -> None:
    """The job of a run that `planned_run` made in `work` does not fail any more."""
    (work / "abstract" / f"broken-{broken}").unlink()


def side_by_side(pool: Pool, runs: Mapping[str, SubmitDir]) -> Mapping[str, SubmitDir]:
    """Submit them all; each has then come as far as the jobs that wait."""
    with pool.in_use():  # as `bridle run` does it, without starting ten programs
        for submit_dir in runs.values():
            start(identified(submit_dir))
    until(lambda: all(waiting(submit_dir) for submit_dir in runs.values()), "their jobs wait")
    return runs


@contextmanager
def module_folder(pool: Pool, name: str) -> Iterator[Path]:
    """Where a module's runs live."""
    path = WORK / "tests" / f"{name}-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    if queue(pool):  # of a test that failed
        tool(pool, "condor_rm", "-all")
    until(lambda: not queue(pool), "all jobs have left the queue")
    shutil.rmtree(path)


def open_gate(submit_dir: SubmitDir) -> None:
    """The waiting jobs go on."""
    (submit_dir.path / "gate").touch()


def lines_of_trace(submit_dir: SubmitDir) -> list[list[str]]:
    trace = submit_dir.path / "trace"
    return [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []


def waiting(submit_dir: SubmitDir) -> bool:
    """Whether the workflow has come as far as the jobs that wait, and a monitor is at work."""
    begun = {words[0] for words in lines_of_trace(submit_dir) if words[1] == "start"}
    return sum(name.startswith("work_") for name in begun) == 4 and monitor_pid(submit_dir) is not None


def stored(submit_dir: SubmitDir, state: str, count: int) -> bool:
    """Whether as many jobs are stored to have come to a state."""
    if not submit_dir.database.exists():
        return False
    found = query(submit_dir.database, f"SELECT count(*) FROM jobstate WHERE state = '{state}'")
    return int(str(found[0][0])) >= count


def new_monitor(submit_dir: SubmitDir, before: int | None, limit: float = 120) -> int:
    """Wait for a monitor with another process id; that."""

    def other() -> int | None:
        now = monitor_pid(submit_dir)
        return now if now != before else None

    found = until(other, "there is a new monitor", limit)
    assert isinstance(found, int)
    return found


@contextmanager
def recovery(fault: str, release: str) -> Iterator[None]:
    """Note how long it takes until what is waited for in the block is true again."""
    began = time.monotonic()
    yield
    note_recovery(fault, release, began)


def note_recovery(fault: str, release: str, began: float) -> None:
    """The same, at its end; `began` by the monotonic clock."""
    seconds = round(time.monotonic() - began, 1)
    with FIGURES.open("a") as figures:
        figures.write(json.dumps({"fault": fault, "htcondor": release, "seconds": seconds}) + "\n")


def run_states(submit_dir: SubmitDir) -> list[tuple[object, ...]]:
    """The root's starts and ends in the order of the database: (state, restart_count, status)."""
    rows = query(
        submit_dir.database,
        "SELECT state, restart_count, status FROM workflowstate ORDER BY timestamp, restart_count, state",
    )
    return [tuple(row) for row in rows]


def dagman_lines(submit_dir: SubmitDir) -> list[str]:
    """What DAGMan wrote of itself to the JOBSTATE_LOG, without times and ids."""
    lines = map(str.split, submit_dir.jobstate_log.read_text().splitlines())
    return [" ".join(words[3:-1]).partition(" ")[0] for words in lines if words[1] == "INTERNAL"]


def wait_for_end(pool: Pool, submit_dir: SubmitDir) -> None:
    """The monitor has stored everything and left, and no job of the run is in the queue."""
    if submit_dir.is_planned:
        until(lambda: ended(submit_dir), "the run has ended")
    until(lambda: not jobs_of(pool, submit_dir), "all of its jobs have left the queue")
    until(lambda: monitor_pid(submit_dir) is None, "its monitor has left")


def jobs_of(pool: Pool, submit_dir: SubmitDir) -> list[int]:
    """DAGMan jobs of the run, and all jobs below these, as far as they are in the queue."""
    text = submit_dir.dagman_log.read_bytes() if submit_dir.dagman_log.exists() else b""
    above = {int(number) for number in re.findall(rb"^\d{3} \((\d+)\.", text, re.MULTILINE)}
    found = []
    for job in sorted(
        queue(pool), key=lambda job: job["ClusterId"]
    ):  # who submits comes before what it submits
        if job["ClusterId"] in above or job.get("DAGManJobId") in above:
            above.add(job["ClusterId"])
            found.append(job["ClusterId"])
    return found


def deliver(pool: Pool, submit_dir: SubmitDir) -> None:
    """The notifications that a monitor left which is no more."""
    done = bridle(pool, "monitord", "--catch-up", "--notify", str(submit_dir.path))
    assert done.returncode == 0, done.stderr


def check_truth(submit_dir: SubmitDir, *, aborted: bool = False, by_hand: int = 0) -> None:
    """The database is sound, and has each job that ran, once and as it ended; all of it was told.

    `aborted`: DAGMan left while jobs ran, and never heard how some of them ended; none is better than it was.
    """
    check_notified(submit_dir, by_hand=by_hand)
    check_sound(submit_dir.database)
    ends = {(words[0], words[2]): int(words[3]) for words in lines_of_trace(submit_dir) if words[1] == "end"}
    starts = {(words[0], words[2]) for words in lines_of_trace(submit_dir) if words[1] == "start"}
    rows = query(
        submit_dir.database,
        "SELECT exec_job_id, sched_id, exitcode FROM job_instance JOIN job USING (job_id) WHERE subwf_id IS NULL",
    )
    instances = {(str(name), str(sched_id)): exitcode for name, sched_id, exitcode in rows}
    assert [key for key, count in Counter(row[:2] for row in rows).items() if count > 1] == [], "stored twice"
    assert starts <= set(instances), "every job that ran is stored"
    for key, exitcode in instances.items():
        if ends.get(key) != 0:
            assert exitcode != 0, f"{key} did not end well"
        elif not aborted:
            assert exitcode == 0, f"{key} ended well"


def check_rebuilt(pool: Pool, submit_dir: SubmitDir, *, but: Collection[str] = ()) -> None:
    """What was stored through all faults is what the logs give in one piece; of all tables `but` these."""
    live = dump(submit_dir.database)
    target = submit_dir.path if submit_dir.is_planned else submit_dir.dag_file
    done = bridle(pool, "monitord", "--rebuild", str(target))
    assert done.returncode == 0, done.stderr
    anew = dump(submit_dir.database)
    for table in live.keys() - set(but):
        differs = sorted(set(anew[table]) ^ set(live[table]), key=repr)
        assert differs == [], f"{table}: {differs[:4]}"
        assert anew[table] == live[table], table


def succeeded_once(pool: Pool, submit_dir: SubmitDir, *, by_hand: int = 0) -> None:
    """The run has ended well, each node ran once, and the database says so."""
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir, by_hand=by_hand)
    names = [words[0] for words in lines_of_trace(submit_dir) if words[1] == "end"]
    assert len(names) == len(set(names)) == len(query(submit_dir.database, "SELECT 1 FROM job"))
    assert run_states(submit_dir)[-1][::2] == ("WORKFLOW_TERMINATED", 0)
    assert not list(submit_dir.path.glob("*.rescue*"))
    check_rebuilt(pool, submit_dir)


def program(pid: int) -> str:
    """The name of the program that a process runs; "" if it is gone.

    By /proc's link, not by its words: HTCondor 23 calls any job of the scheduler universe condor_scheduniv_exec.
    """
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def dagman_pid(submit_dir: SubmitDir, dag: str | None = None) -> int | None:
    """The process of the DAGMan that runs the directory's DAG, or another DAG in it."""
    wanted = (dag or submit_dir.dag).encode()
    for pid in (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()):
        try:
            if program(pid) == "condor_dagman" and Path(f"/proc/{pid}/cwd").readlink() == submit_dir.path:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if wanted in words:
                    return pid
        except OSError:
            continue  # it has just left
    return None


def dagman_job(submit_dir: SubmitDir) -> str:
    """The id of the newest DAGMan job, `cluster.0`."""
    found = re.findall(rb"^000 \((\d+)\.", submit_dir.dagman_log.read_bytes(), re.MULTILINE)
    return f"{int(found[-1])}.0"


def monitor_job(pool: Pool, submit_dir: SubmitDir) -> str:
    """The cluster of the monitor's job."""
    ours = jobs_of(pool, submit_dir)
    (found,) = [
        job["ClusterId"] for job in queue(pool) if job.get("BridleMonitor") and job["ClusterId"] in ours
    ]
    return str(found)


def cluster_of(submit_dir: SubmitDir, node: str) -> str:
    """The cluster of a node's newest job."""
    return re.findall(rf"{node} SUBMIT (\d+)\.0 ", submit_dir.jobstate_log.read_text())[-1]


def daemon_pid(pool: Pool, name: str) -> int:
    """The process of one of the pool's daemons."""
    found = [pid for pid in pool.processes.all() if program(pid) == name]
    assert found, f"no {name}"
    return found[0]


def kill_master(pool: Pool) -> None:
    """The procd goes with it, and nobody is left who would end DAGMan, the monitor and the jobs."""

    def daemons() -> dict[int, str]:
        names = {pid: program(pid) for pid in pool.processes.all()}
        return {
            pid: name for pid, name in names.items() if name.startswith("condor_") and name != "condor_dagman"
        }

    # They look for their parent 15 s after their start, and every 120 s: a schedd that then misses it ends the
    # scheduler universe's jobs, if the procd still lives (seen, 25.14.1).
    send((pid for pid, name in daemons().items() if name != "condor_procd"), signal.SIGSTOP)
    kill(pool.processes.master())
    until(lambda: "condor_procd" not in daemons().values(), "the procd has left with it", 60)
    send(daemons(), signal.SIGKILL)
    until(lambda: not daemons(), "the daemons have left", 60)


def kill(pid: int | None, signum: signal.Signals = signal.SIGKILL) -> None:
    assert pid is not None
    os.kill(pid, signum)


def tool(pool: Pool, *words: str, cwd: Path | None = None) -> str:
    """What one of HTCondor's tools prints."""
    try:
        done = subprocess.run(
            words, env=pool.environment(), cwd=cwd, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{words}: no answer within 60 s") from None
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def end_cool_down(pool: Pool, submit_dir: SubmitDir) -> None:
    """HTCondor 25 lets a DAGMan that left with another code than 0 wait for five minutes."""
    tool(pool, "condor_qedit", dagman_job(submit_dir), "JobCoolDownExpiration", "0")
