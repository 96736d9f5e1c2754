"""`bridle check` and HTCondor's own tools about the same DAGs: condor_dagman has the last word."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from dag_rewriter.check.check_disk import check_path
from dag_rewriter.check.scope import Severity
from dag_rewriter.directory.submit_dir import open_submit_dir
from dag_rewriter.rewriting.rewrite import Options, rewrite
from planner_ext.pool.pool import Pool
from tests.conftest import PLANNED, Corpus
from tests.support.dag_verdicts import BAD, CHECKER_ACCEPTS, GOOD, OLDER, TWO, since
from tests.support.runs import bridle

SUBMIT = "executable = /bin/true\nqueue\n"
ALWAYS = {"a.sub": SUBMIT, "b.sub": SUBMIT, "c.sub": SUBMIT, "d.config": ""}


def write(folder: Path, case: str | Mapping[str, str]) -> None:
    for name, text in {**ALWAYS, **({"x.dag": case} if isinstance(case, str) else case)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))


def tool(pool: Pool, *command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {**pool.environment(), **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=60, check=False)


def version_of(pool: Pool, folder: Path) -> str:
    return tool(pool, "condor_version", cwd=folder).stdout.decode().splitlines()[0]


def dagman_takes(pool: Pool, folder: Path, dag: str) -> bool:
    """Whether condor_submit_dag and condor_dagman read it to its end and find no cycle.

    With -Dot, DAGMan leaves when it has read everything, and needs no schedd: 0.1 s.
    """
    submitted = tool(pool, "condor_submit_dag", "-no_submit", "-f", dag, cwd=folder)
    if submitted.returncode:
        return False
    read = tool(
        pool,
        *("condor_dagman", "-p", "0", "-f", "-l", ".", "-Lockfile", f"{dag}.lock", "-Dag", dag, "-Dot"),
        *("-CsdVersion", version_of(pool, folder), "-dagman", "/bin/true"),
        cwd=folder,
        _CONDOR_DAGMAN_LOG=str(folder / "dagman.out"),
        _CONDOR_DAGMAN_STARTUP_CYCLE_DETECT="True",
    )
    assert (folder / "dagman.out").exists(), "it came as far as its own log"
    return read.returncode == 0


def errors_of(folder: Path, dag: str) -> list[str]:
    found = check_path(folder / dag, lambda _done, _total: None)
    return [str(finding) for finding in found.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_ours_says_what_dagman_does(pool: Pool, work_dir: Path, name: str) -> None:
    write(work_dir, GOOD.get(name) or BAD[name])
    assert (errors_of(work_dir, "x.dag") == []) == (name in GOOD)
    if since(name) <= release(pool, work_dir):
        assert dagman_takes(pool, work_dir, "x.dag") == (name in GOOD)


@pytest.mark.htcondor_25
@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_where_condor_dag_checker_sees_less_is_known(pool: Pool, work_dir: Path, name: str) -> None:
    if since(name) > release(pool, work_dir) or release(pool, work_dir) < OLDER:
        return
    write(work_dir, GOOD.get(name) or BAD[name])
    found = tool(pool, "condor_dag_checker", "./x.dag", cwd=work_dir)
    assert (found.returncode == 0) == (name in GOOD or name in CHECKER_ACCEPTS), found.stderr.decode()


def release(pool: Pool, folder: Path) -> tuple[int, ...]:
    return tuple(map(int, version_of(pool, folder).split()[1].split(".")))


@pytest.mark.parametrize("name", PLANNED)
def test_the_corpus_before_and_after_a_rewrite(pool: Pool, corpus: Corpus, work_dir: Path, name: str) -> None:
    (braindump,) = sorted(corpus(f"planned/{name}").rglob("braindump.*"))
    submit_dir = open_submit_dir(Path(shutil.copytree(braindump.parent, work_dir / "run0001")))
    judged = (
        work_dir / "judged"
    )  # condor_submit_dag writes beside the DAG, and shall not touch the planner's files
    for _ in range(2):
        errors = errors_of(submit_dir.path, submit_dir.dag)
        # The archive lacks the DAG of a sub-workflow, which stands in another directory of that machine.
        assert [e for e in errors if name != "subwf-dag" or "/home/scientist" not in e] == []
        shutil.copytree(submit_dir.path, judged)
        (judged / submit_dir.condor_sub.name).unlink(missing_ok=True)
        # HTCondor 23 looks for the directory of a sub-DAG, which the archive lacks too, before it starts.
        refused = name == "subwf-dag" and release(pool, work_dir) < (25,)
        assert dagman_takes(pool, judged, submit_dir.dag) != refused
        shutil.rmtree(judged)
        rewrite(submit_dir, Options(executable="/opt/bridle"))


@pytest.mark.parametrize("name", ["cycle-of-two", "plus-in-a-name", "reject", "rescue"])
def test_run_submits_no_dag_with_an_error(pool: Pool, work_dir: Path, name: str) -> None:
    cases = {
        "cycle-of-two": (
            TWO + "PARENT A CHILD B\nPARENT B CHILD A\n",
            "x.dag:4: the nodes wait for each other",
        ),
        "plus-in-a-name": ("JOB fit+plot a.sub\n", "x.dag:1: the name fit+plot has a +"),
        "reject": ("JOB A a.sub\nREJECT\n", "x.dag:2: REJECT"),
        "rescue": (
            {"x.dag": TWO, "x.dag.rescue001": "DONE fit\n"},
            "x.dag.rescue001:1: the rescue DAG names fit",
        ),
    }
    case, expected = cases[name]
    write(work_dir, case)
    refused = bridle(pool, "run", str(work_dir / "x.dag"))
    assert refused.returncode == 2
    assert expected in refused.stderr
    assert "--force" in refused.stderr
    assert not list(work_dir.glob("*.dagman.*")), "nothing was submitted"
