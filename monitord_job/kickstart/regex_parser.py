"""Reads a kickstart record (format 3.0) by its form, some forty times as fast as a YAML library.

kickstart writes fixed keys in a fixed order with a fixed indentation (its appinfo.c, jobinfo.c, statinfo.c), and what
an application printed stands eight blanks deep, where no key of kickstart's can be. A record that is
not letter by letter of that form is left to the YAML library: `scan` never gives another value than that would.
"""

from __future__ import annotations

import re
from functools import cache

from dag_rewriter.logs.events import new
from monitord_job.kickstart.records import Invocation, OutputFile, epoch, signal_words, uname
from monitord_job.kickstart.regex_values import (
    DECIMAL,
    ESCAPED,
    ID,
    INT,
    LONG,
    LONGEST_KEY,
    PATH,
    PHRASE,
    QUOTED,
    QUOTED_KEY,
    TIME,
    WORD,
    either,
    lines,
    maybe,
    says_otherwise,
)

_MAYBE_WORD, _MAYBE_PHRASE, _MAYBE_PATH = maybe(WORD), maybe(PHRASE), maybe(PATH)
_USAGE_REST = "minflt majflt nswap inblock outblock msgsnd msgrcv nsignals nvcsw nivcsw".split()  # noqa: SIM905


def _usage(indent: int, decimal: str = DECIMAL, rss: str = INT) -> str:
    return lines(
        indent,
        f"utime: {decimal}",
        f"stime: {decimal}",
        f"maxrss: {rss}",
        *(f"{key}: {LONG}" for key in _USAGE_REST),
    )


def _stat(size: str = LONG, ctime: str = TIME, user: str = _MAYBE_WORD) -> str:
    return (
        lines(6, "mode: 0o[0-7]++", f"size: {size}", f"inode: {LONG}", f"nlink: {LONG}")
        + maybe(lines(6, f"blksize: {LONG}", f"blocks: {LONG}"))
        + lines(6, f"mtime: {TIME}", f"atime: {TIME}", f"ctime: {ctime}", f"uid: {ID}")
        + maybe(lines(6, f"user: {user}"))
        + lines(6, f"gid: {ID}")
        + maybe(lines(6, f"group: {_MAYBE_WORD}"))
    )


def _job(
    tag: str,
    start: str = TIME,
    duration: str = DECIMAL,
    usage: str = _usage(6),
    raw: str = ID,
    signal: str = LONG,
    signal_name: str = QUOTED,
    executable: str = PATH,
) -> str:
    """The application, or what ran before or after it (jobinfo.c)."""
    return (
        lines(2, f"{tag}:")
        + lines(4, f"start: {start}", f"duration: {duration}")
        + maybe(lines(4, f"pid: {ID}"))
        + lines(4, "usage:")
        + usage
        + lines(4, "status:")
        + lines(6, f"raw: {raw}")
        + either(
            lines(6, f"regular_exitcode: {LONG}"),
            lines(6, f"signalled_signal: {signal}", f"si(?:gn|ng)alled_name: {signal_name}")
            + maybe(lines(6, "corefile: (?:true|false)")),
            lines(6, f"failure_error: {PATH}"),
            lines(6, f"suspended_signal: {LONG}", f"suspended_name: {QUOTED}"),
        )
        + lines(4, "executable:")
        + maybe(lines(6, f"error: {LONG}"))
        + lines(6, f"file_name: {executable}")
        + maybe(_stat())
        + lines(4, "argument_vector:")
        + f"(?>(?:      - {ESCAPED}\\n)*)"
        + lines(4, "procs:")
        + f"(?>(?:      {ID}:\\n(?>(?:        [a-z]{{1,20}}: {PATH}\\n)*))*)"
    )


