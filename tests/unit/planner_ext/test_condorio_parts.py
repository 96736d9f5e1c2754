"""What the parts of `bridle condorio` make of submit descriptions, logs and sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_rewriter.directory.submit_file import parse_submit_file
from monitord_job.logs.file_transfers import Attempt, attempts_in
from planner_ext.condorio.measured_jobs import summed
from planner_ext.condorio.model import FileKind, Job, Mode, MovedFile
from planner_ext.condorio.planned_jobs import description_of
from planner_ext.condorio.submit_transfers import Moves, Place, moves_of
from planner_ext.condorio.volume import volume_of

HERE = Place("/scratch", None, "/scratch")


def moves(text: str, place: Place = HERE, **macros: str) -> Moves:
    return moves_of(parse_submit_file(text.encode()), lambda: macros, place)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("should_transfer_files = YES", Mode.CONDOR),
        ("should_transfer_files = NO", Mode.NONE),
        ("should_transfer_files = if_needed", Mode.IF_NEEDED),
        ("", Mode.IF_NEEDED),
        ("universe = docker\nShould_Transfer_Files = true", Mode.CONDOR),
        ("universe = local\nshould_transfer_files = YES", Mode.NONE),
        ("universe = grid", Mode.NONE),
        ("universe = local\n+pegasus_job_class = 3", Mode.PEGASUS),
        ("universe = local\n+pegasus_job_class = 8", Mode.NONE),
    ],
)
def test_how_files_move(text: str, mode: Mode) -> None:
    assert moves(text).mode is mode


def test_the_files_of_a_description() -> None:
    found = moves(
        "should_transfer_files = YES\nexecutable = run.sh\ninput = $(job).in\ninitialdir = sub\n"
        "transfer_input_files = a.txt, /data/b, http://host/c, $(more)\noutput = o\nerror = e\nstream_error = true\n"
        'transfer_output_files = r/out, log.txt\ntransfer_output_remaps = "log.txt = osdf:///logs/x; r/out = kept"\n',
        job="A",
        more="d$(n:1)",
    )
    assert [one.path for one in found.inputs] == [
        "/scratch/sub/run.sh", "/scratch/sub/A.in", "/scratch/sub/a.txt", "/data/b", "/scratch/sub/d1",
    ]  # fmt: skip
    assert [one.kind for one in found.inputs[:3]] == [FileKind.SANDBOX, FileKind.SANDBOX, FileKind.DATA]
    assert [(one.path, one.kind) for one in found.outputs] == [
        ("", FileKind.LOG),
        ("/scratch/sub/kept", FileKind.DATA),
    ]
    assert (found.by_url, found.more_outputs) == (2, False)


def test_what_a_job_leaves_comes_back_unless_it_names_its_outputs() -> None:
    assert moves("should_transfer_files = YES").more_outputs
    assert not moves('should_transfer_files = YES\n+TransferOutput = ""').more_outputs
    assert not moves('should_transfer_files = YES\ntransfer_output_files = ""\n').more_outputs
    assert moves("should_transfer_files = YES\ntransfer_output_files =\n").more_outputs


def test_paths_of_a_plan_are_where_its_directory_is_now() -> None:
    text = (
        "should_transfer_files = YES\nexecutable = /old/run/00/x.sh\ninitialdir = /scratch\nd = /old/run\n"
        "transfer_input_files = f.a,$(d)/lite.sh,/old/running/g\n+pegasus_job_class = 1\n"
    )
    found = moves(text, Place("/new/run", "/old/run", "/new/run"))
    assert [(one.path, one.kind.value) for one in found.inputs] == [
        ("/new/run/00/x.sh", "sandbox"),
        ("/scratch/f.a", "data"),
        ("/new/run/lite.sh", "sandbox"),
        ("/old/running/g", "data"),
    ]


LINES = st.lists(
    st.sampled_from(
        [
            *("universe = local", "Executable = /bin/a", "transfer_input_files = a,$(wf_submit_dir)/b"),
            *("transfer_input_files=$(n)", "n = 3", "# executable = c", "arguments = x = y", "queue"),
            *('+pegasus_wf_xformation = "t"', "MY.pegasus_job_class = 1", " should_transfer_files =YES "),
            *("output = o \\", "wf_submit_dir = /w", "error", "input ="),
        ]
    )
)


@given(LINES)
def test_the_fast_reading_gives_the_same_moves(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    slow, fast = parse_submit_file(data), description_of(data)
    assert moves_of(fast, dict, HERE) == moves_of(slow, dict, HERE)
    assert (fast.transformation, fast.job_class, fast.universe) == (
        slow.transformation,
        slow.job_class,
        slow.universe,
    )


EVICTED = b"""\
000 (007.000.000) 2026-11-23 23:59:50 Job submitted from host: <1>
    DAG Node: A
