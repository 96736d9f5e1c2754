"""When a disturbed hierarchy is at work again: monitor and DAGMans live, and what the logs held is stored."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.soak.hierarchy import Member
from tests.soak.strikes import Scene
from tests.support.database import query
from tests.support.faults import tool
from tests.support.runs import monitor_pid

LIMIT = 600.0
"""Seconds; whoever has not recovered by then has not."""
_DAGMANS = ("condor_q", "-allusers", "-json", "-constraint", "JobUniverse == 7", "-attributes")
_ATTRIBUTES = "ClusterId,JobStatus,Iwd,JobCoolDownExpiration"


@dataclass
class Watch:
    """Looks until everything is at work again. Ends the cool-down of DAGMans, as a person would."""

    scene: Scene
    aim: dict[tuple[str, str], int] = field(default_factory=dict)

    def wait(self) -> None:
        deadline = time.monotonic() + LIMIT
        self.aim = {}
        while why := self.missing():
            if time.monotonic() > deadline:
                raise AssertionError(f"not recovered within {LIMIT:.0f} s: {why}")
            time.sleep(0.1)

    def missing(self) -> str:
        """What is not as it should be; nothing if all is."""
        root = self.scene.root
        monitor = monitor_pid(root)
        if monitor is None:
            self.aim = {}
            return "no monitor"
        if why := self._dagmans():
            return why
        if not self.aim:
            self.aim = {key: size for member in self.scene.hierarchy.members for key, size in _sizes(member)}
        return self._behind()

    def _dagmans(self) -> str:
        try:
            jobs = json.loads(tool(self.scene.pool, *_DAGMANS, _ATTRIBUTES) or "[]")
        except (AssertionError, json.JSONDecodeError):
            return "the schedd does not answer"
        if not jobs:
            return "no DAGMan"
        cooling = [str(job["ClusterId"]) for job in jobs if job.get("JobCoolDownExpiration", 0) > time.time()]
        if cooling:
            with suppress(AssertionError):
                tool(self.scene.pool, "condor_qedit", *cooling, "JobCoolDownExpiration", "0")
        living = self.scene.dagmans()
        asleep = [job["Iwd"] for job in jobs if job["JobStatus"] != 2 or Path(job["Iwd"]) not in living]
        if asleep:
            return f"DAGMans are not at work: {asleep}"
        recovering = [member.directory.dag for member in self.scene.hierarchy.members if _recovers(member)]
        return f"DAGMans recover: {recovering}" if recovering else ""

    def _behind(self) -> str:
        try:
            rows = query(
                self.scene.database,
                'SELECT wf_uuid, file, "offset" FROM bridle_cursor JOIN workflow USING (wf_id)',
            )
        except (sqlite3.OperationalError, psycopg.Error) as error:
            return str(error)
        read = {(str(uuid), str(file)): int(str(offset)) for uuid, file, offset in rows}
        behind = [key for key, size in self.aim.items() if read.get(key, 0) < size]
        return f"not stored up to: {behind}" if behind else ""


def _sizes(member: Member) -> list[tuple[tuple[str, str], int]]:
    place = member.directory
    log = place.jobstate_log if member.has_log else place.dagman_out
    return [((member.uuid, log.name), log.stat().st_size)] if log.exists() else []


def _recovers(member: Member) -> bool:
    """Whether its DAGMan, started once more, still reads what its predecessor did."""
    log = member.directory.jobstate_log
    if not member.has_log or not log.exists():
        return False
    words = [line.split()[3] for line in log.read_text().splitlines() if " INTERNAL *** " in line]
    return words[-1:] in (["DAGMAN_STARTED"], ["RECOVERY_STARTED"]) and words.count("DAGMAN_STARTED") > 1
