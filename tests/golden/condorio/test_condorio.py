"""`bridle condorio` on a plan of the data configuration condorio, before and after its run, and on a plain DAG."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner_ext.cli import run_command
from tests.conftest import Corpus
from tests.support.json_documents import check

BRAINDUMP = """\
dag: "x-0.dag"
wf_uuid: "u"
submit_dir: "/planned/run0001"
condor_log: "x-0.log"
properties: "pegasus.1.properties"
type: "dag"
"""
SUB = """\
universe = vanilla
executable = /planned/run0001/00/00/{node}.sh
error = /planned/run0001//00/00/{node}.err
output = /planned/run0001//00/00/{node}.out
initialdir = /planned/scratch
should_transfer_files = YES
when_to_transfer_output = ON_EXIT
transfer_executable = true
transfer_input_files = {inputs},$(wf_submit_dir)/lite.sh
transfer_output_files = {outputs}
wf_submit_dir = /planned/run0001
+pegasus_wf_xformation = "{name}"
+pegasus_job_class = 1
queue
"""
STAGE_IN = """\
universe = local
executable = /usr/bin/pegasus-kickstart
+pegasus_wf_xformation = "pegasus::transfer"
+pegasus_job_class = 2
queue
"""
JOBS = {
    "split": ("f.a", "f.b1,f.b2"),
    "left": ("f.b1,table", "f.c1"),
    "right": ("f.b2,table", "f.c2"),
}
DAG = """\
MAXJOBS stagein 1
JOB stage_in 00/00/stage_in.sub
CATEGORY stage_in stagein
JOB split 00/00/split.sub
JOB left 00/00/left.sub
PRIORITY left 10
JOB right 00/00/right.sub
PARENT stage_in CHILD split
PARENT split CHILD left right
"""
SIZES = 'f.b1 @@PFN@@ user="ada" size="300" ctime="x"\nf.b2 @@PFN@@ user="ada" size="500"\n'
REPLICAS = """\
pegasus: "5.0"
replicas:
  - lfn: f.a
    pfns: [{site: local, pfn: /far/f.a}]
    metadata: {size: 1000}
  - lfn: table
    pfns: [{site: local, pfn: HERE/table.txt}]
"""
EVENTS = """\
000 ({job:03}.000.000) 2026-11-23 05:00:{at:02} Job submitted from host: <127.0.0.1:1>
    [ DAGNodeName = "{node}"; JobBatchName = "x-0.dag+7" ]
