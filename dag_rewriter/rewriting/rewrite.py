"""A planned directory becomes a rewritten one, and back. Decides first (a Plan), then writes, in an order
that no crash can spoil: at any instant the DAG is the planner's or the rewritten one, whole, and `undo`
works.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from condor_templates.dagman_config import OURS, condor_rm_sparing_monitors, dagman_config
from condor_templates.monitor_job import MonitorJob, monitor_submit_description
from condor_templates.monitor_policy import Universe
from condor_templates.policy import CategoryPolicy, Limit, MonitorKind, layered
from condor_templates.sub_dagman import sub_dagman_script
from dag_rewriter import files
from dag_rewriter.categories.categories import settings_in
from dag_rewriter.categories.policy_layers import category_request, read_monitor_policy, read_policy
from dag_rewriter.check.refusal import refuse_bad
from dag_rewriter.directory import find_bridle, liveness
from dag_rewriter.directory.confirmed import confirm_at_submit
from dag_rewriter.directory.dagman_options import base_priority, throttles
from dag_rewriter.directory.known_runs import note_run
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_files import SubmitFiles, read_submit_files
from dag_rewriter.directory.subworkflows import has_sub_dags, sub_dags
from dag_rewriter.errors import RewriterError, RunningError
from dag_rewriter.metrics.metrics_files import files_of, made_by_bridle, measure
from dag_rewriter.model import block
from dag_rewriter.model.dag import Dag, parse_dag
from dag_rewriter.model.splices import Part, WholeDag, expand
from dag_rewriter.rescue.newest_rescue import newest_rescue
from dag_rewriter.rewriting import originals
from dag_rewriter.rewriting.passes import (
    Change,
    Choice,
    Context,
    MetricFiles,
    apply,
    changes_of,
    choice_in,
)
from dag_rewriter.rewriting.rescue_lines import mended
from dag_rewriter.rewriting.rewrite_report import Report, describe
from dag_rewriter.rewriting.sub_dagmans import sub_dagmans

_SHOWN = 5  # submit files that are not there yet
_HEAD = 200  # bytes in which a file of ours says so
_HIGHEST = 2**31 - 1  # JobPrio is a 32-bit integer


@dataclass(frozen=True, slots=True)
class Options:
    """What may be asked of a rewrite."""

    executable: str | None = None
    """the `bridle` that HTCondor starts; None: the one that is installed with this interpreter, or in PATH"""
    monitor: bool = True
    """False for a sub-workflow"""
    kind: MonitorKind | None = None
    """None: as at the last rewrite, SERVICE at first"""
    passes: frozenset[str] | None = None
    """None: as at the last rewrite, all of them at first"""
    categories: CategoryPolicy | None = None
    """None: what the policy files say"""
    settings: Mapping[str, Limit] = field(default_factory=lambda: MappingProxyType({}))
    """limits that hold whatever the DAG says"""
    universe: Universe | None = None
    """of the monitor's job; None: as at the last rewrite, else what the policy files say"""
    dry_run: bool = False
    force: bool = False
    """to rewrite also a DAG in which `bridle check` finds an error"""


_DEFAULT = Options()


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to write and to remove, in this order."""

    writes: tuple[tuple[Path, bytes], ...] = ()
    removes: tuple[Path, ...] = ()
    known: Mapping[Path, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """what files hold that were read already and are replaced last: to copy one, a link is enough"""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A submit directory as it was read: the DAG without our block, and all that the passes ask about it."""

    submit_dir: SubmitDir
    parts: block.SplitDag
    dag: Dag
    submit_files: SubmitFiles
    choice: Choice
    context: Context


def read_dag(submit_dir: SubmitDir) -> Dag:
    """The DAG as it is now, our block included. Raises FileError, DagSyntaxError."""
    return parse_dag(files.read(submit_dir.dag_file), str(submit_dir.dag_file))


def is_rewritten(submit_dir: SubmitDir) -> bool:
    """Whether the DAG has our block and the files that the block names are there."""
    our_block = originals.take_apart(submit_dir, files.read(submit_dir.dag_file)).block
    if our_block is None:
        return False
    named = (path for path in _files_named(submit_dir) if _encode(path.name) in our_block)
    return all(p.exists() for p in named)


