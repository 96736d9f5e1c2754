"""Outputs that pegasus-exitcode is tested with: what our records say of them is what their names say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitord_job.kickstart.job_output import parse_output
from monitord_job.kickstart.records import ClusterLine, Damage, Invocation
from monitord_job.kickstart.regex_parser import scan
from monitord_job.kickstart.yaml_parser import read_record
from tests.conftest import Corpus, wherever
from tests.support.verdict import failure_of

SUCCEEDED = {
    "cluster-none",  # no tasks: nothing to do
    "cluster-ok",
    "cluster_summary_notasks",
    "cluster_summary_ok",
    "cluster_summary_submitted",  # 0 submitted: nothing to do
    "failure_message_zero_exit",  # only the option --failure-message makes a failure of it
    "ok",
    "seqexec-ok",
    "success_message_zero_exit",
    "yaml-ok",
    "zeromem",
}
FAILED = {
    "cluster-error",
    "cluster_summary_failed",
    "cluster_summary_missing",
    "cluster_summary_nosucc",
    "cluster_summary_stat",
    "empty",
    "failed",
    "insufficient",
    "largecode",
    "nonzero",
    "signalled",
    "success_message",
    "success_message_failure_message",
    "success_message_missing",
    "success_message_nonzero_exit",
    "walltime",
    "zerolen",
}


def outputs(folder: Path) -> dict[str, Path]:
    """All outputs by name."""
    return {path.stem: path for path in folder.rglob("*.out")}


@pytest.mark.corpus
def test_the_list_is_complete(corpus: Corpus) -> None:
    assert set(outputs(corpus("samples/exitcode"))) == SUCCEEDED | FAILED


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(SUCCEEDED | FAILED))
def test_the_verdict(name: str, corpus: Corpus) -> None:
    records = parse_output(outputs(corpus("samples/exitcode"))[name].read_bytes())
    assert (failure_of(records) is None) == (name in SUCCEEDED)
    assert not [record for record in records if isinstance(record, Damage)]


@pytest.mark.corpus
def test_records_of_pegasus_4(corpus: Corpus) -> None:
    found = {
        name: parse_output(path.read_bytes()) for name, path in outputs(corpus("samples/exitcode")).items()
    }
    counts = {
        name: sum(isinstance(record, Invocation) for record in records) for name, records in found.items()
    }
    assert {name: count for name, count in counts.items() if count} == {
        "cluster_summary_missing": 1,
        "cluster_summary_stat": 1,
        "failed": 1,
        "failure_message_zero_exit": 1,
        "largecode": 1,
        "nonzero": 1,
        "ok": 1,
        "signalled": 40,
        "success_message_nonzero_exit": 1,
        "success_message_zero_exit": 1,
        "yaml-ok": 1,
        "zeromem": 1,
    }
    (plain,) = found["zeromem"]
    assert isinstance(plain, Invocation)
    assert (plain.hostname, plain.user, plain.raw, plain.maxrss) == (
        "hpc0607-e0.usc.edu",
        "dpmeyers",
        0,
        None,
    )
    assert (plain.start, plain.duration) == (1212600288.619, 1404.492)
    assert plain.uname == "linux-2.6.9-67.0.7.ELsmp-x86_64"
    assert plain.executable == "/auto/scec-00/dpmeyers/bband-new/comps/run_project.py"
    assert plain.stdout is not None
    assert plain.stdout.startswith("Running Project file: /auto")
    signalled = [record for record in found["signalled"] if isinstance(record, Invocation)]
    assert {record.signal for record in signalled if record.raw == 139} == {
        "Segmentation fault with signal 11"
    }
    (failed,) = found["failed"]
    assert isinstance(failed, Invocation)
    assert (failed.raw, failed.signal, failed.executable) == (-1, None, "/bin/hostname2")
    record, line = found["cluster_summary_missing"]
    assert isinstance(record, Invocation)
    assert isinstance(line, ClusterLine)
    assert record.derivation == line.fields["name"] == "ID1_10_0"


def records_of(folder: Path) -> list[tuple[Path, bytes]]:
    """The outputs of all attempts below a folder."""
    return [(path, path.read_bytes()) for path in sorted(folder.rglob("*.out.0*"))]


RUNS = [
    "recorded/diamond-condorio",
    "recorded/diamond-sharedfs",
    "recorded/failing-condorio",
    "recorded/fan100-missinginput",
    "recorded/killboth",
    "recorded/killmonitord",
    "recorded/lclust",
    "recorded/notify",
    "recorded/subwf-dag-monitordcrash",
    "recorded/subwf-dax-hooks",
    "samples/hierarchical_wf_failure",
    "samples/hierarchical_wf_success",
    "samples/process_wf_failure",
    "samples/process_wf_success",
    "samples/sample_wf_held",
]


@pytest.mark.parametrize("run", wherever("", RUNS))
def test_the_scanner_reads_every_record_as_the_library_does(run: str, corpus: Corpus) -> None:
    for path, data in records_of(corpus(run)):
        for record in parse_output(data):
            if isinstance(record, Invocation):
                end = data.find(b"\n---------------pegasus", record.offset)
                lines = data[record.offset : None if end < 0 else end + 1].split(b"\n")
                body = next(
                    (n for n, line in enumerate(lines[1:], 1) if line and line[:1] != b" "), len(lines)
                )
                text = b"\n".join(lines[:body]).rstrip(b"\n").decode() + "\n"
                scanned = scan(record.offset, text)
                assert scanned is not None, path
                assert scanned == read_record(record.offset, text) == record, path


@pytest.mark.corpus
@pytest.mark.parametrize("run", [run for run in RUNS if run.startswith("recorded")])
def test_the_verdict_is_that_of_pegasus_exitcode(run: str, corpus: Corpus) -> None:
    for log in corpus(run).rglob("*.exitcode.log"):
        for line in log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            rotated = log.parent / f"{entry['name']}.{entry['retry']:03d}"
            failure = failure_of(parse_output(rotated.read_bytes()))
            assert (failure is not None) == bool(entry["app_exitcode"] or entry["exitcode"]), rotated