...
040 ({job:03}.000.000) 2026-11-23 05:00:{at:02} Started transferring input files
\tTransferring to host: <127.0.0.1:1>
...
040 ({job:03}.000.000) 2026-11-23 05:00:{then:02} Finished transferring input files
...
001 ({job:03}.000.000) 2026-11-23 05:00:{then:02} Job executing on host: <127.0.0.1:1>
...
040 ({job:03}.000.000) 2026-11-23 05:00:{end:02} Started transferring output files
...
040 ({job:03}.000.000) 2026-11-23 05:00:{end:02} Finished transferring output files
...
005 ({job:03}.000.000) 2026-11-23 05:00:{end:02} Job terminated.
\t(1) Normal termination (return value 0)
\t{returned}  -  Run Bytes Sent By Job
\t{sent}  -  Run Bytes Received By Job
\t{returned}  -  Total Bytes Sent By Job
\t{sent}  -  Total Bytes Received By Job
...
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A directory that was planned elsewhere: /planned/run0001."""
    here = tmp_path / "rün 1"
    (here / "00" / "00").mkdir(parents=True)
    (here / "catalogs").mkdir()
    for node, (inputs, outputs) in JOBS.items():
        name = "work" if node != "split" else "split"
        text = SUB.format(node=node, inputs=inputs, outputs=outputs, name=name)
        (here / "00" / "00" / f"{node}.sub").write_text(text)
        (here / "00" / "00" / f"{node}.sh").write_bytes(b"#" * 50)
    (here / "00" / "00" / "stage_in.sub").write_text(STAGE_IN)
    moved = [{"type": "transfer", "linkage": "input", "lfn": "f.a"}]
    (here / "00" / "00" / "stage_in.in").write_text(json.dumps(moved))
    (here / "lite.sh").write_bytes(b"#" * 20)
    (here / "table.txt").write_bytes(b"#" * 4000)
    (here / "x-0.dag").write_text(DAG)
    (here / "braindump.yml").write_text(BRAINDUMP)
    (here / "pegasus.1.properties").write_text("pegasus.catalog.replica = YAML\n")
    (here / "catalogs" / "replicas.yml").write_text(REPLICAS.replace("HERE", str(here)))
    return here


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert run_command(["condorio", "--json", *words]) == 0
    document = capsys.readouterr().out
    check("condorio", document)
    return json.loads(document)


def test_before_the_run_sizes_are_of_files_and_catalog_and_the_others_are_counted(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, str(plan))
    assert found["jobs"] == {
        "all": 4, "moving": 3, "measured": 0, "if_needed": 0, "without_submit_file": 0, "sub_workflows": 0,
        "in_queue": 0,
    }  # fmt: skip
    # f.a, the table twice, three scripts, PegasusLite thrice; nobody knows f.b1 and f.b2.
    assert found["to_jobs"] == {"bytes": 1000 + 2 * 4000 + 3 * 50 + 3 * 20, "unknown_files": 2}
    assert found["from_jobs"] == {"bytes": 0, "unknown_files": 4 + 6}
    assert found["unknown_sizes"] == {"data": 6, "sandbox": 0, "log": 6}
    assert found["size_sources"] == {"run": 0, "disk": 4, "catalog": 3, "workflow": 0}
    assert found["pegasus_transfer"] == {
        "jobs": 1,
        "in": {"bytes": 1000, "unknown_files": 0},
        "out": {"bytes": 0, "unknown_files": 0},
    }
    assert [one["name"] for one in found["transformations"]] == ["work", "split"]
    first = found["shared_inputs"][0]
    assert (first["lfn"], first["kind"], first["times"], first["saved_bytes"]) == ("table", "data", 2, 4000)
    assert {one["lfn"]: one["kind"] for one in found["shared_inputs"]}["lite.sh"] == "sandbox"
    assert [one["node"] for one in found["gain_from_staging"]] == ["right", "left", "split"]
    assert found["simulation"]["run_times"] == {
        "measured": 0,
        "transformation": 0,
        "planner": 0,
        "assumed": 4,
    }
    assert found["simulation"]["categories"] == {"stagein": 1}


def test_what_the_run_noted_goes_before_the_catalog(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plan / "x-0.cache.meta").write_text(SIZES)
    found = told(capsys, str(plan))
    assert found["to_jobs"] == {"bytes": 1000 + 2 * 4000 + 3 * 70 + 300 + 500, "unknown_files": 0}
    assert found["from_jobs"] == {"bytes": 800, "unknown_files": 2 + 6}
    assert found["size_sources"]["run"] == 2


def test_after_the_run_bytes_and_seconds_are_those_of_the_log(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [
        EVENTS.format(job=8, node="split", at=1, then=3, end=13, sent=1090, returned=900),
        EVENTS.format(job=9, node="left", at=20, then=30, end=50, sent=4400, returned=77),
        EVENTS.format(job=10, node="right", at=21, then=31, end=41, sent=4600, returned=88),
    ]
    (plan / "x-0.log").write_text("".join(events))
    found = told(capsys, "--category-limit", "1", "--bandwidth", "0.001", str(plan))
    assert found["jobs"]["measured"] == 3
    assert found["to_jobs"] == {"bytes": 1090 + 4400 + 4600, "unknown_files": 0}
    assert found["from_jobs"] == {"bytes": 900 + 77 + 88, "unknown_files": 0}
    assert found["measured"]["to_jobs"]["transfers"] == 3
    assert found["measured"]["to_jobs"]["peak"] == 2
    assert found["measured"]["to_jobs"]["peak_after_seconds"] == 20
    simulation = found["simulation"]
    assert (simulation["slots"], simulation["slots_as_measured"]) == (2, True)
    assert simulation["run_times"]["measured"] == 3
    runs = {one["change"]: one for one in simulation["runs"]}
    assert set(runs) == {"today", "category", "queue", "staging"}
    # 1000 bytes/s: split 1.09 + 10 + 0.9. left and right share the link until left has its 4400 bytes.
    assert runs["today"]["seconds"] == pytest.approx(60 + 11.99 + 8.8 + 20 + 0.077, abs=0.001)
    # One after the other, left first: its PRIORITY is the higher one.
    assert runs["category"]["seconds"] == pytest.approx(60 + 11.99 + 24.477 + 14.688, abs=0.001)
    assert runs["queue"]["to_jobs"]["peak_transfers"] == 1
    assert runs["staging"]["to_jobs"]["bytes"] < runs["today"]["to_jobs"]["bytes"]


def test_a_job_that_was_tried_again_counts_with_all_attempts_and_one_in_the_queue_not_yet(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [
        EVENTS.format(job=job, node="split", at=job, then=job, end=job + 1, sent=1090, returned=9)
        for job in (8, 9)
    ]
    begun = EVENTS.format(job=10, node="left", at=20, then=30, end=50, sent=4400, returned=77)
    (plan / "x-0.log").write_text("".join(again) + begun[: begun.index("001 (010")])
    found = told(capsys, str(plan))
    assert (found["jobs"]["measured"], found["jobs"]["in_queue"]) == (1, 1)
    assert found["retried_bytes"] == 1099
    split = next(one for one in found["largest_jobs"] if one["node"] == "split")
    assert (split["to_job"]["bytes"], split["attempts"]) == (2180, 2)


def test_the_screen_says_what_is_not_known_and_compares_runs(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["condorio", "--category-limit", "1", "--slots", "7", str(plan)]) == 0
    text = capsys.readouterr().out
    assert "x-0.dag: 3 of 4 jobs move files through the submit host" in text
    assert "sizes not known (? below, 0 in the simulation): 6 data, 6 stdout and stderr" in text
    assert "to jobs 9.2 kB +2?, from jobs 10?" in text
    for word in ("transfer category of 1", "transfer queue of 1", "staging site for all data", "7 slots"):
        assert word in text
    assert "assumed (--run-time)" in text


def test_a_dag_without_pegasus_and_files_that_pass_the_submit_host_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.dag").write_text(
        'JOB A a.sub\nVARS A name="one"\nJOB B b.sub\nJOB C c.sub DIR gone\nJOB N n.sub NOOP\n'
    )
    (tmp_path / "a.sub").write_text(
        "executable = run.sh\nshould_transfer_files = yes\ntransfer_input_files = in/$(name).txt, osdf:///ns/big\n"
        'transfer_output_remaps = "out = results/$(name)"\ntransfer_output_files = out\ninput = /dev/null\nqueue\n'
    )
    (tmp_path / "b.sub").write_text("executable = run.sh\nqueue\n")
    (tmp_path / "run.sh").write_bytes(b"#" * 30)
    for name in ("in", "results"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("one.txt" if name == "in" else "one")).write_bytes(b"#" * 400)
    found = told(capsys, str(tmp_path / "x.dag"))
    assert (found["jobs"]["moving"], found["jobs"]["if_needed"]) == (1, 1)
    assert (found["jobs"]["without_submit_file"], found["files_by_url"]) == (1, 1)
    assert found["to_jobs"] == {"bytes": 430, "unknown_files": 0}
    assert found["from_jobs"] == {"bytes": 400, "unknown_files": 0}
    counted = told(capsys, "--if-needed", str(tmp_path / "x.dag"))
    assert (counted["jobs"]["moving"], counted["jobs"]["if_needed"]) == (2, 0)
    assert counted["to_jobs"]["bytes"] == 460


def test_what_cannot_be_used_is_said(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["condorio", str(tmp_path / "nothing")]) == 2
    assert run_command(["condorio", "--catalog", str(tmp_path / "none.yml"), str(plan)]) == 2
    assert "none.yml" in capsys.readouterr().err
    assert run_command(["condorio", "--category-limit", "0", str(plan)]) == 2
    (plan / "x-0.dag").write_text(DAG + "PARENT left CHILD split\n")
    capsys.readouterr()
    assert run_command(["condorio", str(plan)]) == 2
    assert "in a circle" in capsys.readouterr().err


@pytest.mark.corpus
def test_a_real_run_of_the_corpus(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    """Four jobs that Pegasus 5.1.2 planned for condorio, and what HTCondor 25.14 wrote of them."""
    (braindump,) = sorted(corpus("recorded/diamond-condorio").rglob("braindump.yml"))
    found = told(capsys, str(braindump.parent))
    assert (found["jobs"]["moving"], found["jobs"]["measured"]) == (4, 4)
    assert found["to_jobs"] == {"bytes": 124581, "unknown_files": 0}
    assert found["from_jobs"] == {"bytes": 23751, "unknown_files": 0}
    assert found["data"] == {"bytes": 1390, "unknown_files": 0}
    assert [one["to_each"]["largest"] for one in found["transformations"]] == [31179, 31418, 30805]
    assert found["measured"]["from_jobs"]["transfers"] == 4
    assert found["pegasus_transfer"]["in"]["bytes"] == 10
    assert found["pegasus_transfer"]["out"]["bytes"] == 428


@pytest.mark.own
def test_a_run_that_moved_nothing(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    """Submit and execute host were one, and the jobs did not ask for a transfer."""
    (braindump,) = sorted(corpus("recorded/diamond-condorio").rglob("braindump.yml"))
    found = told(capsys, str(braindump.parent))
    assert (found["jobs"]["moving"], found["jobs"]["if_needed"]) == (0, 4)
    assert [one["change"] for one in found["simulation"]["runs"]] == ["today"]
    assert run_command(["condorio", str(braindump.parent)]) == 0
    assert "nothing to simulate" in capsys.readouterr().out
