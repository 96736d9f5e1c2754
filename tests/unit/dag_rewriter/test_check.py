"""What `bridle check` says, and with which exit code; whether it says so rightly is tests/pool's business."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.check import pass_two_dag
from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.check.check_disk import check_path
from dag_rewriter.check.node_log import node_log_findings
from dag_rewriter.check.scope import Severity
from dag_rewriter.cli.check import check
from dag_rewriter.cli.rewrite import rewrite
from dag_rewriter.errors import BadDagError, FileError
from tests.support.dag_verdicts import BAD, GOOD

FILES = ("a.sub", "b.sub", "c.sub", "d.config", "make.sh", "x")


def write(folder: Path, case: str | dict[str, str]) -> Path:
    for name, text in {
        **dict.fromkeys(FILES, ""),
        **({"x.dag": case} if isinstance(case, str) else case),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder / "x.dag"


def findings(folder: Path, case: str | dict[str, str]) -> list[str]:
    found = check_path(write(folder, case), lambda _done, _total: None).findings
    return [str(finding).replace(f"{folder}/", "") for finding in found]


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_errors_for_bad_dags_only(tmp_path: Path, name: str) -> None:
    found = findings(tmp_path, GOOD.get(name) or BAD[name])
    assert any(": error: " in finding for finding in found) == (name in BAD)


TWO = "JOB A a.sub\nJOB B b.sub\n"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (TWO + "JOB C c.sub\nPARENT A CHILD B\nPARENT B CHILD C\nPARENT C CHILD B\n",
         "x.dag:6: error: the nodes wait for each other: C -> B -> C"),
        ({"x.dag": "SPLICE S s.dag\n", "s.dag": TWO + "\nRETRY C 1\n"}, "s.dag:4: error: there is no node C"),
        (TWO + "ABORT-DAG-ON A 7\n", "x.dag:3: warning: DAGMan then exits with 7, and HTCondor starts it again for"),
        (TWO + "ABORT-DAG-ON A 7 RETURN 3\n", "x.dag:3: warning: DAGMan then exits with 3"),
        (TWO + "RETRY a 1\n", "x.dag:3: error: there is no node a; did you mean A?"),
        (TWO + "FINAL F c.sub\nRETRY F 1\n", "x.dag:4: error: F is a FINAL node and cannot have retries"),
        (TWO + "JOB C none.sub\n", "x.dag:3: error: the submit file none.sub of C is not there"),
        (TWO + "JOB C none.sub\nPARENT A CHILD C\n",
         "x.dag:3: warning: the submit file none.sub of C is not there yet"),
        (TWO + "JOB C none.sub DIR later\nPARENT A CHILD B\nPARENT B CHILD C\n",
         "x.dag:3: warning: the submit file later/none.sub of C is not there yet"),
        (TWO + "JOB C none.sub\nJOB D none.sub\nPARENT A CHILD C\n",
         "x.dag:3: error: the submit file none.sub of C (and of 1 more) is not there"),
        (TWO + "FINAL F none.sub\n", "x.dag:3: warning: the submit file none.sub of F is not there yet"),
        (TWO + "SERVICE S none.sub\n", "x.dag:3: error: the submit file none.sub of S is not there"),
        (TWO + "SUBDAG EXTERNAL C none.dag\nPARENT A CHILD C\n",
         "x.dag:3: warning: the DAG none.dag of C is not there yet"),
        ({"x.dag": TWO + "SPLICE S s.dag\nPARENT A CHILD S\n", "s.dag": "JOB C none.sub\n"},
         "s.dag:1: warning: the submit file none.sub of S+C is not there yet"),
        (TWO + "SUBDAG EXTERNAL C none.dag\n", "x.dag:3: error: the DAG none.dag of C is not there"),
        ({"x.dag": "SUBDAG EXTERNAL S sub/s.dag\n", "sub/s.dag": "JOB A a.sub\nRETRY X 1\n"},
         "sub/s.dag:2: error: there is no node X"),
        ({"x.dag": "SUBDAG EXTERNAL S s.dag DIR sub\n", "sub/s.dag": "JOB A a.sub\n"},
         "sub/s.dag:1: error: the submit file sub/a.sub of A is not there"),
        (TWO + "JOB a c.sub\n", "x.dag: warning: the nodes A and a differ in case only"),
        (TWO + "CATEGORY A cleanup\nMAXJOBS CLEANUP 3\n",
         "x.dag:4: warning: MAXJOBS CLEANUP does not limit the category cleanup"),
        ({"x.dag": TWO + "INCLUDE i.dag\n", "i.dag": "ENV GET HOME\n"},
         "i.dag:1: warning: ENV counts in the DAG itself only"),
        ({"x.dag": TWO + "INCLUDE i.dag\n", "i.dag": "ENV SET HOME\n"},
         "i.dag:1: warning: ENV counts in the DAG itself only"),
        (TWO + "ENV SET MODE=1;LEVEL\n", "x.dag:3: error: ENV SET: there is no = after 'LEVEL'"),
        ("# PEGASUS WMS GENERATED DAG FILE\n" + TWO, "x.dag:4: error: the file ends before the planner's last lines"),
    ],
)  # fmt: skip
def test_a_finding_says_where_and_what(tmp_path: Path, case: str | dict[str, str], expected: str) -> None:
    (found,) = findings(tmp_path, case)
    assert found.startswith(expected)
    assert "; " in found, "and what to do"


def test_all_that_is_wrong_is_said_in_the_order_of_the_lines(tmp_path: Path) -> None:
    found = findings(tmp_path, "RETRY X 1\nJOB A a.sub\nJOB A b.sub\nWHAT\nPARENT A CHILD Y\n")
    assert [finding.split(":")[1] for finding in found] == ["1", "3", "4", "5"]


def test_a_file_that_is_missing_does_not_make_all_names_unknown(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, TWO + "INCLUDE none.dag\nRETRY C 1\nPARENT A CHILD C\n")
    assert "none.dag" in found


@pytest.mark.parametrize(
    "line",
    ["SCRIPT PRE C make.sh", "DONE C", "SUBMIT-DESCRIPTION none.sub {\nqueue\n}", "SCRIPT PRE ALL_NODES x"],
)
def test_a_submit_file_may_be_missing_where_nobody_needs_it_yet(tmp_path: Path, line: str) -> None:
    assert findings(tmp_path, TWO + f"JOB C none.sub\n{line}\n") == []


PROGRAMS = {
    "executable = none.sh\nqueue\n": [
        "the executable none.sh of A is not there; the node will fail without it"
    ],
    "executable = none.sh\ntransfer_executable = False\nqueue\n": [],
    "executable = $(exe)\nqueue\n": [],
    "universe = docker\nexecutable = /opt/none\nqueue\n": [],
    "executable = make.sh\nqueue\n": [],
}


@pytest.mark.parametrize("job", PROGRAMS)
def test_an_executable_that_is_not_there_is_warned_of(tmp_path: Path, job: str) -> None:
    told = [f"x.dag:1: warning: {what}" for what in PROGRAMS[job]]
    assert findings(tmp_path, {"x.dag": TWO, "a.sub": job}) == told


def test_one_that_a_node_before_may_make_is_not_there_yet(tmp_path: Path) -> None:
    dag = f"{TWO}JOB C b.sub\nPARENT A CHILD B C\n"
    (found,) = findings(tmp_path, {"x.dag": dag, "b.sub": "executable = made\nqueue\n"})
    assert found.startswith(
        "x.dag:2: warning: the executable made of B (and of 1 more) is not there yet; if no job"
    )


def test_scripts_that_are_not_there_are_warned_of(tmp_path: Path) -> None:
    scripts = "SCRIPT PRE A pre.sh\nSCRIPT POST B sub/post.sh -v\nSCRIPT PRE B /bin/true\n"
    yet = "is not there yet; if no job before it makes it, the node will fail"
    assert findings(tmp_path, TWO + scripts) == [
        "x.dag:1: warning: the PRE script pre.sh of A is not there; the node will fail without it",
        f"x.dag:2: warning: the POST script sub/post.sh of B {yet}",
    ]


@pytest.mark.parametrize("option", ["NOOP", "DONE"])
def test_nodes_without_a_job_need_no_submit_file(tmp_path: Path, option: str) -> None:
    assert findings(tmp_path, TWO + f"JOB C none.sub {option}\n") == []


def test_a_cycle_of_a_hundred_thousand_nodes_is_found(tmp_path: Path) -> None:
    count = 100_000
    ring = "".join(f"JOB n{n} a.sub\nPARENT n{n} CHILD n{(n + 1) % count}\n" for n in range(count))
    (found,) = findings(tmp_path, ring)
    assert "more) -> " in found, "not all of them are named"


def test_exit_codes_and_json(tmp_path: Path) -> None:
    run = CliRunner()
    dag = str(write(tmp_path, TWO))
    good = run.invoke(check, [dag], standalone_mode=False)
    assert (good.return_value, good.output) == (0, f"{dag}: good; 2 nodes, 0 edges\n")
    write(tmp_path, {"x.dag": "JOB n\udce4me a.sub\nFINAL F b.sub DONE\nRETRY C 1\n"})
    bad = run.invoke(check, ["--json", dag], standalone_mode=False)
    told = json.loads(bad.output)
    assert (bad.return_value, told["good"], told["nodes"]) == (1, False, 2)
    assert [(f["line"], f["severity"]) for f in told["findings"]] == [(2, "warning"), (3, "error")]
    with pytest.raises(FileError):
        run.invoke(check, [str(tmp_path / "none.dag")], standalone_mode=False, catch_exceptions=False)


@pytest.mark.parametrize(
    ("folder", "config", "warned"),
    [
        ("/tmp/x", "", True),
        ("/tmp/x", "DAGMAN_USE_STRICT = 0\n", False),
        ("/tmpx", "", False),
        ("/home/me", "DAGMAN_DEFAULT_NODE_LOG = /tmp/@(DAG_FILE).log\n", True),
        ("/tmp/x", "DAGMAN_DEFAULT_NODE_LOG = /home/me/n.log\n", False),
        ("/home/me", "DAGMAN_DEFAULT_NODE_LOG = n.log\n", False),
    ],
)
def test_a_node_log_below_tmp_is_warned_of(tmp_path: Path, folder: str, config: str, warned: bool) -> None:
    named = tmp_path / "dagman.config"
    named.write_text(config)
    found = list(node_log_findings(Path(folder, "x.dag"), Path(folder), str(named)))
    assert [finding.severity for finding in found] == [Severity.WARNING] * warned


@pytest.mark.parametrize(
    ("rescue", "expected"),
    [
        ("DONE A\nDONE S+X\nRETRY B 2\nDONE _condor_join_node1\nDONE bridle_monitor\n", []),
        (
            "# names\nDONE fit\n",
            ["x.dag.rescue002:2: error: the rescue DAG names fit, and the DAG has no such node"],
        ),
        ("RETRY fit 2\n", ["x.dag.rescue002:1: error: there is no node fit"]),
        ("JOB A a.sub\nJOB fit b.sub DONE\n", []),  # a whole DAG: DAGMan takes it instead
    ],
)
def test_the_rescue_dag_that_would_be_taken_names_nodes_of_the_dag(
    tmp_path: Path, rescue: str, expected: list[str]
) -> None:
    files = {
        "x.dag": TWO + "SPLICE S s.dag\n",
        "s.dag": "JOB X c.sub\n",
        "x.dag.rescue001": "DONE older\n",
        "x.dag.rescue002": rescue,
    }
    found = findings(tmp_path, files)
    assert [finding.partition("; ")[0] for finding in found] == expected


class Texts:
    """Files in memory, which count how often each is read."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.read_times: Counter[str] = Counter()

    def read(self, path: str) -> bytes | None:
        self.read_times[path] += 1
        text = self.texts.get(path)
        return None if text is None else text.encode()

    def exists(self, path: str) -> bool:
        return path.endswith(".sub")

    def identity(self, path: str) -> str:
        return path


