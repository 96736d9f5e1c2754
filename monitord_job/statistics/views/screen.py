"""What `bridle statistics` shows: one screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitord_job.statistics.model.categories import CategoryUse
from monitord_job.statistics.model.critical_path import Link, summed
from monitord_job.statistics.model.efficiency import efficiencies
from monitord_job.statistics.model.figures import Statistics
from monitord_job.statistics.model.usage import Usage
from monitord_job.statistics.views import words
from monitord_job.statistics.views.text_files import summary_tables
from monitord_job.statistics.views.use_tables import limit_of, memory_asked, share_of
from monitord_job.text.display import one_line

_KINDS = 5
_TRANSFORMATIONS = 3
_CATEGORIES = 4
_LINKS = 6
"""of the critical path that are named: those that took the longest"""


def screen(statistics: Statistics, *, several: bool) -> Iterator[str]:
    """Its text in pieces. The first line says what the figures lack, if anything."""
    if statistics.incomplete:
        yield f"incomplete: {'; '.join(statistics.incomplete)}\n"
    yield from summary_tables(statistics, several=several, with_legends=False)
    yield "\n"
    lines = [*_use(statistics), *_path(statistics)]
    yield from (f"{line}\n" for line in lines)
    if lines:
        yield "\n"


def _use(statistics: Statistics) -> Iterator[str]:
    used = statistics.usage
    elapsed, wall_time = statistics.elapsed, statistics.wall_time
    if elapsed is not None and wall_time is not None and elapsed > wall_time:
        yield f"{'with the pauses between its runs':<57}: {words.duration(words.exact(elapsed, 6))}"
    if used.started:
        yield f"{'Wait in the queue, of ' + str(used.started) + ' attempts':<57}: {_waits(used)}"
    if used.ran:
        kinds = (f"{one.kind} {share_of(one.share)}" for one in used.shares()[:_KINDS])
        yield f"{'Job wall time by kind of job':<57}: {', '.join(kinds)}"
    measured = sum(one.measured for one in statistics.breakdown)
    if used.groups and measured:
        busy = sum(one.cpu_seconds for one in statistics.breakdown)
        yield f"{'CPU time of it':<57}: {words.duration(busy)}, {share_of(busy / measured)} of what kickstart measured"
    yield from _memory(statistics)
    yield from _categories(statistics.categories)
    for why, one in used.lost.items():
        what = f"Lost to attempts that {'were ' if why.value != 'failed' else ''}{why.value}"
        yield f"{what:<57}: {words.duration(one.seconds)} in {one.times}"
    if used.held_for:
        yield f"{'Time held':<57}: {words.duration(used.held_for)}"


def _memory(statistics: Statistics) -> Iterator[str]:
    """Who asked for much more memory than it used, and who for less: what was most off first."""
    off = [
        (one, one.asked.most_memory, one.suffices)
        for one in efficiencies(statistics)
        if one.asked.most_memory is not None and one.suffices is not None
    ]
    told = [row for row in off if not row[2] <= row[1] < 2 * row[2]]
    told.sort(key=lambda row: -abs(row[1] - row[2]) * row[0].asked.attempts)
    each = (
        f"{one_line(one.transformation, 30)} {memory_asked(one.asked)} MB for {suffices}"
        for one, _, suffices in told[:_TRANSFORMATIONS]
    )
    if told:
        yield f"{'Memory asked for, for what would have sufficed':<57}: {', '.join(each)}"


def _categories(categories: Sequence[CategoryUse]) -> Iterator[str]:
    """Those whose limit made jobs wait, the longest first; the others in one line."""
    limited = sorted(
        (one for one in categories if one.fullness is not None),
        key=lambda one: (-one.held_back, -(one.fullness or 0.0)),
    )
    told = [one for one in limited if one.held_back][:_CATEGORIES]
    for one in told:
        head = f"Category {one_line(one.name, 20)}, limit {limit_of(one)}, {one.jobs} jobs"
        held = f"held back for {words.duration(one.held_back)}, {words.duration(round(one.waited, 1))} in the queue"
        yield f"{head:<57}: {share_of(one.fullness or 0.0)} full; {held}"
    others = [one for one in limited if one not in told][:_KINDS]
    if others:
        each = (
            f"{one_line(one.name, 20)} {share_of(one.fullness or 0.0)} of {limit_of(one)}" for one in others
        )
        yield f"{'Other categories, how full' if told else 'Categories, how full':<57}: {', '.join(each)}"


def _waits(used: Usage) -> str:
    mean = used.waited / used.started
    whole = used.waited + used.ran
    share = f"; {share_of(used.waited / whole)} of wait and run" if whole else ""
    return f"{words.duration(round(mean, 1))} on average, at most {words.duration(used.longest_wait)}{share}"


def _path(statistics: Statistics) -> Iterator[str]:
    if not statistics.path:
        return
    whole = summed(statistics.path)
    parts = sorted(whole.named().items(), key=lambda part: -part[1])
    told = "".join(f", {name} {share_of(seconds / whole.total)}" for name, seconds in parts if seconds)
    head = f"Critical path, {len(statistics.path)} jobs"
    yield f"{head:<57}: {words.duration(whole.total)}{told}"
    longest = sorted(range(len(statistics.path)), key=lambda at: -statistics.path[at].phases.total)[:_LINKS]
    yield from (f"  {_link(statistics.path[at])}" for at in sorted(longest))


def _link(one: Link) -> str:
    parts = ((name, seconds) for name, seconds in one.phases.named().items() if seconds)
    where = ", ".join(f"{name} {words.number(seconds)}" for name, seconds in parts)
    return f"{one_line(one.job, 50):<50} {words.number(one.phases.total):>10} s: {where}"
