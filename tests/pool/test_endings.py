"""The product of ways in which a run ends and of commands that speak of it: all say the same, and say why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.locate import open_target
from monitord_job.monitor.unplanned_identity import identified
from planner_ext.operations.run import start
from planner_ext.pool.pool import Pool
from tests.support.faults import module_folder
from tests.support.rules import write_rules
from tests.support.runs import BRIDLE, RUN_LIMIT, bridle, queue, until

_SUB = "universe = local\nexecutable = /bin/sh\noutput = $(JOB).out\nerror = $(JOB).err\nlog = jobs.log\n"
FILES = {
    "ok.sub": _SUB + 'arguments = "-c true"\nqueue\n',
    "three.sub": _SUB + "arguments = \"-c 'echo harmless; echo the-cause >&2; exit 3'\"\nqueue\n",
    "signal.sub": _SUB + "arguments = killed.sh\nqueue\n",
    # DAGMan removes the others when the first has failed.
    "several.sub": _SUB
    + "arguments = \"-c 'test $(Process) = 0 || sleep 300; exit $(Process)3'\"\nqueue 3\n",
    # One fails, then one succeeds, then another fails.
    "turns.sub": _SUB
    + "arguments = \"-c 'sleep $(Process) $(Process) $(Process); test $(Process) = 1 || exit 3$(Process)'\"\nqueue 3\n",
    "slow.sub": _SUB + "arguments = \"-c 'sleep 5'\"\nqueue\n",
    "wait.sub": _SUB + "arguments = \"-c 'while test ! -e gate; do sleep 0.2; done'\"\nqueue\n",
    "odd.sub": _SUB + "request_memory = 2 buckets\nqueue\n",
    "policy.sub": _SUB + 'arguments = "-c true"\nhold = true\nperiodic_remove = JobStatus == 5\nqueue\n',
    "service.sub": _SUB + "arguments = \"-c 'exec sleep 600'\"\nqueue\n",
    "held-service.sub": _SUB + 'arguments = "-c true"\nhold = true\nqueue\n',
    "bad-service.sub": _SUB + "arguments = \"-c 'exit 7'\"\nqueue\n",
    "nine.sh": "#!/bin/sh\nexit 9\n",
    "killed.sh": "#!/bin/sh\nkill -KILL $$\n",
    "below.dag": "JOB inner three.sub\nJOB other ok.sub\n",
    "wrong.dag": "JOB inner ok.sub\nNONSENSE inner\n",
}
RULES = "WORKFLOW * success shell: echo success >> told\nWORKFLOW * error shell: echo error >> told\n"
pytestmark = pytest.mark.timeout(1200)  # twenty runs, and as many questions, on a machine with other work
CODES = {"succeeded": 0, "failed": 1, "removed": 4, "aborted": 5}


@dataclass(frozen=True)
class End:
    """A DAG, how it ends, and what is said of its node `fit`: words of the cause, and its kind."""

    dag: str
    ending: str
    phrase: str = ""
    kind: str = ""


ENDS = {
    "good": End("JOB fit ok.sub\n", "succeeded"),
    "done": End("JOB fit ok.sub DONE\nJOB b slow.sub\n", "succeeded"),
    "noop": End("JOB fit ok.sub NOOP\nJOB b slow.sub\n", "succeeded"),
    "service": End("JOB fit wait.sub\nSERVICE s service.sub\nFINAL f ok.sub\n", "succeeded"),
    "held service": End("JOB fit wait.sub\nSERVICE s held-service.sub\n", "succeeded"),
    "service that failed": End("JOB fit wait.sub\nSERVICE s bad-service.sub\n", "succeeded"),
    "exit code": End("JOB fit three.sub\n", "failed", "exit code 3", "job"),
    "one of several jobs": End("JOB fit several.sub\n", "failed", "exit code 3", "job"),
    "tolerated failure": End(
        "JOB fit three.sub\nTOLERANCE fit 1\nJOB b ok.sub\nPARENT fit CHILD b\n", "succeeded"
    ),
    "more than tolerated": End("JOB fit turns.sub\nTOLERANCE fit 1\n", "failed", "exit code 30", "job"),
    "signal": End("JOB fit signal.sub\n", "failed", "signal 9", "job"),
    "PRE script": End(
        "JOB fit ok.sub\nSCRIPT PRE fit nine.sh\nJOB b slow.sub\n",
        "failed",
        "PRE script: exit code 9",
        "PRE script",
    ),
    "POST script": End(
        "JOB fit ok.sub\nSCRIPT POST fit nine.sh\n",
        "failed",
        "POST script: exit code 9 (the job itself succeeded)",
        "POST script",
    ),
    "POST script by a signal": End(
        "JOB fit three.sub\nSCRIPT POST fit killed.sh\n",
        "failed",
        "POST script: signal 9 (the job itself: exit code 3)",
        "POST script",
    ),
    # 25 quotes the value, 23 does not.
    "submission": End(
        "JOB fit odd.sub\nJOB b slow.sub\n", "failed", "HTCondor did not take it: ", "submission"
    ),
    "over before its monitor began": End(
        "JOB fit odd.sub\n", "failed", "HTCondor did not take it: ", "submission"
    ),
    "removed job": End("JOB fit wait.sub\n", "failed", "removed: the disk is full", "removed"),
    "removed by policy": End("JOB fit policy.sub\n", "failed", "PeriodicRemove", "removed"),
    "sub-workflow": End(
        "SUBDAG EXTERNAL fit below.dag\n", "failed", "sub-workflow: inner: exit code 3", "sub-workflow"
    ),
    # 25 has condor_submit_dag read it, 23 only DAGMan.
    "refused sub-workflow": End(
        "SUBDAG EXTERNAL fit wrong.dag\n", "failed", "ERROR: ", "submission or sub-workflow"
    ),
    "masked by FINAL": End("JOB fit three.sub\nFINAL f ok.sub\n", "failed", "exit code 3", "job"),
    "aborted": End("JOB fit three.sub\nABORT-DAG-ON fit 3 RETURN 0\n", "aborted", "exit code 3", "job"),
    "aborted by one of several jobs": End(
        "JOB fit several.sub\nABORT-DAG-ON fit 3 RETURN 0\n", "aborted", "exit code 3", "job"
    ),
    "aborted by success": End(
        "JOB fit ok.sub\nJOB b ok.sub\nPARENT fit CHILD b\nABORT-DAG-ON fit 0 RETURN 0\n", "aborted"
    ),
    "removed run": End("JOB fit wait.sub\n", "removed", "removed because", "removed"),
}


def _named(names: Iterable[str]) -> list[Any]:
    """Parameters for those ends; HTCondor 23 refuses the DAGs of some."""
    new = pytest.mark.htcondor_25
    return [pytest.param(name, marks=new) if "TOLERANCE" in ENDS[name].dag else name for name in names]


WAITED = ("good", "exit code", "removed run", "aborted", "over before its monitor began")
"""One for each exit code, for which somebody waits with `bridle run --wait`; the others are submitted."""


@dataclass(frozen=True)
class Ended:
    """What each command said of a run that has ended."""

    place: Path
    status: Mapping[str, Any]
    shown: str
    recover: Mapping[str, Any]
    report: str
    rescue: Mapping[str, Any]
    listed: Mapping[str, Any]


class Endings:
    """All runs side by side; each is asked when a test is about it."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._told: dict[str, Ended] = {}
        self.waited: dict[str, int] = {}

    def place(self, name: str) -> Path:
        return self._folder / name.replace(" ", "-")

    def __getitem__(self, name: str) -> Ended:
        if name not in self._told:
            self._told[name] = self._ask(name)
        return self._told[name]

    def _ask(self, name: str) -> Ended:
        pool, place = self._pool, self.place(name)
        until(lambda: not _jobs(pool, place), f"{name}: all jobs have left")
        status = bridle(pool, "status", "--json", "x.dag", cwd=place)
        shown = bridle(pool, "status", "x.dag", cwd=place)
        recover = bridle(pool, "recover", "--json", "x.dag", cwd=place)
        command = [str(BRIDLE.with_name("bridle-notify")), "--run", str(place / "x.dag"), "--dry-run"]
        report = subprocess.run(
            command, env=pool.environment(), capture_output=True, text=True, timeout=RUN_LIMIT, check=True
        )
        rescue, listed = (
            bridle(pool, "rescue", what, "--json", "x.dag", cwd=place) for what in ("show", "list")
        )
        return Ended(
            place,
            json.loads(status.stdout),
            shown.stdout,
            json.loads(recover.stdout),
            report.stdout,
            json.loads(rescue.stdout),
            json.loads(listed.stdout),
        )


