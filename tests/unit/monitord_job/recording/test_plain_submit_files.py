"""Submit descriptions of jobs that Pegasus did not plan; on a real pool: tests/pool/test_without_pegasus.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import open_dag
from dag_rewriter.directory.submit_file import expand
from dag_rewriter.model.splices import expand as expanded
from monitord_job.recording.job_files import JobFileReader
from monitord_job.recording.plain_submit_files import of_attempt
from monitord_job.stampede.job_plans import plans_of
from monitord_job.stampede.state import JobFiles, JobPlan
from monitord_job.stampede.transitions import FilesNeeded

INLINE = b'JOB A {\n executable = /bin/a\n arguments = "-n \'$(n)\' $(JOB)"\n output = $(JOB).out\n}\nVARS A n="x y"\n'


def plans(**files: bytes) -> dict[str, JobPlan]:
    """The jobs of x.dag, planned by nobody."""
    texts = {f"{name}.dag": text for name, text in files.items()}
    return plans_of(expanded("x.dag", texts.__getitem__), None, is_unplanned=True)


def read(folder: Path, plan: JobPlan, sched_id: str = "12.0", retry: int = 0) -> JobFiles:
    reader = JobFileReader(open_dag(folder / "x.dag"))
    return reader.read(FilesNeeded(plan, attempt_ended=True, output=None, sched_id=sched_id, retry=retry))


def test_a_description_in_the_dag_is_read_there(tmp_path):
    (tmp_path / "A.out").write_text("said")
    files = read(tmp_path, plans(x=INLINE)["A"])
    assert files.description.executable == "/bin/a"
    assert files.description.arguments == "-n 'x y' A"
    assert (files.stdout_file, files.stdout_text) == ("A.out", "said")
    assert plans(x=INLINE)["A"].submit_file == "x.dag"


def test_a_named_description_holds_in_all_parts(tmp_path):
    # Seen with 25.14.1, both ways round.
    text = b"SUBMIT-DESCRIPTION d {\n executable = /bin/d\n output = $(JOB).out\n}\nJOB B d\nSPLICE S s DIR deep\n"
    found = plans(x=text.replace(b"S s", b"S s.dag"), **{"deep/s": b"JOB C d DIR er\n"})
    assert {name: read(tmp_path, plan).stdout_file for name, plan in found.items()} == {
        "B": "B.out",
        "S+C": "deep/er/S+C.out",
    }
    found = plans(x=b"JOB B d\nSPLICE S s.dag\n", s=text.partition(b"SPLICE")[0])
    assert read(tmp_path, found["B"]).description.executable == "/bin/d"
    assert found["B"].submit_file == "s.dag"


def test_a_node_with_a_directory_has_its_files_there(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    text = "executable = /bin/c\nname = c_$(ClusterId)\ninitialdir = e\nstdout = $(name).out\nerror = /dev/null\n"
    (tmp_path / "d" / "c.sub").write_text(text + "queue\n")
    (tmp_path / "d" / "e" / "c_12.out").write_text("said")
    files = read(tmp_path, plans(x=b"JOB C c.sub DIR d\n")["C"])
    assert (files.stdout_file, files.stdout_text, files.stderr_file) == ("d/e/c_12.out", "said", "/dev/null")


@pytest.mark.parametrize(("there", "expected"), [((0, 1, 2), 2), ((0,), 0), ((), 2)])
def test_retries_begin_anew_in_a_rescue_run(tmp_path, there, expected):
    for number in there:
        (tmp_path / f"o.{number}").write_text("said")
    plan = plans(x=b"JOB A {\n output = o.$(RETRY)\n}\n")["A"]
    assert read(tmp_path, plan, retry=2).stdout_file == f"o.{expected}"


def test_a_submit_file_that_is_missing_says_nothing(tmp_path):
    assert read(tmp_path, plans(x=b"JOB A a.sub\n")["A"]).description.executable == ""


def test_a_circle_ends_and_nothing_grows_without_bound():
    assert expand("$(a)", {"a": "$(b)", "b": "$(a)"}) in ("$(a)", "$(b)")
    assert len(expand("$(a)", {"a": "$(a)$(a)$(a)$(a)$(a)$(a)"})) < 1 << 20
    assert expand("$$(a) $(a)", {"a": "1"}) == "$$(a) 1"


def test_what_nobody_set_is_nothing_in_a_path():
    assert of_attempt("a$(nodename).$(Process)", "7.3", 0) == "a.3"


@pytest.mark.parametrize(
    "items",
    [
        "queue name from (\nred\nblue\n)",
        "Queue 2 name in (red, blue)",
        "queue name,size from (\n red, 3\n)",
        "queue name from list.txt",
    ],
)
def test_a_variable_of_queue_is_that_of_the_first_item(tmp_path, items):
    (tmp_path / "red.txt").write_text("hello")
    (tmp_path / "list.txt").write_text("red\nblue\n")
    (tmp_path / "a.sub").write_text(
        f"executable = say.sh\narguments = $(name)\noutput = $(name).txt\n{items}\n"
    )
    files = read(tmp_path, plans(x=b"JOB A a.sub\n")["A"])
    assert files.description.arguments == "red"
    assert (files.stdout_file, files.stdout_text) == ("red.txt", "hello")


def test_a_file_of_items_that_is_not_there_hides_nothing_else(tmp_path):
    (tmp_path / "a.sub").write_text("executable = say.sh\nqueue name from none.txt\n")
    assert read(tmp_path, plans(x=b"JOB A a.sub\n")["A"]).description.executable == "say.sh"
