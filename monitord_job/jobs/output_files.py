"""Where a running job writes to: its submit description says it before any record of the job does."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_file import expand, parse_submit_file
from dag_rewriter.errors import RewriterError
from monitord_job.jobs.model.one_job import Job
from monitord_job.recording.plain_submit_files import of_attempt


def output_files(where: Path, job: Job) -> dict[str, Path]:
    """By `stderr` and `stdout`, the files of the newest attempt; `where` is the directory of its workflow."""
    if not job.attempts or not job.submit_file:
        return {}
    newest = job.attempts[-1]
    try:
        description = parse_submit_file(files.read(where / job.submit_file, files.SMALL))
    except (RewriterError, OSError):
        return {}
    macros = {"job": job.name, **description.assigned}
    start = where / expand(description.text("initialdir") or "", macros)
    named = {"stderr": description.error, "stdout": description.output}
    return {
        name: start / of_attempt(expand(text, macros), newest.condor_job, newest.row.number - 1)
        for name, text in named.items()
        if text
    }