_BEFORE_JOBS = (
    r"- invocation: True\n"
    + lines(2, r"version: 3\.0", f"start: {TIME}", f"duration: {DECIMAL}")
    + maybe(lines(2, f"transformation: ({QUOTED})"))
    + maybe(lines(2, f"derivation: ({QUOTED})"))
    + maybe(lines(2, f"resource: ({QUOTED})"))
    + maybe(lines(2, f"wf-label: {ESCAPED}"))
    + maybe(lines(2, f"wf-stamp: {ESCAPED}"))
    + maybe(lines(2, f"interface: {_MAYBE_WORD}"))
    + maybe(lines(2, f"hostaddr: ({WORD})"))
    + maybe(lines(2, f"hostname: ({WORD})"))
    + maybe(lines(2, f"pid: {ID}"))
    + lines(2, f"uid: {ID}")
    + maybe(lines(2, f"user: ({_MAYBE_WORD})"))
    + lines(2, f"gid: {ID}")
    + maybe(lines(2, f"group: {_MAYBE_WORD}"))
    + lines(2, "umask: 0o[0-7]++")
)
_MAIN_JOB = _job(
    "mainjob",
    f"({TIME})",
    f"({DECIMAL})",
    _usage(6, f"({DECIMAL})", f"({INT})"),
    f"(-?+{INT})",
    f"({LONG})",
    f"({QUOTED})",
    f"({PATH})",
)
_AFTER_JOBS = (
    maybe(lines(2, "jobids:") + f"(?>(?:    (?:condor|gram|lrmtype|lrm): {_MAYBE_PATH}\\n)*)")
    + lines(2, f"cwd: ({_MAYBE_PATH})", "usage:")
    + _usage(4)
    + maybe(
        lines(2, "machine:")
        + lines(4, f"page-size: {LONG}", f"uname_system: ({PHRASE})", f"uname_nodename: ({PHRASE})")
        + lines(4, f"uname_release: ({PHRASE})", f"uname_machine: ({PHRASE})", f"ram_total: ({INT})")
        + f"(?>(?:    (?!uname_|ram_total)[a-z][a-z0-9_]{{0,60}}+: {_MAYBE_PHRASE}\\n)*)"
    )
    + lines(2, "files:")
)

_ENTRY = (
    lines(4, f"({PATH}|{QUOTED}):")
    + f"(?>(?:      (?:comment|note|error): {PATH}\\n)*)"
    + maybe(lines(6, f"lfn: {QUOTED}"))
    + f"(?>(?:      note: {PATH}\\n)*)"
    + maybe(lines(6, f"(?:file_name|temporary_name|fifo_name): (?:{PATH}|{QUOTED})"))
    + maybe(lines(6, f"descriptor(?:_number|): {LONG}"))
    + maybe(lines(6, f"count: {LONG}", f"rsize: {LONG}", f"wsize: {LONG}"))
    + maybe(_stat(f"({LONG})", f"({TIME})", f"({_MAYBE_WORD})"))
    + maybe(lines(6, "output: (True)"))
    + either(
        lines(6, "sha256: ([0-9a-f]++)") + maybe(lines(6, f"checksum_timing: ({DECIMAL})")),
        lines(6, f"integrity_error: ({PATH})"),
        "",
    )
    + maybe(lines(6, "data_truncated: (?:true|false)") + maybe(lines(6, r"(data): \|")))
)

_TAIL = (
    maybe(lines(2, "environment:") + f"(?:    {QUOTED_KEY}: {ESCAPED}\\n)*")
    + maybe(lines(2, "limits:") + f"(?:    [A-Z][A-Za-z0-9_]*: {WORD}\\n)*")
    + r"\n*\Z"
)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """What is before the files, one of the files, what is behind. To compile them takes as long as to read 500 records,
    and most commands read none.
    """
    return re.compile(_BEFORE_JOBS + _MAIN_JOB + _AFTER_JOBS), re.compile(_ENTRY), re.compile(_TAIL)


@cache
def _with_other_jobs() -> re.Pattern[str]:
    """What is before the files where something ran before or after the application. To compile it takes thrice as
    long, and few records need it.
    """
    before = maybe(_job("setup")) + maybe(_job("prejob"))
    after = maybe(_job("postjob")) + maybe(_job("cleanup"))
    return re.compile(_BEFORE_JOBS + before + _MAIN_JOB + after + _AFTER_JOBS)


_OTHER_JOB = re.compile(r"\n  (?:setup|prejob|postjob|cleanup):\n")
# Lines without the indentation end a block, but for empty ones: kickstart of 5.0 left their blanks out.
_BLOCK_END = re.compile(r"\n(?! {8}|\n)")
_BLOCK_INDENT = "\n" + 8 * " "
_FOLLOWING = {"stdout": "\n    stderr:\n", "stderr": "\n    metadata:\n"}
"""What stands behind the block of a stream."""
_LAST = "metadata"
"""The stream that kickstart always names after all others: a record without it is cut off."""


