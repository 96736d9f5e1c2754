"""Where DAGMan runs and writes, by its submit file and its own log: forms that condor_submit_dag 25.14 writes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from dag_rewriter.directory.dagman_places import leading_dag
from dag_rewriter.directory.liveness import refuse_beside_others
from dag_rewriter.directory.locate import jobstate_log, open_target, read_whole
from dag_rewriter.directory.submit_dir import SubmitDir, open_dag
from dag_rewriter.errors import RunningError
from dag_rewriter.rescue.rescue_files import find_rescues
from monitord_job.cli.common import run_of

_SUBMIT_FILE = """\
universe    = scheduler
log         = {prefix}x.dag.dagman.log
arguments = "-f -l . -Lockfile {prefix}x.dag.lock {dags} -CsdVersion $CondorVersion:' '25.14.1' '$ {more} -AutoRescue 1"
environment = "_CONDOR_DAGMAN_LOG={out} _CONDOR_MAX_DAGMAN_LOG=0"
queue
"""


def submitted(
    folder: Path, dags: str = "-Dag x.dag", out: str = "x.dag.dagman.out", more: str = "", prefix: str = ""
) -> SubmitDir:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.dag").write_text("JOB A jobs/a.sub\n")
    text = _SUBMIT_FILE.format(dags=dags, out=out, more=more, prefix=prefix)
    (folder / "x.dag.condor.sub").write_text(text)
    return open_dag(folder / "x.dag")


def test_all_is_where_it_always_is(tmp_path):
    found = submitted(tmp_path)
    assert found.start == tmp_path
    assert found.dagman_out == tmp_path / "x.dag.dagman.out"
    assert found.nodes_log == tmp_path / "x.dag.nodes.log"
    assert found.dagman_log == tmp_path / "x.dag.dagman.log"


@pytest.mark.parametrize(
    ("out", "more", "expected"),
    [
        ("logs/x.dag.dagman.out", "-outfile_dir logs", "logs/x.dag.dagman.out"),
        ("'my logs/x.dag.dagman.out'", "-outfile_dir 'my logs'", "my logs/x.dag.dagman.out"),
        ("/nowhere/x.dag.dagman.out", "-outfile_dir /nowhere", "/nowhere/x.dag.dagman.out"),
    ],
)
def test_a_dagman_out_elsewhere(tmp_path, out, more, expected):
    assert submitted(tmp_path, out=out, more=more).dagman_out == tmp_path / expected


def test_what_was_written_in_a_directory_that_was_copied_is_that_of_the_copy(tmp_path):
    first = submitted(tmp_path / "first", out=f"{tmp_path}/first/x.dag.dagman.out")
    first.dagman_out.write_text("Default node log file is: </elsewhere/first/./x.dag.nodes.log>\n")
    (tmp_path / "first").rename(tmp_path / "again")
    found = open_dag(tmp_path / "again/x.dag")
    assert found.dagman_out == tmp_path / "again/x.dag.dagman.out"
    assert found.nodes_log == tmp_path / "again/x.dag.nodes.log"


def test_names_begin_where_condor_submit_dag_was_called(tmp_path):
    found = submitted(tmp_path / "flows", "-Dag flows/x.dag", "flows/x.dag.dagman.out", prefix="flows/")
    assert found.start == tmp_path
    assert found.dagman_out == tmp_path / "flows/x.dag.dagman.out"
    assert found.named(found.monitor_submit) == "flows/x.bridle.sub"
    found.dag_file.write_text("JOB A a.sub\nJOBSTATE_LOG logs/js.log\n")
    assert jobstate_log(found) == tmp_path / "logs/js.log"


def test_names_begin_where_the_dag_is_with_usedagdir(tmp_path):
    found = submitted(
        tmp_path / "flows", "-Dag flows/x.dag", "flows/x.dag.dagman.out", "-UseDagDir", "flows/"
    )
    assert found.start == tmp_path / "flows"
    assert found.dagman_out == tmp_path / "flows/x.dag.dagman.out"


def test_before_it_is_submitted_names_begin_here_if_they_are_there(tmp_path, monkeypatch):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/x.dag").write_text("JOB A jobs/a.sub\n")
    monkeypatch.chdir(tmp_path)
    assert open_target(Path("flows/x.dag")).start == tmp_path / "flows"
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/a.sub").write_text("queue\n")
    assert open_target(Path("flows/x.dag")).start == tmp_path
    (tmp_path / "flows/jobs").mkdir()
    (tmp_path / "flows/jobs/a.sub").write_text("queue\n")
    assert open_target(Path("flows/x.dag")).start == tmp_path / "flows"


@pytest.mark.parametrize(
    "said",
    [
        "DAGMAN_DEFAULT_NODE_LOG setting: @(DAG_DIR)/n/@(CLUSTER).log\nDefault node log file is: <{}/./n/x.dag.log>",
        "DAGMAN_DEFAULT_NODE_LOG setting: @(DAG_DIR)/n/@(DAG_FILE).log",
        "DAGMAN_DEFAULT_NODE_LOG setting: {}/n/@(dag_file).log",
    ],
)
def test_a_nodes_log_elsewhere(tmp_path, said):
    (tmp_path / "n").mkdir()
    (tmp_path / "n/x.dag.log").write_text("")
    (tmp_path / "x.dag.dagman.out").write_text(f"11/30/26 03:42:10 {said.format(tmp_path)}\n")
    assert submitted(tmp_path).nodes_log == tmp_path / "n/x.dag.log"


def test_no_file_is_taken_for_a_log_that_is_none(tmp_path):
    """A pipe or a device would hold up, or harm, who only looks."""
    (tmp_path / "x.dag.dagman.out").write_text("DAGMAN_DEFAULT_NODE_LOG setting: /dev/zero\n")
    assert submitted(tmp_path, out="/dev/zero").dagman_out == tmp_path / "x.dag.dagman.out"
    assert submitted(tmp_path).nodes_log == tmp_path / "x.dag.nodes.log"


def test_another_users_run_names_no_file_for_me_to_read(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("")
    (tmp_path / "run").mkdir()
    real = Path.stat

    def stat(path: Path, **words: bool) -> os.stat_result:
        found = real(path, **words)
        values = list(found)
        values[4] += path == secret
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", stat)
    found = submitted(tmp_path / "run", out=str(secret), more="-outfile_dir /")
    assert found.dagman_out == tmp_path / "run/x.dag.dagman.out"


def test_several_dags_as_one(tmp_path):
    (tmp_path / "two.dag").write_text("JOB A b.sub\nSERVICE S s.sub\nSPLICE P x.dag\n")
    (tmp_path / "x.dag_multi.rescue001").write_text("DONE 0.A\n")
    found = submitted(tmp_path, "-Dag x.dag -Dag two.dag")
    assert [node.name for node in read_whole(found).nodes()] == ["0.A", "1.A", "1.S", "1.P+1.A"]
    rescues, _ = find_rescues(found)
    assert [each.name for each in rescues] == ["x.dag_multi.rescue001"]


def test_a_dag_that_was_not_the_first_of_several_leads_to_that_until_it_has_a_submit_file_of_its_own(
    tmp_path,
):
    (tmp_path / "two.dag").write_text("JOB A b.sub\n")
    (tmp_path / "three.dag").write_text("JOB A b.sub\n")
    first = submitted(tmp_path, "-Dag x.dag -Dag ./two.dag")
    lead = {
        name: leading_dag(tmp_path / name, tmp_path / f"{name}.condor.sub")
        for name in ("two.dag", "three.dag")
    }
    assert lead == {"two.dag": tmp_path / "x.dag", "three.dag": None}
    assert leading_dag(first.dag_file, first.condor_sub) is None
    assert run_of(tmp_path / "two.dag").dag == "x.dag"
    (tmp_path / "two.dag.condor.sub").write_text('arguments = "-Dag two.dag"\n')
    assert run_of(tmp_path / "two.dag").dag == "two.dag"


@pytest.mark.parametrize(
    ("first", "other", "named"),
    [
        ("a", "a/sub", ("x.dag", "sub/y.dag")),  # condor_submit_dag x.dag sub/y.dag
        ("a", "a/s/t", ("x.dag", "s/t/y.dag")),
        ("one", "two", ("one/x.dag", "two/y.dag")),  # mostly with -usedagdir
        ("one", "two", ("x.dag", "../two/y.dag")),
        ("a", "a/sub", ("../x.dag", "y.dag")),
        ("one", "two", ("../one/x.dag", "y.dag")),
        ("one", "two", ("{root}/one/x.dag", "{root}/two/y.dag")),
        ("one", "two", ("one/x.dag", "two/./y.dag")),
    ],
)
def test_a_dag_leads_to_the_first_of_several_wherever_it_lies(tmp_path, first, other, named):
    (tmp_path / other).mkdir(parents=True)
    (tmp_path / other / "y.dag").write_text("JOB A b.sub\n")
    (tmp_path / other / "z.dag").write_text("JOB A b.sub\n")
    dags = " ".join(f"-Dag {each.format(root=tmp_path)}" for each in named)
    submitted(tmp_path / first, dags)
    assert run_of(tmp_path / other / "y.dag").dag_file == tmp_path / first / "x.dag"
    assert run_of(tmp_path / other / "z.dag").dag_file == tmp_path / other / "z.dag"


def test_several_dags_each_of_which_begins_where_it_lies(tmp_path):
    (tmp_path / "two").mkdir()
    (tmp_path / "two/y.dag").write_text("JOB A b.sub\n")
    found = submitted(
        tmp_path / "one", "-Dag one/x.dag -Dag two/y.dag", more="-UseDagDir -outfile_dir 'my logs'"
    )
    whole = read_whole(found)
    assert [part.path(node.submit_file) for part in whole.parts for node in part.dag.nodes.values()] == [
        "one/jobs/a.sub",
        "two/b.sub",
    ]
    assert found.start == tmp_path
    assert found.places.again == "condor_submit_dag -usedagdir -outfile_dir 'my logs' one/x.dag two/y.dag"


def test_names_begin_where_dagman_says_that_it_runs_if_its_submit_file_does_not(tmp_path):
    (tmp_path / "a").mkdir()
    said = f"Default node log file is: <{tmp_path}/a/sub/../x.dag.nodes.log>\n"
    (tmp_path / "a/x.dag.dagman.out").write_text(f"11/30/26 03:42:10 {said}")
    (tmp_path / "a/sub").mkdir()
    found = submitted(tmp_path / "a", "-Dag ../x.dag", prefix="../")
    assert found.start == tmp_path / "a/sub"
    assert found.nodes_log == tmp_path / "a/x.dag.nodes.log"


def test_a_dag_that_runs_as_one_with_others_is_left_as_it_is(tmp_path):
    (tmp_path / "s").mkdir()
    other = tmp_path / "s/y.dag"
    other.write_text("JOB A b.sub\n")
    first = submitted(tmp_path, "-Dag x.dag -Dag s/y.dag")
    refuse_beside_others(open_dag(other))
    with first.dagman_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RunningError, match="as one with"):
            refuse_beside_others(open_dag(other))
