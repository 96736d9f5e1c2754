"""Reads what a job wrote to its stdout: kickstart records (format 3.0, YAML), cluster lines, multipart records.

Nothing is searched for inside a record: a record is cut out by its indentation and read field by field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import yaml

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_CLUSTER = re.compile(rb"\[(?:cluster|seqexec)-(task|summary) ([^\]\n]*)\]")
_START = re.compile(
    rb"^(?:(?P<record>- invocation:)|(?P<multipart>-{15}pegasus-multipart)"
    rb"|(?P<cluster>\[(?:cluster|seqexec)-(?:task|summary) ))",
    re.MULTILINE,
)
_FOREIGN = re.compile(rb"^[^ \n]", re.MULTILINE)
_FOREIGN_MULTIPART = re.compile(rb"^[^ \n\-l]", re.MULTILINE)
_DATA = re.compile(r"^( {6}data: )\|$", re.MULTILINE)
_PAIR = re.compile(rb'([\w-]+)=(?:"([^"]*)"|([^,\s]*))')

# YAML forbids these in a stream or takes them for line breaks, but an application may well print them: they
# travel through the parser as private characters.
_UNSAFE = [*range(0x09), 0x0B, 0x0C, *range(0x0D, 0x20), *range(0x7F, 0xA0)]
_HIDE = {code: 0xE000 + code for code in _UNSAFE} | {0x2028: 0xE0F0, 0x2029: 0xE0F1, 0xFEFF: 0xE0F2}
_SHOW = {hidden: code for code, hidden in _HIDE.items()}


class OutputFile(NamedTuple):
    """A file that the job is to have made; `attributes` in Stampede's words (`size`, `checksum.value`, ...)."""

    lfn: str
    attributes: tuple[tuple[str, str], ...]
    checksum_seconds: float | None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One kickstart record: one executable run once. Times in seconds, `ram_total` and `maxrss` in kB.

    `raw` is the wait status as wait(2) gives it, or -1 if the executable could not be started.
    """

    offset: int
    transformation: str | None
    derivation: str | None
    resource: str | None
    hostname: str | None
    node_name: str | None
    hostaddr: str | None
    user: str | None
    cwd: str | None
    start: float | None
    duration: float | None
    utime: float | None
    stime: float | None
    maxrss: int | None
    raw: int | None
    signal: str | None
    executable: str | None
    uname: str | None
    ram_total: int | None
    stdout: str | None
    stderr: str | None
    outputs: tuple[OutputFile, ...]


class ClusterLine(NamedTuple):
    """`[cluster-task ...]` or `[cluster-summary ...]`: its words."""

    offset: int
    is_summary: bool
    fields: Mapping[str, str]


class IntegritySummary(NamedTuple):
    """How many input files were checked against their checksums, in how many seconds."""

    offset: int
    succeeded: int
    failed: int
    duration: float


class Damage(NamedTuple):
    """A record that could not be read: where it begins (bytes) and why."""

    offset: int
    reason: str
    text: str


Record = Invocation | ClusterLine | IntegritySummary | Damage


def parse_output(data: bytes) -> tuple[Record, ...]:
    """All records in a job's stdout, in their order; text that is no record is passed over.

    >>> parse_output(b'[cluster-task id=1, start="x", status=0]')[0].fields["status"]
    '0'
    """
    return tuple(_records(data))


def _records(data: bytes) -> Iterator[Record]:
    position = 0
    while found := _START.search(data, position):
        offset = found.start()
        if found["cluster"]:
            line = _CLUSTER.match(data, offset)
            position = line.end() if line else found.end()
            yield (
                _cluster_line(offset, line)
                if line
                else Damage(offset, "the line has no end", _excerpt(data, offset))
            )
        elif found["record"]:
            position = _end_of(_FOREIGN, data, found.end())
            yield _invocation(offset, data[offset:position])
        else:
            position = _end_of(_FOREIGN_MULTIPART, data, found.end())
            yield from _multipart(offset, data[found.end() : position])


def _end_of(foreign: re.Pattern[bytes], data: bytes, start: int) -> int:
    line_end = data.find(b"\n", start)
    if line_end < 0:
        return len(data)
    next_record = _START.search(data, line_end)
    limit = next_record.start() if next_record else len(data)
    stranger = foreign.search(data, line_end + 1, limit)
    return stranger.start() if stranger else limit


def _cluster_line(offset: int, line: re.Match[bytes]) -> ClusterLine:
    fields = {_text(m[1]): _text(m[2] if m[2] is not None else m[3]) for m in _PAIR.finditer(line[2])}
    return ClusterLine(offset, line[1] == b"summary", fields)


def _load(text: bytes) -> Any:
    """The YAML value, all scalars as text. Raises yaml.YAMLError."""
    # kickstart writes `data: |` also where the first line of an output begins with blanks: without the
    # indentation indicator YAML takes those blanks for the block's indentation.
    clean = _DATA.sub(r"\1|2", _text(text).translate(_HIDE))
    return yaml.load(clean, Loader=_LOADER)  # a BaseLoader makes nothing but str, list, dict


def _invocation(offset: int, text: bytes) -> Record:
    if not text.endswith(b"\n"):
        return Damage(offset, "the record is cut off", _excerpt(text, 0))
    try:
        value = _load(text)
    except yaml.YAMLError as error:
        return Damage(offset, f"not a kickstart record: {_first_line(error)}", _excerpt(text, 0))
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return Damage(offset, "not a kickstart record: no mapping", _excerpt(text, 0))
    try:
        return _from_mapping(offset, value[0])
    except (TypeError, ValueError) as error:
        return Damage(offset, f"not a kickstart record: {error}", _excerpt(text, 0))


def _from_mapping(offset: int, record: dict[str, Any]) -> Invocation:
    main = _mapping(record, "mainjob")
    usage, status = _mapping(main, "usage"), _mapping(main, "status")
    machine, files = _mapping(record, "machine"), _mapping(record, "files")
    return Invocation(
        offset=offset,
        transformation=_word(record, "transformation"),
        derivation=_word(record, "derivation"),
        resource=_word(record, "resource"),
        hostname=_word(record, "hostname"),
        node_name=_word(machine, "uname_nodename"),
        hostaddr=_word(record, "hostaddr"),
        user=_word(record, "user"),
        cwd=_word(record, "cwd"),
        start=epoch(_word(main, "start")),
        duration=_number(main, "duration"),
        utime=_number(usage, "utime"),
        stime=_number(usage, "stime"),
        maxrss=_whole(usage, "maxrss"),
        raw=_whole(status, "raw"),
        signal=_signal(status),
        executable=_word(_mapping(main, "executable"), "file_name"),
        uname=_uname(machine),
        ram_total=_whole(machine, "ram_total"),
        stdout=_data(files, "stdout"),
        stderr=_data(files, "stderr"),
        outputs=tuple(_outputs(files)),
    )


def _outputs(files: Mapping[str, Any]) -> Iterator[OutputFile]:
    for lfn, info in files.items():
        if isinstance(info, dict) and str(info.get("output", "")).lower() == "true":
            timing = _number(info, "checksum_timing") if "sha256" in info else None
            yield OutputFile(lfn.translate(_SHOW), tuple(_attributes(info, timing)), timing)


def _attributes(info: Mapping[str, Any], timing: float | None) -> Iterator[tuple[str, str]]:
    for key in ("user", "size", "ctime"):
        if key in info:
            yield key, str(info[key])
    if "sha256" in info:
        yield "checksum.type", "sha256"
        yield "checksum.value", str(info["sha256"])
        if timing is not None:
            yield "checksum.timing", str(timing)


def _multipart(offset: int, text: bytes) -> Iterator[Record]:
    try:
        value = _load(text)
    except yaml.YAMLError as error:
        yield Damage(offset, f"not a multipart record: {_first_line(error)}", _excerpt(text, 0))
        return
    parts = value if isinstance(value, list) else [value]
    for part in parts:
        summary = part.get("integrity_summary") if isinstance(part, dict) else None
        if isinstance(summary, dict):
            yield IntegritySummary(
                offset,
                _whole(summary, "succeeded") or 0,
                _whole(summary, "failed") or 0,
                _number(summary, "duration") or 0.0,
            )


def epoch(stamp: str | None) -> float | None:
    """Seconds since the epoch of an ISO 8601 time with a zone.

    >>> epoch("2026-11-23T05:28:54.625+00:00")
    1795411734.625
    """
    if stamp is None:
        return None
    moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"the time {stamp} has no zone")
    return moment.timestamp()


def _signal(status: Mapping[str, Any]) -> str | None:
    # kickstart 5.x misspells the second name (seen, 5.1.2).
    number = _word(status, "signalled_signal")
    name = _word(status, "signalled_name") or _word(status, "singalled_name")
    return None if number is None else f"{name or ''} with signal {number}".strip()


def _uname(machine: Mapping[str, Any]) -> str | None:
    parts = [_word(machine, f"uname_{part}") for part in ("system", "release", "machine")]
    return "-".join(part for part in parts if part) if all(parts) else None


def _data(files: Mapping[str, Any], stream: str) -> str | None:
    data = _word(_mapping(files, stream), "data")
    return None if data is None else data.translate(_SHOW)


def _mapping(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _word(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) and value != "" else None


def _number(record: Mapping[str, Any], key: str) -> float | None:
    value = _word(record, key)
    return None if value is None else float(value)


def _whole(record: Mapping[str, Any], key: str) -> int | None:
    value = _word(record, key)
    return None if value is None else int(value)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _excerpt(data: bytes, offset: int) -> str:
    return _text(data[offset : offset + 200])


def _first_line(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    where = f" in its line {mark.line + 1}" if mark else ""
    return f"{problem or str(error).splitlines()[0]}{where}"
