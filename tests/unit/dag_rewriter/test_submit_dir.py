"""Which directories are submit directories, and what is said about the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dag_rewriter import files
from dag_rewriter.directory.braindump import BraindumpError, parse_braindump
from dag_rewriter.directory.locate import jobstate_log, open_target
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of, open_submit_dir
from dag_rewriter.errors import FileError, RewriterError, SubmitDirError
from dag_rewriter.files import reading
from dag_rewriter.model.dag import parse_dag

BRAINDUMP = """\
dag: "m-0.dag"
wf_uuid: "u"
root_wf_uuid: "r"
condor_log: "m-0.log"
submit_dir: "/else/where"
type: "dag"
"""


def planned(folder: Path, braindump: str = BRAINDUMP) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "braindump.yml").write_text(braindump)
    (folder / "m-0.dag").write_text("JOB A a.sub\n")
    return folder


def test_names_come_from_braindump_and_paths_from_where_the_directory_is(tmp_path: Path) -> None:
    found = open_submit_dir(planned(tmp_path / "run0001"))
    here = tmp_path / "run0001"
    assert (found.path, found.dag, found.base, found.wf_uuid, found.root_wf_uuid) == (
        here,
        "m-0.dag",
        "m-0",
        "u",
        "r",
    )
    assert {
        "m-0.dag": found.dag_file,
        "m-0.dag.planned": found.planned_dag,
        "m-0.bridle.sub": found.monitor_submit,
        "m-0.bridle.braindump.yml": found.own_braindump,
        "m-0.bridle-notify": found.bridle_notify,
        "m-0.bridle.metrics": found.bridle_metrics,
        "m-0.bridle.properties": found.own_properties,
        "m-0.bridle-notifying": found.notifying,
        "m-0.bridle-resend": found.resend,
        "m-0.bridle-delivered": found.delivered,
        "m-0.bridle.config": found.monitor_config,
        "m-0.bridle.condor_dagman": found.sub_dagman,
        "m-0.bridle.jobstate.log": found.jobstate_log,
        "m-0.dag.nodes.log": found.nodes_log,
        "m-0.dag.dagman.log": found.dagman_log,
        "m-0.dag.dagman.out": found.dagman_out,
        "m-0.dag.lock": found.dagman_lock,
        "m-0.dag.halt": found.halt_file,
        "m-0.dag.condor.sub": found.condor_sub,
        "m-0.dag.condor.sub.planned": found.planned_condor_sub,
        "m-0.stampede.db": found.database,
        "m-0.bridle.lock": found.lock,
        "m-0.bridle.log": found.monitor_log,
        "m-0.static.bp": found.static_bp,
        "m-0.log": found.condor_log,
        "m-0.notify": found.notify,
        "m-0.metrics": found.metrics,
        "statistics": found.statistics,
    } == {path.name: here / path.name for path in _all_paths(found)}


def _all_paths(found: SubmitDir) -> list[Path]:
    values = (getattr(found, name) for name, kind in vars(SubmitDir).items() if isinstance(kind, property))
    return [value for value in values if isinstance(value, Path) and value not in (found.path, found.start)]


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(tmp_path / "run0001")
    monkeypatch.chdir(tmp_path)
    assert open_submit_dir(Path("run0001")).path == tmp_path / "run0001"


def test_the_users_jobstate_log_is_followed(tmp_path: Path) -> None:
    found = open_submit_dir(planned(tmp_path))
    assert jobstate_log_of(found, parse_dag(b"", "x")) == tmp_path / "m-0.bridle.jobstate.log"
    assert jobstate_log_of(found, parse_dag(b"JOBSTATE_LOG mine/js.log\n", "x")) == tmp_path / "mine/js.log"


def test_braindump_of_4_9_is_read(tmp_path: Path) -> None:
    planned(tmp_path)
    (tmp_path / "braindump.yml").rename(tmp_path / "braindump.txt").write_text(
        "dag m-0.dag\ngrid_dn null\ntype dag\n"
    )
    found = open_submit_dir(tmp_path)
    assert (found.dag, found.braindump["grid_dn"]) == ("m-0.dag", None)


def test_unknown_keys_and_other_yaml_are_kept() -> None:
    assert parse_braindump("---\ndag: x.dag\nnew key: {}\n".replace("{}", "yes")) == {
        "dag": "x.dag",
        "new key": "true",
    }
    for text in ("- a\n", "dag: [1]\n", 'dag: "x\n', "dag"):
        with pytest.raises(BraindumpError):
            parse_braindump(text)


@pytest.mark.parametrize(
    ("spoil", "where", "what"),
    [
        (lambda d: (d / "braindump.yml").unlink(), "", "no braindump.yml"),
        (lambda d: (d / "braindump.yml").write_text('dag: "m-0.d'), "braindump.yml", "cannot be understood"),
        (
            lambda d: (d / "braindump.yml").write_bytes(b'dag: "\xff"'),
            "braindump.yml",
            "cannot be understood",
        ),
        (lambda d: (d / "braindump.yml").write_text(""), "braindump.yml", "names no DAG"),
        (lambda d: (d / "braindump.yml").write_text('wf_uuid: "u"'), "braindump.yml", "names no DAG"),
        (lambda d: (d / "braindump.yml").write_text('dag: "../m-0.dag"'), "braindump.yml", "names no DAG"),
        (
            lambda d: (d / "braindump.yml").write_text('type: "shell"\nscript: "m-0.sh"'),
            "",
            "planned for the shell",
        ),
        (lambda d: (d / "m-0.dag").unlink(), "m-0.dag", "not there"),
        (
            lambda d: ((d / "braindump.yml").unlink(), (d / "braindump.yml").mkdir()),
            "braindump.yml",
            "cannot read",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], object], where: str, what: str
) -> None:
    folder = planned(tmp_path / "run0001")
    spoil(folder)
    with pytest.raises(RewriterError) as error:
        open_submit_dir(folder)
    assert error.value.where == str(folder / where if where else folder)
    assert what in error.value.what
    assert error.value.hint
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "what"), [("nowhere", "no such directory"), ("file", "not a directory")])
def test_what_is_no_directory(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RewriterError, match=what):
        open_submit_dir(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(reading, "open_regular", denied)  # root may read everything
    with pytest.raises(FileError) as error:
        open_submit_dir(planned(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}/braindump.yml: cannot read it: Permission denied; "
        "give yourself the permission, or ask its owner"
    )


def test_many_small_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 50_000)
    (tmp_path / "empty").touch()
    found = list(files.read_many(tmp_path, ["long", "none", "empty", "long/below", str(tmp_path / "empty")]))
    assert [(name, None if data is None else len(data)) for name, data in found] == [
        ("long", 50_000),
        ("none", None),
        ("empty", 0),
        ("long/below", None),
        (str(tmp_path / "empty"), 0),
    ]


def test_replace_keeps_the_mode_and_leaves_equal_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    path.chmod(0o640)
    before = path.stat()
    assert not files.replace(path, b"one")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert files.replace(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("name", ["flow", "night.submit", "x.dag", "x.dagman"])
def test_a_dag_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("# a comment\n\njob A a.sub\n")
    found = open_target(tmp_path / name)
    assert (found.path, found.dag, found.base) == (tmp_path, name, name.removesuffix(".dag"))


def test_files_that_the_dag_is_to_name_are_single_words(tmp_path: Path) -> None:
    """DAGMan 23.9 takes no quotes around the name of a JOBSTATE_LOG."""
    (tmp_path / "größe 1's.dag").write_text("JOB A a.sub\n")
    found = open_target(tmp_path / "größe 1's.dag")
    names = [path.name for path in (found.monitor_submit, found.monitor_config, found.jobstate_log)]
    assert names == [f"größe%201%27s.bridle.{what}" for what in ("sub", "config", "jobstate.log")]
    assert found.database.name == "größe 1's.stampede.db"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sub", "executable = /bin/true\nqueue\n"),
        ("empty", ""),
        ("x.stampede.db", "SQLite format 3\0"),
        ("x.dag.rescue001", "DONE A\n"),
        ("x.dag.planned", "JOB A a.sub\n"),
    ],
)
def test_what_is_no_dag_is_said_to_be_none(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SubmitDirError, match="it is no DAG; name a submit directory or a DAG"):
        open_target(tmp_path / name)


def test_two_dags_that_would_have_one_database_are_refused(tmp_path: Path) -> None:
    for name in ("flow", "flow.dag"):
        (tmp_path / name).write_text("JOB A a.sub\n")
    with pytest.raises(
        SubmitDirError, match=r"flow: flow\.dag lies beside it, and both would have the database flow"
    ):
        open_target(tmp_path / "flow")


def test_the_jobstate_log_is_ours_or_that_of_the_dag(tmp_path: Path) -> None:
    (tmp_path / "x.dag").write_text("JOB A a.sub\nJOBSTATE_LOG states.log\n")
    submit_dir = open_target(tmp_path / "x.dag")
    assert jobstate_log(submit_dir) == tmp_path / "states.log"
    submit_dir.jobstate_log.touch()
    assert jobstate_log(submit_dir) == submit_dir.jobstate_log
    (tmp_path / "y.dag").write_text("JOB A a.sub\n")
    other = open_target(tmp_path / "y.dag")
    assert jobstate_log(other) == other.jobstate_log
