"""The files of a job, of any size and in any state."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.kickstart.job_output import MAX_RECORDS, parse_output, parse_windows
from monitord_job.kickstart.records import Damage, Invocation, ListedTask
from monitord_job.recording.job_files import HEAD, MAX_DAMAGES, TAIL, JobFileReader
from monitord_job.stampede.state import JobFiles, JobPlan
from monitord_job.stampede.transitions import FilesNeeded
from tests.support.made_records import Made

PLAN = JobPlan("job", "job.sub")
LINE = b'[cluster-task id=1, start="2026-11-23T05:28:54.594+00:00", duration=0.045, status=0]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submit directory with one job."""
    (tmp_path / "w.dag").write_text("JOB job job.sub\n")
    (tmp_path / "braindump.yml").write_text('wf_uuid: "u"\nsubmit_dir: "/planned"\ndag: "w.dag"\n')
    (tmp_path / "job.sub").write_text(
        "executable = /bin/x\noutput = /planned//job.out\nerror = job.err\nqueue\n"
    )
    return tmp_path


def read(folder: Path, number: int | None = None) -> JobFiles:
    """What the reader finds at the end of an attempt."""
    from dag_rewriter.directory.submit_dir import open_submit_dir

    submit_dir: SubmitDir = open_submit_dir(folder)
    return JobFileReader(submit_dir).read(FilesNeeded(PLAN, attempt_ended=True, output=number))


def damages(files: JobFiles) -> list[Damage]:
    """What could not be read."""
    return [record for record in files.records if isinstance(record, Damage)]


def sparse(path: Path, begin: bytes, size: int, end: bytes) -> None:
    """A file of `size` bytes that takes no room on the disk."""
    with path.open("wb") as stream:
        stream.write(begin)
        stream.truncate(size - len(end))
        stream.seek(0, os.SEEK_END)
        stream.write(end)


def test_the_rotated_output_is_taken_or_else_the_one_that_nobody_rotated(folder):
    (folder / "job.out").write_bytes(b"new")
    (folder / "job.out.001").write_bytes(b"old")
    assert (read(folder, 1).stdout_file, read(folder, 1).stdout_text) == ("job.out.001", "old")
    assert (read(folder, 2).stdout_file, read(folder, 2).stdout_text) == ("job.out", "new")


def test_files_that_are_missing_are_named_and_nothing_more(folder):
    files = read(folder, 0)
    assert (files.stdout_file, files.stdout_text) == ("job.out.000", None)
    assert (files.stderr_file, files.stderr_text, files.records) == ("job.err.000", None, ())


@pytest.mark.parametrize("name", ["job.out", "job.err"])
def test_a_file_that_cannot_be_read_is_named(folder, name):
    (folder / name).mkdir()
    (found,) = damages(read(folder))
    assert (found.file, found.reason) == (name, "it cannot be read: Is a directory")


@pytest.mark.parametrize("name", ["job.out", "job.err"])
@pytest.mark.parametrize("what", ["a pipe", "/dev/zero", "/dev/tty"])
def test_what_is_no_regular_file_is_neither_waited_for_nor_read(folder, name, what):
    if what == "a pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(what)
    (found,) = damages(read(folder))
    assert found.file == name
    assert found.reason.startswith("it cannot be read")


@pytest.mark.parametrize("name", ["job.out", "job.err"])
def test_a_job_may_write_to_dev_null(folder, name):
    (folder / name).symlink_to("/dev/null")
    files = read(folder)
    assert (damages(files), files.stderr_text if name == "job.err" else files.stdout_text) == ([], "")


def test_an_output_ends_where_it_ended_when_it_was_opened(folder, monkeypatch):
    size = 3 << 20
    sparse(folder / "job.out", b"talk\n", size, b"\n" + LINE)
    pread = os.pread

    def grown_meanwhile(stream: int, length: int, offset: int) -> bytes:
        assert offset < size + (8 << 20), "read beyond what its job had written"
        with (folder / "job.out").open("ab") as out:
            out.write(LINE * 20_000)
        return pread(stream, length, offset)

    monkeypatch.setattr(os, "pread", grown_meanwhile)
    assert len(read(folder).records) == 1


