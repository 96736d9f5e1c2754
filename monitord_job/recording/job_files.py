"""Reads the files of a job: its submit file, its outputs, what a registration registered."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.files import MANY, open_regular
from dag_rewriter.language.text import bytes_of
from dag_rewriter.language.text import text_of as file_text
from dag_rewriter.logs.events import new
from monitord_job.kickstart.clustered_tasks import parse_list
from monitord_job.kickstart.job_output import MAX_RECORDS, TOO_MANY, parse_output, parse_windows
from monitord_job.kickstart.records import ClusterLine, Damage, Invocation, ListedTask, Record
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, UnplannedJob
from monitord_job.stampede.transitions import FilesNeeded
from monitord_job.text.unprintable import text_of

HEAD, TAIL = 64 << 20, 16 << 20
"""Bytes at the beginning and at the end of a job's stdout that are looked at for records."""
_WINDOW = 1 << 20
_USUAL = 1 << 16
"""Bytes that are read at once: all of nearly every file, and as much text as Stampede keeps."""
_FEW = 1 << 13
_STDERR_TAIL = 4096
MAX_DAMAGES = 100
"""Damaged records of one output after which the rest of it is left alone."""

_ASKED_FOR = re.compile(
    r"\n[ \t\r\v\f]*(?=[eaio+m])(executable|arguments|input|output|error"
    r"|(?:\+|my\.)pegasus_(?:site|job_class|wf_xformation|wf_dax_job_id|cores))[ \t\r\v\f]*=([^\n]*)",
    re.IGNORECASE | re.ASCII,
)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_REGISTRATION = 4
_PLACE = re.compile(
    r"^(?P<lfn>.+?) (?P<pfn>[A-Za-z][\w+.-]*://.*?|/.*?)(?P<attributes>(?: [\w.]+=\"[^\"]*\")*)\s*$"
)
_PLANNER_LOG = re.compile(r"(?:^|\s)-Dpegasus\.log\.\*=(\S+)")
_SITE = re.compile(r' (?:site|pool)="([^"]*)"')
_NO_DESCRIPTION = JobDescription()
_WITHOUT_FILES = JobFiles()[1:]


class _Output(NamedTuple):
    """A file that a job wrote: what it begins with, its last bytes or its records, whatever was asked for."""

    file: str | None = None
    text: str | None = None
    records: tuple[Record, ...] = ()


_Reader = Callable[[int, str], _Output]


