"""What the tests that kill hundreds of processes do to make each of them short."""

from __future__ import annotations

import os
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database import dialect
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits


def unsynchronized(patch: pytest.MonkeyPatch) -> None:
    """No fsync: a process that is killed leaves what it has written with the kernel."""
    whole = dialect.Sqlite.set_up

    def set_up(connection: Any, record: object) -> None:
        whole(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    patch.setattr(dialect.Sqlite, "set_up", staticmethod(set_up))
    patch.setattr(os, "fsync", lambda _fd: None)


def warm_up(submit_dir: SubmitDir, url: str | None = None) -> None:
    """Record the run once in this process, without notifications: what is imported and compiled then, all forked
    processes have from their first step on. It takes half of their time.
    """
    with pytest.MonkeyPatch.context() as patch:
        unsynchronized(patch)
        session.catch_up(submit_dir, Limits(database=0.0), url=url, notify=False)