@pytest.fixture(scope="module")
def ended(pool: Pool) -> Iterator[Endings]:
    with module_folder(pool, "endings") as folder:
        found = Endings(pool, folder)
        for name, end in ENDS.items():
            place = found.place(name)
            place.mkdir()
            for file, text in {**FILES, "x.dag": end.dag}.items():
                (place / file).write_text(text)
                (place / file).chmod(0o755)
            write_rules(place / "x.bridle-notify", RULES)
        waits = {
            name: subprocess.Popen(
                [str(BRIDLE), "run", "--wait", "x.dag"],
                env=pool.environment(),
                cwd=found.place(name),
                stdout=subprocess.DEVNULL,
            )
            for name in WAITED
        }
        with pool.in_use():  # as `bridle run` does it, without starting fifteen programs
            for name in ENDS:
                if name not in WAITED:
                    start(identified(open_target(found.place(name) / "x.dag")), force=True)
        _act(pool, folder)
        found.waited = {name: wait.wait(RUN_LIMIT) for name, wait in waits.items()}
        yield found


def _act(pool: Pool, folder: Path) -> None:
    """What the runs do not do by themselves: a job and a run are removed; the services have come to be there."""
    _until_running(pool, folder / "removed-job", "fit")
    job = _job(pool, folder / "removed-job", "fit")
    command = ["condor_rm", job, "-reason", "the disk is full"]
    subprocess.run(command, env=pool.environment(), check=True, capture_output=True, timeout=60)
    _until_running(pool, folder / "removed-run", "fit")
    assert bridle(pool, "remove", "x.dag", cwd=folder / "removed-run").returncode == 0
    _until_running(pool, folder / "service", "s")
    until(lambda: not _jobs(pool, folder / "service-that-failed", "s"), "the service has failed")
    for name in ("service", "held-service", "service-that-failed"):
        _until_running(pool, folder / name, "fit")
        (folder / name / "gate").touch()


