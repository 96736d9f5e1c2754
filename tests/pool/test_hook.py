"""The planner hook on real daemons: planned, started, refused, caught up, and sub-workflows that are planned again."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dag_rewriter.directory.dagman_submit_file import is_made_by_shim
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.originals import submit_file_in_the_way
from dag_rewriter.rewriting.rewrite import is_rewritten
from planner_ext.pool.pool import Pool
from tests.support.database import check_sound, query
from tests.support.faults import (
    check_rebuilt,
    check_truth,
    cluster_of,
    dagman_job,
    jobs_of,
    kill,
    lines_of_trace,
    mend,
    module_folder,
    monitor_job,
    open_gate,
    planned_run,
    stored,
    tool,
    traced,
    wait_for_end,
    waiting,
)
from tests.support.hooked import call, environment, finish_plan, install, subdax_command
from tests.support.pegasus_home import in_api, pegasus_home
from tests.support.runs import BRIDLE, bridle, monitor_pid, until
from tests.support.workflows import plan

Env = dict[str, str]
REASON = "the disk is to be mended"


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "hook") as path:
        yield path


@pytest.fixture(scope="module")
def env(pool: Pool, folder: Path) -> Env:
    return environment(pool, install(folder / "shims"))


@pytest.fixture(scope="module", autouse=True)
def outer(folder: Path, env: Env) -> SubmitDir:
    """A workflow with a sub-workflow. It runs beside the other tests.

    The planner of a system's package looks for condor_submit_dag beside itself first, and finds no shim. So this one
    is planned without; pegasus-run finds the shim of condor_submit.
    """
    planned = one_task(folder, "outer")
    with_sub_workflow(env, planned, one_task(folder, "inner"))
    finish_plan(env | {"BRIDLE_HOOK": "off"}, planned)
    assert not is_rewritten(planned)
    begun = call(env, "condor_submit", "-terse", planned.condor_sub.name, cwd=planned.path)
    assert begun.returncode == 0, begun.stderr
    assert begun.stdout.split(".")[0].isdecimal(), "pegasus-run reads the number of the job"
    assert is_rewritten(planned)
    return planned


def test_a_plan_gets_its_monitor_and_loses_nothing_when_it_is_started_anew(pool, work_dir, env):
    submit_dir = planned_run(work_dir, "--retry", "0", broken="w00001")
    said = finish_plan(env, submit_dir).stdout
    assert said.endswith(f"bridle: {submit_dir.dag_file}: rewritten, the monitor is one of its jobs\n")
    assert is_rewritten(submit_dir)
    begun = call(env, "pegasus-run", "--json", "-v", ".", cwd=submit_dir.path)
    assert begun.returncode == 0, begun.stderr
    assert json.loads(begun.stdout) == submit_dir.braindump
    job = dagman_job(submit_dir)
    assert f"1 job(s) submitted to cluster {job[:-2]}." in begun.stderr
    wanted = "Cmd,Environment,pegasus_wf_uuid"
    (ad,) = json.loads(tool(pool, "condor_q", "-allusers", "-json", "-attributes", wanted, job))
    assert ad["Cmd"].endswith("condor_dagman")
    assert ad["pegasus_wf_uuid"] == submit_dir.wf_uuid
    assert "PLANNER_ADDED=yes" in ad["Environment"]
    assert is_made_by_shim(submit_dir.condor_sub.read_bytes()), "for Pegasus's own pegasus-run"

    until(lambda: waiting(submit_dir), "its jobs wait")
    check_refused(env, submit_dir, job)
    lose_monitor(pool, submit_dir)
    hold_and_release(pool, submit_dir)
    open_gate(submit_dir)
    until(lambda: not jobs_of(pool, submit_dir), "the run has ended")
    ends = "SELECT count(*) FROM job_instance JOIN job USING (job_id) WHERE exec_job_id LIKE 'work_%' AND exitcode >= 0"
    assert query(submit_dir.database, ends) == [(0,)]
    assert list(submit_dir.path.glob("*.rescue*"))

    mend(work_dir, "w00001")
    again = call(env, "condor_submit_dag", submit_dir.dag, cwd=submit_dir.path)
    assert again.returncode == 0, again.stderr
    assert query(submit_dir.database, ends) == [(4,)], "stored before DAGMan began"
    wait_for_end(pool, submit_dir)
    check_truth(submit_dir)
    held = "SELECT exec_job_id, reason FROM jobstate JOIN job_instance USING (job_instance_id) JOIN job USING (job_id) "
    found = query(submit_dir.database, held + "WHERE state = 'JOB_HELD'")
    assert [(name, REASON in str(reason)) for name, reason in found] == [("work_w00000", True)], (
        "it stood in what DAGMan has emptied"
    )
    more = call(env, "pegasus-run", str(submit_dir.path), cwd=work_dir)
    assert more.returncode == 0, more.stderr
    assert "has succeeded already, nothing was submitted" in more.stderr
    gone = call(env, "pegasus-remove", cwd=submit_dir.path)
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "no job of it is in the queue" in gone.stderr


def check_refused(env: Env, submit_dir: SubmitDir, job: str) -> None:
    """Whoever starts a second DAGMan is told of the first."""
    until(lambda: stored(submit_dir, "EXECUTE", 5), "the monitor has made its files")
    before = files_of(submit_dir)
    what = (
        f"DAGMan job {job} runs this workflow already; see `bridle status`, or remove it with `bridle remove`"
    )
    submit_file = submit_dir.condor_sub.name
    for words in (
        ["condor_submit_dag", submit_dir.dag],
        ["pegasus-run", "."],
        ["condor_submit", submit_file],
    ):
        refused = call(env, *words, cwd=submit_dir.path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == f"bridle: {submit_dir.path}: {what}\n"
    assert files_of(submit_dir) == before


def files_of(submit_dir: SubmitDir) -> list[str]:
    """But for those that come and go as what happened is stored and told."""
    names = (path.name for path in submit_dir.path.iterdir())
    return sorted(
        name for name in names if not re.match(r"monitord|told|.*(\.bridle-deliver|\.stampede\.db)", name)
    )


def hold_and_release(pool: Pool, submit_dir: SubmitDir) -> None:
    """A job is held for a reason, which stands in the log of DAGMan's nodes and nowhere else."""
    job = cluster_of(submit_dir, "work_w00000")
    for tells, command in (("JOB_HELD", "condor_hold"), ("JOB_RELEASED", "condor_release")):
        tool(pool, command, "-reason", REASON, job)
        until(partial(told, submit_dir, f"work_w00000 {tells} "), "DAGMan knows")


