"""Stands for pegasus-exitcode: the POST script that rotates JOB.out and says whether the job succeeded.

Usage: exitcode -r RETURN [-l LOG] [-M META_LOG] [-s MESSAGE] [--no-invocations] JOB.out
Renames JOB.out to JOB.out.NNN, writes JOB.meta, appends a JSON line to LOG and file attributes to META_LOG.
Leaves with 0 for a success, 1 for a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime

from . import verdict


class JobFailedError(Exception):
    """The job did not succeed, for the reason given."""


def parser() -> argparse.ArgumentParser:
    """The options that the planner writes."""
    options = argparse.ArgumentParser(prog="pegasus-exitcode", description=__doc__.splitlines()[0])
    options.add_argument("-r", "--return", dest="status", type=int, help="the exit code that DAGMan saw")
    options.add_argument("-l", "--log", help="append a JSON line here")
    options.add_argument("-M", "--metalog", help="append the attributes of output files here")
    options.add_argument(
        "-s", "--success-message", action="append", default=[], help="the output must have this"
    )
    options.add_argument("--no-invocations", action="store_true", help="the job writes no kickstart record")
    options.add_argument("outfile", help="JOB.out")
    return options


def main(argv: list[str]) -> int:
    """Rotate, judge, write; every failure is a line on stderr and in the log."""
    options = parser().parse_args(argv)
    entry: dict[str, object] = {
        "name": options.outfile,
        "timestamp": _now(),
        "exitcode": 0,
        "app_exitcode": None,
    }
    error = ""
    try:
        _examine(options, entry)
    except (JobFailedError, OSError) as reason:
        error = f"ERROR: {reason}\n"
        sys.stderr.write(error)
        entry["exitcode"] = 1
    entry.update(std_out="", std_err=error)
    if options.log:
        _append(options.log, json.dumps(entry) + "\n")
    return 1 if error else 0


def rotate(outfile: str) -> tuple[str, int]:
    """Rename JOB.out and JOB.err to the first free .NNN; (the new name of the output, NNN)."""
    if not outfile.endswith(".out"):
        raise JobFailedError(f"{outfile} does not look like a kickstart .out file")
    if not os.path.isfile(outfile):
        raise JobFailedError(f"{outfile} does not exist")
    number = next((n for n in range(1000) if not os.path.isfile(f"{outfile}.{n:03d}")), None)
    if number is None:
        raise JobFailedError(f"{outfile} has been renamed too many times!")
    rotated = f"{outfile}.{number:03d}"
    os.rename(outfile, rotated)
    errfile = outfile.removesuffix(".out") + ".err"
    if os.path.isfile(errfile):
        os.rename(errfile, f"{errfile}.{number:03d}")
    return rotated, number


def _examine(options: argparse.Namespace, entry: dict[str, object]) -> None:
    rotated, entry["retry"] = rotate(options.outfile)
    entry["app_exitcode"] = options.status
    if options.status:
        raise JobFailedError(f"dagman reported non-zero exitcode: {options.status}")
    with open(rotated, "rb") as stream:
        stdout = stream.read()
    if not stdout and not options.no_invocations:
        raise JobFailedError("Empty stdout")
    for message in options.success_message:
        if message.replace("+", " ").encode() not in stdout + _errors_of(rotated):
            raise JobFailedError("Success message missing from output")
    output = verdict.read(stdout)
    if not options.no_invocations:
        failure = verdict.failure_of(output)
        if failure:
            raise JobFailedError(failure)
        entry["app_exitcode"] = 0
    _write_metadata(options, output)


def _write_metadata(options: argparse.Namespace, output: verdict.Output) -> None:
    """JOB.meta with the outputs of all records (possibly none), and a line of each for the workflow."""
    files = [
        (lfn, attributes) for record in output.records for lfn, attributes in verdict.outputs(record).items()
    ]
    entries = [{"_id": lfn, "_type": "file", "_attributes": attributes} for lfn, attributes in files]
    meta = options.outfile.removesuffix("out") + "meta"
    with open(meta + ".new", "w", encoding="utf-8") as stream:
        json.dump(entries, stream, indent=2)
    os.replace(meta + ".new", meta)
    if options.metalog and files:
        lines = (
            " ".join([lfn, "@@PFN@@", *(f'{key}="{value}"' for key, value in attributes.items())]) + "\n"
            for lfn, attributes in files
        )
        _append(options.metalog, "".join(lines))


def _errors_of(rotated: str) -> bytes:
    base, _, number = rotated.rpartition(".out.")
    try:
        with open(f"{base}.err.{number}", "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def _append(path: str, text: str) -> None:
    """One write, so that POST scripts which run at the same time do not mix their lines."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
