"""Reads the report of a run for a message. What cannot be read is said in it: the message is sent all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from condor_templates.errors import BridleError
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.url import database_of
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.report import Report
from monitord_job.text.display import one_line


def read_report(about: EventContext, run: Path, now: int, url: str | None = None) -> Report:
    """What the database of a run says of an event. Only reads; a monitor may be at work."""
    try:
        return _read(about, open_target(run), now, url)
    except BridleError as error:
        return Report(about, now, trouble=one_line(str(error), 500))


def _read(about: EventContext, submit_dir: SubmitDir, now: int, url: str | None) -> Report:
    from monitord_job.database.run_queries import open_database
    from monitord_job.messages.report_queries import read_job, read_run

    about = replace(about, wf_uuid=about.wf_uuid or submit_dir.wf_uuid or "")
    engine = open_database(database_of(submit_dir, url))
    try:
        run = read_run(engine, about.wf_uuid)
        return Report(about, now, run, read_job(engine, about) if about.job else None)
    finally:
        engine.dispose()
