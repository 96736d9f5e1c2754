"""What may happen to the monitor: the condition, what is done about it, its exit code, whether it is started again.

The one place that says so: the monitor acts by it, `on_exit_remove` of its job follows from it, docs/reliability.md
prints it. For good it leaves only with what neither waiting nor anybody can mend while the run lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from condor_templates.exit_codes import ExitCode


class Remedy(Enum):
    """What the monitor itself can do."""

    LEAVE = "leave"
    WAIT = "wait"
    """and try again, longer and longer"""
    HEAL = "heal"
    """make the database anew from the logs"""


@dataclass(frozen=True, slots=True)
class Treatment:
    """A row of the table; `code` is what it leaves with, at once or when it has waited in vain."""

    what: str
    done: str
    code: ExitCode
    remedy: Remedy
    is_final: bool = False
    """whether its job leaves the queue; otherwise HTCondor starts it again"""


class Condition(Enum):
    """The rows; `.value` says all of them."""

    ENDED = Treatment(
        "the run has ended, all of it is stored", "nothing is left to do", ExitCode.DONE, Remedy.LEAVE, True
    )
    NODES_FAILED = Treatment(
        "the same, where it is a JOB of the DAG, and others of its nodes failed",
        "it must not count as done in a rescue DAG",
        ExitCode.NODES_FAILED,
        Remedy.LEAVE,
        True,
    )
    IN_THE_WAY = Treatment(
        "the DAG cannot go on while it is there: a JOB under `-maxjobs 1`",
        "makes room",
        ExitCode.FAILED,
        Remedy.LEAVE,
        True,
    )
    USAGE = Treatment(
        "options that this version does not know", "names them", ExitCode.USAGE, Remedy.LEAVE, True
    )
    NOWHERE = Treatment(
        "what it is to follow is there, and is no planned directory and no DAG",
        "names it",
        ExitCode.FAILED,
        Remedy.LEAVE,
        True,
    )
    ANOTHER_MONITOR = Treatment(
        "another monitor serves the directory or has taken over",
        "waits for the lock (`--lock-wait`), then stores nothing",
        ExitCode.TRY_AGAIN,
        Remedy.LEAVE,
    )
    AWAY = Treatment(
        "the database cannot be used: locked, full, missing, read-only, down, refuses a login or a row; a file or "
        "directory cannot be read or written; the run is not there (not mounted, say)",
        "waits (`--database-wait`), opens all of it anew, goes on where it stands",
        ExitCode.TRY_AGAIN,
        Remedy.WAIT,
    )
    ANOTHER_DATABASE = Treatment(
        "another, an empty or an older database is where it was",
        "takes it up; what it lacks comes from the logs, what was delivered is not delivered again",
        ExitCode.TRY_AGAIN,
        Remedy.WAIT,
    )
    BROKEN = Treatment(
        "the database is damaged, cut, no database, or lacks tables, columns or rows",
        "is made anew from the logs and swapped in, with the outbox; a broken file is kept aside",
        ExitCode.TRY_AGAIN,
        Remedy.HEAL,
    )
    OTHER_VERSION = Treatment(
        "the database is of a later bridle's or pegasus-monitord's",
        "changes nothing, waits (`--database-wait`) for somebody to put it right or install that bridle",
        ExitCode.TRY_AGAIN,
        Remedy.WAIT,
    )
    DEFECT = Treatment(
        "an error in its own code",
        "names it, reads the state anew and tries again (`--database-wait`); the third time in a row, the database is "
        "made anew",
        ExitCode.INTERNAL,
        Remedy.WAIT,
    )


FINAL_CODES = frozenset(condition.value.code for condition in Condition if condition.value.is_final)
"""Exit codes with which the monitor's job leaves the queue."""


def as_markdown() -> str:
    """The table of docs/reliability.md."""
    lines = ["| condition | what the monitor does | exit code | then |", "|---|---|---|---|"]
    for condition in Condition:
        row = condition.value
        then = "out of the queue" if row.is_final else "started again"
        lines.append(f"| {row.what} | {row.done} | {int(row.code)} | {then} |")
    return "\n".join(lines) + "\n"
