"""What to do about a run's failures. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.example import Example
from monitord_job.outcome.cause import CauseKind

_OF_INPUT = (CauseKind.JOB, CauseKind.POST_SCRIPT)


def advice(analysis: Analysis, example: Example | None, diagnosed: str = "") -> Iterator[str]:
    """In sentences whose commands lack the run. `example` is that of the largest group of failures.

    `diagnosed` is what the diagnosis of the run advises, if it was made.
    """
    over = analysis.run.ended is not None
    if analysis.held.count and not over:
        yield "mend what holds them, then `bridle release --jobs`"
    if analysis.has_failed and not over:
        yield "the run goes on with what does not need them; when it has ended, mend them, then `bridle run`"
    elif diagnosed:
        yield diagnosed
    elif analysis.has_failed and not analysis.is_excused:
        yield "mend them, then `bridle run`"
    if (
        analysis.has_failed
        and not analysis.is_excused
        and example is not None
        and example.parent
        and _may_be_input(analysis)
    ):
        node = shlex.quote(example.parent)
        yield (
            "if what an earlier job made is wrong, let that run again, too: "
            f"`bridle rescue redo SUBMIT_DIR {node} --with-descendants`"
        )


def _may_be_input(analysis: Analysis) -> bool:
    first = analysis.failed.groups[0].first if analysis.failed.groups else None
    return (
        first is not None and not first.workflow and first.cause is not None and first.cause.kind in _OF_INPUT
    )
