"""From abstract to planned: clustering, transfers, registration, directories and cleanup."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .abstract import AbstractWorkflow, FileUse, PlanError, Task
from .concrete import Concrete, Job, Kind
from .options import Options

TRANSFER_BUNDLES = 10  # transfer jobs a level has at most
CLEANUP_CLUSTER = 5  # jobs of a level whose files one cleanup job removes


def refine(workflow: AbstractWorkflow, options: Options) -> Concrete:
    """The planned workflow; PlanError if a file comes from nowhere or the tasks form a circle."""
    plan = Concrete()
    _add_compute_jobs(plan, workflow, options)
    staged = _add_stage_in(plan, workflow, options)
    _add_stage_out(plan, options)
    _add_create_dir(plan, workflow.name, options)
    plan.set_depths()
    if options.cleanup:
        _add_cleanup(plan, staged, options)
        _add_remove_dir(plan, workflow.name, options)
        plan.set_depths()
    for index, job in enumerate(plan.jobs.values()):
        shard = index // options.shards
        job.folder = f"{shard // 256:02X}/{shard % 256:02X}"
    return plan


def dagman_name(text: str) -> str:
    """A name that DAGMan takes: Job.makeDAGManCompliant.

    >>> dagman_name("tool.v1_ID+1=x")
    'tool_v1_ID_1_x'
    """
    return re.sub(r"[.+=]", "_", text)


def _add_compute_jobs(plan: Concrete, workflow: AbstractWorkflow, options: Options) -> None:
    job_of: dict[str, str] = {}
    for task in workflow.tasks:
        label = task.profile("pegasus", "label") if options.cluster == "label" else None
        name = dagman_name(f"merge_{label}" if label else f"{task.name}_{task.id}")
        if name in plan.jobs and not label:
            raise PlanError(f"two jobs would be called {name}")
        job = plan.jobs.get(name) or plan.add(Job(name, Kind.COMPUTE, clustered=bool(label)))
        job.tasks.append(task)
        job_of[task.id] = name
    for parent, children in workflow.edges().items():
        for child in children:
            plan.connect(job_of[parent], job_of[child])
    plan.set_depths()  # at this time a job's depth is its level among compute jobs
    for job in plan.jobs.values():
        job.level, job.depth = job.depth, 0


def _produced(jobs: Iterable[Job]) -> set[str]:
    return {use.lfn for job in jobs for use in job.uses(is_input=False)}


def _add_stage_in(plan: Concrete, workflow: AbstractWorkflow, options: Options) -> dict[str, str]:
    """lfn -> the job that stages it in; the files of one compute job go with one transfer job."""
    produced, staged = _produced(plan.jobs.values()), dict[str, str]()
    turn: dict[int, int] = {}
    for job in sorted(plan.jobs.values(), key=lambda job: job.level):
        wanted = [use for use in job.uses(is_input=True) if use.lfn not in produced]
        for use in wanted:
            if use.lfn not in options.replicas:
                raise PlanError(
                    f"{workflow.name}: no replica of {use.lfn}, which {job.name} reads and no job makes"
                )
        new = [use for use in wanted if use.lfn not in staged]
        if new:
            bundle = turn.get(job.level, 0)
            turn[job.level] = bundle + 1
            name = f"stage_in_local_{options.site}_{job.level}_{bundle % TRANSFER_BUNDLES}"
            stage = plan.jobs.get(name) or plan.add(Job(name, Kind.STAGE_IN))
            stage.files.extend(new)
            staged.update((use.lfn, name) for use in new)
        for use in wanted:
            plan.connect(staged[use.lfn], job.name)
    return staged


def _add_stage_out(plan: Concrete, options: Options) -> None:
    """Transfer jobs for the outputs that are kept, each with a registration if there is one to make."""
    turn: dict[int, int] = {}
    for job in [job for job in plan.jobs.values() if job.kind is Kind.COMPUTE]:
        kept = [use for use in job.uses(is_input=False) if use.stage_out]
        if not kept:
            continue
        bundle = turn.get(job.level, 0)
        turn[job.level] = bundle + 1
        suffix = f"{options.site}_{job.level}_{bundle % TRANSFER_BUNDLES}"
        out = plan.jobs.get(f"stage_out_local_{suffix}") or plan.add(
            Job(f"stage_out_local_{suffix}", Kind.STAGE_OUT)
        )
        out.files.extend(kept)
        out.producers.append(job)
        plan.connect(job.name, out.name)
        registered = [use for use in kept if use.register]
        if registered:
            name = f"register_{suffix}"
            register = plan.jobs.get(name) or plan.add(Job(name, Kind.REGISTER), [out.name])
            register.files.extend(registered)
            register.producers.append(job)


def _add_create_dir(plan: Concrete, label: str, options: Options) -> None:
    roots = [job.name for job in plan.jobs.values() if not job.parents]
    create = plan.add(Job(f"create_dir_{label}_0_{options.site}", Kind.CREATE_DIR))
    for root in roots:
        plan.connect(create.name, root)


def _add_cleanup(plan: Concrete, staged: dict[str, str], options: Options) -> None:
    """Cleanup in place: a file goes after the deepest job that touches it; one job cleans up for five."""
    touching = _touching(plan, staged)
    removed_with: dict[str, list[str]] = {}
    for lfn, jobs in touching.items():
        deepest = max(plan.jobs[name].depth for name in jobs)
        owner = next(name for name in jobs if plan.jobs[name].depth == deepest)
        removed_with.setdefault(owner, []).append(lfn)
    by_level: dict[int, list[str]] = {}
    for name in plan.jobs:  # in the order of the DAG
        if name in removed_with:
            by_level.setdefault(plan.jobs[name].depth + 1, []).append(name)
    for level, owners in by_level.items():
        for index in range(0, len(owners), CLEANUP_CLUSTER):
            files = [lfn for owner in owners[index : index + CLEANUP_CLUSTER] for lfn in removed_with[owner]]
            name = f"clean_up_{options.site}_level_{level}_{index // CLEANUP_CLUSTER}"
            users = dict.fromkeys(user for lfn in files for user in touching[lfn])
            cleanup = Job(name, Kind.CLEANUP, files=[FileUse(lfn, is_input=True) for lfn in files])
            # a user whose own child is a user too needs no edge
            plan.add(cleanup, [user for user in users if not users.keys() & plan.jobs[user].children.keys()])


def _touching(plan: Concrete, staged: dict[str, str]) -> dict[str, list[str]]:
    """lfn -> the jobs that stage, make, read or fetch it in the scratch directory."""
    touching: dict[str, list[str]] = {lfn: [name] for lfn, name in staged.items()}
    for job in plan.jobs.values():
        if job.kind is Kind.COMPUTE:
            for use in (*job.uses(is_input=False), *job.uses(is_input=True)):
                touching.setdefault(use.lfn, []).append(job.name)
        elif job.kind is Kind.STAGE_OUT:
            for use in job.files:
                touching.setdefault(use.lfn, []).append(job.name)
    return touching


def _add_remove_dir(plan: Concrete, label: str, options: Options) -> None:
    """The last cleanup, of the whole directory, after all leaves but registrations, which do not use it."""
    leaves = [job.name for job in plan.jobs.values() if not job.children and job.kind is not Kind.REGISTER]
    plan.add(Job(f"cleanup_{label}_0_{options.site}", Kind.REMOVE_DIR), leaves)


def arguments_text(task: Task) -> str:
    """The task's arguments as the planner joins them: by one blank, double quotes turned into single ones.

    >>> arguments_text(Task("1", "t", ("-a", 'x "y"')))
    "-a x 'y'"
    """
    return " ".join(task.arguments).replace('"', "'")
