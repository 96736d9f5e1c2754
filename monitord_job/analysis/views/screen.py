"""The analysis for people: one screen for one cause. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.example import Example
from monitord_job.analysis.model.failure import Failure, Group, Groups
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.text.display import one_line

Examples = Mapping[int, Example]
"""By the attempt."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is shown. `most` groups of each kind, all if None."""

    most: int | None = 5
    texts: bool = True
    """what jobs wrote, not only in which files"""
    summary: bool = False
    commands: bool = False
    pre_scripts: bool = False
    indent: int = 0
    """tabs before each line"""


def header(analysis: Analysis, word: str, *, unread: bool = False) -> Iterator[str]:
    """Which run it is, and in numbers how it stands; first of all what is lacking. `word`: its state.

    `unread`: nothing that is there tells what its nodes did.
    """
    run = analysis.run
    if analysis.incomplete:
        yield f"incomplete: {'; '.join(analysis.incomplete)}"
    yield f"{one_line(run.label or 'workflow')}  {run.wf_uuid}"
    code = f", DAGMan exit code {run.status}" if run.status else ""
    if unread:
        yield f"{word}{code}: how many of {run.total} jobs are done is not known"
        return
    yield f"{word}{code}: {_counts(run.counts, run.total)}"
    if below := sum(analysis.below.values()):
        many = len(analysis.workflows) - 1
        yield f"in {many} sub-workflow{'s' if many > 1 else ''}: {_counts(analysis.below, below)}"


def _counts(counts: Mapping[NodeStatus, int], total: int) -> str:
    done = counts.get(NodeStatus.SUCCEEDED, 0)
    rest = (status for status in _ORDER if counts.get(status))
    return ", ".join(
        [f"{done} of {total} jobs done", *(f"{counts[one]} {NODE_WORDS[one].value}" for one in rest)]
    )


_ORDER = (
    NodeStatus.FAILED,
    NodeStatus.HELD,
    NodeStatus.RUNNING,
    NodeStatus.QUEUED,
    NodeStatus.PRE,
    NodeStatus.POST,
    NodeStatus.UNREADY,
)


def body(analysis: Analysis, examples: Examples, wanted: Wanted) -> Iterator[str]:
    """The groups: what failed, what is held, what failed and is tried again."""
    for word, groups in (("failed", analysis.failed), ("held", analysis.held), (_AGAIN, analysis.failing)):
        yield from _groups(word, groups, examples, wanted)
    if analysis.through:
        nodes = "1 node" if analysis.through == 1 else f"{analysis.through} nodes"
        yield ""
        yield f"{nodes} failed because of what failed in {'its' if analysis.through == 1 else 'their'} sub-workflow"


_AGAIN = "failed and tried again"


def _groups(word: str, groups: Groups, examples: Examples, wanted: Wanted) -> Iterator[str]:
    shown = groups.groups[: wanted.most]
    if len(groups.groups) > 1:
        yield ""
        yield f"{groups.count} {word}, for {len(groups.groups)} different reasons:"
    for group in shown:
        yield ""
        yield f"{_headline(word, group)}"
        if not wanted.summary:
            yield from (f"  {line}" for line in _details(group, examples.get(group.first.instance), wanted))
    left = groups.groups[len(shown) :]
    if left:
        yield ""
        yield f"{sum(one.count for one in left)} more {word}, for {len(left)} other reasons (--all shows them)"


def _headline(word: str, group: Group) -> str:
    jobs = "1 job" if group.count == 1 else f"{group.count} jobs"
    what = group.first.program if group.first.program not in ("", group.first.job) else ""
    kind = ", ".join(part for part in (group.first.type, what) if part)
    return f"{jobs} {word}: {group.cause.removeprefix(f'{word}: ')} ({kind})"


def _details(group: Group, example: Example | None, wanted: Wanted) -> Iterator[str]:
    if group.count > 1:
        yield ", ".join(group.names) + (f" and {group.others} more" if group.others else "")
    if group.suspect is not None:
        one = group.suspect
        yield (
            f"look at host {one.host}: {one.failures} of {one.of} failures are there, "
            f"and {one.attempts} of {one.all_attempts} attempts"
        )
    if (after := group.not_started).count:
        more = f" and {after.count - len(after.names)} more" if after.count > len(after.names) else ""
        least = "at least " if after.at_least else ""
        yield f"not started because of it: {least}{after.count}: {', '.join(after.names)}{more}"
    yield from _example(group.first, example or Example(), wanted)


def _example(failure: Failure, example: Example, wanted: Wanted) -> Iterator[str]:
    attempt = f", attempt {failure.attempts}" if failure.attempts > 1 else ""
    host = f", on {failure.host}" if failure.host else ""
    yield f"{failure.name}{attempt}{host}"
    rows = [*_files(failure, example), *_commands(failure.cause, example, wanted)]
    yield from (f"  {name:<10} {value}" for name, value in rows if value)
    # What was picked from a log tells more than its end.
    lines = failure.lines if example.log is None or not example.log.lines else example.log.lines
    if wanted.texts:
        yield from (f"  | {line}" for line in lines)


def _files(failure: Failure, example: Example) -> list[tuple[str, str]]:
    log = "" if example.log is None else example.log.name
    return [
        ("site", example.site),
        ("directory", example.directory),
        ("submitted", "" if failure.file else example.submit_file),
        ("stderr", example.stderr_file if failure.file != example.stdout_file else ""),
        ("stdout", example.stdout_file if failure.file and example.stdout_file != log else ""),
        ("log", log),
    ]


def _commands(cause: Cause | None, example: Example, wanted: Wanted) -> list[tuple[str, str]]:
    kind = None if cause is None else cause.kind
    return [
        ("PRE", example.pre if wanted.pre_scripts else _shortly(example.pre, kind is CauseKind.PRE_SCRIPT)),
        ("command", example.command if wanted.commands else ""),
        ("POST", _shortly(example.post, kind is CauseKind.POST_SCRIPT)),
    ]


def _shortly(command: str, shown: bool) -> str:
    return one_line(command, _SHORT) if shown else ""


_SHORT = 160
"""Characters of a script's command, unless it was asked for."""


def next_steps(advice: Sequence[str]) -> Iterator[str]:
    """What to do, one line each."""
    if advice:
        yield ""
        yield from (f"next: {one}" for one in advice)
