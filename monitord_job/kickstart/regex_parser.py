"""Reads a kickstart record (format 3.0) by its form, some forty times as fast as a YAML library.

kickstart writes fixed keys in a fixed order with a fixed indentation (its appinfo.c, jobinfo.c, statinfo.c), and what
an application printed stands eight blanks deep, where no key of kickstart's can be. A record that is
not letter by letter of that form is left to the YAML library: `scan` never gives another value than that would.
"""

from __future__ import annotations

import re

from monitord_job.kickstart.records import Invocation, OutputFile, epoch, uname

_TIME = r"[0-9]{4}-[0-9T:.+Z-]*[0-9Z]"
_INT = r"[0-9]{1,18}"
_DECIMAL = r"-?[0-9]{1,18}(?:\.[0-9]+)?"
# Plain scalars without anything that YAML could take for more than text: no ":" and no "#" at all.
_PLAIN = r"[A-Za-z0-9_/.][!-\"$-9;-~]*"
_PHRASE = r"[A-Za-z0-9_/.(][ -\"$-9;-~]*(?<! )"
_QUOTED = r"\"[ !#-\[\]-~]*\""
_ESCAPED = r"\"[ !#-\[\]-~]*(?:\\[\"\\][ !#-\[\]-~]*)*\""
_KEY = r"[A-Za-z0-9_/.](?:[ -\"$-9;-~]{0,200}[!-\"$-9;-~])?"
_QUOTED_KEY = r"\"[ !#-\[\]-~]{1,200}\""


def _lines(indent: int, *keys_and_values: str) -> str:
    return "".join(" " * indent + line + r"\n" for line in keys_and_values)


def _maybe(pattern: str) -> str:
    # As `(...)?`, which re takes for a repetition: that costs a tenth more.
    return f"(?:{pattern}|)"


_USAGE_REST = [
    "minflt",
    "majflt",
    "nswap",
    "inblock",
    "outblock",
    "msgsnd",
    "msgrcv",
    "nsignals",
    "nvcsw",
    "nivcsw",
]
_JOB_USAGE = _lines(
    6,
    f"utime: ({_DECIMAL})",
    f"stime: ({_DECIMAL})",
    f"maxrss: ({_INT})",
    *(f"{k}: {_INT}" for k in _USAGE_REST),
)
_OWN_USAGE = _lines(
    4, f"utime: {_DECIMAL}", f"stime: {_DECIMAL}", f"maxrss: {_INT}", *(f"{k}: {_INT}" for k in _USAGE_REST)
)


def _stat(indent: int, size: str = _INT, ctime: str = _TIME, user: str = _PLAIN) -> str:
    return (
        _lines(indent, "mode: 0o[0-7]+", f"size: {size}", f"inode: {_INT}", f"nlink: {_INT}")
        + _maybe(_lines(indent, f"blksize: {_INT}", f"blocks: {_INT}"))
        + _lines(indent, f"mtime: {_TIME}", f"atime: {_TIME}", f"ctime: {ctime}", f"uid: {_INT}")
        + _maybe(_lines(indent, f"user: {user}"))
        + _lines(indent, f"gid: {_INT}")
        + _maybe(_lines(indent, f"group: {_PLAIN}"))
    )


_HEAD = re.compile(
    r"- invocation: True\n"
    + _lines(2, r"version: 3\.0", f"start: {_TIME}", f"duration: {_DECIMAL}")
    + _maybe(_lines(2, f"transformation: ({_QUOTED})"))
    + _maybe(_lines(2, f"derivation: ({_QUOTED})"))
    + _maybe(_lines(2, f"resource: ({_QUOTED})"))
    + _maybe(_lines(2, f"wf-label: {_QUOTED}"))
    + _maybe(_lines(2, f"wf-stamp: {_QUOTED}"))
    + _maybe(_lines(2, f"interface: {_PLAIN}"))
    + _maybe(_lines(2, f"hostaddr: ({_PLAIN})"))
    + _maybe(_lines(2, f"hostname: ({_PLAIN})"))
    + _lines(2, f"pid: {_INT}", f"uid: {_INT}")
    + _maybe(_lines(2, f"user: ({_PLAIN})"))
    + _lines(2, f"gid: {_INT}")
    + _maybe(_lines(2, f"group: {_PLAIN}"))
    + _lines(2, "umask: 0o[0-7]+", "mainjob:")
    + _lines(4, f"start: ({_TIME})", f"duration: ({_DECIMAL})", f"pid: {_INT}", "usage:")
    + _JOB_USAGE
    + _lines(4, "status:")
    + _lines(6, f"raw: ({_INT})", f"regular_exitcode: {_INT}")
    + _lines(4, "executable:")
    + _lines(6, f"file_name: ({_PLAIN})")
    + _stat(6)
    + _lines(4, "argument_vector:")
    + f"(?:      - {_ESCAPED}\\n)*"
    + _lines(4, "procs:")
    + _maybe(_lines(2, "jobids:") + _maybe(_lines(4, f"condor: {_PLAIN}")))
    + _lines(2, f"cwd: ({_PLAIN})", "usage:")
    + _OWN_USAGE
    + _maybe(
        _lines(2, "machine:")
        + _lines(4, f"page-size: {_INT}", f"uname_system: ({_PHRASE})", f"uname_nodename: ({_PHRASE})")
        + _lines(4, f"uname_release: ({_PHRASE})", f"uname_machine: ({_PHRASE})", f"ram_total: ({_INT})")
        + f"(?:    (?!uname_|ram_total)[a-z][a-z0-9_]*: {_PHRASE}\\n)*"
    )
    + _lines(2, "files:")
)

