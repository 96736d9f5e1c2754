"""A planned directory becomes a rewritten one, and back. Decides first (a Plan), then writes, in an order
that no crash can spoil: at any instant the DAG is the planner's or the rewritten one, whole, and `undo`
works.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from condor_templates.policy import DEFAULT_CATEGORIES, DEFAULT_MONITOR, CategoryPolicy, MonitorPolicy
from condor_templates.render import OURS, MonitorJob, dagman_config, monitor_submit_description
from dag_rewriter import block, files, launcher, live
from dag_rewriter.dag import Dag, parse_dag
from dag_rewriter.dagman_options import throttles
from dag_rewriter.errors import DagSyntaxError, RunningError
from dag_rewriter.passes import Context, apply, changes_of
from dag_rewriter.report import Report, describe
from dag_rewriter.submit_dir import SubmitDir
from dag_rewriter.submit_file import parse_submit_file
from dag_rewriter.submit_files import SubmitFiles, read_submit_files

_HEADER = b"# PEGASUS WMS GENERATED DAG FILE"
_TRAILER = b"# End of DAG"
_RULE = b"#" * 70
_HIGHEST = 2**31 - 1  # JobPrio is a 32-bit integer
_EDITED = "the DAG was edited since it was planned: the edits stay, the planner's DAG is in {}"


@dataclass(frozen=True, slots=True)
class Options:
    """What may be asked of a rewrite."""

    executable: str | None = None
    """the `bridle` that HTCondor starts; None: the one that is installed with this interpreter, or in PATH"""
    monitor: bool = True
    categories: CategoryPolicy = DEFAULT_CATEGORIES
    job: MonitorPolicy = DEFAULT_MONITOR
    dry_run: bool = False


_DEFAULT = Options()


@dataclass(frozen=True, slots=True)
class Plan:
    """Files to write and to remove, in this order."""

    writes: tuple[tuple[Path, bytes], ...] = ()
    removes: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def read_dag(submit_dir: SubmitDir) -> Dag:
    """The DAG as it is now, our block included."""
    return parse_dag(files.read(submit_dir.dag_file), str(submit_dir.dag_file))


def is_rewritten(submit_dir: SubmitDir) -> bool:
    """Whether the DAG has our block and the files that the block names are there."""
    found = _split(submit_dir, files.read(submit_dir.dag_file)).block
    if found is None:
        return False
    named = (p for p in (submit_dir.monitor_submit, submit_dir.monitor_config) if _encode(p.name) in found)
    return all(p.exists() for p in named)


def rewrite(submit_dir: SubmitDir, options: Options = _DEFAULT) -> Report:
    """Rewrites the DAG in place; a second time it changes nothing. Errors leave everything as it was."""
    before = files.read(submit_dir.dag_file)
    parts = _split(submit_dir, before)
    source = str(submit_dir.dag_file)
    check_complete(parts.original, source)
    dag = parse_dag(parts.original, source)
    found = read_submit_files(submit_dir, dag)
    context = Context(
        monitor_submit=submit_dir.monitor_submit.name,
        config=submit_dir.monitor_config.name,
        jobstate_log=submit_dir.jobstate_log.name,
        job_classes=found.job_classes,
        categories=options.categories,
        monitor=options.monitor,
    )
    changes = changes_of(dag, context)
    submit_file = _planners_submit_file(submit_dir) if options.monitor else None
    plan = Plan(
        writes=(
            *_own_files(submit_dir, dag, options, found),
            *_originals(submit_dir, parts),
            *(() if submit_file is None else ((submit_dir.planned_condor_sub, submit_file),)),
            (submit_dir.dag_file, apply(parts.original, changes)),
        ),
        removes=() if submit_file is None else (submit_dir.condor_sub,),
        notes=(*_notes(submit_dir, parts), *_kept(dag)),
    )
    return _carry_out(submit_dir, plan, options.dry_run, describe(submit_dir, dag, changes))


def undo(submit_dir: SubmitDir, *, dry_run: bool = False) -> Report:
    """Takes the block and our files away. If nobody edited the DAG meanwhile, it is the planner's again, byte
    for byte.
    """
    parts = _split(submit_dir, files.read(submit_dir.dag_file))
    planned = files.read_if_there(submit_dir.planned_dag)
    removes = [p for p in (submit_dir.monitor_submit, submit_dir.monitor_config) if _is_ours(p)]
    notes: tuple[str, ...] = ()
    if planned == parts.original:
        removes.append(submit_dir.planned_dag)
    elif planned is not None:
        notes = (_EDITED.format(submit_dir.planned_dag.name),)
    writes = [(submit_dir.dag_file, parts.original)]
    submit_file = files.read_if_there(submit_dir.planned_condor_sub)
    if submit_file is not None:
        writes.append((submit_dir.condor_sub, submit_file))
        removes.append(submit_dir.planned_condor_sub)
    plan = Plan(tuple(writes), tuple(removes), notes)
    if not dry_run and live.monitor_lives(submit_dir):
        _refuse(submit_dir, "a monitor is at work in this directory")
    return _carry_out(submit_dir, plan, dry_run, Report(path=submit_dir.path, dag=submit_dir.dag))


def check_complete(data: bytes, source: str) -> None:
    """DagSyntaxError when a planner's DAG lacks its last lines: the planner died, or the disk was full."""
    if _HEADER not in data[:1000]:
        return
    at = data.rfind(b"\n" + _TRAILER)
    after = data[at + 1 :].split(b"\n", 2)
    if at < 0 or after[0].rstrip() != _TRAILER or len(after) < 2 or after[1].rstrip() != _RULE:
        line = data.count(b"\n") + 1
        what = f"the file ends before the planner's last lines ({_TRAILER.decode()!r}): it is cut"
        raise DagSyntaxError(source, line, what, "plan the workflow again; do not run this DAG")


