"""Whether a run's own logs say what its nodes did; if not, what is missing and what would help."""

from __future__ import annotations

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.logs.dagman_settings import verbosity_in
from monitord_job.logs.dagman_out_messages import EVENTS_SINCE, STARTS

_HEAD = 1 << 16
_NEXT_TIME = "the next `bridle run` has a JOBSTATE_LOG written, which has all of it"


def why_unreadable(submit_dir: SubmitDir, tail: bytes, *, is_over: bool) -> str:
    """Of a run without a JOBSTATE_LOG, from the end of its dagman.out; empty if that tells, or has yet to tell.

    `is_over`: a DAGMan has run here, and left.
    """
    log = submit_dir.dagman_out
    if not tail:
        if not is_over:
            return ""
        what = f"neither a JOBSTATE_LOG nor {log} is there: what its nodes did cannot be known"
        return f"{what}; put the log back if it was moved; {_NEXT_TIME}"
    verbosity = verbosity_in(tail if STARTS in tail else files.read_begin(log, _HEAD))
    if verbosity is None or verbosity >= EVENTS_SINCE:
        return ""
    what = f"{log.name} does not say what its nodes did: DAGMAN_VERBOSITY was {verbosity}"
    return f"{what}, and it takes {EVENTS_SINCE} (the default); {_NEXT_TIME}"
