"""`bridle statistics` prints what pegasus-statistics 5.1.3 prints of the same database, number for number.

Both run on each recorded run, on the database that our monitor makes of it and on that of pegasus-monitord. What is
compared is every line of every file but the explanations above the tables. What differs, and why:

- the wall time of a run whose DAGMans have not all told their end (they were killed): the peer has `-`; ours is the
  time in which one was at work.
- an attempt that ran more than once (it was evicted, or lost touch with its machine): in time.txt the peer counts it,
  and all of its seconds, once for each start.
- the order of the lines of one day: the peer's is that of the hours in which something first happened.
- the retries of a workflow of which no DAGMan was ever told: the peer has `None`, we 0.
- the digits of a sum behind the third decimal: the peer's CSV has the noise of binary fractions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.peer.test_recorded_databases import RUNS, UNFINISHED, agree, prepared
from tests.support.database import query

ALL = [*RUNS, *UNFINISHED]
OWN = ["recorded/held"]
FORMS = {"text": ["-t", "hour"], "csv": ["-f", "csv"]}
_TOLD = re.compile(r"# (?:[0-9a-f-]{36} \(|All \(|(?:Job|Invocation).* per (?:day|hour)$)|(?!#| {16}|$)")
"""A line that is no explanation."""
_NOISE = re.compile(r"\b\d+\.\d{3,}\b")
"""A sum of binary fractions, which the peer's CSV has in full."""
_DATED = re.compile(r"(?:\S+/)?\S*\d{4}-\d\d-\d\d")
_ENDS = "SELECT count(*) FROM workflowstate s JOIN workflow w USING (wf_id) WHERE w.root_wf_id = w.wf_id AND state = "
_STARTS_AGAIN = """
SELECT count(*) FROM (SELECT job_instance_id FROM jobstate WHERE state = 'EXECUTE'
GROUP BY job_instance_id HAVING count(*) > 1) twice
"""


@pytest.fixture(params=[*wherever("", ALL), *(pytest.param(one, marks=pytest.mark.own) for one in OWN)])
def run(request) -> str:
    return request.param


def both(
    peer, submit_dir: SubmitDir, folder: Path, options: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What both write of a database as it stands: file -> its lines, without explanations."""
    said = []
    for name in ("ours", "theirs"):
        out = folder / name
        words = ["-i", "-s", "all", *options, "-o", str(out), str(submit_dir.path)]
        if name == "ours":
            assert run_command(["statistics", *words]) == 0
        else:
            done = peer("pegasus-statistics", *words)
            assert not re.search("^Error", done.stdout, re.MULTILINE), done.stdout + done.stderr
        said.append({path.name: "\n".join(told(path)) for path in out.iterdir()})
    return said[0], said[1]


def told(path: Path) -> Iterator[str]:
    """The lines of a file that tell something of the run; those of one table that begin with a date are sorted."""
    dated: list[str] = []
    for line in filter(_TOLD.match, path.read_text().splitlines()):
        if _DATED.match(line):
            dated.append(line.rstrip())
            continue
        yield from sorted(dated)
        dated.clear()
        yield line.rstrip()
    yield from sorted(dated)


def but_for_defects(theirs: dict[str, str], ours: dict[str, str], database: Path) -> dict[str, str]:
    """What the peer says, with our words where it is known to be wrong (see above)."""
    if query(database, f"{_ENDS}'WORKFLOW_STARTED'") != query(database, f"{_ENDS}'WORKFLOW_TERMINATED'"):
        for name, pattern in (
            ("summary.txt", r"^Workflow wall time +: .*$"),
            ("summary-time.csv", r"^workflow_wall_time,.*$"),
        ):
            if name in theirs:
                (wall,) = re.findall(pattern, ours[name], re.MULTILINE)
                theirs[name] = re.sub(pattern.replace(".*", "-?"), wall, theirs[name], flags=re.MULTILINE)
    for name in {"workflow.txt", "workflow.csv"} & set(theirs):
        theirs[name] = re.sub(r"\bNone$", "0", theirs[name], flags=re.MULTILINE)
    if query(database, _STARTS_AGAIN) != [(0,)]:
        for name in ("time.txt", "time.csv", "time-per-host.csv"):
            if name in theirs:
                theirs[name] = ours[name]
    return theirs


def _rounded(found: re.Match[str]) -> str:
    return str(round(float(found[0]), 3))


def compared(ours: dict[str, str], theirs: dict[str, str], database: Path) -> None:
    """Number for number; the last digit of a sum depends on the order of its rows."""
    theirs = but_for_defects(theirs, ours, database)
    assert set(ours) == set(theirs)
    for name in ours:
        one, other = (_NOISE.sub(_rounded, text[name].replace(",", " ")) for text in (ours, theirs))
        assert agree(one, other), "\n".join([name, *unified_diff(one.splitlines(), other.splitlines(), n=0)])


def test_every_number_is_that_of_the_peer(run, fresh_corpus, peer, tmp_path):
    databases = prepared(fresh_corpus(run))
    for database, options in zip((databases.ours, databases.theirs), FORMS.values(), strict=True):
        databases.put(database)
        folder = tmp_path / database.name
        folder.mkdir()
        ours, theirs = both(peer, databases.submit_dir, folder, options)
        compared(ours, theirs, database)