class JobFileReader:
    """Reads below one submit directory, wherever that is now."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._below = f"{submit_dir.start}/"
        # A sub-workflow's has a "/./" in it.
        planned = submit_dir.braindump.get("submit_dir")
        self._planned = os.path.normpath(planned).rstrip("/") + "/" if planned else "/"
        self._description = lru_cache(maxsize=1 << 14)(self._read_description)

    def read(self, wanted: FilesNeeded) -> JobFiles:
        """What an event asks for. Files that are missing are left out; one that cannot be read is a Damage."""
        description = self.describe(wanted.plan)
        if not wanted.attempt_ended:
            return new(JobFiles, (description, *_WITHOUT_FILES))
        if wanted.planner_log:
            return self._of_planner(wanted, description)
        if wanted.plan.unplanned is not None:
            description = self._of_attempt(description, wanted)
        out = self._output(description.stdout, wanted.output, _with_records)
        err = self._output(description.stderr, wanted.output, _with_tail)
        records = out.records + err.records
        records += self._listed(wanted, records)
        registrations = self._registrations(wanted, description)
        # In the order of the fields, here and below: by name it takes three times as long.
        return new(
            JobFiles, (description, records, out.file, out.text, err.file, err.text, registrations, None)
        )

    def _of_planner(self, wanted: FilesNeeded, description: JobDescription) -> JobFiles:
        """What the planner said, if it was the PRE script; of other scripts nobody keeps anything."""
        log = _PLANNER_LOG.search(wanted.plan.pre.arguments) if wanted.plan.pre else None
        name = f"{self._relative(log[1])}.{wanted.retry:03d}" if log else description.stdout
        out = self._output(name, None, _with_records) if log else _Output(_printable(name))
        return JobFiles(
            description,
            stdout_file=out.file,
            stdout_text=out.text,
            stderr_file=_printable(description.stderr),
        )

    def describe(self, plan: JobPlan) -> JobDescription:
        """What the submit file of a job says; nothing if there is none that can be read."""
        try:
            if plan.is_subdag:
                return self._of_subdag(plan)
            if plan.unplanned is not None:
                return self._of_unplanned(plan, plan.unplanned)
            return self._description(plan.submit_file) if plan.submit_file else _NO_DESCRIPTION
        except OSError:
            return _NO_DESCRIPTION

    def _of_subdag(self, plan: JobPlan) -> JobDescription:
        """A SUBDAG EXTERNAL node runs the submit file that condor_submit_dag makes beside the DAG."""
        dag = self._relative(plan.dag_file) or ""
        if dag.startswith("/") and self._planned != "/":
            dag = os.path.relpath(dag, self._planned)
        try:
            description = self._description(f"{dag}.condor.sub")
        except OSError:
            description = _NO_DESCRIPTION
        return JobDescription(site="local", executable=description.executable)

    def _of_unplanned(self, plan: JobPlan, job: UnplannedJob) -> JobDescription:
        """Raises OSError."""
        from monitord_job.recording import plain_submit_files  # a run that Pegasus planned needs none of it

        if job.text is not None:
            return plain_submit_files.describe(plan, job, bytes_of(job.text))
        if plan.submit_file is None:
            return _NO_DESCRIPTION

        def read(name: str) -> str:
            with suppress(OSError):
                return file_text(_whole_file(self._place(os.path.join(job.directory, name))))  # noqa: PTH118
            return ""

        return plain_submit_files.describe(plan, job, _whole_file(self._place(plan.submit_file)), read)

    def _of_attempt(self, description: JobDescription, wanted: FilesNeeded) -> JobDescription:
        """With the attempt's own paths. $(RETRY) begins anew in a rescue run: it is the last one that left a file."""
        from monitord_job.recording.plain_submit_files import of_attempt

        def path(name: str | None) -> str | None:
            if name is None or "$(" not in name:
                return name
            names = [of_attempt(name, wanted.sched_id, retry) for retry in range(wanted.retry, -1, -1)]
            there = (name for name in names if os.path.exists(self._place(name)))  # noqa: PTH110 - as _place
            return next(there, names[0])

        return description._replace(stdout=path(description.stdout), stderr=path(description.stderr))

    def _place(self, name: str) -> str:
        # Thrice for each job: a Path takes five times as long.
        return name if name.startswith("/") else f"{self._below}{name}"

    def _read_description(self, submit_file: str) -> JobDescription:
        """Raises OSError."""
        value = _assigned(_whole_file(self._place(submit_file))).get
        values = (
            _printable(value("+pegasus_site")),
            _number(value("+pegasus_job_class")),
            _printable(value("+pegasus_wf_xformation")),
            _printable(value("+pegasus_wf_dax_job_id")),
            _number(value("+pegasus_cores")) or 1,
            _printable(value("executable")) or "",
            _printable(value("arguments")),
            _printable(self._relative(value("input"))),
            self._relative(value("output")),
            self._relative(value("error")),
        )
        return new(JobDescription, values)

    def _relative(self, name: str | None) -> str | None:
        """A path as the Stampede tables have it: relative to the submit directory if it was planned below it."""
        if not name:
            return None
        # Planners write paths that need no tidying: to find that out takes a third of the time.
        is_tidy = not ("/." in name or "//" in name or name[0] == "." or name[-1] == "/")
        path = name if is_tidy else os.path.normpath(name)
        # Without a planned directory there is only "/" before every path, which says nothing.
        return path.removeprefix(self._planned) if self._planned != "/" else path

    def _output(self, name: str | None, number: int | None, read: _Reader) -> _Output:
        """An output as pegasus-exitcode leaves it, NAME.NNN, or as the job left it if nobody rotated it."""
        if name is None:
            return _Output()
        names = (name,) if number is None else (f"{name}.{number:03d}", name)
        for candidate in names:
            shown = candidate if candidate.isascii() else _printable(candidate) or ""
            try:
                place = self._place(candidate)
                # kickstart leaves next to every stderr empty: to open and close it takes three times as long.
                if read is _with_tail and _is_empty(place):
                    return _Output(shown, "")
                stream = open_regular(place)
                try:
                    return read(stream, shown)
                finally:
                    os.close(stream)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                damage = Damage(0, f"it cannot be read: {error.strerror}", "", shown)
                return _Output(shown, None, (damage,))
        return _Output(_printable(names[0]))

    def _listed(self, wanted: FilesNeeded, records: Iterable[Record]) -> tuple[ListedTask, ...]:
        """The tasks that a cluster was given; only cluster lines make this a file worth opening."""
        if not wanted.plan.submit_file or not any(isinstance(record, ClusterLine) for record in records):
            return ()
        return parse_list(text_of(self._input_of(wanted.plan.submit_file)))

    def _input_of(self, submit_file: str) -> bytes:
        try:
            return _whole_file(self._place(submit_file.removesuffix(".sub") + ".in"))
        except OSError:
            return b""

    def _registrations(
        self, wanted: FilesNeeded, description: JobDescription
    ) -> tuple[tuple[str, str, str | None], ...]:
        if description.job_class != _REGISTRATION or not wanted.plan.submit_file:
            return ()
        match = (_PLACE.match(line) for line in text_of(self._input_of(wanted.plan.submit_file)).splitlines())
        return tuple((place["lfn"], place["pfn"], _site(place["attributes"])) for place in match if place)


