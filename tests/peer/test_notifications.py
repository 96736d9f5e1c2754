"""pegasus-monitord 5.1.3 itself on recorded runs, with rules in words that it knows: the same scripts run as with us.

In the words of Pegasus 4 its notifications are right (those that the planner of Pegasus 5 writes, it does not know), so
both must run the same scripts for the same events, each with the same environment, variable by variable.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from tests.conftest import Corpus
from tests.support.notified import Witness
from tests.support.places import BUILD
from tests.support.recorded import prepare
from tests.support.rules import write_rules

WORKFLOW = """\
WORKFLOW {uuid} start {hook} wf start
WORKFLOW {uuid} on_success {hook} wf success
WORKFLOW {uuid} on_error {hook} wf error
WORKFLOW {uuid} at_end {hook} wf end
WORKFLOW {uuid} all {hook} wf all
"""
JOB = """\
JOB {job} start {hook} job start
JOB {job} on_success {hook} job success
JOB {job} on_error {hook} 'a  b' "c d" | cat; echo $PEGASUS_STATUS
JOB {job} all {hook} job all
INVOCATION {job} 1 on_success {hook} task success
INVOCATION {job} 1 on_error {hook} task error
INVOCATION {job} 2 all {hook} task all
INVOCATION {job} 2 start {hook} task start
"""
# The job, and how many scripts run: by hand, from the rules and jobstate.log.
RUNS = {
    # The workflow: start, success, end, and all twice. The job, once and well: start, success, all twice, its task.
    "notify": ("preprocess_ID0000001", 5 + 5),
    # Two runs: start, all twice, end, once error and once success. Three attempts, twice with 7, then well: start, all
    # twice, error or success, and that of the task.
    "failing-condorio": ("flag_needflag", 2 * 5 + 3 * 5),
    # As notify, and the second task: all (once, at its end) and start.
    "lclust": ("merge_grp1", 5 + 5 + 2),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", RUNS)
def test_the_peer_runs_the_same_scripts_with_the_same_environment(
    name: str, fresh_corpus: Corpus, tmp_path: Path
) -> None:
    job, count = RUNS[name]
    witness = Witness(tmp_path)
    submit_dir = here(prepare(fresh_corpus(f"recorded/{name}")).submit_dir)
    rules = (WORKFLOW + JOB).format(uuid=submit_dir.wf_uuid, hook=witness.path, job=job)
    write_rules(submit_dir.notify, rules)
    run_the_peer(submit_dir, tmp_path)
    theirs, their_log = by_event(witness), entries(submit_dir)
    for path in submit_dir.path.glob("*.stampede.db*"):
        path.unlink()
    catch_up(submit_dir, Limits(), notify=True)
    ours, our_log = by_event(witness), entries(submit_dir)
    assert ours == theirs
    assert len(ours) == count
    assert our_log == their_log
    assert len(our_log) == count


def here(submit_dir: SubmitDir) -> SubmitDir:
    """As if it had been planned where it is: pegasus-monitord finds files by what braindump and submit files say."""
    before = str(submit_dir.braindump["submit_dir"])
    for file in (submit_dir.path / "braindump.yml", *submit_dir.path.rglob("*.sub")):
        file.write_text(file.read_text().replace(before, str(submit_dir.path)))
    for left in [*submit_dir.path.glob("monitord*"), submit_dir.path / "jobstate.log"]:
        left.unlink()  # else it thinks that it has been there
    return submit_dir


def run_the_peer(submit_dir: SubmitDir, home: Path) -> None:
    """At work on a run that is over: with -r, it would notify nobody."""
    prefix = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer"))
    (script,) = prefix.glob("lib/python3.*/site-packages/Pegasus/cli/pegasus-monitord.py")
    environment = {"HOME": str(home), "PEGASUS_HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC"}
    command = [str(prefix / "bin" / "python"), str(script), str(submit_dir.dagman_out)]
    done = subprocess.run(
        command,
        env=environment,
        cwd=submit_dir.path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def entries(submit_dir: SubmitDir) -> list[list[str]]:
    """The lines of each entry of monitord-notifications.log, which is taken away; without time and BRIDLE_."""
    log = submit_dir.path / "monitord-notifications.log"
    text = log.read_text()
    log.unlink()
    found = []
    for entry in text.split("-" * 80 + "\n")[1:]:
        lines = [line for line in entry.split("\n") if not line.startswith("BRIDLE_")]
        assert lines.pop(0).startswith("Notification time  : 20")
        words = lines[1].partition(": ")
        lines[1] = f"{words[0]}: {shlex.split(words[2])}"  # quoted as it was, or as it had to be
        first = lines.index("Notification environment") + 1
        last = lines.index("", first)
        found.append([*lines[:first], *sorted(lines[first:last]), *lines[last:]])
    return sorted(found)


def by_event(witness: Witness) -> dict[tuple[str, ...], dict[str, str]]:
    """The PEGASUS_ variables of each script that ran, by what tells them apart; no two may be alike in that."""
    found = {}
    runs = witness.seen()
    for run in runs:
        variables = {name: value for name, value in run.items() if name.startswith("PEGASUS_")}
        variables.pop("PEGASUS_HOME", None)  # the peer's own setting
        apart = ("PEGASUS_JOBID", "PEGASUS_INVID", "PEGASUS_EVENT", "PEGASUS_EVENT_TIMESTAMP")
        key = *(variables.get(name, "") for name in apart), run["ARGUMENTS"]
        found[key] = variables
    assert len(found) == len(runs)
    return found