def test_records_without_number_are_given_up_and_told(folder):
    (folder / "job.out").write_bytes(b"[cluster-task id=1]\n" * (MAX_RECORDS + 500))
    files = read(folder)
    assert len(files.records) == MAX_RECORDS + 1
    assert damages(files)[0].reason == f"more than {MAX_RECORDS} records: the rest was not looked at"


def test_without_a_submit_file_there_is_nothing_to_read(folder):
    (folder / "job.sub").unlink()
    assert read(folder).stdout_file is None


def test_a_submit_file_that_comes_later_is_read_then(folder):
    from dag_rewriter.directory.submit_dir import open_submit_dir

    reader = JobFileReader(open_submit_dir(folder))
    text = (folder / "job.sub").read_text()
    (folder / "job.sub").unlink()
    due = FilesNeeded(PLAN, attempt_ended=False, output=None)
    assert reader.read(due).description.stdout is None
    (folder / "job.sub").write_text(text)
    assert reader.read(due).description.stdout == "job.out"


_NAMES = [
    "executable",
    "OUTPUT",
    "error",
    "input",
    "+pegasus_site",
    "MY.Pegasus_cores",
    "my.pegasus_job_class",
]
_OTHERS = ["executables", "+executable", "pegasus_site", "my.my.pegasus_site", "# output", "queue", ""]
_VALUES = [
    "",
    "x",
    '"',
    '""',
    '"a b"',
    "'c'",
    "-7",
    "+1",
    "1_0",
    '"3"',
    "a = b",
    "\u0663",
    "\u00a0caf\u00e9",
    "a\rb",
]
_LINES = st.builds(
    "{}{}{}={}{}".format,
    st.sampled_from(["", " ", "\t", "\v"]),
    st.sampled_from([*_NAMES, *_OTHERS]),
    st.sampled_from(["", " ", "\t ", "\v", "\n"]),
    st.sampled_from(_VALUES),
    st.sampled_from(["", " ", "\r", "\f"]),
)


@given(st.lists(_LINES, max_size=8))
def test_a_submit_file_says_the_same_whichever_way_it_is_read(tmp_path_factory, lines):
    from dag_rewriter.directory.submit_dir import SubmitDir

    folder = tmp_path_factory.mktemp("run")
    text = "\n".join(lines)
    (folder / "usual.sub").write_bytes(text.encode())
    (folder / "odd.sub").write_bytes(
        text.encode() + b"\n# a backslash: the whole of the rules of HTCondor \\\n"
    )
    reader = JobFileReader(SubmitDir(folder, {}, "w.dag"))
    usual, odd = (reader.describe(JobPlan("job", name)) for name in ("usual.sub", "odd.sub"))
    assert usual == odd


def test_bytes_that_are_no_utf8_are_shown(folder):
    (folder / "job.sub").write_bytes(b"executable = /bin/\xff\noutput = \xe9.out\nerror = job.err\nqueue\n")
    (folder / os.fsdecode(b"\xe9.out")).write_bytes(b"\xfe" + bytes(Made()))
    (folder / "job.err").write_bytes(b"caf\xe9\n")
    files = read(folder)
    assert (files.stdout_file, files.stderr_text) == ("\\xe9.out", "caf\\xe9\n")
    assert files.description.executable == "/bin/\\xff"
    assert [type(record) for record in files.records] == [Invocation]
    for text in (files.stdout_file, files.description.executable):
        text.encode()


def test_the_list_of_a_cluster_is_read_if_the_output_is_one_of_a_cluster(folder):
    (folder / "job.in").write_bytes(b"#@ 1 work w1\n/bin/work \xff\n")
    (folder / "job.out").write_bytes(bytes(Made()))
    assert not [record for record in read(folder).records if isinstance(record, ListedTask)]
    (folder / "job.out").write_bytes(bytes(Made()) + LINE)
    assert read(folder).records[-1] == ListedTask(1, "work", "w1", "/bin/work", "\\xff")


