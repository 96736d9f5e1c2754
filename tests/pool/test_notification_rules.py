"""Rules that only bridle knows, on a real pool: held, released, evicted, lost, silent, rescued; one is added late."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.pool.pool import Pool
from tests.support.faults import dagman_job, jobs_of, kill, new_monitor, tool, wait_for_end
from tests.support.notified import Hook, kept
from tests.support.runs import bridle, monitor_pid, submitted, until

UUID = "2f0d7c4a-55c1-4f0f-8a35-6d0c2b6f7e91"
RULES = """\
JOB * held {hook}
JOB * released {hook}
JOB * evicted {hook}
JOB * retry {hook}
JOB * failed_permanently {hook}
WORKFLOW * stalled=5s {hook}
WORKFLOW * rescue {hook}
WORKFLOW * progress=60% {hook}
WORKFLOW * monitor_restarted {hook}
"""
WAITS = "touch {name}.runs; until test -e go; do sleep 0.2; done"
JOBS = {
    "held": (
        "universe = vanilla\nshould_transfer_files = NO\nrequirements = MY.MayRun\n+MayRun = False",
        "exit 0",
    ),
    "evicted": ("universe = vanilla\nshould_transfer_files = NO", WAITS.format(name="evicted")),
    "flaky": ("universe = local", "test -e flaky.seen || { touch flaky.seen; exit 3; }"),
    "lost": ("universe = local", "test -e mended || exit 4; until test -e goes.on; do sleep 0.2; done"),
    "waits": ("universe = local", WAITS.format(name="waits")),
}


@pytest.fixture
def planned(work_dir: Path) -> SubmitDir:
    """Five nodes without edges; flaky and lost are tried twice."""
    path = work_dir / "run"
    path.mkdir()
    dag = []
    for name, (lines, text) in JOBS.items():
        script = path / f"{name}.sh"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        outputs = f"output = {name}.out\nerror = {name}.err"
        (path / f"{name}.sub").write_text(f"{lines}\nexecutable = {name}.sh\n{outputs}\nqueue\n")
        dag.append(f"JOB {name} {name}.sub")
    (path / "rules-0.dag").write_text("\n".join([*dag, "RETRY flaky 1", "RETRY lost 1"]) + "\n")
    (path / "braindump.yml").write_text(
        f'dag: "rules-0.dag"\nwf_uuid: "{UUID}"\nroot_wf_uuid: "{UUID}"\ntype: "dag"\n'
        'dax_label: "rules"\ndax_index: "0"\nnotify: "rules-0.notify"\n'
    )
    return open_submit_dir(path)


def job_of(submit_dir: SubmitDir, node: str) -> str:
    """The id of a node's job, as soon as DAGMan has told it."""

    def told() -> str | None:
        lines = map(str.split, submit_dir.jobstate_log.read_text().splitlines())
        return next((words[3] for words in lines if words[1:3] == [node, "SUBMIT"]), None)

    found = until(told, f"{node} is submitted")
    assert isinstance(found, str)
    return found


def test_each_is_told_when_it_happens_and_once(pool: Pool, planned: SubmitDir, work_dir: Path):
    hook = Hook(work_dir)
    planned.bridle_notify.write_text(RULES.format(hook=hook.path))

    def told(event: str, whom: str) -> int:
        return sum(run[1:3] == [event, whom] for run in hook.runs())

    submitted(pool, planned.path)
    until(lambda: all((planned.path / f"{name}.runs").exists() for name in ("evicted", "waits")), "both run")
    tool(pool, "condor_hold", job_of(planned, "held"))
    until(lambda: told("held", "held") and told("failed_permanently", "lost"), "held and lost are told")
    tool(pool, "condor_qedit", job_of(planned, "held"), "MayRun", "True")
    tool(pool, "condor_release", job_of(planned, "held"))
    until(lambda: told("released", "held"), "the release is told")
    tool(pool, "condor_vacate_job", "-fast", job_of(planned, "evicted"))
    until(lambda: told("evicted", "evicted"), "the eviction is told")
    until(lambda: told("stalled=5s", UUID), "that nothing happens is told")
    monitor = monitor_pid(planned)
    kill(monitor)
    new_monitor(planned, monitor)
    until(lambda: told("monitor_restarted", UUID), "that there is another monitor is told")
    added = bridle(pool, "notify", "add", str(planned.path), "--on", "success", "--cmd", f"{hook.path} late")
    assert added.returncode == 0, added.stderr
    (planned.path / "go").touch()
    wait_for_end(pool, planned)
    first = exactly_once(hook, planned)
    assert first - {("stalled=5s", UUID)} == {
        ("held", "held"),
        ("released", "held"),
        ("evicted", "evicted"),
        ("retry", "flaky"),
        ("retry", "lost"),
        ("failed_permanently", "lost"),
        ("monitor_restarted", UUID),
        ("progress=60%", UUID),
        ("success", "evicted"),
        ("success", "waits"),
    }, "held and flaky ended before the rule for success was there"

    (planned.path / "mended").touch()
    before = dagman_job(planned)
    submitted(pool, planned.path)
    until(lambda: dagman_job(planned) != before, "another DAGMan")
    until(lambda: told("rescue", UUID), "that it goes on is told")
    (planned.path / "goes.on").touch()
    until(lambda: not jobs_of(pool, planned), "it has ended")
    until(lambda: told("success", "lost"), "its last success is told")
    assert exactly_once(hook, planned) - first == {("rescue", UUID), ("success", "lost")}


def exactly_once(hook: Hook, submit_dir: SubmitDir) -> set[tuple[str, str]]:
    """Event and whom of all that ran: what is due, and that was due once, but for silences."""
    by_key = {key: (event, whom) for key, event, whom, _ in hook.runs()}
    assert len(hook.runs()) <= len(by_key) + 1, "the one monitor that was killed may have had one at work"
    due = {
        row["key"]: (row["environment"]["PEGASUS_EVENT"], row["environment"]["PEGASUS_JOBID"])
        for row in kept(submit_dir.database)
    }
    assert by_key == due
    times = Counter(due.values())
    assert [one for one, count in times.items() if count > 1 and one[0] != "stalled=5s"] == []
    return set(times)
