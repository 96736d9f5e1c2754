"""pegasus-analyzer and pegasus-statistics 5.1.3 say the same of a recorded run, from our database and from the peer's.

What differs, and why:

- the host. A record of 5.x has it as uname_nodename, which pegasus-monitord does not read: it stores `unknown`, we the
  name (docs/monitoring.md). So the host of a failed task, and in the files of pegasus-statistics a host's name, and the
  widths that follow from it.
- the host of a job without a record, as that of a sub-workflow: we have the one that the nodes.log names, so the jobs
  and seconds of time.txt have a line for it; the peer's database has no host for it.
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

from dag_rewriter.submit_dir import SubmitDir, open_submit_dir
from monitord_job.daemon import Limits
from monitord_job.session import catch_up
from tests.recorded import dagman_lines, prepare

RUNS = [
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


@pytest.fixture(params=RUNS)
def databases(request, fresh_corpus) -> Databases:
    submit_dir, theirs = prepare(fresh_corpus(f"recorded/{request.param}"))
    for below in submit_dir.path.rglob("inner_subwf1.000"):
        open_submit_dir(below).jobstate_log.write_bytes(dagman_lines(below / "jobstate.log"))
    catch_up(submit_dir, Limits())
    return Databases(submit_dir, submit_dir.database.replace(theirs.with_name("ours.db")), theirs)


def test_the_analyzer_says_the_same(databases, peer):
    said = []
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        done = peer("pegasus-analyzer", "-r", str(databases.submit_dir.path))
        assert done.returncode in (0, 2), done.stderr
        said.append(
            (done.returncode, *(_TASK_HOST.sub(r"\1HOST", _STAMP.sub("", text)) for text in printed(done)))
        )
    assert "Total jobs" in said[0][1]
    assert said[0] == said[1]


def test_the_statistics_say_the_same(databases, peer, tmp_path):
    said = []
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        out = tmp_path / "statistics"
        done = peer("pegasus-statistics", "-s", "all", "-o", str(out), str(databases.submit_dir.path))
        assert done.returncode == 0, done.stderr
        files = {path.name: hostless(path.read_text()) for path in out.iterdir()}
        assert set(files) == FILES
        said.append((files, done.stdout, _STAMP.sub("", done.stderr)))
        shutil.rmtree(out)
    for name in FILES:
        assert agree(said[0][0][name], said[1][0][name]), f"{name}:\n{said[0][0][name]}\n{said[1][0][name]}"
    assert agree(said[0][1], said[1][1])
    assert said[0][2] == said[1][2]


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


def hostless(text: str) -> str:
    """A table without what its rows are filled up with, and without the host."""
    return _HOST.sub("HOST", _LOGGED_HOST.sub("", re.sub(r" +", " ", text)))
