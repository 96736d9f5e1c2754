"""Errors of the monitor and of the commands that read its database."""

from __future__ import annotations

from typing import ClassVar

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode


class MonitorError(BridleError):
    """Base of all errors of this package."""


class CannotWorkError(MonitorError):
    """The monitor cannot do its work here and a restart would not help."""

    exit_code: ClassVar[int] = ExitCode.FAILED


class InTheWayError(CannotWorkError):
    """The DAG cannot go on while the monitor is there."""


class DatabaseUrlError(CannotWorkError):
    """The database that was asked for is none that this monitor writes to."""


class TryAgainError(MonitorError):
    """What stood in the way may be gone later: HTCondor is to start the monitor again."""

    exit_code: ClassVar[int] = ExitCode.TRY_AGAIN


class LockedError(TryAgainError):
    """Another monitor serves this submit directory."""


class StoppedError(LockedError):
    """Another monitor holds this submit directory and does nothing: it was stopped (SIGSTOP)."""


class FencedError(LockedError):
    """Another monitor took over while this one believed to be the only one; nothing more can be stored."""


class SchemaError(CannotWorkError):
    """The database is there and refuses what is to be stored, or lacks what should be in it."""


class BrokenDatabaseError(SchemaError):
    """The database is damaged, or lacks tables, columns or rows: the logs can make it anew."""


class AnotherDatabaseError(TryAgainError):
    """Another database, none, or an older state of it is where it was."""


class DatabaseVersionError(MonitorError):
    """The tables are not of a version that this program understands. Nothing was changed; exit code 2 everywhere."""


class NewerDatabaseError(DatabaseVersionError):
    """A later version of this program understands them; nothing that this one makes may take their place."""


class ScheddError(MonitorError):
    """The schedd refused or did not answer."""


class RuleError(MonitorError):
    """A notification rule that cannot be kept in its file."""


class NotifyError(MonitorError):
    """A message that cannot be sent as it was asked for: a wrong target, a file that others can read."""


class UndeliveredError(MonitorError):
    """A message that was refused, for good."""

    exit_code: ClassVar[int] = ExitCode.FAILED