def told(submit_dir: SubmitDir, words: str) -> bool:
    return words in submit_dir.jobstate_log.read_text()


def lose_monitor(pool: Pool, submit_dir: SubmitDir) -> None:
    """Nobody is left who could store how its jobs end."""
    pid, job = monitor_pid(submit_dir), monitor_job(pool, submit_dir)
    kill(pid, signal.SIGSTOP)
    tool(pool, "condor_rm", job)
    tool(pool, "condor_rm", "-forcex", job)
    kill(pid)


SUB = "pegasus-plan_SUB"
SUB_FILE = """\
universe = scheduler
executable = {dagman}
arguments = " -p 0  -f -l . -Notification never -Debug 3 -Lockfile inner-0.dag.lock -Dag inner-0.dag \
-AllowVersionMismatch  -AutoRescue 1 -DoRescueFrom 0 "
environment = "_CONDOR_DAGMAN_LOG={place}/inner-0.dag.dagman.out _CONDOR_MAX_DAGMAN_LOG=0 CONDOR_JOBID=$(cluster).0"
getenv = TRUE
initialdir = {place}
log = {outer}/outer-0.log
output = {outer}/00/00/pegasus-plan_SUB.out
error = {outer}/00/00/pegasus-plan_SUB.err
remove_kill_sig = SIGUSR1
on_exit_remove = (ExitSignal =?= 11 || (ExitCode =!= UNDEFINED && ExitCode >=0 && ExitCode <= 2))
+OtherJobRemoveRequirements = "DAGManJobId =?= $(cluster)"
+pegasus_wf_xformation = "condor::dagman"
+pegasus_job_class = 10
queue
"""
SUB_NODE = """\
JOB {sub} 00/00/{sub}.sub
SCRIPT PRE {sub} {pre}
RETRY {sub} 2
CATEGORY {sub} subwf
PARENT create_dir_outer_0_condorpool CHILD {sub}
"""
SUB_INFO = """\
ts=1970-01-01T00:29:10Z event=task.info xwf.id={uuid} task.id="SUB" type="10" type_desc="dax" \
transformation="pegasus::pegasus-plan:5.1.3" argv=""
ts=1970-01-01T00:29:10Z event=job.info xwf.id={uuid} job.id="{sub}" submit_file="00/00/{sub}.sub" type="10" \
type_desc="dax" clustered="0" max_retries="2" executable="condor_dagman" task_count="0"
ts=1970-01-01T00:29:10Z event=wf.map.task_job xwf.id={uuid} job.id="{sub}" task.id="SUB"
ts=1970-01-01T00:29:10Z event=job.edge xwf.id={uuid} parent.job.id="create_dir_outer_0_condorpool" child.job.id="{sub}"
"""


