"""Stands for pegasus-kickstart: runs a command and writes its record (format 3.0, YAML) to stdout.

Usage: recorder [-n TRANSFORMATION] [-N DERIVATION] [-R SITE] [-L LABEL] [-T STAMP] [-i -] [-s LFN=PFN]...
                [-H] COMMAND [ARGUMENT]...
Leaves with the command's exit code, 128 + n after signal n, 127 if it could not be run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from .record import Captured, Options, Run, lines
from .run_command import Ended, executable_of, exit_code, run

_WORDS = {"n": "transformation", "N": "derivation", "R": "site", "L": "label", "T": "stamp"}
_NO_EXECUTABLE = (
    "FATAL: Unable to execute the specified binary. It might not exist, have the correct permissions, "
    "or be of the right type for the current system.\n"
)


class UsageError(ValueError):
    """The command line is not one of the recorder's."""


def parse(argv: list[str]) -> Options:
    """Options up to the first word that is none; a value may stand in the same word.

    >>> parse(["-n", "a::b", "-Nx", "-H", "-s", "f=./f", "/bin/true", "-n"]).command
    ('/bin/true', '-n')
    """
    words: dict[str, str] = {}
    outputs: list[tuple[str, str]] = []
    stdin_from_job, with_machine, index = False, True, 0
    while index < len(argv) and len(argv[index]) > 1 and argv[index][0] == "-":
        letter, value = argv[index][1], argv[index][2:]
        index += 1
        if letter == "-":
            break
        if letter == "H":
            with_machine = False
            continue
        if letter not in _WORDS and letter not in "is":
            raise UsageError(f"unknown option -{letter}")
        if not value:
            if index >= len(argv):
                raise UsageError(f"-{letter} argument missing")
            value, index = argv[index], index + 1
        if letter == "i":
            stdin_from_job = value == "-"
        elif letter == "s":
            lfn, equals, pfn = value.partition("=")
            outputs.append((lfn, pfn if equals else lfn))
        else:
            words[_WORDS[letter]] = value
    if index >= len(argv):
        raise UsageError("no command to run")
    return Options(
        stdin_from_job=stdin_from_job,
        with_machine=with_machine,
        outputs=tuple(outputs),
        command=tuple(argv[index:]),
        **words,
    )


def main(argv: list[str]) -> int:
    """Run the command of the line, print its record, return the exit code."""
    try:
        options = parse(argv)
    except UsageError as reason:
        print(f"ERROR: {reason}\n{__doc__}", file=sys.stderr)
        return 127
    start = time.time()
    streams = {
        name: _temporary(short)
        for name, short in (("stdout", "out"), ("stderr", "err"), ("metadata", "meta"))
    }
    integrity = _temporary("integrity")
    try:
        return _record(options, start, streams, integrity)
    finally:
        for captured in (*streams.values(), integrity):
            os.unlink(captured.path)


def _record(options: Options, start: float, streams: dict[str, Captured], integrity: Captured) -> int:
    environment = dict(os.environ)
    environment["KICKSTART_METADATA"] = streams["metadata"].path
    environment["KICKSTART_INTEGRITY_DATA"] = integrity.path
    executable, error = executable_of(options.command[0], environment.get("PATH"))
    ended: Ended | None = None
    if error:
        sys.stderr.write(_NO_EXECUTABLE)
    else:
        stdin = 0 if options.stdin_from_job else os.open(os.devnull, os.O_RDONLY)
        descriptors = (stdin, streams["stdout"].descriptor, streams["stderr"].descriptor)
        ended = run(executable, [executable, *options.command[1:]], descriptors, environment)
    with open(integrity.path, encoding="utf-8", errors="surrogateescape") as blob:
        integrity_text = blob.read()
    done = Run(options, start, time.time(), ended, error, executable, streams, integrity_text, environment)
    text = "\n".join(lines(done)) + "\n"
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return exit_code(ended.raw if ended else -127)


def _temporary(short: str) -> Captured:
    folders = (os.environ.get(key, "") for key in ("KICKSTART_TMP", "GRIDSTART_TMP", "TMP", "TEMP", "TMPDIR"))
    folder = next((folder for folder in folders if os.path.isdir(folder)), None)
    descriptor, path = tempfile.mkstemp(prefix=f"ks.{short}.", dir=folder)
    return Captured(path, descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
