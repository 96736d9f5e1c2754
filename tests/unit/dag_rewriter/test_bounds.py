"""DAGs and files beside them that nobody writes in earnest: one clear error, soon; never a wait, never a traceback."""

import os
import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import pytest

from condor_templates.errors import PolicyError
from condor_templates.policy_file import parse_policy, parse_properties, parse_setting
from dag_rewriter import files
from dag_rewriter.check.check_dag import check_dag
from dag_rewriter.check.check_disk import check_path
from dag_rewriter.check.scope import MAX_FINDINGS
from dag_rewriter.directory.braindump import BraindumpError, parse_braindump
from dag_rewriter.directory.dagman_options import base_priority, throttles
from dag_rewriter.directory.liveness import dagman_lives
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import open_dag
from dag_rewriter.directory.submit_file import class_and_priority, facts_of, parse_submit_file
from dag_rewriter.errors import DagSyntaxError, FileError
from dag_rewriter.language import chunks
from dag_rewriter.metrics.dag_metrics import MetricsError, parse_metrics
from dag_rewriter.metrics.metrics_files import made_by_bridle
from dag_rewriter.model import splices
from dag_rewriter.model.dag import Dag, parse_dag
from dag_rewriter.model.part_limits import MAX_DEPTH
from dag_rewriter.model.splices import expand
from dag_rewriter.rescue.newest_rescue import rescue_limit
from dag_rewriter.rescue.rescue_dag import MAX_RESCUE_NUM, parse_rescue
from dag_rewriter.rewriting.rewrite import rewrite
from tests.support.growth import assert_linear

DIGITS = "9" * 5000


@pytest.mark.parametrize("line", ["SPLICE S part", "INCLUDE part"])
@pytest.mark.parametrize("what", ["pipe", "/dev/zero"])
def test_a_part_that_has_no_end_is_refused(tmp_path, line, what):
    (tmp_path / "w.dag").write_text(f"JOB A a.sub\n{line}\n")
    if what == "pipe":
        os.mkfifo(tmp_path / "part")
    else:
        (tmp_path / "part").symlink_to(what)
    for look in (
        lambda: read_whole(open_dag(tmp_path / "w.dag")),
        lambda: check_path(tmp_path / "w.dag", lambda _done, _all: None),
    ):
        with pytest.raises(FileError, match="no regular file"):
            look()


READERS: dict[str, Callable[[Path], object]] = {
    "check": lambda dag: check_path(dag, lambda _done, _all: None),
    "rewrite": lambda dag: rewrite(open_dag(dag)),
    "expand": lambda dag: read_whole(open_dag(dag)),
}
LONG: dict[str, Iterable[str]] = {
    "JOB A a.sub": READERS,
    "SPLICE S part": ("check", "rewrite", "expand"),
    "INCLUDE part": ("check", "rewrite", "expand"),
    "SUBDAG EXTERNAL S part": ("check", "rewrite"),
    "CONFIG part": ("check", "rewrite"),
}


@pytest.mark.parametrize(("line", "reader"), [(line, reader) for line in LONG for reader in LONG[line]])
def test_a_line_of_a_gigabyte_is_refused_before_it_is_in_memory(tmp_path, line, reader):
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    dag, part = tmp_path / "w.dag", tmp_path / "part"
    dag.write_text(f"JOB A a.sub\n{line}\n" if "part" in line else "")
    with (part if "part" in line else dag).open("ab") as file:
        file.write(b"JOB B a.sub\n")
        file.truncate(1 << 30)  # with holes: on the disk there is next to nothing
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match="most that is read"):
            READERS[reader](dag)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_lines_up_to_the_limit_are_read(tmp_path):
    path = tmp_path / "x"
    for lengths in ([9], [10], [10, 10, 3, 10], [0, 10, 10]):
        content = b"\n".join(b"x" * length for length in lengths)
        path.write_bytes(content)
        assert files.read(path, files.Limit(100, 10)) == content
        longer = content.replace(b"x" * max(lengths), b"x" * 11)
        path.write_bytes(longer)
        with pytest.raises(FileError, match=f"line at byte {longer.index(b'x' * 11)} has more than 10 bytes"):
            files.read(path, files.Limit(100, 10))