def _files_named(submit_dir: SubmitDir) -> tuple[Path, ...]:
    return submit_dir.monitor_submit, submit_dir.monitor_config, submit_dir.sub_dagman


def plan_for(submit_dir: SubmitDir, options: Options = _DEFAULT) -> Planned:
    """Reads all that a rewrite depends on; writes nothing."""
    parts = originals.take_apart(submit_dir, files.read(submit_dir.dag_file))
    source = str(submit_dir.dag_file)
    block.check_complete(parts.original, source)
    dag = parse_dag(parts.original, source)
    submit_files = read_submit_files(submit_dir, dag)
    before = choice_in(parts.block)
    choice = Choice(
        options.kind or before.kind,
        before.passes if options.passes is None else options.passes,
        options.universe or before.universe,
    )
    policy = read_policy(submit_dir) if options.categories is None else options.categories
    forced = CategoryPolicy(forced={**settings_in(parts.block), **options.settings})
    policy = layered([policy, forced])
    context = Context(
        monitor_submit=submit_dir.named(submit_dir.monitor_submit),
        config=submit_dir.named(submit_dir.monitor_config),
        jobstate_log=submit_dir.named(submit_dir.jobstate_log),
        categories=category_request(submit_dir, dag, submit_files, policy),
        monitor=choice.kind if options.monitor else None,
        priority=_above_all(dag, submit_files),
        original=parts.original,
        rescue=newest_rescue(submit_dir, dag.config),
        chosen=choice.passes,
        sub_dagmans=sub_dagmans(submit_dir, submit_files),
    )
    return Planned(submit_dir, parts, dag, submit_files, choice, context)


def require_good(submit_dir: SubmitDir) -> None:
    """Raises BadDagError for a DAG in which `bridle check` finds an error, and as `plan_for`."""
    planned = plan_for(submit_dir)
    whole = _with_parts(planned)
    refuse_bad(submit_dir, planned.dag, planned.context.rescue, _if_whole(whole))


def rewrite(submit_dir: SubmitDir, options: Options = _DEFAULT) -> Report:
    """Rewrites the DAG in place; a second time it changes nothing.

    Raises RewriterError: RunningError while a DAGMan runs it, FileError, DagSyntaxError, BadDagError. All is then as it
    was.
    """
    if not options.dry_run:
        require_own(submit_dir.path)
    planned = plan_for(submit_dir, options)
    dag, parts = planned.dag, planned.parts
    whole = _with_parts(planned)
    if not options.force:
        refuse_bad(submit_dir, dag, planned.context.rescue, _if_whole(whole))
    context, unmeasured = _measured(planned, whole)
    changes = changes_of(dag, context)
    # Only a monitor of ours is what the planner's submit file stands in the way of.
    sets_aside = bool(changes["monitor"].added)
    submit_file = originals.submit_file_in_the_way(submit_dir) if sets_aside else None
    plan = Plan(
        writes=(
            *_own_files(planned, options, changes),
            *((submit_dir.path / name, data) for change in changes.values() for name, data in change.files),
            *originals.copies(submit_dir, parts),
            *(() if submit_file is None else ((submit_dir.planned_condor_sub, submit_file),)),
            (submit_dir.dag_file, apply(parts.original, changes, planned.choice)),
        ),
        removes=() if submit_file is None else (submit_dir.condor_sub,),
        known={submit_dir.dag_file: parts.original} if parts.block is None else {},
        notes=(
            *originals.notes(submit_dir, parts),
            *_kept(dag, planned.submit_files),
            *unmeasured,
            *(note for change in changes.values() for note in change.notes),
        ),
    )
    # Before the DAG names a monitor: that goes by what is confirmed.
    unconfirmed = () if options.dry_run else _confirmed_rules(submit_dir, dag, whole, options)
    report = _carry_out(submit_dir, plan, options.dry_run, describe(submit_dir, dag, changes))
    if options.monitor and not options.dry_run:
        note_run(submit_dir)
    return replace(report, unconfirmed=unconfirmed)