def _split(submit_dir: SubmitDir, data: bytes) -> block.Parts:
    try:
        return block.split(data)
    except block.CutBlockError:
        what = "the first or the last line of bridle's block is missing"
        now = f"copy {submit_dir.planned_dag.name} over it (the planner's DAG) and rewrite again"
        raise DagSyntaxError(str(submit_dir.dag_file), 0, what, now) from None


def _own_files(
    submit_dir: SubmitDir, dag: Dag, options: Options, found: SubmitFiles
) -> Iterable[tuple[Path, bytes]]:
    """Ours first: a DAG never names a file that is not there yet."""
    if not options.monitor:
        return
    executable = options.executable
    if executable is None:
        executable = launcher.find_bridle(launcher.script_directories(), os.environ.get("PATH", ""))
    highest = max(dag.highest_priority(), found.highest_priority)
    priority = min(max(options.job.least_priority, highest + 1), _HIGHEST)
    job = MonitorJob(executable, submit_dir.base, priority, options.job.max_starts)
    yield submit_dir.monitor_submit, _encode(monitor_submit_description(job))
    config = dagman_config(dag.config, _below(dag, found), throttles(_planners_options(submit_dir)))
    yield submit_dir.monitor_config, _encode(config)


def _below(dag: Dag, found: SubmitFiles) -> int:
    """What to lower the priorities of all nodes by, so that DAGMan submits the monitor before them; 0: leave them.

    A priority in a submit file wins over DAGMan's, so nothing else comes of it where every file has one, as the
    planner's have. Without, and for a sub-DAG, which gets DAGMan's, jobs would fall behind the user's other ones.
    """
    if dag.highest_priority() <= 0 or not found.all_have_priorities or dag.has_parts:
        return 0
    return dag.highest_priority() + 1


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _originals(submit_dir: SubmitDir, parts: block.Parts) -> Iterable[tuple[Path, bytes]]:
    """The planner's DAG is copied before the DAG changes; an older copy of another DAG is kept too."""
    planned = files.read_if_there(submit_dir.planned_dag)
    if parts.block is not None and planned is not None:
        return
    if planned is not None and planned != parts.original:
        yield submit_dir.planned_dag.with_name(submit_dir.planned_dag.name + ".old"), planned
    yield submit_dir.planned_dag, parts.original


def _planners_submit_file(submit_dir: SubmitDir) -> bytes | None:
    """The planner's X.dag.condor.sub, if it stands in the way.

    condor_submit_dag refuses to write its own where one is, and only that tells DAGMan of a CONFIG line.
    The planner's starts pegasus-dagman, whose pegasus-monitord crashes on a SERVICE node (seen, 5.1.2).
    """
    data = files.read_if_there(submit_dir.condor_sub)
    if data is None or "+pegasus_wf_uuid" not in parse_submit_file(data):
        return None
    return data


def _planners_options(submit_dir: SubmitDir) -> bytes:
    """The planner's X.dag.condor.sub, wherever it is now; empty if there is none."""
    planned = files.read_if_there(submit_dir.planned_condor_sub)
    return planned or _planners_submit_file(submit_dir) or b""


def _notes(submit_dir: SubmitDir, parts: block.Parts) -> Iterable[str]:
    planned = files.read_if_there(submit_dir.planned_dag)
    name = submit_dir.planned_dag.name
    if planned is None or planned == parts.original:
        return
    if parts.block is not None:
        yield _EDITED.format(name)
    else:
        yield f"{name} was of another DAG; it is kept as {name}.old"


def _kept(dag: Dag) -> Iterable[str]:
    for name in dag.includes:
        yield f"{name} is included and not looked into"
    for line, word in dag.unknown:
        yield f"line {line}: DAGMan has no command {word}; the line is kept, DAGMan may refuse it"


def _is_ours(path: Path) -> bool:
    data = files.read_if_there(path)
    return data is not None and data.startswith(OURS.encode())


def _refuse(submit_dir: SubmitDir, what: str) -> None:
    raise RunningError(
        str(submit_dir.path), what, "wait until the workflow has ended, or remove it with condor_rm"
    )


def _carry_out(submit_dir: SubmitDir, plan: Plan, dry_run: bool, report: Report) -> Report:
    """Does what differs from what is there, and reports it; refuses while DAGMan runs (it reads its DAG
    anew).
    """
    writes = [(path, files.read_if_there(path), data) for path, data in plan.writes]
    writes = [(path, old, new) for path, old, new in writes if old != new]
    if (writes or plan.removes) and not dry_run and live.dagman_lives(submit_dir):
        _refuse(submit_dir, "DAGMan is running this workflow")
    for path, _, new in writes:
        if not dry_run:
            files.replace(path, new)
    for path in plan.removes:
        if not dry_run:
            files.remove(path)
    return report.with_work(writes, plan.removes, plan.notes, dry_run)