@pytest.mark.parametrize("read", [files.read, files.read_regular, lambda path: files.read_begin(path, 9)])
def test_a_file_that_the_kernel_makes_is_not_empty(tmp_path, read):
    (tmp_path / "part").symlink_to("/proc/self/stat")
    with pytest.raises(FileError, match="the kernel makes it while it is read"):
        read(tmp_path / "part")
    (tmp_path / "nothing").write_bytes(b"")
    assert read(tmp_path / "nothing") == b""


@pytest.mark.parametrize(
    ("begin", "unit"), [(b"JOB B {\n", b"a = b\n"), (b"JOB B \\\n", b"NOOP \\\n"), (b"VARS A ", b'x="1" ')]
)
def test_a_command_without_end_is_refused(monkeypatch, tmp_path, begin, unit):
    monkeypatch.setattr(chunks, "MAX_COMMAND", 1 << 18)
    dag = tmp_path / "w.dag"
    (tmp_path / "a.sub").write_text("executable = /bin/true\n")
    dag.write_bytes(b"JOB A a.sub\n" + begin + unit * ((1 << 20) // len(unit)))
    with pytest.raises(DagSyntaxError, match="a command has more than") as caught:
        parse_dag(dag.read_bytes(), dag.name)
    assert caught.value.line_no <= 2
    found = check_path(dag, lambda _done, _all: None).findings
    assert [finding.line for finding in found if "a command has more than" in finding.what]


MANY = 1 << 18
LONG_COMMANDS = {
    "a value": b'VARS A x="%b"' % (b"a" * MANY),
    "a plain value": b"VARS A x=%b" % (b"a" * MANY),
    "escapes": b'VARS A x="%b"' % (b'\\"' * (MANY >> 1)),
    "a value without end": b'VARS A x="%b' % (b"a" * MANY),
    "variables": b"VARS A %b" % (b'x="1" ' * (MANY // 6)),
    "environment": b"ENV SET %b" % (b"A=1;" * (MANY >> 2)),
    "quoted environment": b"ENV SET \"A='%b'\"" % (b"a" * MANY),
    "continued lines": b"SCRIPT PRE A /bin/true \\\n%bb" % (b"a \\\n" * (MANY >> 2)),
    "a description": b"JOB B {\n%b}" % (b"a=b\n" * (MANY >> 2)),
}


@pytest.mark.parametrize("command", LONG_COMMANDS.values(), ids=LONG_COMMANDS)
def test_a_long_command_takes_memory_by_its_length(tmp_path, command):
    dag = tmp_path / "w.dag"
    (tmp_path / "a.sub").write_text("executable = /bin/true\n")
    for read in (partial(check_path, dag, lambda _done, _all: None), partial(_parsed, dag)):
        dag.write_bytes(b"JOB A a.sub\nVARS A x=1\n")
        read()  # what is imported when it is first wanted costs memory, too
        dag.write_bytes(b"JOB A a.sub\n%b\n" % command)
        tracemalloc.start()
        try:
            read()
            assert tracemalloc.get_traced_memory()[1] < 25 * len(command)
        finally:
            tracemalloc.stop()


def _parsed(dag: Path) -> None:
    with suppress(DagSyntaxError):
        parse_dag(dag.read_bytes(), dag.name)


def test_many_long_commands_are_no_single_one(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_COMMAND", 1 << 17)
    inline = b"".join(b"JOB N%d {\n%s}\n" % (number, b"a = b\n" * 1000) for number in range(400))
    assert len(parse_dag(inline, "w.dag").nodes) == 400


@pytest.mark.parametrize("line", ["SPLICE S{} {}.dag", "INCLUDE {1}.dag"])
def test_a_bomb_of_sixteen_million_parts_is_refused_at_once(tmp_path, line):
    for level in range(24):
        text = "".join(f"{line.format(twice, level + 1)}\n" for twice in "ab")
        (tmp_path / f"{level}.dag").write_text(text)
    (tmp_path / "24.dag").write_text("# nothing\n")
    begin = process_time()
    with pytest.raises(DagSyntaxError, match="more than 10000 files"):
        expand("0.dag", lambda name: (tmp_path / name).read_bytes())
    found = check_path(tmp_path / "0.dag", lambda _done, _all: None).findings
    assert [finding.what for finding in found if "10000 files" in finding.what]
    assert len(found) < 100
    assert process_time() - begin < 8


@pytest.mark.parametrize("line", ["SPLICE S{} {}.dag", "INCLUDE {1}.dag"])
def test_a_bomb_of_large_files_is_refused_before_any_of_them_is_put_in(tmp_path, line):
    filling = b"".join(b"JOB A%d a.sub\n" % number for number in range(1_000))
    for level in range(15):
        text = "".join(f"{line.format(twice, level + 1)}\n" for twice in "ab")
        (tmp_path / f"{level}.dag").write_bytes(filling + text.encode())
    (tmp_path / "15.dag").write_bytes(filling)
    begin = process_time()
    with pytest.raises(DagSyntaxError, match="it splices in or includes more than"):
        expand("0.dag", lambda name: (tmp_path / name).read_bytes())
    found = check_path(tmp_path / "0.dag", lambda _done, _all: None).findings
    assert [finding.what for finding in found if "it splices in or includes more than" in finding.what]
    assert process_time() - begin < 8


NODES = b"".join(b"JOB N%d a.sub\n" % number for number in range(8_000))
ALL = b" ".join(b"N%d" % number for number in range(8_000))
MANY_EDGES = {
    "w.dag": b"JOB M a.sub\nPARENT M CHILD " + ALL + b"\nPARENT " + ALL + b" CHILD " + ALL + b"\n" + NODES,
    "splices.dag": b"SPLICE S part.dag\nSPLICE T part.dag\nPARENT S CHILD T\n",
    "pins.dag": b"SPLICE S part.dag\nSPLICE T part.dag\nCONNECT S T\n",
    "part.dag": NODES
    + b"".join(b"PIN_%s N%d 1\n" % (way, n) for n in range(8_000) for way in (b"IN", b"OUT")),
}


@pytest.mark.parametrize("name", ["w.dag", "splices.dag", "pins.dag"])
def test_a_line_of_fifty_million_dependencies_is_refused(tmp_path, name):
    for each, data in MANY_EDGES.items():
        (tmp_path / each).write_bytes(data)
    with pytest.raises(DagSyntaxError, match="more than 50,000,000 dependencies"):
        expand(name, MANY_EDGES.__getitem__)
    found = check_path(tmp_path / name, lambda _done, _all: None).findings
    assert [finding.what for finding in found if "more than 50,000,000 dependencies" in finding.what]


def test_a_dependency_that_is_said_twice_on_a_line_is_one():
    dag = parse_dag(b"JOB A a\nJOB B b\nPARENT A A A CHILD B B\nPARENT A CHILD B\n", "w.dag")
    assert list(dag.edges) == [("A", "B")] * 2


def test_a_part_that_is_used_often_is_parsed_once(monkeypatch):
    parsed: list[str] = []

    def counted(data: bytes, file: str) -> Dag:
        parsed.append(file)
        return parse_dag(data, file)

    monkeypatch.setattr(splices, "parse_dag", counted)
    texts = {"w": b"".join(b"SPLICE S%d leaf\n" % number for number in range(300)), "leaf": b"JOB A a.sub\n"}
    assert len(expand("w", texts.__getitem__).parts) == 301
    assert parsed == ["w", "leaf"]


def test_parts_within_parts_without_end_are_refused():
    with pytest.raises(DagSyntaxError, match=f"more than {MAX_DEPTH} deep"):
        expand("0", lambda name: b"SPLICE S %d\n" % (int(name) + 1))


def test_a_million_errors_are_not_all_listed(tmp_path):
    (tmp_path / "w.dag").write_bytes(b"".join(b"JUNK%d\n" % number for number in range(3 * MAX_FINDINGS)))
    found = check_path(tmp_path / "w.dag", lambda _done, _all: None).findings
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].what.startswith(f"there are more than {MAX_FINDINGS} errors")


@pytest.mark.parametrize("line", [b"INCLUDE part.dag\n", b"SPLICE S%06d part.dag\n"])
def test_a_part_that_is_wrong_is_not_read_for_each_line_that_names_it(line):
    """Each reading of it would find the same: every line of the one times every line of the other."""

    def read(data: bytes) -> None:
        texts = {"w.dag": data, "part.dag": data}
        check_dag("w.dag", SimpleNamespace(read=texts.get, exists=lambda _: True, identity=str))

    def made(size: int) -> bytes:
        return b"".join(line % number if b"%" in line else line for number in range(size // len(line)))

    assert_linear(read, made, 2_000)


def test_a_command_of_nothing_but_backslashes_is_an_error():
    with pytest.raises(DagSyntaxError, match="backslash"):
        parse_dag(b"\\\n" * 10, "w.dag")
    parse_dag(b"\\\n" * 10 + b" \\\nJOB A a.sub\n", "w.dag")


@pytest.mark.parametrize("unit", [b"\\\n", b" ", b"a ", b'"', b"JOB a \\\n", b"{", b"\\"])
@pytest.mark.parametrize(
    "begin", [b"", b"PARENT ", b"JOB a a.sub\nVARS a ", b"SUBMIT-DESCRIPTION d {\n", b"SCRIPT PRE a "]
)
def test_a_dag_takes_time_by_its_length(begin, unit):
    def read(data: bytes) -> None:
        try:
            parse_dag(data, "w.dag")
        except DagSyntaxError:
            return

    assert_linear(read, lambda size: begin + unit * (size // len(unit)), 16_000)


BRACKETS = [f"a: {'[' * 100_000}", f"a b: {'[' * 100_000}", f"a b: {'{a: ' * 3000}", f"a: {'- ' * 5000}"]
NOTHING = ["!!int ", "!!float ", "!!timestamp x", "!!bool x", "? [a]\n: b"]


@pytest.mark.parametrize("text", BRACKETS + NOTHING)
def test_what_is_no_braindump(text):
    with pytest.raises(BraindumpError):
        parse_braindump(text)


def test_brackets_in_metrics():
    with pytest.raises(MetricsError):
        parse_metrics(b"[" * 100_000)
    assert not made_by_bridle(b"[" * 100_000)


@pytest.mark.parametrize("digits", [DIGITS, DIGITS[:20]])
def test_a_number_that_is_none(tmp_path, digits):
    job = f"priority = {digits}\n+pegasus_job_class = {digits}\narguments = -MaxIdle {digits} -Priority {digits}\n"
    found = parse_submit_file(job.encode())
    assert (found.priority, found.job_class) == class_and_priority(job.encode()) == (None, None)
    assert facts_of("n", job.encode()).job_class is None
    assert (throttles(job.encode()), base_priority(job.encode())) == ({}, 0)
    rescue = parse_rescue(f"# Total number of Nodes: {digits}\nRETRY A {digits}\n".encode(), "w")
    assert (rescue.total, rescue.retries) == (None, {})
    for bad in (
        lambda: parse_properties(f"dagman.a.maxjobs={digits}", "p"),
        lambda: parse_setting(f"a={digits}"),
    ):
        with pytest.raises(PolicyError, match="not a limit"):
            bad()
    (tmp_path / "w.config").write_text(f"DAGMAN_MAX_RESCUE_NUM = {digits}\n")
    assert rescue_limit(open_dag(tmp_path / "w.dag"), "w.config") == MAX_RESCUE_NUM
    (tmp_path / "w.dag.lock").write_text(f"PID = {digits}\n")
    assert not dagman_lives(open_dag(tmp_path / "w.dag"))


def test_a_rescue_dag_of_no_day():
    assert parse_rescue(b"# Created 13/31/2026 05:28:36 UTC\nDONE A\n", "w").created is None


@pytest.mark.parametrize("value", ["[" * 5000, "{a=" * 5000, DIGITS, f"[{DIGITS}]"])
def test_brackets_and_digits_in_a_policy(value):
    with pytest.raises(PolicyError):
        parse_policy(f"a = {value}", "policy.toml")


@pytest.mark.parametrize(
    "unit", ["a.", "a. ", ".", '"a".', "a = 1\n", "[a]\n", "[[a]]\n", "a.b.c = 1\n", "{", "'''"]
)
@pytest.mark.parametrize("begin", ["", "a = ", "[limits]\n"])
def test_a_policy_takes_time_by_its_length(begin, unit):
    def read(text: str) -> None:
        with suppress(PolicyError):
            parse_policy(text, "policy.toml")

    assert_linear(read, lambda size: begin + unit * (size // len(unit)), 32_000)


@pytest.mark.parametrize("unit", [" ", "a", '"', "\\", "a.", "\\\n", "#"])
def test_small_files_take_time_by_their_length(unit):
    def read(text: str) -> None:
        for parse in (
            parse_braindump,
            lambda it: parse_policy(it, "p"),
            lambda it: parse_properties(it, "p"),
            lambda it: parse_metrics(it.encode()),
        ):
            with suppress(ValueError, PolicyError, MetricsError):
                parse(f"a: {text}\n")

    assert_linear(read, lambda size: unit * (size // len(unit)), 8_000)