_ENTRY = re.compile(
    _lines(4, f"({_KEY}|{_QUOTED_KEY}):")
    + f"(?:      (?:comment|note|error): {_PHRASE}\\n)*"
    + _maybe(_lines(6, f"lfn: {_QUOTED}"))
    + _maybe(_lines(6, f"(?:file_name|temporary_name): (?:{_PLAIN}|{_QUOTED})"))
    + _maybe(_lines(6, f"descriptor(?:_number)?: {_INT}"))
    + _maybe(_stat(6, f"({_INT})", f"({_TIME})", f"({_PLAIN})"))
    + _maybe(_lines(6, "output: (True)"))
    + _maybe(_lines(6, "sha256: ([0-9a-f]+)") + _maybe(_lines(6, f"checksum_timing: ({_DECIMAL})")))
    + _maybe(_lines(6, "data_truncated: (?:true|false)") + _maybe(_lines(6, r"(data): \|")))
)

_TAIL = re.compile(
    _maybe(_lines(2, "environment:") + f'(?:    "[!#-\\[\\]-~]{{1,200}}": {_ESCAPED}\\n)*')
    + _maybe(_lines(2, "limits:") + f"(?:    [A-Z][A-Za-z0-9_]*: {_PLAIN}\\n)*")
    + r"\n*\Z"
)

# Lines without the indentation end a block, but for empty ones: kickstart of 5.0 left their blanks out.
_BLOCK_END = re.compile(r"\n(?! {8}|\n)")
_BLOCK_INDENT = "\n" + 8 * " "
_LAST = "metadata"
"""The stream that kickstart always names after all others: a record without it is cut off."""


def scan(offset: int, text: str) -> Invocation | None:
    """The record in a text that is nothing else, or None if it is not exactly of kickstart's form."""
    head = _HEAD.match(text)
    if head is None:
        return None
    names: set[str] = set()
    printed: dict[str, str | None] = {}
    outputs: list[OutputFile] = []
    position = head.end()
    while entry := _ENTRY.match(text, position):
        name, size, ctime, user, is_output, sha256, timing, has_data = entry.groups()
        position = entry.end()
        name = name[1:-1] if name[0] == '"' else name
        if name in names:
            return None
        names.add(name)
        if has_data:
            end = _end_of_block(text, position)
            printed[name], position = _printed(text[position:end]), end
        if is_output:
            outputs.append(_output(name, size, ctime, user, sha256, timing))
    if _LAST not in names or _TAIL.match(text, position) is None:
        return None
    try:
        return _invocation(offset, head, printed, tuple(outputs))
    except ValueError:
        return None


def _invocation(
    offset: int, head: re.Match[str], printed: dict[str, str | None], outputs: tuple[OutputFile, ...]
) -> Invocation:
    """Raises ValueError for a time that is none."""
    transformation, derivation, resource, hostaddr, hostname, user, start, duration, *rest = head.groups()
    utime, stime, maxrss, raw, executable, cwd, system, node, release, machine, ram_total = rest
    return Invocation(
        offset,
        _unquoted(transformation),
        _unquoted(derivation),
        _unquoted(resource),
        hostaddr,
        hostname,
        user,
        start=epoch(start),
        duration=float(duration),
        utime=float(utime),
        stime=float(stime),
        maxrss=int(maxrss),
        raw=int(raw),
        signal=None,
        executable=executable,
        cwd=cwd,
        node_name=node,
        uname=uname(system, release, machine),
        ram_total=int(ram_total) if ram_total else None,
        stdout=printed.get("stdout"),
        stderr=printed.get("stderr"),
        outputs=outputs,
    )


def _unquoted(word: str | None) -> str | None:
    return word[1:-1] or None if word else None


def _output(
    lfn: str, size: str | None, ctime: str | None, user: str | None, sha256: str | None, timing: str | None
) -> OutputFile:
    attributes = [(key, value) for key, value in (("user", user), ("size", size), ("ctime", ctime)) if value]
    if not sha256:
        return OutputFile(lfn, tuple(attributes), None)
    attributes += [("checksum.type", "sha256"), ("checksum.value", sha256)]
    seconds = float(timing) if timing else None
    if seconds is not None:
        attributes.append(("checksum.timing", str(seconds)))
    return OutputFile(lfn, tuple(attributes), seconds)


def _end_of_block(text: str, start: int) -> int:
    last = _BLOCK_END.search(text, start - 1)
    return last.start() + 1 if last else len(text)


def _printed(block: str) -> str | None:
    """What a block of lines says, as YAML's `|` has it: of empty lines at the end only the last break stays.

    >>> _printed("        a\\n          b\\n        \\n")
    'a\\n  b\\n'
    """
    printed = ("\n" + block).replace(_BLOCK_INDENT, "\n")[1:].rstrip("\n")
    return printed + "\n" if printed else None
