"""A kickstart record, format 3.0: what is known of one run -> its lines (appinfo.c and jobinfo.c)."""

from __future__ import annotations

import grp
import os
import pwd
import resource
import signal
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .machine import machine_lines, network_lines
from .run_command import Ended
from .statinfo import named_file_lines, output_file_lines, stat_lines, temporary_file_lines
from .text import iso_time, quoted

_USAGE = (
    "maxrss", "minflt", "majflt", "nswap", "inblock", "oublock",
    "msgsnd", "msgrcv", "nsignals", "nvcsw", "nivcsw",
)  # fmt: skip


class Options(NamedTuple):
    """The command line of kickstart, as far as the planner uses it."""

    transformation: str = ""
    derivation: str = ""
    site: str = ""
    label: str = ""
    stamp: str = ""
    stdin_from_job: bool = False
    outputs: tuple[tuple[str, str], ...] = ()  # (lfn, pfn)
    with_machine: bool = True
    command: tuple[str, ...] = ()


class Captured(NamedTuple):
    """A temporary file that takes one of the job's streams."""

    path: str
    descriptor: int


class Run(NamedTuple):
    """One run: `ended` is None when the executable could not be run, `error` then says why (errno)."""

    options: Options
    start: float
    finish: float
    ended: Ended | None
    error: int
    executable: str
    streams: dict[str, Captured]  # stdout, stderr, metadata
    integrity: str  # what the transfer tool wrote for us
    environment: dict[str, str]


def lines(run: Run) -> Iterator[str]:
    """The record's lines, without newlines at their ends (a block of data is one item)."""
    options = run.options
    yield "- invocation: True"
    yield "  version: 3.0"
    yield f"  start: {iso_time(run.start, millis=True)}"
    yield f"  duration: {run.finish - run.start:.3f}"
    for key, value in (
        ("transformation", options.transformation),
        ("derivation", options.derivation),
        ("resource", options.site),
        ("wf-label", options.label),
        ("wf-stamp", options.stamp),
    ):
        if value:
            yield f"  {key}: {quoted(value)}"
    yield from _indented(2, network_lines())
    yield from _indented(2, _identity_lines())
    yield from _main_job(run)
    yield "  jobids:"
    if "CONDOR_JOBID" in run.environment:
        yield f"    condor: {run.environment['CONDOR_JOBID']}"
    yield f"  cwd: {os.getcwd() if run.ended else ''}"
    yield "  usage:"
    yield from _indented(4, _usage_lines(resource.getrusage(resource.RUSAGE_SELF)))
    if options.with_machine:
        yield "  machine:"
        yield from _indented(4, machine_lines())
    yield from _files(run)
    if run.ended is None or run.ended.raw != 0:
        yield from _failure_details(run)


def status_lines(raw: int, error: int = 0) -> Iterator[str]:
    """The status block of a wait status; `error` is the errno of a command that could not be run.

    >>> list(status_lines(11))[1:]
    ['signalled_signal: 11', 'singalled_name: "Segmentation fault"', 'corefile: false']
    """
    yield f"raw: {raw}"
    if raw < 0:
        yield f"failure_error: {error}   {os.strerror(error)}"
    elif os.WIFEXITED(raw):
        yield f"regular_exitcode: {os.WEXITSTATUS(raw)}"
    elif os.WIFSIGNALED(raw):
        number = os.WTERMSIG(raw)
        yield f"signalled_signal: {number}"
        yield f'singalled_name: "{signal.strsignal(number)}"'  # kickstart's own spelling
        yield f"corefile: {'true' if os.WCOREDUMP(raw) else 'false'}"
    elif os.WIFSTOPPED(raw):
        number = os.WSTOPSIG(raw)
        yield f"suspended_signal: {number}"
        yield f'suspended_name: "{signal.strsignal(number)}"'


def _identity_lines() -> Iterator[str]:
    uid, gid = os.getuid(), os.getgid()
    yield f"pid: {os.getpid()}"
    yield f"uid: {uid}"
    try:
        yield f"user: {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        pass
    yield f"gid: {gid}"
    try:
        yield f"group: {grp.getgrgid(gid).gr_name}"
    except KeyError:
        pass
    mask = os.umask(0o022)
    os.umask(mask)
    yield f"umask: 0o0{mask:03o}"


def _main_job(run: Run) -> Iterator[str]:
    ended = run.ended
    yield "  mainjob:"
    yield f"    start: {iso_time(ended.start if ended else 0.0, millis=True)}"
    # never less than kickstart's own resolution: jobinfo.c
    yield f"    duration: {max(0.003, ended.finish - ended.start if ended else 0.0):.3f}"
    if ended:
        yield f"    pid: {ended.pid}"
    yield "    usage:"
    yield from _indented(6, _usage_lines(ended.usage if ended else None))
    yield "    status:"
    yield from _indented(6, status_lines(ended.raw if ended else -127, run.error))
    yield "    executable:"
    yield from _indented(6, named_file_lines(run.executable))
    yield "    argument_vector:"
    yield from (f"      - {quoted(word)}" for word in run.options.command[1:])
    yield "    procs:"


def _usage_lines(usage: resource.struct_rusage | None) -> Iterator[str]:
    yield f"utime: {usage.ru_utime if usage else 0:.3f}"
    yield f"stime: {usage.ru_stime if usage else 0:.3f}"
    for name in _USAGE:
        yield f"{name.replace('oublock', 'outblock')}: {getattr(usage, 'ru_' + name) if usage else 0}"


def _files(run: Run) -> Iterator[str]:
    yield "  files:"
    if run.ended:
        for lfn, pfn in run.options.outputs:
            yield f"    {lfn}:"
            yield from _indented(6, output_file_lines(pfn, lfn))
    if run.integrity:
        yield run.integrity.removesuffix("\n")
    yield "    stdin:"
    if run.options.stdin_from_job:
        yield "      descriptor_number: 0"
        yield from _indented(6, stat_lines(os.fstat(0)))
    else:
        yield from _indented(6, named_file_lines("/dev/null"))
    for name, captured in run.streams.items():
        yield f"    {name}:"
        yield from _indented(6, temporary_file_lines(captured.path, captured.descriptor))


def _failure_details(run: Run) -> Iterator[str]:
    """A failed run also has its log file, its environment and its limits."""
    yield "    kickstart:"
    yield from _indented(6, named_file_lines(run.environment.get("STANDIN_NAME", "pegasus-kickstart")))
    yield "    logfile:"
    yield "      descriptor_number: 1"
    yield from _indented(6, stat_lines(os.fstat(1)))
    yield "  environment:"
    yield from (f"    {quoted(key)}: {quoted(value)}" for key, value in sorted(run.environment.items()))
    yield "  limits:"
    for name in ("CPU", "FSIZE", "DATA", "STACK", "CORE", "NPROC", "NOFILE", "MEMLOCK", "AS"):
        for side, value in zip(
            ("soft", "hard"), resource.getrlimit(getattr(resource, "RLIMIT_" + name)), strict=True
        ):
            yield f"    RLIMIT_{name}_{side}: {'unlimited' if value == resource.RLIM_INFINITY else value}"


def _indented(indent: int, items: Iterable[str]) -> Iterator[str]:
    pad = " " * indent
    return (pad + item for item in items)
