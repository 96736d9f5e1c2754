"""Every static.bp that a planner wrote: all of its lines are read, and say what the planner's other files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_submit_dir
from monitord_job.stampede.rows import (
    FileMetaRow,
    FilePlaceRow,
    JobRow,
    QuarantineRow,
    Row,
    TaskFileRow,
    TaskJobRow,
    TaskMetaRow,
    TaskRow,
    WorkflowMetaRow,
)
from monitord_job.stampede.static_rows import static_rows
from tests.conftest import PLANNED, Corpus


def rows_of(folder: Path) -> list[Row]:
    """The rows of the uppermost static.bp below a folder."""
    path = min(folder.rglob("*.static.bp"), key=lambda path: len(path.parts))
    return list(static_rows([path.read_bytes().split(b"\n")], path.name, {}))


@pytest.mark.parametrize("name", PLANNED)
def test_every_line_is_read(name: str, corpus: Corpus) -> None:
    rows = rows_of(corpus(f"planned/{name}"))
    assert [row for row in rows if isinstance(row, QuarantineRow)] == []
    tasks = {row.abs_task_id for row in rows if isinstance(row, TaskRow)}
    jobs = {row.exec_job_id: row for row in rows if isinstance(row, JobRow)}
    pairs = [row for row in rows if isinstance(row, TaskJobRow)]
    assert {row.task for row in pairs} == tasks
    assert {row.job for row in pairs} <= set(jobs)
    # The planner counts no task in the job of a sub-workflow, and names one for it.
    for job in (job for job in jobs.values() if job.type_desc not in ("dax", "dag")):
        assert job.task_count == sum(pair.job == job.exec_job_id for pair in pairs)


def test_the_jobs_are_those_of_the_dag(corpus: Corpus) -> None:
    folder = corpus("planned/names")
    dag = min(folder.rglob("*.dag"), key=lambda path: len(path.parts))
    lines = dag.read_text(encoding="utf-8").splitlines()
    named = {line.split()[1] for line in lines if line.startswith("JOB ")}
    assert {row.exec_job_id for row in rows_of(folder) if isinstance(row, JobRow)} == named
    assert open_submit_dir(dag.parent).braindump["dax_label"] is not None


def test_ugly_names_metadata_and_files_come_as_they_were_planned(corpus: Corpus) -> None:
    folder = corpus("planned/names")
    (written,) = set(
        re.findall(r"lfn: \"?(.*résultat.*\.dat)", next(folder.rglob("workflow.yml")).read_text())
    )
    rows = rows_of(folder)
    assert [row for row in rows if isinstance(row, WorkflowMetaRow | TaskMetaRow | TaskFileRow)] == [
        WorkflowMetaRow("note", "a=b, c=d"),
        WorkflowMetaRow("title", 'Ünïcode "quoted" title'),
        WorkflowMetaRow("wf.api", "python"),
        TaskMetaRow("ID.1-a_β", "k", "v w; x"),
        TaskFileRow("ID.1-a_β", written, None),
    ]
    assert "ID.1-a_β" in {row.abs_task_id for row in rows if isinstance(row, TaskRow)}


def test_places_and_attributes_of_files_as_the_planner_names_them() -> None:
    # No workflow of the corpus has them: the words are those of the event model (stampede-schema.yang).
    lines = [
        b'ts=1970-01-01T00:30:00Z event=rc.meta xwf.id=u lfn.id="a b" key="size" value="7" ',
        b'ts=1970-01-01T00:30:00Z event=rc.pfn xwf.id=u lfn.id="a b" pfn="file:///x/a b" site="local" ',
        b'ts=1970-01-01T00:30:00Z event=rc.pfn xwf.id=u pfn="file:///x/a b" ',
    ]
    first, second, third = static_rows([lines], "x.static.bp", {})
    assert first == FileMetaRow("a b", "size", "7")
    assert second == FilePlaceRow("a b", "file:///x/a b", "local")
    assert isinstance(third, QuarantineRow)
    assert (third.file, third.offset) == ("x.static.bp", len(lines[0]) + len(lines[1]) + 2)
