"""How long the monitor waits for what: a module of its own, so that the command line need not load the monitor."""

from __future__ import annotations

from dataclasses import dataclass

DATABASE_WAIT = 600.0
"""Seconds, where neither the command line nor a property says how long to wait for the database."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the monitor waits for what, in seconds."""

    poll: float = 0.5
    """between two looks at logs that have not grown"""
    drain: float = 60.0
    """after SIGTERM, for DAGMan's last line"""
    failure_grace: float = 6.0
    """after a node's last failure, for DAGMan to think of something else (it looks at its logs every 5 s)"""
    metrics: float = 2.0
    """after DAGMan's last line, for its metrics, which it writes next"""
    last_jobs: float = 20.0
    """after DAGMan's last line, for jobs that leave after it; the next reader stores the rest"""
    notifications: float = 60.0
    """at the end, for what is in the outbox, before the run counts as stored; the rest is delivered afterwards"""
    master: float = 10.0
    """at the end, for the user's master database; the next `bridle monitord --catch-up` writes the rest"""
    database: float | None = None
    """for a database that cannot be used now; HTCondor starts the monitor again afterwards. None: DATABASE_WAIT"""
    stays: bool = False
    """whether it waits for all that may pass (condor_templates.monitor_conditions), not for the database alone"""
