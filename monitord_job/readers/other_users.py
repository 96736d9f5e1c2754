"""Runs of other users: which database is read for one, and what is read into a copy of one's own."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.errors import OtherOwnerError, RewriterError
from monitord_job.database.dialect import sqlite_url
from monitord_job.database.properties import given_url
from monitord_job.database.queries.runs import is_stored
from monitord_job.database.url import Database, database_of
from monitord_job.errors import MonitorError

LOG = logging.getLogger("bridle.status")


def seen_database(submit_dir: SubmitDir, owner: str, url: str | None = None) -> Database:
    """The database of another user's run: as its monitor stored it last, or a copy of ours of what the logs hold now.

    In the directory nothing is written. Raises OtherOwnerError if its files name a database elsewhere, and `url` none.
    """
    database = database_of(submit_dir, url)
    if url is None and given_url() is None:
        _require_in_sight(submit_dir.run, database)
        if not is_stored(database, submit_dir.run.wf_uuid or ""):
            copy = _copy(submit_dir, owner)
            return database if copy is None else in_it(copy, submit_dir)
    LOG.warning("this run belongs to %s: it is shown as %s", owner, _as_of(database))
    return in_it(database, submit_dir)


def _require_in_sight(submit_dir: SubmitDir, database: Database) -> None:
    """Another user's properties do not say which files and servers are opened with the rights of who looks."""
    file, place = database.file, submit_dir.path.resolve()
    if file is not None and not file.exists() and file.resolve().is_relative_to(place):
        return
    if file is None or not file.resolve().is_relative_to(place) or file.stat().st_uid != place.stat().st_uid:
        what = "another user's files name this database, and it is none of his below the submit directory"
        raise OtherOwnerError(str(database), what, "if you trust it, name it yourself with --url")


def _copy(submit_dir: SubmitDir, owner: str) -> Database | None:
    """What the logs hold now, in a database that is gone with this process; None if they cannot be read.

    Nothing but what is the owner's is read, whatever the names and links there lead to.
    """
    from monitord_job.monitor.limits import Limits  # a message of the caller's own run needs no monitor
    from monitord_job.monitor.session import catch_up_aside

    copy = Database(sqlite_url(files.temporary_folder() / Path(submit_dir.database.name)))
    began = time.time()
    try:
        with files.reading_only_of(submit_dir.path.stat().st_uid):
            catch_up_aside(submit_dir, copy, Limits(database=5.0))
    except (RewriterError, MonitorError, OSError) as error:
        LOG.warning(
            "this run belongs to %s, nothing of it is stored, and its logs cannot be read: %s", owner, error
        )
        return None
    text = "this run belongs to %s, and nothing of it is stored: it is shown as its logs were %.0f s ago"
    LOG.warning(text, owner, time.time() - began)
    return copy


def in_it(database: Database, submit_dir: SubmitDir) -> Database:
    """The database of a run, if it has the sub-workflow that is asked for, else one of that alone as its own files have
    it, which is gone with this process: the run has not come to it, or cannot be read so far.
    """
    if submit_dir.top is None or is_stored(database, submit_dir.wf_uuid or ""):
        return database
    from monitord_job.monitor.limits import Limits
    from monitord_job.monitor.session import catch_up_aside

    copy = Database(sqlite_url(files.temporary_folder() / Path(submit_dir.database.name)))
    with files.reading_only_of(submit_dir.path.stat().st_uid):
        catch_up_aside(replace(submit_dir, top=None), copy, Limits(database=5.0))
    return copy


def _as_of(database: Database) -> str:
    if database.file is None or not database.file.exists():
        return "its database has it"
    age = time.time() - database.file.stat().st_mtime
    return f"its monitor stored it last, {age:.0f} s ago"
