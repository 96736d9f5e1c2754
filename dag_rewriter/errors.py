"""What can be wrong with a submit directory or a DAG. Each says where, what, and what to do; `bridle` exits
with 2.
"""

from __future__ import annotations

from condor_templates.errors import BridleError


class RewriterError(BridleError):
    """The base of all errors of dag_rewriter."""


class DagSyntaxError(RewriterError):
    """A DAG that DAGMan would refuse, or that its planner did not finish.

    >>> str(DagSyntaxError("x.dag", 7, "MAXJOBS has no limit", "write e.g. MAXJOBS transfer 5"))
    'x.dag:7: MAXJOBS has no limit; write e.g. MAXJOBS transfer 5'
    """

    def __init__(self, source: str, line_no: int, what: str, hint: str) -> None:
        super().__init__(f"{source}:{line_no}" if line_no else source, what, hint)
        self.source = source
        self.line_no = line_no


class BadDagError(RewriterError):
    """A DAG that `bridle check` finds an error in; `mend` says what helps, without the way round it."""

    def __init__(self, where: str, what: str, mend: str) -> None:
        super().__init__(where, what, f"{mend}; --force goes on all the same")
        self.mend = mend


class SubmitDirError(RewriterError):
    """A directory that is not (or not completely) what pegasus-plan leaves behind."""


class MissingRunError(SubmitDirError):
    """Nothing is where a run should be: what is not mounted, or moved for a while, looks like that."""


class FileError(RewriterError):
    """A file that cannot be read or written."""


class RunningError(RewriterError):
    """A change that must not be made while the workflow runs."""


class OtherOwnerError(RewriterError):
    """A directory of another user's, in which nothing may be changed."""


class UntrustedFileError(FileError):
    """A file or folder whose content decides what is run, and that others than the user and root may write."""
