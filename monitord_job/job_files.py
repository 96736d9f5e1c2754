"""Reads the files of a job: its submit file, its outputs, what a registration registered."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dag_rewriter.submit_dir import SubmitDir
from dag_rewriter.submit_file import parse_submit_file
from monitord_job.job import JobDescription, JobFiles
from monitord_job.kickstart import Damage, Record, parse_output
from monitord_job.run import Due

MAX_OUTPUT = 64 << 20
"""Bytes of a job's stdout that are looked at for records."""
_MAX_STDERR = 1 << 16
_STDERR_TAIL = 4096

_REGISTRATION = 4
_PLACE = re.compile(
    r"^(?P<lfn>.+?) (?P<pfn>[A-Za-z][\w+.-]*://.*?|/.*?)(?P<attributes>(?: [\w.]+=\"[^\"]*\")*)\s*$"
)
_SITE = re.compile(r' (?:site|pool)="([^"]*)"')


class _Text(NamedTuple):
    file: str
    data: bytes | None


class JobFileReader:
    """Reads below one submit directory, wherever that is now."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._path = submit_dir.path
        self._planned = submit_dir.braindump.get("submit_dir")
        self._description = lru_cache(maxsize=4096)(self._read_description)

    def read(self, due: Due) -> JobFiles:
        """What an event asks for. Files that are missing are left out; one that cannot be read is a Damage."""
        description = self._description(due.plan.submit_file) if due.plan.submit_file else JobDescription()
        if not due.attempt_ended:
            return JobFiles(description)
        out = self._output(description.stdout, due.output, MAX_OUTPUT, 0)
        err = self._output(description.stderr, due.output, _MAX_STDERR, _STDERR_TAIL)
        records = parse_output(out.data) if out and out.data is not None else ()
        return JobFiles(
            description=description,
            records=(*records, *self._damage(out)),
            stdout_file=out.file if out else None,
            stdout_text=_text(out.data[:_MAX_STDERR])
            if out and out.data is not None and not records
            else None,
            stderr_file=err.file if err else None,
            stderr_text=_text(err.data) if err and err.data is not None else None,
            registrations=self._registrations(due, description),
        )

    def _damage(self, out: _Text | None) -> tuple[Record, ...]:
        if out and out.data is not None and len(out.data) >= MAX_OUTPUT:
            return (Damage(MAX_OUTPUT, f"only the first {MAX_OUTPUT} bytes were looked at", ""),)
        return ()

    def _read_description(self, submit_file: str) -> JobDescription:
        try:
            data = (self._path / submit_file).read_bytes()
            found = parse_submit_file(data)
        except OSError:
            return JobDescription()
        return JobDescription(
            site=found.site,
            job_class=found.job_class,
            transformation=found.transformation,
            task=found.text("+pegasus_wf_dax_job_id"),
            cores=found.number("+pegasus_cores") or 1,
            executable=found.executable or "",
            arguments=found.arguments,
            stdin=self._relative(found.input),
            stdout=self._relative(found.output),
            stderr=self._relative(found.error),
        )

    def _relative(self, name: str | None) -> str | None:
        """A path as the Stampede tables have it: relative to the submit directory if it was planned below it."""
        if not name:
            return None
        path = os.path.normpath(name)
        if self._planned and path.startswith(self._planned.rstrip("/") + "/"):
            return path[len(self._planned.rstrip("/")) + 1 :]
        return path

    def _output(self, name: str | None, number: int | None, limit: int, tail: int) -> _Text | None:
        """An output as pegasus-exitcode leaves it, NAME.NNN, or as the job left it if nobody rotated it."""
        if name is None:
            return None
        names = [name] if number is None else [f"{name}.{number:03d}", name]
        for candidate in names:
            data = _read(self._path / candidate, limit, tail)
            if data is not None:
                return _Text(candidate, data)
        return _Text(names[0], None)

    def _registrations(
        self, due: Due, description: JobDescription
    ) -> tuple[tuple[str, str, str | None], ...]:
        if description.job_class != _REGISTRATION or not due.plan.submit_file:
            return ()
        data = _read((self._path / due.plan.submit_file).with_suffix(".in"), MAX_OUTPUT, 0) or b""
        found = (_PLACE.match(line) for line in _text(data).splitlines())
        return tuple((place["lfn"], place["pfn"], _site(place["attributes"])) for place in found if place)


def _site(attributes: str) -> str | None:
    found = _SITE.search(attributes)
    return found[1] if found else None


def _read(path: Path, limit: int, tail: int) -> bytes | None:
    """The first `limit` bytes, and of a longer file the last `tail` bytes too; None if it cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit)
            rest = os.fstat(stream.fileno()).st_size - len(data)
            if rest > 0 and tail:
                stream.seek(-min(tail, rest), os.SEEK_END)
                data += b"\n" + stream.read(tail)
            return data
    except OSError:
        return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