def one_task(work_dir: Path, name: str) -> SubmitDir:
    """A planned workflow: create_dir -> work."""
    folder = work_dir / f"abstract-{name}"
    folder.mkdir()
    job = "jobs:\n- {type: job, name: work, id: only, arguments: [], uses: []}\njobDependencies: []\n"
    (folder / "workflow.yml").write_text(f"pegasus: 5.0.4\nname: {name}\n{job}")
    (folder / "transformations.yml").write_text(
        "transformations:\n- {name: work, sites: [{pfn: /bin/true}]}\n"
    )
    (folder / "replicas.yml").write_text("replicas: []\n")
    words = ("--no-cleanup", "--universe", "local", "--retry", "0", str(folder / "workflow.yml"))
    return traced(plan(work_dir / name, *words), waiting="work_" if name == "inner" else "none")


def with_sub_workflow(env: Env, outer: SubmitDir, template: SubmitDir) -> None:
    """Add a node that plans a sub-workflow and runs it."""
    for written_later in (template.condor_sub, template.metrics):
        written_later.unlink()
    (script,) = template.path.glob("00/00/work_*.traced")
    good = script.read_text()
    assert good.count("code=$?\n") == 1
    script.write_text(good.replace("code=$?\n", f"code=$?\ncase {template.path} in *.000) code=3 ;; esac\n"))
    place = outer.path / "00" / "00" / "inner_SUB"
    dagman = shutil.which("condor_dagman", path=env["PATH"])
    values = {"sub": SUB, "outer": outer.path, "place": place, "dagman": dagman, "uuid": outer.wf_uuid}
    values["pre"] = subdax_command(template.path, place)
    (place.parent / f"{SUB}.sub").write_text(SUB_FILE.format(**values))
    for file, text in ((outer.dag_file, SUB_NODE), (outer.static_bp, SUB_INFO)):
        with file.open("a") as opened:
            opened.write(text.format(**values))


def check_named_by_itself(pool: Pool, inner: SubmitDir, job: str) -> None:
    """Commands are about the workflow below, if its own directory is named: it is at work, and no orphan."""
    said, told = {}, {}
    for words in (
        "status",
        "recover",
        "analyzer",
        "statistics",
        "jobs",
        "list",
        "rescue show",
        "hold",
        "release",
    ):
        done = bridle(pool, *words.split(), str(inner.path))
        said[words], told[words] = done.stdout + done.stderr, done.stdout
        assert done.returncode == 0, said[words]
    assert "running" in said["status"]
    assert "orphan" not in said["status"] + said["recover"]
    assert "running" in said["recover"]
    assert (told["hold"], told["release"]) == (f"held {job}\n", f"released {job}\n")
    until(lambda: "running" in bridle(pool, "status", str(inner.path)).stdout, "it goes on")