def scan(offset: int, text: str) -> Invocation | None:
    """The record in a text that is nothing else, or None if it is not exactly of kickstart's form."""
    before_files, one_file, after_files = _patterns()
    head = before_files.match(text) or (_with_other_jobs().match(text) if _OTHER_JOB.search(text) else None)
    wide = not text.isascii()
    if head is None or (wide and says_otherwise(text, 0, head.end())):
        return None
    files: dict[str, OutputFile | None] = {}
    printed: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    position = head.end()
    while entry := one_file.match(text, position):
        name, size, ctime, user, is_output, sha256, timing, error, has_data = entry.groups()
        start, position = position, entry.end()
        name = name[1:-1] if name[0] == '"' else name
        # A file that was staged to two sites comes twice: what the last says counts, in the place of the first.
        told_twice = name in files and (has_data or error or name in printed or name in errors)
        if told_twice or len(name) > LONGEST_KEY or (wide and says_otherwise(text, start, position)):
            return None
        files[name] = _output(name, size, ctime, user, sha256, timing) if is_output else None
        if error:
            errors[name] = error
        if has_data:
            printed[name], position = _printed(text, position, name)
    if _LAST not in files or after_files.match(text, position) is None:
        return None
    if wide and says_otherwise(text, position, len(text)):
        return None
    try:
        return _invocation(offset, head, printed, files, errors)
    except ValueError:
        return None


def _invocation(
    offset: int,
    head: re.Match[str],
    printed: dict[str, str | None],
    files: dict[str, OutputFile | None],
    errors: dict[str, str],
) -> Invocation:
    """Raises ValueError for a time that is none."""
    transformation, derivation, resource, hostaddr, hostname, user, start, duration, *rest = head.groups()
    (
        utime,
        stime,
        maxrss,
        raw,
        signal,
        signal_name,
        executable,
        cwd,
        system,
        node,
        release,
        machine,
        ram_total,
    ) = rest
    # In the order of the fields: by name it takes three times as long.
    values = (
        offset,
        _unquoted(transformation),
        _unquoted(derivation),
        _unquoted(resource),
        hostaddr,
        hostname,
        user or None,
        epoch(start),
        float(duration),
        float(utime),
        float(stime),
        int(maxrss),
        int(raw),
        signal_words(_unquoted(signal_name), signal) if signal else None,
        executable,
        cwd or None,
        node,
        uname(system, release, machine),
        int(ram_total) if ram_total else None,
        printed.get("stdout"),
        printed.get("stderr"),
        tuple([output for output in files.values() if output]),
        next(iter(errors.values()), None),
    )
    return new(Invocation, values)


def _unquoted(word: str | None) -> str | None:
    return word[1:-1] or None if word else None


def _output(
    lfn: str, size: str | None, ctime: str | None, user: str | None, sha256: str | None, timing: str | None
) -> OutputFile:
    said = (("user", user), ("size", size), ("ctime", ctime))
    attributes = [item for item in said if item[1] is not None]
    seconds = None
    if sha256:
        attributes += [("checksum.type", "sha256"), ("checksum.value", sha256)]
        seconds = float(timing) if timing else None
        if seconds is not None:
            attributes.append(("checksum.timing", str(seconds)))
    return new(OutputFile, (lfn, tuple(attributes), seconds))


def _printed(text: str, start: int, stream: str) -> tuple[str | None, int]:
    """What a block of lines says that begins at `start`, and where it ends. As YAML's `|` has it, of empty lines at its
    end only the last break stays.

    >>> _printed("\\n        a\\n          b\\n        \\n    x:", 1, "stdout")
    ('a\\n  b\\n', 32)
    """
    following = text.find(_FOLLOWING[stream], start - 1) if stream in _FOLLOWING else -1
    block = text[start - 1 : following]
    printed = block.replace(_BLOCK_INDENT, "\n")
    # Nearly always that is the end, for every line before it is indented. To try each costs what all the rest does.
    if following < 0 or len(block) - len(printed) != 8 * block.count("\n"):
        last = _BLOCK_END.search(text, start - 1)
        following = last.start() if last else len(text) - 1
        printed = ("\n" + text[start:following]).replace(_BLOCK_INDENT, "\n")
    printed = printed[1:].rstrip("\n")
    return printed + "\n" if printed else None, following + 1