def _jobs(pool: Pool, place: Path, node: str | None = None) -> list[dict[str, Any]]:
    """The jobs of a run in the queue, or those of one node."""
    here = [job for job in queue(pool) if Path(job["Iwd"]) == place]
    return [job for job in here if node in (None, job.get("DAGNodeName"))]


def _job(pool: Pool, place: Path, node: str) -> str:
    return str(_jobs(pool, place, node)[0]["ClusterId"])


def _until_running(pool: Pool, place: Path, node: str) -> None:
    until(
        lambda: any(job["JobStatus"] == 2 for job in _jobs(pool, place, node)), f"{node} of {place.name} runs"
    )


@pytest.mark.parametrize("name", _named(ENDS))
def test_all_commands_say_how_it_ended(ended, name):
    end, told = ENDS[name], ended[name]
    assert told.status["ending"] == end.ending
    assert told.recover["condition"] == end.ending
    assert told.listed["last_run"]["ending"] == end.ending
    assert told.shown.splitlines()[1].startswith(end.ending)
    assert told.status["state"] == ("succeeded" if end.ending == "succeeded" else "failed")
    assert told.status["exit_code"] == ended.waited.get(name, CODES[end.ending]) == CODES[end.ending]
    until((told.place / "told").exists, "somebody is told of its end")
    assert set((told.place / "told").read_text().split()) == {
        "success" if end.ending == "succeeded" else "error"
    }
    assert ("; succeeded" in told.report) == (end.ending == "succeeded")


@pytest.mark.parametrize("name", _named(name for name, end in ENDS.items() if end.phrase))
def test_all_commands_say_why(ended, name):
    end, told = ENDS[name], ended[name]
    (failed,) = [job for job in told.status["failed"] if job["job"] == "fit"]
    assert failed["cause"]["kind"] in end.kind.split(" or ")
    assert end.phrase in failed["cause"]["phrase"]
    (line,) = [line for line in told.shown.splitlines() if line.startswith("failed: fit ")]
    assert end.phrase in line
    assert end.phrase in told.report
    assert (end.phrase in told.recover["what"]) == (end.ending == "failed")
    assert told.rescue["causes"]["fit"] == failed["cause"]
    assert "exit code -" not in told.shown + told.report
    assert "signal 128" not in told.shown + told.report
    if "see " in line:
        assert (told.place / line.partition("see ")[2].partition(")")[0]).is_file()


def test_stderr_is_named_and_shown_where_stdout_is_harmless(ended):
    told = ended["exit code"]
    assert "see fit.err" in told.shown
    assert "| the-cause" in told.report


@pytest.mark.parametrize("name", ["service", "held service"])
def test_a_service_that_was_removed_is_done(ended, name):
    assert ended[name].status["failed"] == ended[name].status["held"] == []
    assert "100 %" in ended[name].shown


def test_a_service_that_failed_is_named_and_fails_no_run(ended):
    (failed,) = ended["service that failed"].status["failed"]
    assert (failed["job"], failed["cause"]["phrase"]) == ("s", "exit code 7")


@pytest.mark.parametrize("name", _named(name for name, end in ENDS.items() if end.ending == "succeeded"))
def test_what_has_succeeded_is_not_run_again(ended, pool, name):
    again = bridle(pool, "run", "x.dag", cwd=ended[name].place)
    assert again.returncode == 0, again.stderr
    assert "nothing was submitted" in again.stdout


def test_nothing_is_called_unreadable_of_a_job_that_was_removed(ended):
    for name in ("removed job", "removed by policy", "removed run"):
        assert ended[name].status["quarantined"] == 0, name


