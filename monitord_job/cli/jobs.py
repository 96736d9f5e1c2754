"""`bridle jobs`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import put_out, say
from dag_rewriter.cli.common import RUN, json_option, print_json
from dag_rewriter.cli.completion import complete_categories, complete_nodes
from monitord_job.cli.common import open_run, properties_options, url_option
from monitord_job.errors import MonitorError

if TYPE_CHECKING:
    from dag_rewriter.directory.submit_dir import SubmitDir
    from monitord_job.jobs.model.attempt_row import AttemptRow, Filter
    from monitord_job.jobs.model.one_job import Job
    from monitord_job.outcome.node_status import NodeStatus
    from monitord_job.outcome.queue_holds import QueueHolds
    from monitord_job.statistics.model.figures import Workflow
    from monitord_job.statistics.queries.questions import Questions
    from monitord_job.statistics.runs import Target

_STATES = ("not-started", "pre-script", "queued", "running", "held", "post-script", "done", "failed")
"""As `bridle status` has them, for a shell."""
_COLUMNS = ("submitted", "name", "queue", "runtime", "exit-code", "host")
_LINES = 20
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def _seconds(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    number = text.rstrip("smindh")
    try:
        return float(number) * _UNITS[text[len(number) :] or "s"]
    except (ValueError, KeyError):
        raise click.BadParameter(f"{text!r} is no time: 90, 90s, 5min, 2h, 1d") from None


@click.command(
    epilog="""\b
Example:
  bridle jobs run0001
  bridle jobs --state failed --state held run0001
  bridle jobs --longer-than 1h --sort runtime --reverse --csv run0001 > long.csv
  bridle jobs run0001 project_ID07
  bridle jobs --follow diamond.dag below/fit
\b
Exit codes:
  0  the jobs were shown, however they are
  2  there is no such run or job, its database cannot be read, wrong usage
