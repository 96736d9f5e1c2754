"""What `bridle status` says of a run that goes on, beside its jobs: the same as `bridle watch`, once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from monitord_job.watch.moment import Moment
from monitord_job.watch.news import describe
from monitord_job.watch.screen import categories_line, ending_words, line_of_running, urgency

_WORKFLOWS = 20


def lines(moment: Moment) -> Iterator[str]:
    """Sub-workflows, those with failed or held jobs first; categories; when it may end; the oldest running jobs."""
    below = sorted((one for one in moment.workflows if one.path), key=urgency)
    for one in below[:_WORKFLOWS]:
        doing = describe(Counter(dict(one.counts)))
        yield f"{one.path}: {one.done} of {one.total} jobs done" + (f" ({doing})" if doing else "")
    if len(below) > _WORKFLOWS:
        yield f"{len(below) - _WORKFLOWS} more sub-workflows"
    if moment.categories:
        yield categories_line(moment.categories)
    ending = ending_words(moment.estimate, moment.now).removeprefix(", ")
    rate = f"{moment.rate:.1f} jobs done a minute" if moment.rate else ""
    if rate or ending:
        yield ", ".join(part for part in (rate, ending) if part)
    for node in moment.running:
        yield line_of_running(node, moment.now)
