"""A run at one moment on a terminal: as wide and as high as that is. Pure; rich's values."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.text.display import one_line
from monitord_job.watch.moment import CategoryNow, Estimate, Moment, NodeNow, WorkflowNow
from monitord_job.watch.news import line_of

_STYLES = {"failed": "bold red", "succeeded": "bold green", "running": "bold blue", "held": "yellow"}
_LINES = 5
"""Of one kind of job."""
_BESIDE = 12
"""Lines of a screen that are no workflow's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is said of a run beside what is stored: its name and state in words, what is wrong, where its monitor is."""

    name: str
    word: str
    monitor: str = ""
    notes: tuple[str, ...] = ()


def screen(moment: Moment, shown: Shown, height: int = 50) -> RenderableType:
    """Everything that is seen, in at most some `height` lines."""
    return Group(*_parts(moment, shown, max(height - _BESIDE, 3)))


def _parts(moment: Moment, shown: Shown, room: int) -> Iterator[RenderableType]:
    yield Text(f"{shown.name}  {moment.run.wf_uuid}", no_wrap=True, overflow="ellipsis")
    yield Text(f"{shown.word}{_times(moment)}", style=_STYLES.get(shown.word, "bold"), no_wrap=True)
    for note in shown.notes:
        yield Text(one_line(note, 500), style="yellow")
    yield _bar(moment)
    yield workflows_table(moment.workflows, room)
    if moment.categories:
        yield Text(categories_line(moment.categories))
    for title, nodes in (("running", moment.running), ("held", moment.held), ("failed", moment.failed)):
        for node in nodes[:_LINES]:
            yield Text(
                line_of_running(node, moment.now) if title == "running" else line_of(node),
                overflow="ellipsis",
                no_wrap=True,
            )
        if title != "running" and len(nodes) > _LINES:
            yield Text(f"{title}: {len(nodes) - _LINES} more")
    if shown.monitor:
        yield Text(f"monitor: {shown.monitor}{_lag(moment)}", style="dim")


def _bar(moment: Moment) -> RenderableType:
    counts, total = moment.counts(), sum(one.total for one in moment.workflows)
    done = counts[NodeStatus.SUCCEEDED]
    row = Table.grid(padding=(0, 1))
    rate = f", {moment.rate:.1f}/min" if moment.rate else ""
    row.add_row(
        ProgressBar(total=max(total, 1), completed=done, width=30),
        Text(f"{done} of {total} jobs done{rate}{ending_words(moment.estimate, moment.now)}"),
    )
    return row


def ending_words(estimate: Estimate | None, now: float) -> str:
    """When it may end, and how certain that is; nothing where nothing is known.

    >>> ending_words(Estimate(1000.0, 90.0), 400.0)
    ', ends in about 10 min (8 to 12)'
    """
    if estimate is None:
        return ""
    left = max(estimate.end - now, 0.0)
    unit, word = (3600.0, "h") if left >= 2 * 3600 else (60.0, "min")
    low, high = (max(left + sign * estimate.give_or_take, 0.0) / unit for sign in (-1, 1))
    if high < 1:
        return ", ends within a minute"
    digits = 1 if word == "h" else 0
    about = f"{left / unit:.{digits}f}"
    span = f"{low:.{digits}f} to {high:.{digits}f}"
    return f", ends in about {about} {word} ({span})"


def workflows_table(workflows: Sequence[WorkflowNow], room: int) -> Table:
    """A row for each, those first that have failed or held jobs, then those that go on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    states = [state for state in NodeStatus if any(one.counts.get(state) for one in workflows)]
    table.add_column("workflow", overflow="ellipsis", no_wrap=True)
    for state in states:
        table.add_column(NODE_WORDS[state].value, justify="right")
    table.add_column("total", justify="right")
    first, *below = workflows
    below.sort(key=urgency)
    for one in (first, *below[:room]):
        name = Text(one_line(one.path or one.label, 60))
        table.add_row(name, *(str(one.counts.get(state) or "") for state in states), str(one.total))
    if len(below) > room:
        table.add_row(f"and {len(below) - room} more")
    return table


def urgency(one: WorkflowNow) -> tuple[bool, bool, str]:
    """Sorts those with failed or held jobs before those that go on, and these before those that have ended."""
    stopped = one.counts.get(NodeStatus.FAILED) or one.counts.get(NodeStatus.HELD)
    return not stopped, one.ended, one.path


def categories_line(categories: Sequence[CategoryNow]) -> str:
    """How full each is.

    >>> categories_line([CategoryNow("cleanup", 2, 4), CategoryNow("own", 1, None)])
    'categories: cleanup 2 of 4, own 1'
    """
    said = (f"{one.name} {one.submitted}" + (f" of {one.limit}" if one.limit else "") for one in categories)
    return f"categories: {', '.join(said)}"


def line_of_running(node: NodeNow, now: float) -> str:
    """A job that runs: for how long, and where."""
    host = f" on {node.host}" if node.host else ""
    job = f" (job {node.job})" if node.job else ""
    return f"running: {node.node}{job} for {clock(now - node.since)}{host}"


def _times(moment: Moment) -> str:
    run = moment.run
    if run.started is None:
        return ""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    return f", started {began}, {clock((run.ended or moment.now) - run.started)}"


def clock(seconds: float) -> str:
    """Hours, minutes, seconds.

    >>> clock(3723)
    '1:02:03'
    """
    whole = max(int(seconds), 0)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _lag(moment: Moment) -> str:
    if not moment.behind:
        return ", all is stored"
    ago = f", the last event is {clock(moment.now - moment.stored)} old" if moment.stored else ""
    return f", {moment.behind} bytes of the log are not stored{ago}"
