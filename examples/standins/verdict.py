"""Did a job succeed? Its standard output -> the failure in words, or nothing; fields are read in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_SUMMARY = re.compile(rb"^\[(?:cluster|seqexec)-summary (.*)\]\s*$")
_TASK = re.compile(rb"^\[(?:cluster|seqexec)-task .*\]\s*$")
_PAIR = re.compile(rb'(\w+)=("[^"]*"|[^,\s]*)')


class Record(NamedTuple):
    """What is needed of a kickstart record: the raw wait status, if it is whole, its files by lfn."""

    raw: int | None
    complete: bool
    files: dict[str, dict[str, str]]


class Output(NamedTuple):
    """A job's standard output taken apart."""

    records: list[Record]
    summary: dict[str, str] | None
    tasks: int


def read(stdout: bytes) -> Output:
    """Records and cluster lines of an output; all else is the job's own talk and left aside."""
    lines = stdout.split(b"\n")
    records = [_record(block) for block in _blocks(lines)]
    summary = next((match for line in lines if (match := _SUMMARY.match(line))), None)
    fields = None
    if summary:
        fields = {
            key.decode(): value.decode("utf-8", "replace").strip('"')
            for key, value in _PAIR.findall(summary[1])
        }
    return Output(records, fields, sum(1 for line in lines if _TASK.match(line)))


def failure_of(output: Output) -> str | None:
    """Why the job failed, None if it succeeded: the rules of pegasus-exitcode.

    >>> failure_of(read(b'[cluster-summary stat="ok", tasks=2, succeeded=1, failed=1]'))
    'cluster-summary failed=1'
    """
    if output.summary is not None:
        return _summary_failure(output.summary)
    if output.tasks:
        return "cluster-summary is missing"
    if not output.records:
        return "No successful kickstart records"
    for record in output.records:
        if record.raw is None:
            return "a kickstart record has no status"
        if record.raw != 0:
            return f"task exited with raw status {record.raw}"
        if not record.complete:
            return "a kickstart record is cut short"
        if any("integrity_error" in fields for fields in record.files.values()):
            return "detected integrity creation errors in the job"
    return None


def _summary_failure(summary: dict[str, str]) -> str | None:
    if summary.get("stat", "ok") != "ok":
        return f"cluster-summary stat={summary['stat']}"
    if int(summary.get("failed", 0)) > 0:
        return f"cluster-summary failed={summary['failed']}"
    if summary.get("submitted") == "0" or summary.get("tasks") == "0":
        return None
    return "cluster-summary succeeded=0" if summary.get("succeeded") == "0" else None


def _blocks(lines: list[bytes]) -> Iterator[list[bytes]]:
    """The lines of each record: from `- invocation:` to the first line that is not indented."""
    block: list[bytes] = []
    for line in lines:
        if line.startswith(b"- invocation:"):
            if block:
                yield block
            block = [line]
        elif block and line.startswith(b"  "):
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _record(block: list[bytes]) -> Record:
    """Keys by their depth; a literal block's lines are always deeper than any key read here."""
    path = ["", "", "", ""]
    raw: int | None = None
    files: dict[str, dict[str, str]] = {}
    for line in block:
        depth, key, value = _key(line)
        if depth > 3 or not key:
            continue
        path[depth] = key
        if path[1:depth] == ["mainjob", "status"] and key == "raw":
            raw = int(value)
        elif depth == 2 and path[1] == "files":
            files[key] = {}
        elif depth == 3 and path[1] == "files" and path[2] in files:
            files[path[2]][key] = value
    return Record(raw, "metadata" in files, files)


def _key(line: bytes) -> tuple[int, str, str]:
    """(depth, key, value) of `    key: value`; depth is half the indentation."""
    body = line.lstrip(b" ")
    key, colon, value = body.decode("utf-8", "replace").partition(":")
    if not colon:
        return 9, "", ""
    return (len(line) - len(body)) // 2, key.strip('"'), value.strip().strip('"')


def outputs(record: Record) -> dict[str, dict[str, str]]:
    """The record's output files with the attributes that Pegasus keeps of them, in its order."""
    by_lfn: dict[str, dict[str, str]] = {}
    for lfn, fields in record.files.items():
        if fields.get("output") != "True" or "sha256" not in fields:
            continue
        attributes: dict[str, str] = {key: fields[key] for key in ("user", "size", "ctime") if key in fields}
        attributes["checksum.type"] = "sha256"
        attributes["checksum.value"] = fields["sha256"]
        attributes["checksum.timing"] = str(float(fields.get("checksum_timing", "0")))
        by_lfn[lfn] = attributes
    return by_lfn
