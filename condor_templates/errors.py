"""The one base of all errors that a user is meant to read."""

from __future__ import annotations

from typing import ClassVar

from condor_templates.exit_codes import ExitCode

__all__ = ["BridleError"]


class BridleError(Exception):
    """An error in three parts: where it is, what is wrong, and a hint: what to do.

    >>> str(BridleError("x.dag:7", "MAXJOBS needs a category and a number", "write e.g. MAXJOBS transfer 5"))
    'x.dag:7: MAXJOBS needs a category and a number; write e.g. MAXJOBS transfer 5'
    """

    exit_code: ClassVar[int] = ExitCode.USAGE
    """What `bridle` exits with when this error ends a command (docs/exit-codes.md)."""

    def __init__(self, where: str, what: str, hint: str) -> None:
        super().__init__(where, what, hint)
        self.where = where
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.hint}"


class PolicyError(BridleError):
    """A policy file, a setting or a rule that cannot be understood."""