def _confirmed_rules(
    submit_dir: SubmitDir, dag: Dag, whole: WholeDag | RewriterError, options: Options
) -> tuple[str, ...]:
    """Confirm the rules that are submitted, here and in sub-DAGs that are there; what is left, as notes."""
    if not options.monitor:
        return confirm_at_submit(submit_dir, below=True)
    below = sub_dags(submit_dir, dag, _if_whole(whole)) if has_sub_dags(dag) else ()
    return tuple(note for each in (submit_dir, *below) for note in confirm_at_submit(each, below=False))


def _measured(planned: Planned, whole: WholeDag | RewriterError) -> tuple[Context, tuple[str, ...]]:
    """With the metrics, if they are asked for: they are the one pass that needs all of the DAG's edges."""
    if "metrics" not in planned.choice.passes:
        return planned.context, ()
    if isinstance(whole, RewriterError):
        return planned.context, (f"no metrics are made: {whole}",)
    telling = planned.submit_files.telling if whole.dag is planned.dag else None
    metrics = measure(planned.submit_dir, whole, telling)
    ours, *planners = [(path.name, data) for path, data in files_of(planned.submit_dir, metrics)]
    return replace(planned.context, metrics=MetricFiles(ours[0], metrics.dag, tuple(planners))), ()


def _with_parts(planned: Planned) -> WholeDag | RewriterError:
    """The DAG without our block, and all that it splices in and includes; or why that cannot be put in."""
    if not (planned.dag.splices or planned.dag.includes):
        return WholeDag((Part("", "", planned.dag),))
    submit_dir = planned.submit_dir
    dag = submit_dir.named(submit_dir.dag_file)
    known = {dag: planned.parts.original}
    try:
        return expand(dag, lambda name: known.get(name) or files.read_regular(submit_dir.start / name))
    except RewriterError as error:
        return error


def _if_whole(whole: WholeDag | RewriterError) -> WholeDag | None:
    return None if isinstance(whole, RewriterError) else whole


def undo(submit_dir: SubmitDir, *, dry_run: bool = False) -> Report:
    """Takes the block and our files away. If nobody edited the DAG meanwhile, it is the planner's again, byte
    for byte. Raises as `rewrite`.
    """
    if not dry_run:
        require_own(submit_dir.path)
    parts = originals.take_apart(submit_dir, files.read(submit_dir.dag_file))
    planned = files.read_if_there(submit_dir.planned_dag)
    removes = [path for path in _files_named(submit_dir) if _is_ours(path)]
    removes += [path for path in (submit_dir.bridle_metrics, submit_dir.notifying) if path.exists()]
    if made_by_bridle(files.read_if_there(submit_dir.metrics)):
        removes.append(submit_dir.metrics)
    notes: tuple[str, ...] = ()
    if planned == parts.original:
        removes.append(submit_dir.planned_dag)
    elif planned is not None:
        notes = (originals.EDITED.format(submit_dir.planned_dag.name),)
    del planned  # a million nodes twice are too much at once
    writes = [*_rescue_without_monitor(submit_dir, parts), (submit_dir.dag_file, parts.original)]
    submit_file = originals.planners_submit_file(submit_dir)
    if submit_file is not None:
        writes.append((submit_dir.condor_sub, submit_file))
        removes.append(submit_dir.planned_condor_sub)
    plan = Plan(tuple(writes), tuple(removes), notes=notes)
    if not dry_run and liveness.monitor_lives(submit_dir):
        _refuse(submit_dir, "a monitor is at work in this directory")
    return _carry_out(submit_dir, plan, dry_run, Report(path=submit_dir.path, dag=submit_dir.dag))


def _rescue_without_monitor(submit_dir: SubmitDir, parts: block.SplitDag) -> Iterable[tuple[Path, bytes]]:
    """Before the monitor's node goes: DAGMan would refuse a rescue DAG that names it."""
    monitor = originals.monitor_in(parts.block)
    if monitor is None:
        return
    dag = parse_dag(parts.original, submit_dir.dag)
    rescue = newest_rescue(submit_dir, dag.config)
    successor = None if rescue is None else mended(rescue, dag.nodes)
    if successor is not None:
        yield submit_dir.path / successor[0], successor[1]


def _above_all(dag: Dag, submit_files: SubmitFiles) -> int:
    return min(max(dag.highest_priority(), submit_files.highest_priority) + 1, _HIGHEST)


