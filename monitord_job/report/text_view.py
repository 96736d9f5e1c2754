"""The report as text: the same sections, for a terminal, a mail or a pipe. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitord_job.analysis.model.failure import Groups
from monitord_job.messages.render import clock, duration
from monitord_job.outcome.node_status import NODE_WORDS
from monitord_job.report.distribution import Distribution
from monitord_job.report.run_data import Host, Resources, RunData
from monitord_job.report.words import MOST_GROUPS, figure, flat, in_bytes, path_sum, shown_statuses
from monitord_job.text.display import one_line

_MOST_ROWS = 20
_STEPS = 12
"""Lines of what was going on over time."""

Table = Sequence[Sequence[str]]


def text(run: RunData) -> Iterator[str]:
    """Line by line."""
    root = run.statistics.figures[0].workflow
    yield f"{one_line(run.title)}  {root.wf_uuid}"
    yield one_line(run.submit_dir)
    for title, lines in (
        ("", _summary(run)),
        ("Diagnosis", _diagnosis(run)),
        ("Attempts in each state over time", _over_time(run)),
        ("Hosts", _hosts(run.hosts)),
        ("Resources of each transformation (least, median, most)", _resources(run.resources)),
        ("Critical path", _path(run)),
    ):
        if title:
            yield from ("", title, "-" * len(title))
        yield from lines


def _summary(run: RunData) -> Iterator[str]:
    for lack in run.statistics.incomplete:
        yield f"incomplete: {lack}"
    yield run.state
    yield ", ".join(f"{run.status_counts[one]} {NODE_WORDS[one].value}" for one in shown_statuses(run))
    if run.begin:
        yield f"from {clock(run.begin)} to {clock(run.end)}"
    figures = run.statistics
    times = (
        ("wall time", figures.wall_time),
        ("of jobs, all together", figures.kickstart.total),
        ("of it for nothing", figures.kickstart.badput),
    )
    yield ", ".join(f"{name} {duration(seconds)}" for name, seconds in times if seconds)


def _diagnosis(run: RunData) -> Iterator[str]:
    yield from run.advice
    yield from _groups(run.analysis.failed, "failed")
    yield from _groups(run.analysis.held, "held")
    yield from _groups(run.analysis.failing, "tried again")
    if not run.analysis.failed.count and not run.analysis.held.count:
        yield "no job has failed, and none is held"


def _groups(groups: Groups, word: str) -> Iterator[str]:
    for group in groups.groups[:MOST_GROUPS]:
        yield f"{group.count} {word}: {group.cause}"
        if group.suspect:
            suspect = group.suspect
            share = f"{suspect.attempts} of all {suspect.all_attempts} attempts"
            yield f"  {suspect.failures} of {suspect.of} were on {suspect.host}, which had {share}"
        if group.not_started.count:
            least = "at least " if group.not_started.at_least else ""
            yield f"  not started because of that: {least}{group.not_started.count} jobs"
        more = f" and {group.others} more" if group.others else ""
        yield f"  {', '.join(group.names)}{more}"
        yield from (f"  | {line}" for line in group.first.lines)
        if group.first.file:
            yield f"  see {group.first.file}"
    others = groups.count - sum(group.count for group in groups.groups[:MOST_GROUPS])
    if others:
        yield f"{others} more {word} for other reasons"


def _over_time(run: RunData) -> Iterator[str]:
    over = run.over_time
    if not over.phases:
        return
    each = -(-len(over.done) // _STEPS)
    rows = [["until", *(phase.value for phase in over.phases), "succeeded", "failed"]]
    for at in range(0, len(over.done), each):
        last = min(at + each, len(over.done)) - 1
        means = [sum(values[at : last + 1]) / (last + 1 - at) for values in over.phases.values()]
        when = clock(over.begin + (last + 1) * over.width)
        rows.append([when, *(f"{one:.1f}" for one in means), str(over.done[last]), str(over.failed[last])])
    yield from aligned(rows)


def _hosts(hosts: Sequence[Host]) -> Iterator[str]:
    rows = [["host", "attempts", "failed", "ran for"]]
    rows += [
        [one_line(one.name, 60), str(one.attempts), str(one.failed), duration(one.seconds)]
        for one in hosts[:_MOST_ROWS]
    ]
    yield from aligned(rows)
    if len(hosts) > _MOST_ROWS:
        yield f"{len(hosts) - _MOST_ROWS} more"


def _resources(resources: Sequence[Resources]) -> Iterator[str]:
    rows = [["transformation", "done", "failed", "seconds", "CPU seconds", "memory", "input", "output"]]
    for one in resources[:_MOST_ROWS]:
        sizes = (_three(one.memory, 1024), _three(one.read, 1), _three(one.written, 1))
        times = (_three(one.time), _three(one.cpu))
        rows.append([one_line(one.transformation, 40), str(one.succeeded), str(one.failed), *times, *sizes])
    yield from aligned(rows)
    if len(resources) > _MOST_ROWS:
        yield f"{len(resources) - _MOST_ROWS} more"


def _three(distribution: Distribution | None, unit: int = 0) -> str:
    if distribution is None:
        return "-"
    values = (distribution.least, distribution.middle, distribution.most)
    return " / ".join(in_bytes(one, unit) if unit else figure(one) for one in values)


def _path(run: RunData) -> Iterator[str]:
    links = list(flat(run.statistics.path))
    if not links:
        return
    yield path_sum(run.statistics.path)
    rows = [["job", "attempts", "host", "took"]]
    rows += [
        [
            "  " * depth + one_line(link.job, 60),
            str(link.attempts),
            link.host or "-",
            duration(link.phases.total),
        ]
        for depth, link in links[:_MOST_ROWS]
    ]
    yield from aligned(rows)
    if len(links) > _MOST_ROWS:
        yield f"{len(links) - _MOST_ROWS} more"


def aligned(rows: Table) -> Iterator[str]:
    """In columns, the first one to the left.

    >>> list(aligned([["a", "n"], ["bc", "10"]]))
    ['a    n', 'bc  10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
