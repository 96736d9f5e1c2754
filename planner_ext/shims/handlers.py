"""The planner hook: what is done before and after the programs that plan and start workflows.

A shim in PATH (`scripts`) asks here, and then runs the real program with its arguments as they were given. Whatever
goes wrong here, that program runs, and the submit directory is as if there were no hook; the exceptions are a workflow
whose DAGMan lives, and one that DAGMan would refuse: their start is refused, as `bridle run` does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.confirmed import confirm_at_submit
from dag_rewriter.directory.dagman_submit_file import (
    appended,
    is_made_by_shim,
    planners_environment,
    with_environment,
)
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.errors import BadDagError, DagSyntaxError
from dag_rewriter.rewriting.originals import submit_file_in_the_way
from dag_rewriter.rewriting.rewrite import Options, is_rewritten, require_good, rewrite, undo
from dag_rewriter.rewriting.rewrite_report import Report
from planner_ext.errors import BadStartError
from planner_ext.shims.call_arguments import dag_of_submit_file, parse_submit_dag

PLAN_LIMIT = 600.0
"""Seconds that condor_submit_dag may take to write a submit file."""


class ShimError(BridleError):
    """The hook cannot do its part; the workflow goes on without it."""


@dataclass(frozen=True, slots=True)
class ShimDecision:
    """The shim runs the real program. `message` is for the user; `ask_again` once that has succeeded."""

    message: str = ""
    ask_again: bool = False


def before_submit_dag(arguments: Sequence[str], here: Path, parent: int) -> ShimDecision:
    """Before condor_submit_dag runs in the directory `here`; `parent` is the process id of who called it.

    Raises AlreadyRunningError beside a live DAGMan, and BridleError.
    """
    call = parse_submit_dag(arguments)
    submit_dir = _planned(call.dags, here)
    if submit_dir is None:
        return ShimDecision()
    if call.is_planners:
        return ShimDecision(ask_again=True)
    if call.no_submit:
        if _is_dagman(parent) and is_rewritten(submit_dir):
            return ShimDecision()
        return ShimDecision(_rewritten(submit_dir, is_sub=_is_dagman(parent)))
    return _before_start(submit_dir)


def _planned(dags: Sequence[str], here: Path) -> SubmitDir | None:
    """The planned directory that a call is about; None if it is about something else.

    DAGMan runs where condor_submit_dag does: a DAG of another directory would not find its jobs.
    """
    if len(dags) != 1 or (here / dags[0]).parent.resolve() != here.resolve():
        return None
    if not was_planned(here):
        return None
    submit_dir = open_submit_dir(here)
    return submit_dir if submit_dir.dag == Path(dags[0]).name else None


def _is_dagman(pid: int) -> bool:
    """Whether a DAGMan calls: it has the submit file of a SUBDAG EXTERNAL written before it submits that."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name == "condor_dagman"
    except OSError:
        return False


def is_sub_workflow(submit_dir: SubmitDir) -> bool:
    """Whether the workflow was planned as a part of another one, whose monitor follows it."""
    return submit_dir.wf_uuid != submit_dir.root_wf_uuid


def before_dagman(arguments: Sequence[str], here: Path) -> ShimDecision:
    """Before the DAGMan of a sub-workflow starts in the directory `here`; the argument is its DAG. Raises BridleError.

    The planner may have made it with no shim in its way. One that goes on after a crash stays as it is.
    """
    submit_dir = _planned(arguments, here)
    if submit_dir is None or is_rewritten(submit_dir) or files.mode_of(submit_dir.dagman_lock) is not None:
        return ShimDecision()
    return ShimDecision(_rewritten(submit_dir, is_sub=True))


@contextmanager
def refusing_bad() -> Iterator[None]:
    """BadStartError instead of what `bridle check` calls an error: nothing is to be started then."""
    try:
        yield
    except (BadDagError, DagSyntaxError) as error:
        mend = error.mend if isinstance(error, BadDagError) else error.hint
        anyway = "BRIDLE_HOOK=off in the environment starts it all the same"
        raise BadStartError(error.where, error.what, f"{mend}; {anyway}") from error


def note_failure(arguments: Sequence[str], here: Path, what: str) -> None:
    """Say it in the monitor's log, too: pegasus-run keeps to itself what a condor_submit that succeeds says."""
    dag = dag_of_submit_file(arguments)
    if dag is None:
        return
    from monitord_job.monitor.log_file import note

    note(here / f"{dag.removesuffix('.dag')}.bridle.log", "bridle.hook", what)


def kept_by_pegasus_monitord(submit_dir: SubmitDir) -> bool:
    """Whether pegasus-monitord has begun to keep this run: it goes on with that."""
    return not is_rewritten(submit_dir) and files.mode_of(submit_dir.path / "jobstate.log") is not None


