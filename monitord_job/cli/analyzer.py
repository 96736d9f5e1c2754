"""`bridle analyzer`, in short `bridle why`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from condor_templates.exit_codes import ExitCode
from condor_templates.terminal import say
from dag_rewriter.cli.common import RUN, json_option, print_json
from dag_rewriter.directory.dagman_places import USUAL, to_type
from monitord_job.cli.as_in_pegasus import refused_option, verbose_option
from monitord_job.cli.common import any_database_options, as_it_stands_option, here, open_run
from monitord_job.cli.debug_options import debug_options, debugged

if TYPE_CHECKING:
    from dag_rewriter.directory.submit_dir import SubmitDir
    from monitord_job.analysis.model.analysis import Analysis
    from monitord_job.analysis.model.example import Example
    from monitord_job.analysis.views.screen import Wanted
    from monitord_job.diagnosis.run_states import Diagnosis
    from monitord_job.outcome.queue_holds import QueueHolds
    from monitord_job.statistics.queries.questions import Questions
    from monitord_job.statistics.runs import Target

_RUN_FAILED = 2
"""As pegasus-analyzer has it: a run failed."""
_LINES, _ALL_LINES = 12, 100
"""Of what the example of a group wrote."""
_SUCCEEDED = "succeeded"
_PRINTED = ("pre", "invocation")


class _WithThePeersExitCodes(click.Command):
    """2 says that a run failed: what cannot be done exits with 1, wrong usage too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.obj is not None:
            ctx.obj.errors = ExitCode.FAILED
        return super().parse_args(ctx, args)


def _printed(_ctx: click.Context, _option: click.Parameter, text: str) -> frozenset[str]:
    asked = {word.strip().lower() for word in text.split(",") if word.strip()}
    unknown = sorted(asked - {"all", *_PRINTED})
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)} is none of all, {', '.join(_PRINTED)}")
    return frozenset(_PRINTED if "all" in asked else asked)


@click.command(
    cls=_WithThePeersExitCodes,
    epilog="""\b
Example:
  bridle analyzer run0001
  bridle why diamond.dag
  bridle analyzer --all --print invocation run0001
  bridle analyzer --json run0001 | jq '.runs[0].failed.groups[] | {count, cause: .cause.phrase}'
  bridle analyzer -u --url postgresql://me@db/stampede 6cbab9b4-4d29-4f4f-9e0c-3e1c1a2f0c55
\b
Exit codes:
  0  no run has failed, as far as they are
  1  there is no such run, its database cannot be read, wrong usage
  2  a run failed, or something in it has: it was shown
""",
)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=RUN)
@click.option("-i", "-d", "--dir", "named", metavar="DIR", type=RUN, help="The same as RUN.")
@click.option("--dag", metavar="FILE", type=RUN, help="The same as RUN, and in its place.")
@click.option(
    "--top-dir",
    metavar="DIR",
    type=RUN,
    help="RUN is a sub-workflow's directory; the database is that of the run in DIR.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say in which files it is what jobs wrote, not what.")
