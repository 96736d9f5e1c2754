"""A DAG that was parsed already is called good for certain only if the whole check finds no error in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.check import refusal
from dag_rewriter.check.check_disk import check_path
from dag_rewriter.check.quick_verdict import is_surely_good
from dag_rewriter.check.scope import Severity
from dag_rewriter.directory.submit_dir import open_dag
from dag_rewriter.errors import BadDagError, RewriterError
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.model.splices import Part, WholeDag, expand
from dag_rewriter.rescue.rescue_dag import RescueFile
from dag_rewriter.rewriting.rewrite import Options, rewrite
from tests.support.dag_verdicts import BAD, GOOD

FILES = ("a.sub", "b.sub", "c.sub", "d.config")
TWO = "JOB A a.sub\nJOB B b.sub\n"


def write(folder: Path, case: str | dict[str, str]) -> Path:
    named = {"x.dag": case} if isinstance(case, str) else case
    for name, text in {**dict.fromkeys(FILES, ""), **named}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder / "x.dag"


def verdict(dag: Path, rescue: str | None = None) -> bool:
    taken = None if rescue is None else RescueFile("x.dag", 1, rescue.encode())
    parsed = parse_dag(dag.read_bytes(), "x.dag")
    whole = expand("x.dag", lambda name: (dag.parent / name).read_bytes())
    return is_surely_good(parsed, whole, lambda name: (dag.parent / name).exists(), taken)


@pytest.mark.parametrize("name", list(BAD))
def test_no_bad_dag_is_rewritten(tmp_path: Path, name: str) -> None:
    dag = write(tmp_path, BAD[name])
    before = dag.read_bytes()
    with pytest.raises(RewriterError):
        rewrite(open_dag(dag))
    assert dag.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("x.bridle*")) == []


NO_LINE_CAN_FOLLOW = {"dropped-at-the-end"}


@pytest.mark.parametrize("name", [name for name in GOOD if name not in NO_LINE_CAN_FOLLOW])
def test_each_good_dag_is_rewritten(tmp_path: Path, name: str) -> None:
    assert rewrite(open_dag(write(tmp_path, GOOD[name])), Options(executable="/bin/true")).changed


PLANNERS = (
    "# PEGASUS WMS GENERATED DAG FILE\nMAXJOBS stagein 5\n"
    + TWO
    + 'VARS A gen="+1"\nCATEGORY A stagein\nRETRY A 3\nSCRIPT POST B /bin/true\n'
    + "SUBDAG EXTERNAL C inner.dag\nSCRIPT PRE C /bin/plan\nPARENT A CHILD B\nPARENT B CHILD C\n"
)


def test_what_planners_write_is_not_read_a_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = []

    def counted(*asked, **how):
        again.append(asked)
        return check_path(*asked, **how)

    monkeypatch.setattr(refusal, "check_path", counted)
    dag = write(tmp_path, PLANNERS)
    submit_dir = open_dag(dag)
    parsed = parse_dag(dag.read_bytes(), "x.dag")
    refusal.refuse_bad(submit_dir, parsed, None, WholeDag((Part("", "", parsed),)))
    assert again == []


SPLICED = TWO + "SPLICE S s.dag\nSPLICE T s.dag\nPARENT A S CHILD T B\n"


@pytest.mark.parametrize(
    ("top", "spliced", "good"),
    [
        (SPLICED, TWO + "PARENT A CHILD B\n", True),
        (SPLICED, "JOB A @=E\nexecutable = a\n@E\n", True),
        (SPLICED, TWO + "SPLICE U u.dag\nPARENT U CHILD A\n", True),
        (TWO + "SPLICE S s.dag DIR sub\n", "JOB A e.sub\n", True),
        (TWO + "SPLICE S s.dag DIR sub\n", "JOB A a.sub\n", False),
        (SPLICED + "PARENT T CHILD S\n", TWO, False),
        (SPLICED + "PARENT S+A CHILD S\n", TWO, False),
        (SPLICED + "RETRY S+C 3\n", TWO, False),
        (SPLICED + "SPLICE A s.dag\n", TWO, False),
        (SPLICED + "SPLICE S s.dag\n", TWO, False),
        (SPLICED, "", False),
        (SPLICED, "JOB A none.sub\n", False),
        (SPLICED, TWO + "PARENT A CHILD B\nPARENT B CHILD A\n", False),
        (SPLICED, TWO + "FINAL F a.sub\n", False),
        (SPLICED, TWO + "RETRY I 3\nINCLUDE i.dag\n", False),
        (SPLICED, TWO + "PIN_IN A 1\n", False),
        (SPLICED, TWO + "CONFIG d.config\n", False),
        (SPLICED, TWO + "SUBDAG EXTERNAL D none.dag\n", False),
        (SPLICED, TWO + "SPLICE U none.dag DIR none\n", None),
    ],
)
def test_splices_are_good_where_the_whole_check_says_so(
    tmp_path: Path, top: str, spliced: str, good: bool | None
) -> None:
    others = {"u.dag": "JOB A a.sub\n", "i.dag": "JOB I a.sub\n", "sub/s.dag": spliced, "sub/e.sub": ""}
    dag = write(tmp_path, {"x.dag": top, "s.dag": spliced, **others})
    if good is None:
        with pytest.raises(BadDagError):
            rewrite(open_dag(dag))
        return
    assert verdict(dag) == good
    errors = [f for f in check_path(dag, lambda _done, _all: None).findings if f.severity is Severity.ERROR]
    assert not (good and errors)


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("", True),
        ("PARENT B CHILD A\nPARENT A CHILD B\n", False),
        ("PARENT B CHILD A\n", True),
        ("JOB A+B a.sub\n", False),
        ("JOB C c.condor.sub\n", False),
        ("JOB C c.condor.sub DIR there\n", False),
        ("REJECT\n", False),
        ("ENV SET A\n", False),
        ("CONFIG none.config\n", False),
        ("CONFIG d.config\n", True),
        ("SUBDAG EXTERNAL C none.dag\n", False),
        ("SUBDAG EXTERNAL C none.dag DONE\n", True),
        ("SUBDAG EXTERNAL C none.dag\nSCRIPT PRE ALL_NODES /bin/plan\n", True),
        ("FINAL F c.sub\nRETRY F 1\n", False),
        ("DONE ALL_NODES\n", False),
        ("NOCOMMAND A\n", False),
    ],
)
def test_what_it_can_tell(tmp_path: Path, line: str, good: bool) -> None:
    assert verdict(write(tmp_path, TWO + line)) == good


@pytest.mark.parametrize(
    ("rescue", "good"),
    [
        ("# Rescue DAG file\n\nDONE A\nDONE _condor_join_node1\nDONE bridle_monitor\n", True),
        ("DONE fit\n", False),
        ("RETRY A 2\n", False),  # which the whole check knows more of
        ("JOB fit a.sub\n", True),
    ],
)
def test_the_rescue_dag_that_would_be_taken(tmp_path: Path, rescue: str, good: bool) -> None:
    assert verdict(write(tmp_path, TWO), rescue) == good


def test_a_sub_workflow_that_dagman_would_refuse(tmp_path: Path) -> None:
    dag = write(tmp_path, {"x.dag": TWO + "SUBDAG EXTERNAL D y.dag\n", "y.dag": TWO + "PARENT A CHILD A\n"})
    assert verdict(dag)
    with pytest.raises(BadDagError, match=r"y\.dag:3: the nodes wait for each other: A -> A"):
        rewrite(open_dag(dag))