def test_jobs_on_hold_are_seen_and_released_at_any_depth(pool, work_dir):
    deep = {
        "x.dag": "SUBDAG EXTERNAL a a.dag\n",
        "a.dag": "SUBDAG EXTERNAL b b.dag\n",
        "b.dag": "JOB fit wait.sub\n",
    }
    for file, text in {**FILES, **deep}.items():
        (work_dir / file).write_text(text)
    command = [str(BRIDLE), "run", "--wait", "x.dag"]
    run = subprocess.Popen(command, env=pool.environment(), cwd=work_dir, stdout=subprocess.PIPE, text=True)
    _until_running(pool, work_dir, "fit")
    watch = [str(BRIDLE), "watch", "x.dag"]
    watcher = subprocess.Popen(watch, env=pool.environment(), cwd=work_dir, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    until(lambda: "jobs done" in watcher.stdout.readline(), "watch has begun")
    listed = json.loads(bridle(pool, "list", "--json", "--state", "live", str(work_dir)).stdout)["runs"]
    assert [(one["name"], one["state"]) for one in listed] == [("x", "running")]
    assert (
        json.loads(bridle(pool, "status", "--json", listed[0]["job"], cwd=work_dir).stdout)["state"]
        == "running"
    )
    held = bridle(pool, "hold", "--node", "b/fit", "x.dag", cwd=work_dir)
    assert held.returncode == 0, held.stderr
    found = json.loads(bridle(pool, "recover", "--json", "x.dag", cwd=work_dir).stdout)
    (job,) = found["held"]
    assert (job["node"], job["reason"].partition(" (")[0]) == ("a/b/fit", "held with bridle hold")
    assert found["needs_attention"]
    assert "jobs held: 1 job is held: a/b/fit" in bridle(pool, "status", "x.dag", cwd=work_dir).stdout
    wrong = bridle(pool, "release", "--node", "nobody", "x.dag", cwd=work_dir)
    assert (wrong.returncode, "no job of node nobody" in wrong.stderr) == (2, True)
    assert run.stdout is not None
    until(lambda: "held: a/b/fit" in run.stdout.readline(), "run --wait says so")
    until(lambda: "held: a/b/fit" in watcher.stdout.readline(), "watch says so")
    released = bridle(pool, "release", "--jobs", "x.dag", cwd=work_dir)
    assert released.returncode == 0, released.stderr
    _until_running(pool, work_dir, "fit")
    removed = bridle(pool, "remove", "--node", "fit", "x.dag", cwd=work_dir)
    assert removed.returncode == 0, removed.stderr
    said = run.communicate(timeout=RUN_LIMIT)[0]
    assert run.returncode == 1
    assert "failed: a (attempt 1): sub-workflow: b: sub-workflow: fit: removed with bridle remove" in said
    seen = watcher.communicate(timeout=RUN_LIMIT)[0]
    assert watcher.returncode == 1
    assert "failed: a/b/fit" in seen
    assert seen.splitlines()[-1].startswith("failed: ")


def test_a_job_that_dagman_submits_on_hold_after_its_failure_says_why_it_failed(pool, work_dir):
    files = {
        "fit.sub": _SUB + "arguments = \"-c 'test -e mended || exit 3'\"\nqueue\n",
        "hold.config": "DAGMAN_PUT_FAILED_JOBS_ON_HOLD = True\n",
        "x.dag": "CONFIG hold.config\nJOB fit fit.sub\n",
    }
    for file, text in files.items():
        (work_dir / file).write_text(text)
    write_rules(work_dir / "x.bridle-notify", "JOB * error shell: echo error >> told\n" + RULES)
    command = [str(BRIDLE), "run", "--wait", "x.dag"]
    run = subprocess.Popen(command, env=pool.environment(), cwd=work_dir, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    said = "(the attempt before: exit code 3)"
    until(lambda: said in run.stdout.readline(), "run --wait says why")
    status = json.loads(bridle(pool, "status", "--json", "x.dag", cwd=work_dir).stdout)
    ((job,), (held,)) = status["held"], status["diagnosis"]["held"]
    assert said in job["cause"]["phrase"]
    assert said in held["reason"]
    assert said in bridle(pool, "recover", "x.dag", cwd=work_dir).stdout
    (work_dir / "mended").touch()
    released = bridle(pool, "release", "--jobs", "x.dag", cwd=work_dir)
    assert released.returncode == 0, released.stderr
    run.communicate(timeout=RUN_LIMIT)
    assert run.returncode == 0
    until(lambda: "success" in (work_dir / "told").read_text(), "somebody is told of its end")
    assert (work_dir / "told").read_text().split() == ["error", "success"]
