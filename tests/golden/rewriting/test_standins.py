"""The stand-ins for Pegasus's programs: their records are like real ones, and their verdicts are right."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from standins import verdict

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Corpus = Callable[[str], Path]


class Ran(NamedTuple):
    """What a stand-in did."""

    code: int
    out: bytes
    err: bytes

    @property
    def record(self) -> dict[str, Any]:
        """The one record in the output."""
        records = yaml.load(self.out, Loader=LOADER)
        assert len(records) == 1
        return records[0]


def command(module: str, *words: str | bytes) -> list[str | bytes]:
    """The command line of a stand-in, started as the launchers do."""
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); from standins.{module} import main"
    return [sys.executable, "-E", "-s", "-S", "-c", f"{code}; sys.exit(main(sys.argv[1:]))", *words]


def run(module: str, *words: str | bytes, stdin: bytes = b"", cwd: Path | None = None) -> Ran:
    """Run a stand-in."""
    done = subprocess.run(
        command(module, *words), input=stdin, capture_output=True, cwd=cwd, check=False, timeout=60
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def record_of(corpus: Corpus, name: str, job: str) -> str:
    """The text of a real record."""
    return next(corpus(name).rglob(f"{job}.out.000")).read_text(encoding="utf-8")


def keys(text: str) -> Iterator[str]:
    """Each key with its indentation, without what hangs on the machine: named owners, the lines of data."""
    for line in text.splitlines():
        key = re.match(r"( {2,6}(?:- )?|- )([\w./\"-]+):", line)
        if key and key[2] not in ("user", "group", "hostname"):
            yield key[0]


@pytest.mark.corpus
def test_a_record_has_the_fields_of_a_real_one(corpus: Corpus, tmp_path: Path) -> None:
    words = "-n preprocess -N ID0000001 -R condorpool -s f.b2=f.b2 -s f.b1=f.b1 -L diamond"
    words += " -T 2026-11-23T05:27:38+00:00"
    script = "echo one > f.b1; echo two > f.b2; echo output"
    ran = run("recorder", *words.split(), "/bin/sh", "-c", script, cwd=tmp_path)
    assert ran.code == 0
    real = record_of(corpus, "recorded/diamond-sharedfs", "preprocess_ID0000001")
    assert list(keys(ran.out.decode())) == list(keys(re.sub(r"(?m)^ *condor: .*\n", "", real)))
    record, other = ran.record, yaml.load(real, Loader=LOADER)[0]
    for field in ("version", "transformation", "derivation", "resource", "wf-label", "wf-stamp"):
        assert record[field] == other[field]
    assert _types(record["mainjob"]) == _types(other["mainjob"])
    assert _types(record["machine"]) == _types(other["machine"])
    assert (
        record["files"]["f.b1"]["sha256"]
        == "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    )
    assert record["files"]["stdout"]["data"] == "output\n"
    assert record["cwd"] == str(tmp_path)


def _types(value: Any) -> Any:
    """The shape of a value: whole numbers and fractions count as one, they depend on the moment."""
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items() if key not in ("user", "group")}
    return "number" if isinstance(value, int | float) else type(value).__name__


def test_a_transfer_record_has_the_fields_of_a_real_one(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "f.a").write_text("0123456789")
    real = record_of(corpus, "recorded/diamond-sharedfs", "stage_in_local_condorpool_0_0")
    entries = [
        {
            "type": "transfer",
            "lfn": "f.a",
            "id": 1,
            "generate_checksum": True,
            "src_urls": [{"url": str(tmp_path / "f.a")}],
            "dest_urls": [{"url": f"file://{tmp_path}/there/./f.a"}],
        }
    ]
    words = ["-n", "pegasus::transfer", "-N", "null", "-i", "-", "-R", "local", "-L", "diamond", "-T", "x"]
    tool = [os.fsdecode(word) for word in command("transfer", "--threads", "2")]
    ran = run("recorder", *words, *tool, stdin=json.dumps(entries).encode())
    assert ran.code == 0
    assert list(keys(ran.out.decode())) == list(keys(re.sub(r"(?m)^ *condor: .*\n", "", real)))
    digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    assert ran.record["files"]["f.a"]["sha256"] == digest
    assert (tmp_path / "there" / "f.a").read_text() == "0123456789"
    assert verdict.outputs(verdict.read(ran.out).records[0])["f.a"]["checksum.value"] == digest


def test_a_failed_record_has_the_fields_of_a_real_one(corpus: Corpus) -> None:
    ran = run(
        "recorder",
        "-n",
        "flag",
        "-N",
        "x",
        "-R",
        "s",
        "-L",
        "l",
        "-T",
        "t",
        "/bin/sh",
        "-c",
        "echo no >&2; exit 7",
    )
    assert ran.code == 7
    assert ran.record["mainjob"]["status"] == {"raw": 1792, "regular_exitcode": 7}
    assert ran.record["files"]["stderr"]["data"] == "no\n"
    real = yaml.load(
        record_of(corpus, "recorded/failing-condorio", "flag_needflag").split("\n---")[0], Loader=LOADER
    )[0]
    assert list(ran.record) == list(real)
    assert list(ran.record["files"]) == list(real["files"])


def test_a_job_that_dies_of_a_signal() -> None:
    ran = run("recorder", "/bin/sh", "-c", "kill -11 $$")
    assert ran.code == 128 + 11
    status = ran.record["mainjob"]["status"]
    assert (status["raw"] & 127, status["signalled_signal"]) == (11, 11)
    assert status["singalled_name"] == "Segmentation fault"


@pytest.mark.parametrize(
    ("name", "error"), [("/no/such/program", 2), ("no-such-program", 2), ("/etc/passwd", 13)]
)
def test_what_cannot_be_executed(name: str, error: int) -> None:
    ran = run("recorder", "-n", "t", name, "-x")
    assert ran.code == 127
    assert ran.record["mainjob"]["status"]["raw"] == -127
    assert ran.record["mainjob"]["status"]["failure_error"] == f"{error}   {os.strerror(error)}"
    assert ran.record["mainjob"]["argument_vector"] == ["-x"]
    assert b"FATAL" in ran.err


def test_signals_go_on_to_the_job(tmp_path: Path) -> None:
    script = "trap 'exit 9' TERM; echo ready > ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        command("recorder", "/bin/sh", "-c", script), stdout=subprocess.PIPE, cwd=tmp_path
    ) as recorder:
        limit = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < limit
            time.sleep(0.01)
        recorder.send_signal(signal.SIGTERM)
        out, _ = recorder.communicate(timeout=60)
    assert recorder.returncode == 9
    assert Ran(9, out, b"").record["mainjob"]["status"]["regular_exitcode"] == 9


@pytest.mark.parametrize(
    ("printed", "data"),
    [
        (b"  \t leading", "leading\n"),
        (b"\n\n x", "\n\nx\n"),
        (b"---\n...\n- invocation: True\n", "---\n...\n- invocation: True\n"),
        (b"    status:\n      raw: 7\n", "status:\n      raw: 7\n"),
        (b"a\xff\xfeb\x07c\x1b[1m", "abc[1m\n"),
        ("é \u2028 \x85 日".encode(), "é \n \n 日\n"),
        (b"a\r\nb\rc", "a\n\nb\nc\n"),
        (b"key: 'x' # no comment | \" {", "key: 'x' # no comment | \" {\n"),
    ],
)
def test_odd_output_stays_inside_its_block(printed: bytes, data: str, tmp_path: Path) -> None:
    (tmp_path / "printed").write_bytes(printed)
    ran = run("recorder", "/bin/cat", "printed", cwd=tmp_path)
    assert ran.code == 0
    stdout = ran.record["files"]["stdout"]
    assert (stdout["data"], stdout["data_truncated"], stdout["size"]) == (data, False, len(printed))
    assert verdict.failure_of(verdict.read(ran.out)) is None


def test_the_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"start " + b"x" * 300_000 + b" end")
    stdout = run("recorder", "/bin/cat", "long", cwd=tmp_path).record["files"]["stdout"]
    assert stdout["data_truncated"] is True
    assert len(stdout["data"]) == 262144 + 1
    assert stdout["data"].endswith("x end\n")


def test_odd_arguments_are_quoted() -> None:
    words = ['a "b"', "back\\slash", "tab\there", "bell\x07", "é 日", "# no", ""]
    assert run("recorder", "/bin/true", *words).record["mainjob"]["argument_vector"] == [
        'a "b"', "back\\slash", "tab\there", "bell", "é 日", "# no", "",
    ]  # fmt: skip


def test_an_output_that_is_not_there_is_an_error_in_the_record(tmp_path: Path) -> None:
    ran = run("recorder", "-s", "made=made", "/bin/true", cwd=tmp_path)
    assert ran.record["files"]["made"] == {"error": 2, "lfn": "made", "file_name": "made"}


def test_without_header_there_is_no_machine() -> None:
    assert "machine" not in run("recorder", "-H", "/bin/true").record


def test_a_cluster_writes_the_lines_of_a_real_one(corpus: Corpus, tmp_path: Path) -> None:
    tasks = (
        "#@ 1 work w1 \n/bin/echo one\n\n#@ 2 work w2 \n/bin/sh -c 'exit 3'\n#@ 3 work w3 \n/bin/echo three\n"
    )
    ran = run("clusterer", stdin=tasks.encode(), cwd=tmp_path)
    lines = ran.out.decode().splitlines()
    assert [line for line in lines if not line.startswith("[")] == ["one", "three"]
    assert [
        re.findall(r"\b(?:id|status|line)=\d+", line) for line in lines if line.startswith("[cluster-task")
    ] == [
        ["id=1", "status=0", "line=2"],
        ["id=2", "status=768", "line=5"],
        ["id=3", "status=0", "line=7"],
    ]
    assert 'stat="ok", lines=7, tasks=3, succeeded=2, failed=1, extra=0' in lines[-1]
    assert ran.code == 5
    real = record_of(corpus, "recorded/lclust", "merge_grp0").splitlines()
    for start in ("[cluster-task", "[cluster-summary"):
        ours, theirs = (next(line for line in text if line.startswith(start)) for text in (lines, real))
        assert re.findall(r"(\w+)=", ours) == re.findall(r"(\w+)=", theirs)
    assert verdict.failure_of(verdict.read(ran.out)) == "cluster-summary failed=1"


def test_a_cluster_that_fails_hard_stops() -> None:
    ran = run("clusterer", "-f", stdin=b"/bin/false\n/bin/echo never\n")
    assert b"never" not in ran.out
    assert b"tasks=1, succeeded=0, failed=1" in ran.out


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("sample", "succeeded"),
    [
        ("cluster-error", False),
        ("cluster-none", True),
        ("cluster-ok", True),
        ("cluster_summary_failed", False),
        ("cluster_summary_nosucc", False),
        ("cluster_summary_notasks", True),
        ("cluster_summary_ok", True),
        ("cluster_summary_stat", False),
        ("cluster_summary_submitted", True),
        ("seqexec-ok", True),
        ("insufficient", False),
        ("walltime", False),
        ("zerolen", False),
    ],
)
def test_verdicts_are_those_of_pegasus_exitcode(sample: str, succeeded: bool, corpus: Corpus) -> None:
    path = next(corpus("samples/exitcode").rglob(f"{sample}.out"))
    assert (verdict.failure_of(verdict.read(path.read_bytes())) is None) == succeeded


def test_every_recorded_job_gets_the_verdict_it_got(corpus: Corpus) -> None:
    judged = 0
    for name in ("diamond-sharedfs", "lclust", "failing-condorio", "fan100-missinginput"):
        for log in corpus(f"recorded/{name}").rglob("*.exitcode.log"):
            for line in log.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                rotated = log.parent / f"{entry['name']}.{entry['retry']:03d}"
                failure = verdict.failure_of(verdict.read(rotated.read_bytes()))
                assert (failure is not None) == bool(entry["app_exitcode"] or entry["exitcode"]), rotated
                judged += 1
    assert judged > 200


def test_a_record_cut_short_is_no_success() -> None:
    out = run("recorder", "/bin/true").out
    cut = out[: out.index(b"  files:")]
    assert verdict.failure_of(verdict.read(cut)) == "a kickstart record is cut short"
    assert verdict.failure_of(verdict.read(cut + out)) == "a kickstart record is cut short"


def test_a_second_record_that_failed_is_a_failure() -> None:
    good, bad = run("recorder", "/bin/true").out, run("recorder", "/no/such").out
    assert (
        verdict.failure_of(verdict.read(good + b"talk between\n" + bad)) == "task exited with raw status -127"
    )


def test_the_post_script_rotates_and_notes(tmp_path: Path) -> None:
    (tmp_path / "00").mkdir()
    for attempt, exit_code in enumerate((3, 0)):
        ran = run("recorder", "-s", "f=f", "/bin/sh", "-c", f"echo x > f; exit {exit_code}", cwd=tmp_path)
        (tmp_path / "00" / "JOB.out").write_bytes(ran.out)
        (tmp_path / "00" / "JOB.err").write_bytes(b"\xff")
        words = ["-r", str(ran.code), "-l", "w.exitcode.log", "-M", "w.cache.meta", ".//00/JOB.out"]
        post = run("exitcode", *words, cwd=tmp_path)
        assert post.code == (1 if exit_code else 0)
        assert (tmp_path / "00" / f"JOB.out.{attempt:03d}").read_bytes() == ran.out
        assert (tmp_path / "00" / f"JOB.err.{attempt:03d}").read_bytes() == b"\xff"
    log = [json.loads(line) for line in (tmp_path / "w.exitcode.log").read_text().splitlines()]
    assert [(entry["exitcode"], entry["app_exitcode"], entry["retry"]) for entry in log] == [
        (1, 3, 0),
        (0, 0, 1),
    ]
    assert list(log[0]) == ["name", "timestamp", "exitcode", "app_exitcode", "retry", "std_out", "std_err"]
    [entry] = json.loads((tmp_path / "00" / "JOB.meta").read_text())
    assert (entry["_id"], entry["_attributes"]["size"]) == ("f", "2")
    assert re.fullmatch(r'f @@PFN@@ (user="\S+" )?size="2" ctime="\S+" checksum.type="sha256" .*\n',
                        (tmp_path / "w.cache.meta").read_text())  # fmt: skip


def test_meta_of_real_records_is_what_pegasus_wrote(corpus: Corpus) -> None:
    for name in ("diamond-sharedfs", "lclust"):
        for meta in corpus(f"recorded/{name}").rglob("*.meta"):
            if meta.parent.name != "00":
                continue
            records = verdict.read(meta.with_suffix(".out.000").read_bytes()).records
            ours = [
                (lfn, attributes) for record in records for lfn, attributes in verdict.outputs(record).items()
            ]
            theirs = [(entry["_id"], entry["_attributes"]) for entry in json.loads(meta.read_text())]
            assert ours == theirs


@pytest.mark.parametrize("words", [["-r", "0", "nothing.out"], ["-r", "0", "JOB.txt"]])
def test_a_post_script_without_output_fails(words: list[str], tmp_path: Path) -> None:
    assert run("exitcode", *words, cwd=tmp_path).code == 1


def test_outputs_are_registered_once(tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "p").write_text(f"x.db.url=jdbc\\:sqlite\\:{tmp_path}/rc.db\n")
    (tmp_path / "in").write_text('f.d file:///o/f.d site="local"\n"a b" "file:///o/a b" site="local"\n')
    (tmp_path / "m").write_text(json.dumps([{"_id": "f.d", "_type": "file", "_attributes": {"size": "3"}}]))
    from standins.rc_client import TABLES

    connection = sqlite3.connect(tmp_path / "rc.db")
    connection.executescript(TABLES)
    for _ in range(2):
        ran = run(
            "rc_client", "--prefix", "x", "--conf", "p", "-v", "--meta", "m", "--insert", "in", cwd=tmp_path
        )
        assert (ran.code, ran.err.splitlines()[0]) == (0, b"#Successfully worked on    : 2 lines.")
    rows = connection.execute(
        "SELECT lfn, pfn, site FROM rc_lfn JOIN rc_pfn USING (lfn_id) ORDER BY lfn"
    ).fetchall()
    assert rows == [("a b", "file:///o/a b", "local"), ("f.d", "file:///o/f.d", "local")]
    assert connection.execute('SELECT lfn_id, "key", value FROM rc_meta').fetchall() == [(1, "size", "3")]
    connection.close()
