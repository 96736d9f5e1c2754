"""The planned workflow: jobs and edges, as values that the writers turn into files."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .abstract import FileUse, PlanError, Task


class Kind(Enum):
    """pegasus_job_class, type_desc of static.bp, transformation, category, DAG priority (None: by depth)."""

    COMPUTE = (1, "compute", "", "", None)
    STAGE_IN = (2, "stage-in-tx", "pegasus::transfer", "stagein", 700)
    STAGE_OUT = (3, "stage-out-tx", "pegasus::transfer", "stageout", 900)
    REGISTER = (4, "registration", "pegasus::rc-client", "registration", None)
    CREATE_DIR = (6, "create-dir", "pegasus::dirmanager", "", 800)
    CLEANUP = (8, "cleanup", "pegasus::cleanup", "cleanup", 1000)
    REMOVE_DIR = (8, "cleanup", "pegasus::cleanup", "", 1000)

    def __init__(
        self, job_class: int, type_desc: str, transformation: str, category: str, priority: int | None
    ):
        self.job_class = job_class
        self.type_desc = type_desc
        self.transformation = transformation
        self.category = category
        self.priority = priority


@dataclass
class Job:
    """One node of the DAG. `depth` is the longest way from a root; `files` are moved, made or removed."""

    name: str
    kind: Kind
    tasks: list[Task] = field(default_factory=list)
    clustered: bool = False
    files: list[FileUse] = field(default_factory=list)
    parents: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    depth: int = 0
    level: int = 0  # among compute jobs only: the number in stage_in_local_SITE_<level>_<k>
    folder: str = "00/00"
    producers: list[Job] = field(default_factory=list)  # of a registration: the jobs that made the files

    def uses(self, is_input: bool) -> list[FileUse]:
        """The files that the job's tasks read or write and that leave or enter the job, without repeats."""
        inside = {use.lfn for task in self.tasks for use in task.uses if not use.is_input}
        by_lfn = {
            use.lfn: use
            for task in self.tasks
            for use in task.uses
            if use.is_input is is_input and not (is_input and use.lfn in inside)
        }
        return list(by_lfn.values())

    @property
    def transformation(self) -> str:
        """The name in +pegasus_wf_xformation."""
        if self.kind is not Kind.COMPUTE:
            return self.kind.transformation
        return "pegasus::seqexec" if self.clustered else self.tasks[0].transformation

    def profile(self, namespace: str, key: str) -> str | None:
        """Of a compute job that is no cluster: its task's profile."""
        return self.tasks[0].profile(namespace, key) if len(self.tasks) == 1 else None


@dataclass
class Concrete:
    """All jobs by name, in the order of the DAG file."""

    jobs: dict[str, Job] = field(default_factory=dict)

    def add(self, job: Job, parents: list[str] | None = None) -> Job:
        """Take a job in; names are unique."""
        self.jobs[job.name] = job
        for parent in parents or ():
            self.connect(parent, job.name)
        return job

    def connect(self, parent: str, child: str) -> None:
        """An edge; a second one of the same kind changes nothing."""
        if parent != child:
            self.jobs[parent].children[child] = None
            self.jobs[child].parents[parent] = None

    def set_depths(self) -> None:
        """Longest way from a root, for all jobs, which are put into that order. PlanError on a circle."""
        waiting = {name: len(job.parents) for name, job in self.jobs.items()}
        ready = [name for name, count in waiting.items() if not count]
        for name in ready:
            job = self.jobs[name]
            for child in job.children:
                other = self.jobs[child]
                other.depth = max(other.depth, job.depth + 1)
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        if len(ready) < len(self.jobs):
            stuck = min(self.jobs.keys() - set(ready))
            raise PlanError(f"the dependencies form a circle at or before {stuck}")
        self.jobs = {name: self.jobs[name] for name in sorted(ready, key=lambda name: self.jobs[name].depth)}