INCLUDED = st.lists(
    st.sampled_from(
        [
            *(
                "RETRY A 1",
                "SCRIPT PRE B p.sh",
                "retry ALL_NODES 2",
                "PARENT A CHILD B",
                "PARENT A B CHILD C D",
            ),
            *(
                "CATEGORY A c",
                "MAXJOBS c 2",
                "RETRY E 1",
                "ENV GET HOME",
                "CONFIG c",
                "DONE A",
                "JOB E none.sub",
            ),
            *(
                "SUBMIT-DESCRIPTION none.sub {\nqueue\n}",
                "PARENT B CHILD A",
                "INCLUDE 1",
                "INCLUDE 2",
                "# note",
            ),
            *("SPLICE S s.dag", "PIN_IN A 1", "SCRIPT PRE ALL_NODES p.sh", 'VARS A a="1"', "REJECT"),
        ]
    ),
    max_size=3,
)


@given(INCLUDED, INCLUDED, INCLUDED, st.lists(st.sampled_from("012"), max_size=6))
def test_a_file_that_is_included_again_counts_as_one_of_the_same_text(
    first: list[str], second: list[str], third: list[str], order: list[str]
) -> None:
    head = "".join(f"JOB {name} {name}.sub\n" for name in "ABC") + "JOB D none.sub\nSPLICE P s.dag\n"
    texts = {str(at): "\n".join(lines) + "\n" for at, lines in enumerate((first, second, third))}
    texts["s.dag"] = "JOB X x.sub\n"
    top = head + "".join(f"INCLUDE {name}\n" for name in order)
    once = check_dag("x.dag", Texts({**texts, "x.dag": top}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pass_two_dag, "repeat", lambda *_: False)
        always = check_dag("x.dag", Texts({**texts, "x.dag": top}))
    assert once == always


def test_a_file_without_an_error_is_read_once_however_often_it_is_included() -> None:
    files = Texts({"x.dag": TWO + "INCLUDE i.dag\n" * 300, "i.dag": "RETRY A 1\nINCLUDE j.dag\n"})
    files.texts["j.dag"] = 'PARENT A CHILD B\n# only the edge counts\nVARS A a="1"\n'
    found = check_dag("x.dag", files)
    assert found.edges == 300
    assert max(files.read_times.values()) <= 4


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    """Nobody sees it on a screen."""
    (found,) = findings(tmp_path, {"x.dag": "\ufeffJOB A a.sub\n", "a.sub": "queue\n"})
    assert "x.dag:1: error: a byte order mark stands before JOB" in found
    assert "save the file as UTF-8 without one" in found


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_dag_with_an_error_is_rewritten_with_force_only(tmp_path: Path, options: list[str]) -> None:
    dag = write(tmp_path, TWO + "PARENT A CHILD B\nPARENT B CHILD A\n")
    before = dag.read_bytes()
    refused = CliRunner().invoke(rewrite, [str(dag), *options])
    assert isinstance(refused.exception, BadDagError)
    assert str(refused.exception).startswith(f"{dag}:4: the nodes wait for each other: ")
    assert "--force" in str(refused.exception)
    assert dag.read_bytes() == before
    assert CliRunner().invoke(rewrite, [str(dag), "--force", *options]).exit_code == 0
    assert (dag.read_bytes() != before) == (not options)
