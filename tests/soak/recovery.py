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

LIMIT = 600.0
"""Seconds; whoever has not recovered by then has not."""
_DAGMANS = ("condor_q", "-allusers", "-json", "-constraint", "JobUniverse == 7", "-attributes")
_ATTRIBUTES = "ClusterId,JobStatus,Iwd,JobCoolDownExpiration"


@dataclass
class Watch:
    """Looks until everything is at work again. Ends the cool-down of DAGMans, as a person would."""

    scene: Scene
    aim: list[tuple[Member, dict[str, int]]] = field(default_factory=list)
    """how long the logs are that the monitor may read of a workflow; one of them is enough"""

    def wait(self) -> None:
        deadline = time.monotonic() + LIMIT
        self.aim = []
        while why := self.missing():
            if time.monotonic() > deadline:
                raise AssertionError(f"not recovered within {LIMIT:.0f} s: {why}")
            time.sleep(0.1)

    def missing(self) -> str:
        """What is not as it should be; nothing if all is."""
        if self.scene.monitor() is None:
            self.aim = []
            return "no monitor"
        if why := self._dagmans():
            return why
        if not self.aim:
            self.aim = [(member, _sizes(member)) for member in self.scene.hierarchy.members]
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
        behind = [
            member.directory.dag
            for member, logs in self.aim
            if logs and not any(read.get((member.uuid, log), 0) >= size for log, size in logs.items())
        ]
        return f"not stored up to: {behind}" if behind else ""


def _sizes(member: Member) -> dict[str, int]:
    """A monitor that never saw anything but an empty JOBSTATE_LOG beside it stays with dagman.out. Of one whose DAGMan
    has just begun, and has written to dagman.out alone, nothing is waited for.
    """
    place = member.directory
    logs = (place.jobstate_log, place.dagman_out) if member.has_log else (place.dagman_out,)
    sizes = {log.name: log.stat().st_size for log in logs if log.exists()}
    return sizes if all(sizes.get(log.name) for log in logs) else {}


def _recovers(member: Member) -> bool:
    """Whether its DAGMan, started once more, still reads what its predecessor did."""
    log = member.directory.jobstate_log
    if not member.has_log or not log.exists():
        return False
    words = [line.split()[3] for line in log.read_text().splitlines() if " INTERNAL *** " in line]
    return words[-1:] in (["DAGMAN_STARTED"], ["RECOVERY_STARTED"]) and words.count("DAGMAN_STARTED") > 1