...
040 (007.000.000) 2026-11-23 23:59:50 Started transferring input files
...
040 (007.000.000) 2026-11-23 23:59:55 Finished transferring input files
...
001 (007.000.000) 2026-11-23 23:59:55 Job executing on host: <1>
...
004 (007.000.000) 2026-11-23 23:59:58 Job was evicted.
\t(0) CPU times
\t5  -  Run Bytes Sent By Job
\t100  -  Run Bytes Received By Job
...
001 (007.000.000) 2026-11-23 23:59:59 Job executing on host: <1>
...
005 (007.000.000) 2026-11-24 00:00:09 Job terminated.
\t(1) Normal termination (return value 0)
\t7  -  Run Bytes Sent By Job
\t200  -  Run Bytes Received By Job
\t12  -  Total Bytes Sent By Job
\t300  -  Total Bytes Received By Job
...
005 (999.000.000) 2026-11-24 00:00:09 Job of nobody.
...
000 (008.000.000) 2026-11-24 00:00:10 Job submitted from host: <1>
    [ JobBatchName = "x"; DAGNodeName = "B \\"b\\"" ]
...
005 (008.000.000) 2026-11-24 00:00:12 Job term"""


def test_an_evicted_job_has_moved_its_bytes_twice_and_what_is_torn_is_left_out() -> None:
    first, second = attempts_in([EVICTED])
    assert (first.node, first.sent, first.returned, first.last_sent) == ("A", 300, 12, 200)
    assert (first.run_seconds, first.terminated, first.has_left) == (10, True, True)
    assert [(one.size, one.end - one.start) for one in first.transfers] == [(100, 5)]
    assert (second.node, second.has_left) == ('B "b"', False)


@given(st.lists(st.integers(1, len(EVICTED)), max_size=5))
def test_a_log_is_read_alike_in_pieces_of_any_size(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(EVICTED)]
    pieces = [EVICTED[a:b] for a, b in pairwise(places)]
    assert list(attempts_in(pieces)) == list(attempts_in([EVICTED]))


SIZES = st.none() | st.integers(0, 1000)


@given(
    st.lists(
        st.builds(MovedFile, st.text(max_size=2), st.sampled_from(FileKind), st.just("f"), SIZES), min_size=1
    ),
    st.data(),
)
def test_totals_are_the_sums_of_jobs_and_of_transformations(
    files: list[MovedFile], data: st.DataObject
) -> None:
    places = st.lists(st.integers(0, len(files) - 1), max_size=4).map(tuple)
    drawn = data.draw(st.lists(st.tuples(st.sampled_from("ab"), places, places, st.booleans()), max_size=5))
    jobs = [Job(f"n{n}", name, Mode.CONDOR, *rest) for n, (name, *rest) in enumerate(drawn)]
    log = summed([Attempt("n0", 50, 60, 20, 30, 7, True, True, 0, 9, ())] if jobs else [])
    volume = volume_of(jobs, files, log.by_node, if_needed=False)
    for name in ("sent", "returned", "data"):
        whole = getattr(volume, name)
        parts = [[getattr(one, name) for one in group] for group in (volume.jobs, volume.transformations)]
        for amounts in parts:
            assert (whole.size, whole.unknown) == (
                sum(one.size for one in amounts),
                sum(one.unknown for one in amounts),
            )
    assert volume.inputs_once.size <= volume.inputs_moved.size
    assert volume.inputs_moved.size - volume.inputs_once.size == sum(one.saved for one in volume.shared)
    assert all(one.data.size <= one.total for one in volume.jobs)
