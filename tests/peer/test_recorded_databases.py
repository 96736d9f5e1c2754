"""pegasus-analyzer and pegasus-statistics 5.1.3 say the same of a recorded run, from our database and from the peer's.

What differs, and why:

- the host. A record of 5.x has it as uname_nodename, which pegasus-monitord does not read: it stores `unknown`, we the
  name (docs/monitoring.md). So the host of a failed task, and in the files of pegasus-statistics a host's name, and the
  widths that follow from it.
- the host of a job without a record, as that of a sub-workflow: we have the one that the nodes.log names, so the jobs
  and seconds of time.txt have a line for it; the peer's database has no host for it.
- of the job that was held and then removed (sample_wf_held), which left no record: the host, as above; the exit code of
  its task, where the peer takes an exit code of 1 for a wait status; the blank before the reason.
- of the sub-workflow that could not be planned (hierarchical_wf_failure): we name the planner's log relative to the
  submit directory, like all outputs; the peer puts blanks before its line ends and before a script's arguments.
- the last digit of a sum. Rows are added up in the order in which they were stored, which is not the same: 37.265 is
  37.26 or 37.27.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import zip_longest
from math import inf
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from tests.conftest import wherever
from tests.golden.recording import test_recorded_hierarchies, test_recorded_runs
from tests.support.recorded import as_it_ran, dagman_lines, prepare

RECORDED = [
    "dagman-profiles-removed",
    "diamond-condorio",
    "diamond-sharedfs",
    "failing-condorio",
    "fan100-missinginput",
    "killboth",
    "killmonitord",
    "lclust",
    "notify",
    "subwf-dax-hooks",
]
HELD, UNPLANNED = "samples/sample_wf_held", "samples/hierarchical_wf_failure"
RUNS = [
    *(f"recorded/{run}" for run in RECORDED),
    "samples/process_wf_failure",
    "samples/process_wf_success",
    HELD,
    UNPLANNED,
]
UNFINISHED = ["recorded/subwf-dag-monitordcrash", "samples/hierarchical_wf_success"]
"""Runs of which the peer's database has but a part: it crashed, or was copied before it had ended."""
FILES = {"summary.txt", "workflow.txt", "jobs.txt", "breakdown.txt", "integrity.txt", "time.txt"}
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:", re.MULTILINE)
_SUM = re.compile(r"\d+\.\d\d?")
_HOST = re.compile(r"(?<= )(?:(?:unknown|vm)(?= |$)|(?:None|127-0-0-1\.pool\.local)(?= *$))", re.MULTILINE)
_TASK_HOST = re.compile(r"^(hostname +: )(?:unknown|vm)$", re.MULTILINE)
_LOGGED_HOST = re.compile(r"^ ?\d{4}-\d\d-\d\d 127-0-0-1\.pool\.local .*\n", re.MULTILINE)


class Databases(NamedTuple):
    """A recorded run where it is now, with no database in it, and the two that can be put there."""

    submit_dir: SubmitDir
    ours: Path
    theirs: Path

    def put(self, database: Path) -> None:
        shutil.copyfile(database, self.submit_dir.database)


def prepared(folder: Path) -> Databases:
    # The peer's jobstate.log of the samples lacks reasons, and all that came after a crash.
    lacking = "samples" in folder.parts or "crash" in folder.name
    submit_dir, theirs = (as_it_ran if lacking else prepare)(folder)
    for below in submit_dir.path.rglob("inner_subwf1.000"):
        open_submit_dir(below).jobstate_log.write_bytes(dagman_lines(below / "jobstate.log"))
    catch_up(submit_dir, Limits())
    return Databases(submit_dir, submit_dir.database.replace(theirs.with_name("ours.db")), theirs)


@pytest.fixture(params=wherever("", RUNS))
def run(request) -> str:
    return request.param


@pytest.fixture
def databases(run, fresh_corpus) -> Databases:
    return prepared(fresh_corpus(run))


def test_every_recorded_run_is_read():
    assert {*RUNS, *UNFINISHED} == {*test_recorded_runs.ALL, *test_recorded_hierarchies.HIERARCHIES}


def test_the_analyzer_says_the_same(run, databases, peer):
    said = []
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        done = peer("pegasus-analyzer", "-r", str(databases.submit_dir.path))
        assert done.returncode in (0, 2), done.stderr
        said.append((done.returncode, *(excused(run, databases, text) for text in printed(done))))
    assert "Total jobs" in said[0][1]
    assert said[0] == said[1]