def _rewritten(submit_dir: SubmitDir, *, is_sub: bool = False) -> str:
    is_sub = is_sub or is_sub_workflow(submit_dir)
    report = rewrite(submit_dir, Options(monitor=not is_sub))
    return _said(submit_dir, report, is_sub=is_sub)


def _said(submit_dir: SubmitDir, report: Report, *, is_sub: bool) -> str:
    said = list(report.unconfirmed)
    if report.changed:
        monitor = "its monitor is that of the workflow above" if is_sub else "the monitor is one of its jobs"
        said.append(f"{submit_dir.dag_file}: rewritten, {monitor}")
    return _in_lines(said)


def _in_lines(said: Iterable[str]) -> str:
    return "\n".join(f"bridle: {each}" for each in said)


def _before_start(submit_dir: SubmitDir) -> ShimDecision:
    """Before a DAGMan starts anew: what was stored, and the DAG as `bridle run` would have it."""
    from planner_ext.operations.run import refuse_if_live, store_the_run_before

    refuse_if_live(submit_dir)
    if kept_by_pegasus_monitord(submit_dir):
        return ShimDecision()
    if is_sub_workflow(submit_dir):
        return ShimDecision(_rewritten(submit_dir))
    store_the_run_before(submit_dir)
    with refusing_bad():
        said = _rewritten(submit_dir)
    _clear_the_way(submit_dir)
    return ShimDecision(said)


def _clear_the_way(submit_dir: SubmitDir) -> None:
    """condor_submit_dag refuses to submit where the hook has left the submit file that it had made for pegasus-run."""
    from planner_ext.operations.run import keep_planners_submit_file

    if is_made_by_shim(files.read_if_there(submit_dir.condor_sub) or b""):
        keep_planners_submit_file(submit_dir)
        files.remove(submit_dir.condor_sub)


def after_plan(real: str, arguments: Sequence[str], here: Path) -> ShimDecision:
    """After the planner had its submit file written by `real`: make the monitor one of the jobs.

    A sub-workflow gets no monitor, and its submit file stays: the node of the workflow above starts it by its own.
    Raises BridleError; the directory is then as the planner left it.
    """
    submit_dir = _planned(parse_submit_dag(arguments).dags, here)
    if submit_dir is None:
        return ShimDecision()
    if is_sub_workflow(submit_dir):
        return ShimDecision(_rewritten(submit_dir))
    if submit_file_in_the_way(submit_dir) is None:
        return ShimDecision()
    return ShimDecision(_taken_over(submit_dir, real))


def before_submit(arguments: Sequence[str], here: Path, submit_dag: str | None) -> ShimDecision:
    """Before condor_submit, which pegasus-run calls with X.dag.condor.sub: as before any start of a DAGMan.

    A DAG that is still the planner's gets its monitor, if there is a `submit_dag` (condor_submit_dag). Raises
    AlreadyRunningError, BridleError; with any other than that, the directory is as it was.
    """
    from planner_ext.operations.run import refuse_if_live, store_the_run_before

    dag = dag_of_submit_file(arguments)
    submit_dir = None if dag is None else _planned([dag], here)
    if submit_dir is None:
        return ShimDecision()
    refuse_if_live(submit_dir)
    if is_sub_workflow(submit_dir) or kept_by_pegasus_monitord(submit_dir):
        return ShimDecision()
    store_the_run_before(submit_dir)
    with refusing_bad():
        if submit_dag and submit_file_in_the_way(submit_dir) is not None:
            return ShimDecision(_taken_over(submit_dir, submit_dag))
        require_good(submit_dir)
    return ShimDecision(_in_lines(confirm_at_submit(submit_dir, below=False)))


def _taken_over(submit_dir: SubmitDir, submit_dag: str) -> str:
    """Rewrite, and have X.dag.condor.sub written anew for a DAGMan without pegasus-dagman; undone if that fails.

    Only condor_submit_dag knows what the lines CONFIG and ENV of the DAG mean for it.
    """
    report = rewrite(submit_dir, Options())
    try:
        planned = files.read_if_there(submit_dir.planned_condor_sub) or b""
        wanted = [word for line in appended(planned) for word in ("-append", line)]
        _call(submit_dir, [submit_dag, "-no_submit", *wanted, submit_dir.dag])
        made = files.read(submit_dir.condor_sub)
        files.replace(submit_dir.condor_sub, with_environment(made, planners_environment(planned)))
    except (
        Exception
    ):  # whatever it is: the real condor_submit_dag is to run, on the DAG that the planner wrote
        undo(submit_dir)
        raise
    return _said(submit_dir, report, is_sub=False)


def _call(submit_dir: SubmitDir, command: Sequence[str]) -> None:
    where = str(submit_dir.condor_sub)
    try:
        done = subprocess.run(
            command,
            cwd=submit_dir.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLAN_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShimError(where, f"{command[0]} does not write it: {error}", _START) from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise ShimError(where, f"{command[0]} does not write it for our DAG: {said}", _START)


_START = "start the workflow with `bridle run`"