def test_both_ends_of_a_long_stderr_are_kept(folder):
    sparse(folder / "job.err", b"head\n", 300 << 20, b"\nPegasusLite: exitcode 7\n")
    text = read(folder).stderr_text
    assert text is not None
    assert text.startswith("head\n")
    assert text.endswith("\nPegasusLite: exitcode 7\n")
    assert len(text) < 80_000


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, (1 << 16) + 5000])
def test_a_stderr_of_any_length_is_whole_or_has_its_ends(folder, size):
    data = b"".join(b"%08d" % n for n in range(size // 8 + 1))[:size]
    (folder / "job.err").write_bytes(data)
    text = read(folder).stderr_text
    assert text is not None
    assert text.encode()[: 1 << 16] == data[: 1 << 16]
    assert text.encode().endswith(data[-100:])


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, 3 << 20, 300 << 20])
def test_records_at_both_ends_of_a_long_stdout_are_found(folder, size):
    begin, end = bytes(Made(derivation="first")), b"\n" + bytes(Made(derivation="last", raw="256")) + LINE
    sparse(folder / "job.out", begin + b"noise\n", size, end)
    files = read(folder)
    first, last = (record for record in files.records if isinstance(record, Invocation))
    assert (first.derivation, last.derivation, last.raw) == ("first", "last", 256)
    assert (first.offset, last.offset) == (0, size - len(end) + 1)
    if size > HEAD + TAIL:
        (found,) = damages(files)
        assert (found.offset, found.reason) == (
            HEAD,
            f"too long: the bytes from here to {size - TAIL} were not looked at",
        )
    else:
        assert damages(files) == []


def test_an_output_without_end_needs_no_memory(folder):
    sparse(folder / "job.out", bytes(Made()), 300 << 20, b"\n" + bytes(Made()))
    sparse(folder / "job.err", b"head\n", 300 << 20, b"\nPegasusLite: exitcode 7\n")
    code = (
        "import sys, resource; from pathlib import Path\n"
        "from tests.unit.monitord_job.recording.test_job_files import read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "files = read(Path(sys.argv[1]))\n"
        "print(len(files.records), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))

    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=Path(__file__).resolve().parents[4],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr
    records, kilobytes = map(int, done.stdout.split())
    assert records == 3
    assert kilobytes < 16 << 10


def test_an_output_full_of_broken_records_is_given_up(folder):
    (folder / "job.out").write_bytes(bytes(Made()) + b"- invocation: [\n" * 5000)
    files = read(folder)
    assert isinstance(files.records[0], Invocation)
    assert len(damages(files)) == MAX_DAMAGES + 1
    assert damages(files)[-1].reason.startswith("damaged over and over")


PARTS = st.sampled_from(
    [
        bytes(Made()),
        bytes(Made(raw="256", stdout="a\n- invocation: True\n[cluster-task id=4]\n")),
        bytes(Made())[:1800],
        LINE,
        LINE[:40],
        b"talk",
        b"- invocation: [\n",
        b'<invocation xmlns="x"><mainjob><status raw="3"/></mainjob></invocation>',
        b"<invocation xmlns=",
        b"---------------pegasus-multipart\n- integrity_summary:\n    succeeded: 1\n    failed: 0\n",
        b"\n",
    ]
)


@given(st.lists(PARTS, max_size=8), st.lists(st.integers(1, 4000), max_size=40))
def test_windows_change_nothing(parts, cuts):
    data = b"".join(parts)
    windows, begin = [], 0
    for cut in [*cuts, len(data) + 1]:
        windows.append((begin, data[begin : begin + cut]))
        begin += cut
        if begin >= len(data):
            break
    assert tuple(parse_windows(windows)) == parse_output(data)


def test_a_record_without_end_is_given_up():
    line = b"        x" * 1000 + b"\n"
    head = bytes(Made()).partition(b"        hello")[0]
    windows = (
        (n * (1 << 20), (head + line * 200)[: 1 << 20] if not n else line[:1] * (1 << 20)) for n in range(12)
    )
    found = list(parse_windows(windows))
    assert [type(record) for record in found] == [Damage]


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_window_may_end_anywhere(cut):
    data = b"".join(
        [bytes(Made(stdout="[cluster-task id=4]\n")), LINE[:30], bytes(Made())[:1800], LINE, bytes(Made())]
    )
    for step in (97 + cut, 1 + cut):
        windows = [(begin, data[begin : begin + step]) for begin in range(0, len(data), step)]
        assert tuple(parse_windows(windows)) == parse_output(data)
