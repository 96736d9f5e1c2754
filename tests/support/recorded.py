"""Recorded runs of the corpus, made ready for our monitor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir


class Recorded(NamedTuple):
    """A run that has ended: its submit directory, and the database that pegasus-monitord made of it."""

    submit_dir: SubmitDir
    peer_database: Path


def as_it_ran(folder: Path) -> Recorded:
    """The run in an unpacked archive that may be written to, as DAGMan left it: its events are in dagman.out alone."""
    braindump = min(folder.rglob("braindump.yml"), key=lambda path: len(path.parts))
    submit_dir = open_submit_dir(braindump.parent)
    peer = folder / "peer.db"
    shutil.move(submit_dir.database, peer)
    return Recorded(submit_dir, peer)


def prepare(folder: Path) -> Recorded:
    """The same with a JOBSTATE_LOG: the one that pegasus-monitord wrote from dagman.out, in DAGMan's format."""
    submit_dir, peer = as_it_ran(folder)
    submit_dir.jobstate_log.write_bytes(dagman_lines(submit_dir.path / "jobstate.log"))
    return Recorded(submit_dir, peer)


def dagman_lines(log: Path) -> bytes:
    """A jobstate.log of pegasus-monitord without what is its own: DAGMan writes no line of that kind."""
    own = (b"MONITORD_", b" PRE_SCRIPT_TERMINATED ")
    lines = log.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not any(word in line for word in own))
