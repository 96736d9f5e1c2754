"""The figures as text: totals, transformations, shared files, jobs, the simulation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from monitord_job.statistics.views.words import duration
from monitord_job.text.display import one_line
from planner_ext.condorio.collect import Found
from planner_ext.condorio.measured_jobs import Concurrency
from planner_ext.condorio.model import Amount, FileKind
from planner_ext.condorio.run_times import RunTimeSource
from planner_ext.condorio.scenarios import Change, Scenario
from planner_ext.condorio.volume import Spread, Volume, gaining_jobs, largest_jobs

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_NAME = 44
_KINDS = {FileKind.DATA: "data", FileKind.SANDBOX: "sandbox", FileKind.LOG: "stdout and stderr"}
_SOURCES = {
    RunTimeSource.MEASURED: "measured",
    RunTimeSource.TRANSFORMATION: "the median of their transformation",
    RunTimeSource.PLANNER: "the planner's estimate",
    RunTimeSource.ASSUMED: "assumed (--run-time)",
}
_CHANGES = {
    Change.NONE: "today's limits",
    Change.CATEGORY: "transfer category of {}",
    Change.QUEUE: "transfer queue of {}",
    Change.STAGING: "staging site for all data",
}


def size(number: float) -> str:
    """Bytes in the largest unit that they have, powers of 1000 as links count.

    >>> size(0), size(999), size(30805), size(1.5e9)
    ('0 B', '999 B', '30.8 kB', '1.5 GB')
    """
    for unit in _UNITS:
        if abs(number) < 999.95 or unit == _UNITS[-1]:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def amount(one: Amount) -> str:
    """With a plus sign and how many files are not known, if any.

    >>> amount(Amount(1500)), amount(Amount(1500, 2)), amount(Amount(0, 3))
    ('1.5 kB', '1.5 kB +2?', '3?')
    """
    if not one.unknown:
        return size(one.size)
    return f"{size(one.size)} +{one.unknown}?" if one.size else f"{one.unknown}?"


def screen(found: Found, top: int) -> Iterator[str]:
    """All lines. `top` is how many files and jobs are named."""
    yield from _head(found)
    volume = found.volume
    if volume.jobs:
        yield ""
        yield from _transformations(volume)
        yield from _shared(volume, top)
        yield from _jobs(volume, top)
    yield from _simulation(found)


def _head(found: Found) -> Iterator[str]:
    volume = found.volume
    dag = one_line(found.submit_dir.dag, 80)
    yield f"{dag}: {len(volume.jobs)} of {found.jobs} jobs move files through the submit host"
    if volume.jobs:
        planned = len(volume.jobs) - volume.measured_jobs
        yield f"bytes: of {volume.measured_jobs} jobs from the event log, of {planned} from the sizes of their files"
    yield from _lacking(found)
    if volume.jobs:
        sent, returned, data = map(amount, (volume.sent, volume.returned, volume.data))
        yield f"to jobs {sent}, from jobs {returned}; data of the tasks {data}"
    if volume.retried:
        yield f"of it {size(volume.retried)} by attempts that were made again"
    for title, one in (("to jobs", found.up), ("from jobs", found.down)):
        if one.transfers:
            yield f"transfers {title} in the log: {_concurrency(one)}"
    if volume.transfer_jobs:
        staged = f"in {amount(volume.staged_in)}, out {amount(volume.staged_out)}"
        yield f"pegasus-transfer on the submit host, {volume.transfer_jobs} jobs: {staged}"


def _lacking(found: Found) -> Iterator[str]:
    """What the figures lack; nothing is guessed."""
    unknown = found.volume.unknown_kinds
    if unknown:
        kinds = ", ".join(f"{unknown[kind]} {word}" for kind, word in _KINDS.items() if kind in unknown)
        yield f"sizes not known (? below, 0 in the simulation): {kinds}"
    more = sum(one.job.more_outputs for one in found.volume.jobs if one.measured is None)
    if more:
        yield f"jobs without transfer_output_files, which bring back whatever they made: {more}"
    for number, what in (
        (
            found.if_needed,
            "jobs with should_transfer_files = IF_NEEDED, not counted (--if-needed counts them)",
        ),
        (found.by_url, "files that go from or to a URL, and not through the submit host"),
        (found.unread, "jobs whose submit file is not there"),
        (found.sub_workflows, "sub-workflows, not counted: ask for each by its own directory"),
        (found.in_queue, "jobs that are in the queue"),
    ):
        if number:
            yield f"{what}: {number}"


def _concurrency(one: Concurrency) -> str:
    when = duration(one.peak_after)
    return f"{one.transfers}, at most {one.peak} at a time ({when} after the first), at most {size(one.peak_rate)}/s"


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, the others to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _transformations(volume: Volume) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("transformation", "jobs", "to jobs", "median", "max", "from jobs", "median", "max", "data")
    ]
    for one in volume.transformations:
        name = one_line(one.name, _NAME)
        to_jobs, back = _spread(one.sent_per_job), _spread(one.returned_per_job)
        moved = amount(one.sent), *to_jobs, amount(one.returned), *back
        rows.append((name, str(one.jobs), *moved, amount(one.data)))
    yield from _table(rows)


def _spread(one: Spread) -> tuple[str, str]:
    return ("?", "?") if one.median is None or one.largest is None else (size(one.median), size(one.largest))


def _shared(volume: Volume, top: int) -> Iterator[str]:
    yield ""
    saved = volume.inputs_moved.size - volume.inputs_once.size
    share = f" ({saved / volume.inputs_moved.size:.0%})" if volume.inputs_moved.size else ""
    once, moved = amount(volume.inputs_once), amount(volume.inputs_moved)
    yield f"input files, each once: {once}; as often as they are sent: {moved}; a cache would save {size(saved)}{share}"
    if volume.shared[:top]:
        rows: list[tuple[str, ...]] = [("shared input", "kind", "size", "sent", "a cache saves")]
        for one in volume.shared[:top]:
            name = one_line(one.file.lfn, _NAME)
            rows.append(
                (name, one.file.kind.value, size(one.file.size or 0), f"{one.times}x", size(one.saved))
            )
        yield from _table(rows)


def _jobs(volume: Volume, top: int) -> Iterator[str]:
    largest = largest_jobs(volume, top)
    if largest and largest[0].total:
        yield ""
        rows: list[tuple[str, ...]] = [("jobs that move most", "to job", "from job", "attempts")]
        for one in largest:
            attempts = str(one.measured.attempts) if one.measured else "-"
            rows.append((one_line(one.job.node, _NAME), amount(one.sent), amount(one.returned), attempts))
        yield from _table(rows)
    gaining = gaining_jobs(volume, top)
    if gaining:
        yield ""
        rows = [("gain from a staging site", "bytes saved", "of all")]
        for one in gaining:
            share = f"{one.data.size / one.total:.0%}" if one.total else "-"
            rows.append((one_line(one.job.node, _NAME), amount(one.data), share))
        yield from _table(rows)


def _simulation(found: Found) -> Iterator[str]:
    if len(found.scenarios) < 2:
        yield ""
        yield "no transfer of a known size: nothing to simulate"
        return
    yield ""
    yield from _assumptions(found)
    today = found.scenarios[0].outcome
    rows: list[tuple[str, ...]] = [
        ("simulated run", "takes", "sending", "queued", "in flight", "receiving", "queued", "link busy")
    ]
    rows += [_scenario(one) for one in found.scenarios]
    yield from _table(rows)
    yield "sending (to jobs), receiving: most transfers at a time; queued: most that wait; in flight: most bytes"
    busy = max(today.up.busy, today.down.busy)
    if today.makespan:
        yield f"the submit host's link is busy for {duration(round(busy, 2))} of {duration(round(today.makespan, 2))}"


def _assumptions(found: Found) -> Iterator[str]:
    limits = found.limits
    slots = f"{limits.slots} slots" + (" (as many jobs as ran side by side)" if found.slots_seen else "")
    categories = ", ".join(
        f"{one_line(name, 40)} {limit}" for name, limit in limits.categories.items() if limit
    )
    parts = [
        slots if limits.slots else "slots without limit (--slots)",
        f"{size(limits.rate)}/s each way",
        f"transfers at a time {limits.uploads or 'any number'} to jobs, {limits.downloads or 'any number'} from jobs",
        f"maxjobs {limits.max_jobs}" if limits.max_jobs else "",
        f"maxidle {limits.max_idle}" if limits.max_idle else "",
        f"categories {categories}" if categories else "",
    ]
    yield "simulated: " + "; ".join(part for part in parts if part)
    times = ", ".join(
        f"{found.run_times[one]} {word}" for one, word in _SOURCES.items() if found.run_times.get(one)
    )
    yield f"run times of jobs: {times}"


def _scenario(one: Scenario) -> tuple[str, ...]:
    up, down = one.outcome.up, one.outcome.down
    busy = max(up.busy, down.busy)
    share = f"{busy / one.outcome.makespan:.1%}" if one.outcome.makespan else "-"
    takes = duration(round(one.outcome.makespan, 2))
    to_jobs = str(up.peak), str(up.peak_waiting), size(max(up.peak_bytes, down.peak_bytes))
    return (
        _CHANGES[one.change].format(one.limit),
        takes,
        *to_jobs,
        str(down.peak),
        str(down.peak_waiting),
        share,
    )