def excused(run: str, databases: Databases, text: str) -> str:
    """What pegasus-analyzer said, without what may differ."""
    text = _TASK_HOST.sub(r"\1HOST", _STAMP.sub("", text))
    if run == HELD:
        text = re.sub(r"^(hostname +: )(?:-|workflow\.isi\.edu)$", r"\1HOST", text, flags=re.MULTILINE)
        text = re.sub(r"^(exitcode +: )-1$", r"\g<1>1", text, flags=re.MULTILINE)
        text = re.sub(r"^(reason +:) +", r"\1 ", text, flags=re.MULTILINE)
    if run == UNPLANNED:
        text = re.sub(r" +$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^(arguments +:) +", r"\1 ", text, flags=re.MULTILINE)
        text = text.replace(f"output file: {databases.submit_dir.braindump['submit_dir']}/", "output file: ")
    return text


def test_the_statistics_say_the_same(run, databases, peer, tmp_path):
    said = []
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        out = tmp_path / "statistics"
        done = peer("pegasus-statistics", "-s", "all", "-o", str(out), str(databases.submit_dir.path))
        assert done.returncode == 0, done.stderr
        files = {path.name: hostless(path.read_text(), run) for path in out.iterdir()}
        assert set(files) == FILES
        said.append((files, done.stdout, _STAMP.sub("", done.stderr)))
        shutil.rmtree(out)
    for name in FILES:
        assert agree(said[0][0][name], said[1][0][name]), f"{name}:\n{said[0][0][name]}\n{said[1][0][name]}"
    assert agree(said[0][1], said[1][1])
    assert said[0][2] == said[1][2]


WHOLE: dict[str, tuple[str, list[str]]] = {
    # Succeeded, Failed, Incomplete, Total, Retries, Total+Retries; two registrations failed in both attempts.
    "recorded/subwf-dag-monitordcrash": (
        "failure",
        ["Tasks 2 0 0 2 0 2", "Jobs 10 2 0 12 2 14", "Sub-Workflows 1 0 0 1 0 1"],
    ),
    # The log of the sub-workflow is not in the sample, so its 15 jobs and 4 tasks stay unknown.
    "samples/hierarchical_wf_success": (
        "success",
        ["Tasks 2 0 4 6 0 2", "Jobs 12 0 15 27 0 12", "Sub-Workflows 1 0 0 1 0 1"],
    ),
}


@pytest.mark.corpus
@pytest.mark.parametrize("unfinished", UNFINISHED)
def test_what_the_peer_has_in_part_is_read_as_a_whole(unfinished, fresh_corpus, peer, tmp_path):
    databases = prepared(fresh_corpus(unfinished))
    databases.put(databases.ours)
    status, table = WHOLE[unfinished]
    done = peer("pegasus-analyzer", str(databases.submit_dir.path))
    assert f"Workflow Status    : {status}" in done.stdout, done.stderr
    assert re.search(r"# jobs unsubmitted : +0 \(", done.stdout), done.stdout
    out = tmp_path / "statistics"
    done = peer("pegasus-statistics", "-s", "all", "-o", str(out), str(databases.submit_dir.path))
    assert done.returncode == 0, done.stderr
    lines = [re.sub(" +", " ", line).strip() for line in (out / "summary.txt").read_text().splitlines()]
    assert [line for line in lines if re.match("(Tasks|Jobs|Sub-Workflows) [0-9]", line)] == table


def printed(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What a process said, to both."""
    return done.stdout, done.stderr


def agree(ours: str, theirs: str) -> bool:
    """Whether two tables are the same but for the last of two decimals."""
    pairs = list(zip_longest(ours.split(), theirs.split(), fillvalue=""))
    return all(one == other or apart(one, other) < 0.011 for one, other in pairs)


def apart(one: str, other: str) -> float:
    """The distance of two numbers with two decimals; infinite for anything else."""
    if not all(_SUM.fullmatch(word) for word in (one, other)):
        return inf
    return abs(float(one) - float(other))


def hostless(text: str, run: str) -> str:
    """A table without what its rows are filled up with, and without the host."""
    if run == HELD:
        text = re.sub(r"^ ?\d{4}-\d\d-\d\d +workflow\.isi\.edu .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"(?:None|workflow\.isi\.edu) *$", "HOST", text, flags=re.MULTILINE)
        text = re.sub(r" -1 +HOST$", " 1 HOST", text, flags=re.MULTILINE)
    return _HOST.sub("HOST", _LOGGED_HOST.sub("", re.sub(r" +", " ", text)))
