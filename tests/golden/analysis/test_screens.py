"""What `bridle analyzer` shows of each kind of failure, whole screens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.cli.common import open_run
from planner_ext.cli import run_command
from tests.support.made_records import Made
from tests.support.played import Played

pytestmark = [pytest.mark.usefixtures("no_schedd"), pytest.mark.own]
EXPECTED = Path(__file__).with_name("expected")
FAILED = 2


def played(folder: Path, dag: str) -> Played:
    """A DAG without Pegasus that is rewritten and has begun to run."""
    (folder / "a.sub").write_text("executable = fit\nerror = $(JOB).err\nqueue\n")
    (folder / "below.sub").write_text("executable = inner\nqueue\n")
    (folder / "x.dag").write_text(dag)
    submit_dir = open_run(folder / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true"))
    run = Played(submit_dir)
    run.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    return run


def ended(run: Played, *debug: str) -> SubmitDir:
    """DAGMan has left with 1; `debug`: what it wrote into its debug log."""
    run.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    submit_dir = run.write()
    submit_dir.dagman_out.write_text(debug_log(*debug, "EXITING WITH STATUS 1"))
    return submit_dir


def debug_log(*messages: str) -> str:
    first = ("** condor_scheduniv_exec (CONDOR_DAGMAN) STARTING UP", "** PID = 77")
    return "".join(f"11/23/26 05:28:03 {message}\n" for message in (*first, *messages))


def on_hosts(submit_dir: SubmitDir, hosts: list[str]) -> None:
    """Where jobs 101.0, 102.0, ... began to run, in the job event log."""
    text = "001 ({}.000.000) 2026-11-23 05:27:28 Job executing on host: <10.0.0.1:9618>\n\tSlotName: slot1@{}\n...\n"
    submit_dir.nodes_log.write_text("".join(text.format(job, host) for job, host in enumerate(hosts, 101)))


def pre_script(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """Two PRE scripts exit with 9; one node waits for each."""
    nodes = "".join(f"JOB {name} a.sub\nSCRIPT PRE {name} check.sh {name}\n" for name in ("fit1", "fit2"))
    run = played(
        folder, f"{nodes}JOB sum a.sub\nJOB plot a.sub\nPARENT fit1 fit2 CHILD sum\nPARENT sum CHILD plot\n"
    )
    for name in ("fit1", "fit2"):
        run.say(f"{name} PRE_SCRIPT_STARTED - - - 1")
        run.say(f"{name} PRE_SCRIPT_FAILURE - - - 1")
    return ended(run, *(f"PRE Script of node {name} failed with status 9" for name in ("fit1", "fit2")))


def post_script(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """A POST script finds fault with a good job, another one dies after a job that failed."""
    nodes = "".join(f"JOB {name} a.sub\nSCRIPT POST {name} verify.sh\n" for name in ("fit1", "fit2"))
    run = played(folder, nodes)
    for number, (name, word, code, post) in enumerate(
        (("fit1", "SUCCESS", 0, 9), ("fit2", "FAILURE", 3, -9)), 101
    ):
        job = f"{number}.0"
        for state in (f"SUBMIT {job}", f"EXECUTE {job}", f"JOB_TERMINATED {job}", f"JOB_{word} {code}"):
            run.say(f"{name} {state} - - {number}")
        for state in ("STARTED", "TERMINATED"):
            run.say(f"{name} POST_SCRIPT_{state} {job} - - {number}")
        run.say(f"{name} POST_SCRIPT_FAILURE {post} - - {number}")
    (folder / "fit2.err").write_text("fit2: the table is empty\n")
    return ended(run)


def refused_submit(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """condor_submit takes none of two jobs, for one reason."""
    run = played(folder, "JOB fit1 a.sub\nJOB fit2 a.sub\nJOB sum a.sub\nPARENT fit1 fit2 CHILD sum\n")
    words = "Parse error in expression: \n\tRequestMemory = 2 apples"
    for name in ("fit1", "fit2"):
        run.say(f"{name} SUBMIT_FAILURE - - - 1")
    line = "Event: ULOG_SUBMIT_FAILURE for HTCondor Node {} (-1.-1.-1) {{11/23/26 05:28:03}} {}"
    return ended(run, *(line.format(name, " ".join(words.split())) for name in ("fit1", "fit2")))


def refused_dag(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """DAGMan reads its DAG and leaves: nothing is written but its debug log."""
    (folder / "x.dag").write_text("JOB fit a.sub\nJOB sum a.sub\nNONSENSE\n")
    submit_dir = open_run(folder / "x.dag")
    submit_dir.dagman_out.write_text(
        debug_log(
            "ERROR: x.dag:3 'NONSENSE' is not a valid DAG command",
            "Failed to parse x.dag",
            "**** condor_scheduniv_exec (condor_DAGMAN) pid 77 EXITING WITH STATUS 1",
        )
    )
    return submit_dir


def refused_sub_dag(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """The DAGMan of a sub-workflow leaves like that; the node above says why."""
    (folder / "below.dag").write_text("JOB inner below.sub\n")
    run = played(folder, "SUBDAG EXTERNAL part below.dag\nJOB sum a.sub\nPARENT part CHILD sum\n")
    run.attempt("part", 1)
    (folder / "below.dag.dagman.out").write_text(
        debug_log(
            "ERROR: below.dag (line 2): Unknown command, not recognized",
            "Failed to parse below.dag",
            "**** condor_scheduniv_exec (condor_DAGMAN) pid 77 EXITING WITH STATUS 1",
        )
    )
    return ended(run)


def suspicious_host(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """Of forty equal jobs on four hosts, those on one fail."""
    names = [f"fit{number:02d}" for number in range(40)]
    run = played(folder, "".join(f"JOB {name} a.sub\n" for name in names))
    hosts = [f"n{number % 4}.pool" for number in range(40)]
    for name, host in zip(names, hosts, strict=True):
        run.attempt(name, 2 * (host == "n3.pool"))
        (folder / f"{name}.err").write_text(f"/scratch/{name}: Stale file handle\n" * (host == "n3.pool"))
    submit_dir = ended(run)
    on_hosts(submit_dir, hosts)
    return submit_dir


def put_on_hold(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """DAGMan has submitted what failed once more, on hold (DAGMAN_PUT_FAILED_JOBS_ON_HOLD); the run goes on."""
    run = played(folder, "JOB fit a.sub\nJOB sum a.sub\nPARENT fit CHILD sum\n")
    run.attempt("fit", 3)
    (folder / "fit.err").write_text("fit: no calibration\n")
    run.say("fit SUBMIT 102.0 - - 2")
    run.say("fit JOB_HELD 102.0 - - 2")
    submit_dir = run.write()
    submit_dir.nodes_log.write_text(
        "012 (102.000.000) 2026-11-23 05:27:28 Job was held.\n"
        "\tsubmitted on hold at user's request\n\tCode 15 Subcode 0\n...\n"
    )
    return submit_dir


def planner(_: Path, fresh_corpus: Callable[[str], Path]) -> SubmitDir:
    """The planner of a sub-workflow fails in the PRE script, after a retry."""
    folder = fresh_corpus("planned/subwf-dax-hooks")
    root = min(folder.rglob("braindump.yml"), key=lambda path: len(path.parts)).parent
    submit_dir = open_submit_dir(root)
    run = Played(submit_dir)
    run.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name in ("create_dir_subwfh_0_condorpool", "prep_prep"):
        run.attempt(name)
        (root / "00" / "00" / f"{name}.out").write_text(Made(raw="0").text())
    for number in (3, 4):
        run.say(f"pegasus-plan_subwf1 PRE_SCRIPT_STARTED - - - {number}")
        run.say(f"pegasus-plan_subwf1 PRE_SCRIPT_FAILURE - - - {number}")
    (root / "pegasus-plan_subwf1.pre.log.001").write_text(
        "2026.11.23 05:28:03.100 UTC:   [INFO]  Planner invoked\n"
        "2026.11.23 05:28:03.200 UTC: [FATAL ERROR]\n"
        " [1] java.lang.RuntimeException: No site found in the site catalog for condorpool\n"
    )
    return ended(run, *["PRE Script of node pegasus-plan_subwf1 failed with status 1"] * 2)


def removed(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """Somebody has removed a job and said why."""
    run = played(folder, "JOB fit a.sub\nJOB sum a.sub\nPARENT fit CHILD sum\n")
    for state in ("SUBMIT 101.0", "EXECUTE 101.0", "JOB_ABORTED 101.0", "JOB_FAILURE -1002"):
        run.say(f"fit {state} - - 1")
    submit_dir = ended(run)
    submit_dir.nodes_log.write_text(
        "009 (101.000.000) 2026-11-23 05:27:28 Job was aborted.\n\tthe disk is full, says ada\n...\n"
    )
    return submit_dir


def tried_again(folder: Path, _: Callable[[str], Path]) -> SubmitDir:
    """The run goes on: one job failed for good, two failed and run again, one is held."""
    run = played(
        folder,
        "".join(f"JOB {name} a.sub\n" for name in ("fit1", "fit2", "fit3", "sum"))
        + "RETRY fit2 3\nRETRY fit3 3\n",
    )
    for name in ("fit1", "fit2", "fit3"):
        run.attempt(name, 3)
        (folder / f"{name}.err").write_text(f"{name}: no licence\n")
    for number, name in enumerate(("fit2", "fit3"), 201):
        for state in (f"SUBMIT {number}.0", f"EXECUTE {number}.0"):
            run.say(f"{name} {state} - - {number}")
    run.say("sum SUBMIT 203.0 - - 9")
    run.say("sum JOB_HELD 203.0 - - 9")
    submit_dir = run.write()
    submit_dir.nodes_log.write_text(
        "012 (203.000.000) 2026-11-23 05:27:28 Job was held.\n\tTransfer output files failure: no sum.dat\n"
        "\tCode 12 Subcode 2\n...\n"
    )
    return submit_dir


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


KINDS = (
    pre_script,
    post_script,
    refused_submit,
    refused_dag,
    refused_sub_dag,
    suspicious_host,
    put_on_hold,
    planner,
    removed,
    tried_again,
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.replace("_", "-"))
def test_the_screen_of_a_kind_of_failure(kind, tmp_path, fresh_corpus, capfd, utc):
    submit_dir = kind(tmp_path, fresh_corpus)
    named = submit_dir.path if submit_dir.is_planned else submit_dir.dag_file
    capfd.readouterr()
    assert run_command(["analyzer", str(named)]) == (0 if kind is put_on_hold else FAILED)
    told = capfd.readouterr().out
    shown = _UUID.sub("UUID", told.replace(str(named), "RUN").replace(str(submit_dir.path), "DIR"))
    expected = EXPECTED / f"{kind.__name__.replace('_', '-')}.txt"
    assert shown == expected.read_text()
