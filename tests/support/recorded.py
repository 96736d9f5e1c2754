"""Recorded runs of the corpus, made ready for our monitor."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from tests.support.rules import confirm_planned, write_rules

DAGMANS_OWN = "dagman.jobstate.log"


class Recorded(NamedTuple):
    """A run that has ended: its submit directory, and the database that pegasus-monitord made of it."""

    submit_dir: SubmitDir
    peer_database: Path


def as_it_ran(folder: Path) -> Recorded:
    """The run in an unpacked archive that may be written to, as DAGMan left it: its events are in dagman.out alone."""
    braindump = min(folder.rglob("braindump.yml"), key=lambda path: len(path.parts))
    submit_dir = open_submit_dir(braindump.parent)
    confirm_planned(folder)
    peer = folder / "peer.db"
    shutil.move(submit_dir.database, peer)
    if submit_dir.jobstate_log.exists():  # a fixture has both logs of the same run
        submit_dir.jobstate_log.rename(folder / DAGMANS_OWN)
    return Recorded(submit_dir, peer)


def prepare(folder: Path) -> Recorded:
    """The same with a JOBSTATE_LOG: the one that pegasus-monitord wrote from dagman.out, in DAGMan's format."""
    submit_dir, peer = as_it_ran(folder)
    lines = dagman_lines(submit_dir.path / "jobstate.log")
    own = folder / DAGMANS_OWN
    if own.exists():  # what pegasus-monitord replays tells it no job of DAGMan's
        jobs = re.findall(rb"DAGMAN_STARTED (\S+)", own.read_bytes())
        lines = re.sub(rb"(?<=DAGMAN_STARTED )None", lambda _: jobs.pop(0) if jobs[1:] else jobs[0], lines)
    submit_dir.jobstate_log.write_bytes(lines)
    return Recorded(submit_dir, peer)


def with_dagmans_own_log(folder: Path) -> Recorded:
    """The same with the JOBSTATE_LOG that DAGMan itself wrote, which a fixture has."""
    recorded = as_it_ran(folder)
    shutil.move(folder / DAGMANS_OWN, recorded.submit_dir.jobstate_log)
    return recorded


def dagman_lines(log: Path) -> bytes:
    """A jobstate.log of pegasus-monitord without what is its own: DAGMan writes no line of that kind."""
    own = (b"MONITORD_", b" PRE_SCRIPT_TERMINATED ")
    lines = log.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not any(word in line for word in own))


def run_without_rules(source: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> SubmitDir:
    """A recorded run without any rules; those of site and user would be `elsewhere`, where there are none."""
    monkeypatch.setenv("BRIDLE_SITE_POLICY", str(elsewhere / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(elsewhere / "config"))
    submit_dir = prepare(source).submit_dir
    write_rules(submit_dir.notify, "")
    return submit_dir