def _assigned(data: bytes) -> dict[str, str]:
    """What a submit file assigns, without quotes, by name in lower case; of the lines that do, those asked for.

    >>> _assigned(b'Output = "a b"\\nMY.Pegasus_Site = x\\nqueue\\n')
    {'output': 'a b', '+pegasus_site': 'x'}
    """
    values: dict[str, str] = {}
    if b"\\" in data:  # lines that go on, or quotes within quotes
        description = parse_submit_file(data)
        for name in description.assigned:
            values[name.replace("my.", "+", 1)] = description.text(name) or ""
        return values
    for name, assigned in _ASKED_FOR.findall("\n" + file_text(data)):
        value = assigned.strip()
        if value[:1] == '"' == value[-1:] and len(value) > 1:
            value = value[1:-1]
        values[_canonical(name)] = value
    return values


@lru_cache(maxsize=64)  # the same ten in each submit file of a planner
def _canonical(name: str) -> str:
    return str(name.lower().replace("my.", "+"))


@lru_cache(maxsize=64)
def _number(text: str | None) -> int | None:
    return int(text) if text and _WHOLE_NUMBER.fullmatch(text) else None


def _site(attributes: str) -> str | None:
    match = _SITE.search(attributes)
    return match[1] if match else None


def _with_records(stream: int, file: str) -> _Output:
    """A stdout: its records, or if there are none what it begins with."""
    begin = _begin(stream)
    size = len(begin) if len(begin) < _USUAL else os.fstat(stream).st_size
    if size <= _WINDOW:
        # One record, however much the application printed, is read in a third of the time that pieces take.
        rest = os.pread(stream, size - len(begin), len(begin)) if size > len(begin) else b""
        records = parse_output(begin + rest)
        if len(records) > MAX_DAMAGES:
            records = tuple(_bounded(records))
    else:
        skipped, windows = _windows(stream, begin)
        records = tuple(_bounded(parse_windows(windows)))
        if skipped:
            first, last = skipped
            damage = Damage(first, f"too long: the bytes from here to {last} were not looked at", "")
            records = (*records, damage)
    has_record = Invocation in map(type, records)
    return new(_Output, (file, None if has_record else text_of(begin), records))


def _bounded(records: Iterable[Record]) -> Iterator[Record]:
    damages = 0
    for number, record in enumerate(records):
        if number == MAX_RECORDS:
            offset = 0 if isinstance(record, ListedTask) else record.offset  # none of these in an output
            yield Damage(offset, TOO_MANY, "")
            return
        if isinstance(record, Damage):
            damages += 1
            if damages > MAX_DAMAGES:
                yield Damage(record.offset, "damaged over and over: the rest was not looked at", "")
                return
        yield record


def _windows(stream: int, begin: bytes) -> tuple[tuple[int, int] | None, Iterator[tuple[int, bytes]]]:
    """What is left out in the middle, and the rest in pieces (offset, bytes), up to where the file ends now."""
    size = os.fstat(stream).st_size
    skipped = (HEAD, size - TAIL) if size > HEAD + TAIL else None

    def read() -> Iterator[tuple[int, bytes]]:
        yield 0, begin
        offset = len(begin)
        while offset < size and (window := os.pread(stream, min(_WINDOW, size - offset), offset)):
            yield offset, window
            offset += len(window)
            if skipped and skipped[0] <= offset < skipped[1]:
                offset = skipped[1]

    return skipped, read()


def _with_tail(stream: int, file: str) -> _Output:
    """A stderr: what it begins with, and if that is not all, its last bytes on a line of their own."""
    text = _begin(stream)
    if len(text) == _USUAL:
        rest = os.fstat(stream).st_size - _USUAL
        gap = b"\n" if rest > _STDERR_TAIL else b""
        text += gap + os.pread(stream, _STDERR_TAIL, _USUAL + max(rest - _STDERR_TAIL, 0))
    return _Output(file, text_of(text))


def _is_empty(path: str) -> bool:
    """Raises OSError."""
    status = os.stat(path)  # noqa: PTH116 - as _place
    return not status.st_size and stat.S_ISREG(status.st_mode)


def _begin(stream: int) -> bytes:
    """The first bytes, as many as are usual; fewer if there are no more."""
    # Memory for all of them takes longer to get than the few that most files hold take to read.
    data = os.read(stream, _FEW)
    return data if len(data) < _FEW else data + os.read(stream, _USUAL - _FEW)


def _whole_file(path: str) -> bytes:
    """What the planner wrote, a submit file or a list. Raises OSError."""
    stream = open_regular(path)
    try:
        data = _begin(stream)
        return data if len(data) < _USUAL else data + os.read(stream, MANY.size)
    finally:
        os.close(stream)


def _printable(name: str | None) -> str | None:
    """A name as a database can hold it: bytes that are no UTF-8 are shown."""
    if name is None or name.isascii():
        return name
    return text_of(name.encode("utf-8", "surrogateescape"))