def test_a_sub_workflow_that_fails_is_rescued_planned_again_and_succeeds(pool, outer, folder):
    place = outer.path / "00" / "00" / "inner_SUB"
    below = until(lambda: place.exists() and open_submit_dir(place.resolve()), "it is planned")
    until(lambda: ["work_only", "start"] in [words[:2] for words in lines_of_trace(below)], "its job waits")
    check_named_by_itself(pool, below, f"{cluster_of(outer, SUB)}.0")
    (template,) = (folder / "inner").rglob("braindump.yml")
    open_gate(open_submit_dir(template.parent))  # and with it that of the plan which is to come
    open_gate(below)
    wait_for_end(pool, outer)
    first, second = (open_submit_dir(place.with_name(f"inner_SUB.{number:03d}")) for number in range(2))
    assert place.readlink() == Path(second.path.name)
    for inner in (first, second):
        lines = inner.dag_file.read_text().splitlines()
        assert f"JOBSTATE_LOG {inner.jobstate_log.name}" in lines
        assert [line for line in lines if line.startswith(("SERVICE", "CONFIG"))] == []
        assert [line for line in lines if line.startswith("CATEGORY create_dir")] != []
        assert inner.planned_dag.read_bytes() in inner.dag_file.read_bytes()
        assert submit_file_in_the_way(inner) == inner.condor_sub.read_bytes(), "the planner's stays"
        assert not inner.monitor_submit.exists()
    assert not second.database.exists(), "the first has one of its own, of the commands that it was named to"
    assert not second.lock.exists()
    assert len({line.split()[2] for line in outer.monitor_log.read_text().splitlines()}) == 1, "one monitor"

    check_sound(outer.database)
    names = {outer.wf_uuid: "outer", first.wf_uuid: "first", second.wf_uuid: "second", None: None}
    workflows = query(outer.database, "SELECT wf_uuid, parent_wf_id, root_wf_id FROM workflow")
    assert sorted((names[row[0]], *row[1:]) for row in workflows) == [
        ("first", 1, 1),
        ("outer", None, 1),
        ("second", 1, 1),
    ]
    rows = query(
        outer.database,
        "SELECT wf_uuid, state, status FROM workflowstate JOIN workflow USING (wf_id) "
        "ORDER BY wf_id, restart_count, state",
    )
    start, end = "WORKFLOW_STARTED", "WORKFLOW_TERMINATED"
    states = {
        name: [row[1:] for row in rows if names[row[0]] == name] for name in ("outer", "first", "second")
    }
    assert states == {
        "outer": [(start, None), (end, 0)],
        "first": [(start, None), (end, 1), (start, None), (end, 1)],
        "second": [(start, None), (end, 0)],
    }
    attempts = query(
        outer.database,
        "SELECT w.wf_uuid, exec_job_id, i.exitcode, s.wf_uuid FROM job_instance i JOIN job USING (job_id) "
        "JOIN workflow w USING (wf_id) LEFT JOIN workflow s ON s.wf_id = i.subwf_id ORDER BY w.wf_id, job_submit_seq",
    )
    told = [(names[row[0]], row[1], row[2], names[row[3]]) for row in attempts]
    assert [row[2:] for row in told if row[1] == SUB] == [(256, "first"), (256, "first"), (0, "second")]
    for inner, name, codes in ((first, "first", [0, 256, 256]), (second, "second", [0, 0])):
        assert [row[2] for row in told if row[0] == name] == codes
        ran = [words for words in lines_of_trace(inner) if words[1] == "end"]
        assert len(ran) == len(codes)
    check_rebuilt(pool, outer)


API_RUNS = """\
from Pegasus.client._client import PegasusClientError
wf.plan(submit=True).wait()
print("first", wf.get_status()["dags"]["root"]["state"])
try:
    wf.analyze()
except PegasusClientError as error:
    print("analyzed", "work_w00001" in error.output)
{broken}.unlink()
wf.run().wait()
print("second", wf.get_status()["dags"]["root"]["state"])
wf.statistics().analyze()
wf.status()
"""
API_REMOVES = """\
wf.plan()
wf.run()
while not {log}.exists() or "DAGMAN_STARTED" not in {log}.read_text():
    __import__("time").sleep(0.2)
print("running", wf.get_status()["dags"]["root"].get("state", "Running"))
wf.remove()
wf.wait()
"""


def no_job_of(pool: Pool, submit_dir: SubmitDir) -> bool:
    return not jobs_of(pool, submit_dir)


def test_the_python_api_plans_runs_waits_counts_and_removes(pool, work_dir):
    """The shims are not in PATH: `enable` is all that a script has."""
    done = {}
    for name, lines in (("runs", API_RUNS), ("removes", API_REMOVES)):
        place = work_dir / name
        submit_dir = planned_run(place, "--retry", "0", broken="w00001")
        broken = place / "abstract" / "broken-w00001"
        if name == "runs":
            open_gate(submit_dir)
        programs = [pegasus_home(place / "pegasus", submit_dir), BRIDLE.parent]
        paths = {"broken": broken, "log": submit_dir.jobstate_log}
        words = {each: f"__import__('pathlib').Path({str(path)!r})" for each, path in paths.items()}
        script = lines.format(**words).splitlines()
        done[name] = in_api(script, place / "user", pool.environment(), programs)
        assert done[name].returncode == 0, done[name].stdout + done[name].stderr
        assert is_rewritten(submit_dir)
        check_sound(submit_dir.database)
        # HTCondor takes a moment to let go of a job that it removes.
        until(partial(no_job_of, pool, submit_dir), "no job is left")
    told = [
        line for line in done["runs"].stdout.splitlines() if line.startswith(("first", "analyzed", "second"))
    ]
    assert told == ["first Failure", "analyzed True", "second Success"]
    assert "Workflow wall time" in done["runs"].stderr
    assert "Workflow Status    : success" in done["runs"].stderr
    ended = query(submit_dir.database, "SELECT state, status FROM workflowstate ORDER BY timestamp, state")
    assert [state for state, _ in ended] == ["WORKFLOW_STARTED", "WORKFLOW_TERMINATED"]
    assert "removed" in done["removes"].stdout