@click.option("-S", "--summary", is_flag=True, help="Say how many jobs failed and why, no more.")
@click.option(
    "-p",
    "--print",
    "printed",
    metavar="WHAT[,...]",
    default="",
    callback=_printed,
    help="Show also pre (the PRE script), invocation (the command of what failed), all.",
)
@click.option("-a", "--all", "everything", is_flag=True, help="Show all groups, and more lines of each.")
@click.option(
    "-r/ ",
    "--recurse/--no-recurse",
    "recurse",
    default=True,
    help="Look into sub-workflows, to any depth.  [default: recurse]",
)
@click.option(
    "-T",
    "--traverse-all",
    "former",
    is_flag=True,
    help="Look also into sub-workflows that were planned anew since.",
)
@click.option(
    "-f",
    "--files",
    "from_logs",
    is_flag=True,
    help="Do not ask the database: read the logs anew, into a copy.",
)
@as_it_stands_option()
@click.option(
    "-m",
    "-t",
    "--monitord",
    "catches_up",
    is_flag=True,
    help="Store first what the logs hold, as without --ignore-db-inconsistency, whose opposite it is.",
)
@click.option(
    "-I", "--indent", metavar="N", type=click.IntRange(0, 100), default=0, help="Begin each line with N tabs."
)
@refused_option("-o", "--output-dir", value="DIR", instead="no log files of a monitor are written")
@refused_option("-s", "--strict", instead="the files that jobs write are those of their submit files anyway")
@debug_options
@verbose_option
@json_option
@any_database_options
def analyzer(
    runs: tuple[Path, ...],
    *,
    named: Path | None,
    dag: Path | None,
    top_dir: Path | None,
    quiet: bool,
    summary: bool,
    printed: frozenset[str],
    everything: bool,
    recurse: bool,
    former: bool,
    from_logs: bool,
    as_it_stands: bool,
    catches_up: bool,
    indent: int,
    conf: Path | None,
    by_uuid: bool,
    as_json: bool,
    url: str | None,
) -> int:
    """Say what failed in a run and why, equal failures once, and what to do.

    RUN is a submit directory or a DAG, by default the current directory; `bridle why` is the same. Of each group of
    equal failures: how many, the cause, the host if they gather on one, what was not started because of them, and one
    example with the last lines of its stderr. Held jobs, and jobs that failed and are tried again, are told as well.
    """
    from monitord_job.analysis.views.screen import Wanted

    asked = [dag] if dag else [*runs, *([named] if named else [])]
    if debugged(asked[0] if asked else None):
        return 0
    wanted = Wanted(
        most=None if everything else 5,
        texts=not quiet,
        summary=summary,
        commands="invocation" in printed,
        pre_scripts="pre" in printed,
        indent=indent,
    )
    how = _How(
        url,
        conf,
        top_dir,
        from_logs,
        as_it_stands and not catches_up,
        recurse,
        former,
        _ALL_LINES if everything else _LINES,
    )
    targets = _targets(asked or [here()], how, by_uuid=by_uuid)
    told = [_told(one, how, wanted, as_json=as_json) for one in targets]
    if as_json:
        print_json({"version": _version(), "runs": [document for _, document in told]})
    return _RUN_FAILED if any(failed for failed, _ in told) else 0


def _version() -> int:
    from monitord_job.analysis.views.json_document import VERSION

    return VERSION


@dataclass(frozen=True, slots=True)
class _How:
    """Which database is asked, and how far."""

    url: str | None
    conf: Path | None
    top_dir: Path | None
    from_logs: bool
    as_it_stands: bool
    recurse: bool
    former: bool
    lines: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """One run; `submit_dir` where it was named by one, and `name` as it was typed."""

    target: Target
    submit_dir: SubmitDir | None = None
    name: Path | None = None


def _targets(places: Sequence[Path], how: _How, *, by_uuid: bool) -> Iterator[_Asked]:
    from monitord_job.statistics.runs import Target, named_database, target_of

    database = named_database(how.url, how.conf)
    if by_uuid:
        if database is None:
            raise click.UsageError("which database? name it with --url or --conf")
        yield from (_Asked(Target(str(one), database)) for one in places)
        return
    asked = None if database is None else database.url.render_as_string(hide_password=False)
    for place in places:
        submit_dir = open_run(place)
        if how.from_logs:
            yield _Asked(_from_logs(submit_dir), submit_dir, place)
            continue
        owner = submit_dir if how.top_dir is None else open_run(how.top_dir)
        target = target_of(owner, asked, as_it_stands=how.as_it_stands)
        yield _Asked(Target(submit_dir.wf_uuid or "", target.database), submit_dir, place)


def _from_logs(submit_dir: SubmitDir) -> Target:
    """What the logs say now, in a database that is gone with this process."""
    from dag_rewriter import files
    from monitord_job.database.dialect import sqlite_url
    from monitord_job.database.url import Database
    from monitord_job.monitor.limits import Limits
    from monitord_job.monitor.session import catch_up_aside
    from monitord_job.statistics.runs import Target

    copy = Database(sqlite_url(files.temporary_folder() / submit_dir.database.name))
    catch_up_aside(submit_dir, copy, Limits(database=5.0))
    return Target(submit_dir.wf_uuid or "", copy)


def _told(asked: _Asked, how: _How, wanted: Wanted, *, as_json: bool) -> tuple[bool, dict[str, Any]]:
    """Tell of a run, or give its document; and whether it has failed, or something in it that nothing excuses."""
    from monitord_job.analysis.model.advice import advice
    from monitord_job.diagnosis.stopped_jobs import holds_in
    from monitord_job.readers.run_outcome import RunState, ending, state_of, word_for

    diagnosis = _diagnosis(asked, how)
    held = holds_in(diagnosis.held if diagnosis else ())
    with _analysed(asked, how, wanted, held) as (analysis, examples):
        run = analysis.run
        state, ended = state_of(run, diagnosis), ending(run, diagnosis)
        first = analysis.failed.groups[0].first.instance if analysis.failed.groups else None
        steps = advice(
            analysis, examples.get(first) if first else None, diagnosis.advice if diagnosis else ""
        )
        places = USUAL if asked.submit_dir is None else asked.submit_dir.places
        lines = [to_type(one, asked.name, places) for one in steps]
        failed = state is RunState.FAILED or (analysis.has_failed and not analysis.is_excused)
        if as_json:
            return failed, _document(analysis, state.value, ended and ended.value, diagnosis, examples, lines)
        _show(analysis, word_for(run, diagnosis), diagnosis, examples, wanted, lines)
        return failed, {}