"""
)
@click.argument("run", metavar="[RUN]", default=".", type=RUN)
@click.argument("node", metavar="[NODE]", required=False, shell_complete=complete_nodes)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False), help="Only these."
)
@click.option("--transformation", metavar="PATTERN", default="", help="Only of this transformation (*, ?).")
@click.option(
    "--category",
    metavar="PATTERN",
    default="",
    shell_complete=complete_categories,
    help="Only nodes of this category of the DAG.",
)
@click.option("--host", metavar="PATTERN", default="", help="Only attempts on this host.")
@click.option(
    "--sub-workflow",
    "workflow",
    metavar="NAME",
    default="",
    help="Only this sub-workflow (label, or wf_uuid).",
)
@click.option("--exit-code", "exitcode", type=int, help="Only attempts that ended so; -9 for signal 9.")
@click.option("--longer-than", metavar="TIME", callback=_seconds, help="Only what ran longer: 90, 5min, 2h.")
@click.option("--newest", is_flag=True, help="Only the newest attempt of each job.")
@click.option(
    "--sort",
    type=click.Choice(_COLUMNS, case_sensitive=False),
    default="submitted",
    show_default=True,
    help="In which order.",
)
@click.option("--reverse", is_flag=True, help="The largest, or the last, first.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--follow", is_flag=True, help="Of one job: print what it writes while it runs, to its end.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=_LINES,
    show_default=True,
    help="Of one job: how many lines of stdout and stderr.",
)
@json_option
@properties_options
@url_option
def jobs(
    run: Path,
    node: str | None,
    *,
    states: tuple[str, ...],
    transformation: str,
    category: str,
    host: str,
    workflow: str,
    exitcode: int | None,
    longer_than: float | None,
    newest: bool,
    sort: str,
    reverse: bool,
    as_csv: bool,
    follow: bool,
    lines: int,
    as_json: bool,
    url: str | None,
) -> None:
    """Show the attempts at the jobs of a run, or all that is known of one job.

    RUN is a submit directory or a DAG, by default the current directory; sub-workflows count too, and below/NODE is the
    job of one. If no monitor is alive, what the logs hold beyond the database is stored first.
    """
    from monitord_job.jobs.model.attempt_row import Filter

    if as_csv and (as_json or node is not None):
        raise click.UsageError("--csv is for the table, and excludes --json")
    submit_dir = open_run(run)
    target = partial(_target, submit_dir, url)
    if node is not None:
        if follow:
            _follow(submit_dir, target, node, lines)
        else:
            _show_job(submit_dir, target(), node, lines, as_json=as_json)
        return
    if follow:
        raise click.UsageError("which job? name its node after the run")
    wanted = Filter(
        frozenset(_status(word) for word in states),
        transformation,
        category,
        host,
        workflow,
        exitcode,
        longer_than,
        every_attempt=not newest,
    )
    _show_table(
        submit_dir,
        target(),
        wanted,
        sort,
        reverse=reverse,
        form="json" if as_json else "csv" if as_csv else "",
    )


def _status(word: str) -> NodeStatus:
    from monitord_job.outcome.node_status import NODE_WORDS

    return next(
        status for status, shown in NODE_WORDS.items() if shown.value.lower().replace(" ", "-") == word
    )


def _target(submit_dir: SubmitDir, url: str | None) -> Target:
    from monitord_job.statistics.runs import target_of, warn_of_unread

    target = target_of(submit_dir, url, as_it_stands=False)
    warn_of_unread(submit_dir, target)
    return target


def _show_table(
    submit_dir: SubmitDir, target: Target, wanted: Filter, sort: str, *, reverse: bool, form: str
) -> None:
    from monitord_job.jobs.model.attempt_row import Column
    from monitord_job.jobs.queries.rows import attempt_rows
    from monitord_job.jobs.views.tables import as_csv, as_json, as_text
    from monitord_job.statistics.queries.questions import asking
    from monitord_job.statistics.queries.workflows import run_of

    with asking(target.database) as questions:
        workflows, _ = run_of(questions, target.wf_uuid)
        categories = _categories(submit_dir)
        held = _held(submit_dir, target, workflows)
        again, done = _by_rescue(submit_dir, target, questions)
        rows: Iterator[AttemptRow] = (
            row
            for row in attempt_rows(
                questions,
                workflows,
                time.time(),
                categories,
                Column(sort),
                reverse=reverse,
                held=held,
                done=done,
                again=again,
            )
            if wanted.takes(row)
        )
        if form:
            for piece in as_json(rows) if form == "json" else as_csv(rows):
                put_out(piece)
        else:
            for line in as_text(rows, several=len(workflows) > 1):
                say(line)


def _categories(submit_dir: SubmitDir) -> Mapping[str, str]:
    """The categories of nodes, where the DAG is there and can be read."""
    from dag_rewriter.categories.node_categories import node_categories
    from dag_rewriter.errors import RewriterError

    try:
        return node_categories(submit_dir).of
    except (RewriterError, OSError):
        return {}


def _by_rescue(
    submit_dir: SubmitDir, target: Target, questions: Questions
) -> tuple[frozenset[str], frozenset[str]]:
    """The nodes that are to begin anew, and those that are done though no attempt of theirs is stored."""
    if not questions.has("bridle_run"):
        return frozenset(), frozenset()
    from monitord_job.database.reading import open_database
    from monitord_job.readers.done_nodes import done_nodes
    from monitord_job.readers.rerun_nodes import rerun_and_done

    engine = open_database(target.database)
    try:
        again, done = rerun_and_done(engine, submit_dir)
        return again, done_nodes(submit_dir) | done
    finally:
        engine.dispose()


def _held(submit_dir: SubmitDir, target: Target, workflows: list[Workflow]) -> QueueHolds:
    """What the queue says of a run that goes on: no log tells of some holds."""
    from monitord_job.outcome.queue_holds import NO_HOLDS

    if workflows[0].ended:
        return NO_HOLDS
    from monitord_job.diagnosis.stopped_jobs import queue_holds  # brings HTCondor's bindings

    return queue_holds(submit_dir, target.database.url.render_as_string(hide_password=False))


def _find(
    submit_dir: SubmitDir, target: Target, node: str, *, begun: bool = False
) -> tuple[Job, list[Workflow]]:
    """`begun`: its attempt is one of the DAGMan that is at work."""
    from monitord_job.jobs.queries.one_job import find_job
    from monitord_job.statistics.queries.questions import asking
    from monitord_job.statistics.queries.workflows import run_of

    with asking(target.database) as questions:
        workflows, _ = run_of(questions, target.wf_uuid)
        held = _held(submit_dir, target, workflows)
        by_rescue = None if begun else partial(_by_rescue, submit_dir, target, questions)
        return find_job(questions, workflows, node, time.time(), held, by_rescue), workflows


def _show_job(submit_dir: SubmitDir, target: Target, node: str, lines: int, *, as_json: bool) -> None:
    from monitord_job.jobs.used_resources import resources_of
    from monitord_job.jobs.views.job_in_full import document, in_full
    from monitord_job.statistics.dags import places

    job, workflows = _find(submit_dir, target, node)
    where = places(submit_dir.path, workflows).get(job.wf_id, submit_dir.path)
    log = _nodes_log(submit_dir, where, job.wf_id == workflows[0].wf_id)
    if log is not None:
        attempts = (replace(one, resources=resources_of(log, one.condor_job)) for one in job.attempts)
        job = replace(job, attempts=tuple(attempts))
    if as_json:
        print_json(document(job))
        return
    for line in in_full(job, lines):
        say(line)


def _nodes_log(submit_dir: SubmitDir, where: Path, is_root: bool) -> Path | None:
    from dag_rewriter import files

    if is_root:
        return submit_dir.nodes_log
    try:
        names = [name for name in files.names_in(where) if name.endswith(".nodes.log")]
    except OSError:
        return None
    return where / names[0] if len(names) == 1 else None


def _follow(submit_dir: SubmitDir, target: Callable[[], Target], node: str, lines: int) -> None:
    from monitord_job.jobs.follow import follow
    from monitord_job.jobs.model.one_job import writes_no_more
    from monitord_job.jobs.output_files import output_files
    from monitord_job.statistics.dags import places

    job, workflows = _find(submit_dir, target(), node)
    if writes_no_more(job):
        _show_job(submit_dir, target(), node, lines, as_json=False)
        return
    where = places(submit_dir.path, workflows).get(job.wf_id, submit_dir.path)
    paths = output_files(where, job)
    if not paths:
        hint = "its submit description names no file, or it has not been submitted; try again later"
        raise MonitorError(node, "where it writes to is not known", hint)

    def at_work() -> bool:
        return not writes_no_more(_find(submit_dir, target(), node, begun=True)[0])

    for _, data in follow(paths, at_work):
        put_out(data)
    say(_last_state(_find(submit_dir, target(), node)[0]), err=True)


def _last_state(job: Job) -> str:
    from monitord_job.outcome.node_status import NODE_WORDS

    newest = job.attempts[-1]
    why = f": {newest.cause.phrase}" if newest.cause is not None else ""
    return f"{job.name}: {NODE_WORDS[newest.row.status].value}{why}"