def _own_files(
    planned: Planned, options: Options, changes: Mapping[str, Change]
) -> Iterable[tuple[Path, bytes]]:
    """Ours first: a DAG never names a file that is not there yet."""
    submit_dir, kind = planned.submit_dir, planned.context.monitor
    dagman = originals.dagman_submit_file(submit_dir)
    below = planned.context.sub_dagmans
    if below is not None and changes["sub-workflows"].added:
        yield submit_dir.sub_dagman, _encode(sub_dagman_script(_executable(options), below.dagman))
    if kind is not None and changes["monitor"].added:
        executable = _executable(options)
        # DAGMan adds its -priority to those of all nodes.
        above = planned.context.priority + max(0, base_priority(dagman))
        policy = read_monitor_policy(submit_dir)
        priority = min(max(policy.least_priority, above), _HIGHEST)
        universe = planned.choice.universe or policy.universe
        target = "." if submit_dir.is_planned else submit_dir.named(submit_dir.dag_file)
        base = submit_dir.named(submit_dir.path / submit_dir.base)
        if files.mode_of(submit_dir.notifying) is None:
            # Who stores rows, and comes before the monitor, is to know that they make notifications due.
            yield submit_dir.notifying, f"{int(time.time())}\n".encode()
        job = MonitorJob(executable, base, priority, policy.max_starts, kind, universe, target)
        yield submit_dir.monitor_submit, _encode(monitor_submit_description(job))
    if kind is not None and changes["configuration"].added:
        is_service = kind is MonitorKind.SERVICE
        config = dagman_config(
            planned.dag.config,
            _below(planned.dag, planned.submit_files) if is_service else 0,
            throttles(dagman),
            one_more=not is_service,
            remove=condor_rm_sparing_monitors() if is_service else None,
        )
        yield submit_dir.monitor_config, _encode(config)


def _executable(options: Options) -> str:
    if options.executable is not None:
        return options.executable
    return find_bridle.find_bridle(find_bridle.script_directories(), os.environ.get("PATH", ""))


def _below(dag: Dag, submit_files: SubmitFiles) -> int:
    """What to lower the priorities of all nodes by, so that DAGMan submits the monitor before them; 0: leave them.

    A priority in a submit file wins over DAGMan's, so nothing else comes of it where every file has one, as the
    planner's have. Without, and for a sub-DAG, which gets DAGMan's, jobs would fall behind the user's other ones.
    """
    if dag.highest_priority() <= 0 or not submit_files.all_have_priorities or dag.has_parts:
        return 0
    return dag.highest_priority() + 1


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _kept(dag: Dag, submit_files: SubmitFiles) -> Iterable[str]:
    for path in submit_files.not_yet[:_SHOWN]:
        yield f"{path} is not there yet: a node that runs before may write it"
    for name in dag.includes:
        yield f"{name} is included and not looked into"
    for line, word in dag.unknown:
        yield f"line {line}: DAGMan has no command {word}; the line is kept, DAGMan may refuse it"


def _is_ours(path: Path) -> bool:
    data = files.read_if_there(path)
    return data is not None and OURS.encode() in data[:_HEAD]


def _refuse(submit_dir: SubmitDir, what: str) -> None:
    raise RunningError(str(submit_dir.path), what, "wait until the workflow has ended, or `bridle remove`")


def _carry_out(submit_dir: SubmitDir, plan: Plan, dry_run: bool, report: Report) -> Report:
    """Does what differs from what is there, and reports it; refuses while DAGMan runs (it reads its DAG
    anew).
    """
    writes = [(path, plan.known.get(path) or files.read_if_there(path), data) for path, data in plan.writes]
    writes = [(path, old, new) for path, old, new in writes if old != new]
    if (writes or plan.removes) and not dry_run and liveness.dagman_lives(submit_dir):
        _refuse(submit_dir, "DAGMan is running this workflow")
    for path, _, new in writes:
        if not dry_run and not _linked(plan, path, new):
            files.replace(path, new, 0o755 if path == submit_dir.sub_dagman else None)
    for path in plan.removes:
        if not dry_run:
            files.remove(path)
    return report.with_work(writes, plan.removes, plan.notes, dry_run)


def _linked(plan: Plan, path: Path, data: bytes) -> bool:
    """Whether a link could stand for the copy of a file."""
    return any(data is held and files.link(source, path) for source, held in plan.known.items())