def _diagnosis(asked: _Asked, how: _How) -> Diagnosis | None:
    """What state the run is in, as HTCondor and its files have it; of a uuid alone only the database tells."""
    from monitord_job.readers.status import diagnosis_of

    if asked.submit_dir is None or how.top_dir is not None:
        return None
    url = asked.target.database.url.render_as_string(hide_password=False)
    return diagnosis_of(asked.submit_dir, url)


@contextmanager
def _analysed(
    asked: _Asked, how: _How, wanted: Wanted, held: QueueHolds
) -> Iterator[tuple[Analysis, dict[int, Example]]]:
    """`held`: what is on hold in the queue."""
    from monitord_job.analysis.collect import Scope, analyse
    from monitord_job.analysis.evidence import with_logs
    from monitord_job.analysis.queries.examples import example_of
    from monitord_job.readers.done_nodes import done_nodes
    from monitord_job.statistics.dags import places
    from monitord_job.statistics.queries.questions import asking

    done = done_nodes(asked.submit_dir) if asked.submit_dir else frozenset()
    with asking(asked.target.database) as questions:
        again, before = _by_rescue(asked, questions)
        scope = Scope(how.recurse, how.former, done | before, held, again)
        analysis = _excused(asked, analyse(questions, asked.target.wf_uuid, scope, how.lines))
        where = places(asked.submit_dir.path, analysis.workflows) if asked.submit_dir else {}
        examples = {}
        for groups in (analysis.failed, analysis.held, analysis.failing):
            for group in groups.groups[: wanted.most]:
                example = example_of(questions, group.first)
                examples[group.first.instance] = with_logs(group.first, example, where)
        yield analysis, examples


def _excused(asked: _Asked, analysis: Analysis) -> Analysis:
    """With what let the run succeed though nodes of it failed."""
    from monitord_job.outcome.ending import RunEnd
    from monitord_job.readers.excused_failures import excuses

    run = analysis.run
    if asked.submit_dir is None or run.end is not RunEnd.OVER or run.failed or not analysis.failed.groups:
        return analysis
    return analysis.with_excuses(excuses(asked.submit_dir))


def _by_rescue(asked: _Asked, questions: Questions) -> tuple[frozenset[str], frozenset[str]]:
    """Nodes that are to run again, or are done, by the rescue DAG; a database of pegasus-monitord's says too little."""
    from monitord_job.database.reading import open_database
    from monitord_job.readers.rerun_nodes import has_rescues, rerun_and_done

    if asked.submit_dir is None or not has_rescues(asked.submit_dir) or not questions.has("bridle_run"):
        return frozenset(), frozenset()
    engine = open_database(asked.target.database)
    try:
        return rerun_and_done(engine, asked.submit_dir)
    finally:
        engine.dispose()


def _document(
    analysis: Analysis,
    state: str,
    ended: str | None,
    diagnosis: Diagnosis | None,
    examples: dict[int, Example],
    steps: list[str],
) -> dict[str, Any]:
    from monitord_job.analysis.views.json_document import document

    run = analysis.run
    how_it_stands = {
        "state": state,
        "ending": ended,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "restarts": run.restarts,
        "diagnosis": diagnosis and diagnosis.as_json(),
    }
    return document(analysis, how_it_stands, examples, steps)


def _show(
    analysis: Analysis,
    word: str,
    diagnosis: Diagnosis | None,
    examples: dict[int, Example],
    wanted: Wanted,
    steps: list[str],
) -> None:
    from monitord_job.analysis.views.screen import body, header, next_steps
    from monitord_job.readers.status_view import tell_diagnosis, worth_telling

    def tell(line: str) -> None:
        say("\t" * wanted.indent + line)

    unread = diagnosis is not None and bool(diagnosis.unreadable) and analysis.run.started is None
    for line in header(analysis, word, unread=unread):
        tell(line)
    if diagnosis is not None and (
        worth_telling(diagnosis) or not (analysis.has_failed or word == _SUCCEEDED)
    ):
        tell_diagnosis(diagnosis, tell)
    for line in (*body(analysis, examples, wanted), *next_steps(steps)):
        tell(line)
