"""Reads kickstart records (format 3.0) and multipart records with a YAML library: whatever form they have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monitord_job.kickstart.records import (
    Damage,
    IntegritySummary,
    Invocation,
    OutputFile,
    decimal,
    epoch,
    signal_words,
    uname,
    whole,
)
from monitord_job.text.unprintable import escape, excerpt, mask, unmask

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DATA = re.compile(r"^( {6}data: )\|$", re.MULTILINE)
_LAST = "metadata"
"""The stream that kickstart always names after all others."""
_PART = re.compile(r"^(?=- |location)", re.MULTILINE)
_OPENERS = ("[", "{", "- ", "? ")
_MAX_DEPTH = 200
_UNREADABLE = (yaml.YAMLError, ArithmeticError, TypeError, ValueError, RecursionError)


def read_record(offset: int, text: str) -> Invocation | Damage:
    """The record in a text that is nothing else."""
    try:
        value = _load(text)
        if not (isinstance(value, list) and value and isinstance(value[0], dict)):
            raise ValueError("no mapping")
        return _from_mapping(offset, value[0])
    except _UNREADABLE as error:
        return Damage(offset, f"not a kickstart record: {_first_line(error)}", excerpt(text))


def read_multipart(offset: int, text: str) -> Iterator[IntegritySummary | Damage]:
    """What a multipart record says of integrity; parts of other kinds (location, transfers) are passed over.

    A part that cannot be read (a cloud's answer in HTML, Pegasus's issue 2031) costs nothing but itself.
    """
    pieces = [text]
    try:
        _load(text)
    except _UNREADABLE:
        pieces = [piece for piece in _PART.split(text) if piece]
    for piece in pieces:
        yield from _piece(offset, piece)
        offset += len(piece.encode("utf-8", "backslashreplace"))


def _piece(offset: int, text: str) -> list[IntegritySummary] | list[Damage]:
    try:
        return [_summary(offset, part) for part in _parts(text)]
    except _UNREADABLE as error:
        return [Damage(offset, f"not a multipart record: {_first_line(error)}", excerpt(text))]


def _parts(text: str) -> Iterator[dict[str, Any]]:
    value = _load(text)
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict) and isinstance(part.get("integrity_summary"), dict):
            yield part["integrity_summary"]


def _summary(offset: int, part: dict[str, Any]) -> IntegritySummary:
    counts = (_whole(part, "succeeded") or 0, _whole(part, "failed") or 0)
    return IntegritySummary(offset, *counts, _number(part, "duration") or 0.0)


def _load(text: str) -> Any:
    """The YAML value, all scalars as text. Raises yaml.YAMLError."""
    # kickstart writes `data: |` also where the first line of an output begins with blanks: without the
    # indentation indicator YAML takes those blanks for the block's indentation.
    clean = _DATA.sub(r"\1|2", mask(text))
    if sum(map(clean.count, _OPENERS)) > _MAX_DEPTH:
        _check_depth(clean)
    return yaml.load(clean, Loader=_LOADER)  # a BaseLoader makes nothing but str, list, dict


def _check_depth(text: str) -> None:
    # The library goes down by recursion in C: a hundred thousand `[` would end the process itself.
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"nested more than {_MAX_DEPTH} deep")


def _from_mapping(offset: int, record: dict[str, Any]) -> Invocation:
    main = _mapping(record, "mainjob")
    usage, status = _mapping(main, "usage"), _mapping(main, "status")
    machine, files = _mapping(record, "machine"), _mapping(record, "files")
    if _LAST not in files:
        raise ValueError("it is cut off")
    return Invocation(
        offset=offset,
        transformation=_word(record, "transformation"),
        derivation=_word(record, "derivation"),
        resource=_word(record, "resource"),
        hostaddr=_word(record, "hostaddr"),
        hostname=_word(record, "hostname"),
        user=_word(record, "user"),
        start=epoch(_word(main, "start")),
        duration=_number(main, "duration"),
        utime=_number(usage, "utime"),
        stime=_number(usage, "stime"),
        maxrss=_whole(usage, "maxrss"),
        raw=_whole(status, "raw"),
        # kickstart 5.x misspells the second name (seen, 5.1.2).
        signal=signal_words(
            _word(status, "signalled_name") or _word(status, "singalled_name"),
            _word(status, "signalled_signal"),
        ),
        executable=_word(_mapping(main, "executable"), "file_name"),
        cwd=_word(record, "cwd"),
        node_name=_word(machine, "uname_nodename"),
        uname=uname(*(_word(machine, f"uname_{part}") for part in ("system", "release", "machine"))),
        ram_total=_whole(machine, "ram_total"),
        stdout=_printed(files, "stdout"),
        stderr=_printed(files, "stderr"),
        outputs=tuple(_outputs(files)),
        integrity_error=_integrity_error(files),
    )


def _outputs(files: Mapping[str, Any]) -> Iterator[OutputFile]:
    for lfn, info in files.items():
        if isinstance(info, dict) and str(info.get("output", "")).lower() == "true":
            timing = _number(info, "checksum_timing") if "sha256" in info else None
            yield OutputFile(escape(lfn), tuple(_attributes(info, timing)), timing)


def _attributes(info: Mapping[str, Any], timing: float | None) -> Iterator[tuple[str, str]]:
    for key in ("user", "size", "ctime"):
        if key in info:
            yield key, escape(str(info[key]))
    if "sha256" in info:
        yield "checksum.type", "sha256"
        yield "checksum.value", escape(str(info["sha256"]))
        if timing is not None:
            yield "checksum.timing", str(timing)


def _integrity_error(files: Mapping[str, Any]) -> str | None:
    errors = (_word(info, "integrity_error") for info in files.values() if isinstance(info, dict))
    return next((error for error in errors if error), None)


def _mapping(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _word(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return escape(value) if isinstance(value, str) and value != "" else None


def _printed(files: Mapping[str, Any], stream: str) -> str | None:
    data = _mapping(files, stream).get("data")
    return unmask(data) if isinstance(data, str) and data != "" else None


def _number(record: Mapping[str, Any], key: str) -> float | None:
    return decimal(_word(record, key))


def _whole(record: Mapping[str, Any], key: str) -> int | None:
    return whole(_word(record, key))


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    where = f" in its line {mark.line + 1}" if mark else ""
    return f"{problem or (str(error) or type(error).__name__).splitlines()[0]}{where}"
