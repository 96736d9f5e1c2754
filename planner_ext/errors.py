"""What can go wrong on the roof, in words for the user."""

from __future__ import annotations

from typing import ClassVar

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode


class PoolError(BridleError):
    """A personal pool that cannot be found, started, asked or stopped."""

    exit_code: ClassVar[int] = ExitCode.FAILED


class NotRunningError(BridleError):
    """Something was asked of a DAGMan, and none runs."""


class WorkflowError(BridleError):
    """An abstract workflow that cannot be read or written."""


class CatalogError(BridleError):
    """A catalog that cannot be found, read or written as it is asked for."""


class NotifyFileError(BridleError):
    """A .notify file that holds what nobody else knows."""


class RunError(BridleError):
    """The workflow cannot be run as it stands."""


class AlreadyRunningError(RunError):
    """A DAGMan runs this directory already: `job` is that in the queue, None if none is."""

    def __init__(self, where: str, what: str, hint: str, job: str | None = None) -> None:
        super().__init__(where, what, hint)
        self.job = job


class BadStartError(RunError):
    """A start of a DAG that DAGMan would refuse, or that cannot succeed."""
