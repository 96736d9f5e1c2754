"""What is known of a job before it runs, and how far each of its attempts has come.

What is made for each job is a NamedTuple: a frozen dataclass takes thrice as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import NamedTuple

from dag_rewriter.logs.events import NodeLogEvent
from dag_rewriter.logs.failed_jobs import NodeJobs, Tolerance
from monitord_job.kickstart.job_output import Record


class ScriptPlan(NamedTuple):
    """A PRE or POST script as the DAG names it."""

    executable: str
    arguments: str


class UnplannedJob(NamedTuple):
    """What the DAG says of a job that Pegasus did not plan.

    `directory` is where DAGMan submits it from, from where DAGMan runs; `text` the submit description that stands in
    the DAG, None if it is in a file; `macros` what its VARS lines set.
    """

    directory: str = ""
    text: str | None = None
    macros: tuple[tuple[str, str], ...] = ()


class JobPlan(NamedTuple):
    """A node of the DAG; `dag_file` is that of a SUBDAG EXTERNAL node, as the DAG has it.

    `submit_file` is relative to the submit directory, and the DAG's own file where the description stands in that; a
    SUBDAG EXTERNAL node has none.
    """

    name: str
    submit_file: str | None = None
    pre: ScriptPlan | None = None
    post: ScriptPlan | None = None
    is_subdag: bool = False
    dag_file: str | None = None
    retries: int = 0
    last_codes: tuple[int, ...] = ()
    """exit codes after which no retry follows (UNLESS-EXIT, ABORT-DAG-ON)"""
    pre_skip: int | None = None
    """the exit code of a PRE script with which the node is done"""
    unplanned: UnplannedJob | None = None
    """None for what Pegasus planned: its submit files say everything"""
    pre_deferred: bool = False
    """whether its PRE script may say that it is to be started once more (SCRIPT DEFER)"""
    is_service: bool = False
    """whether DAGMan removes it when all else is done, which is no failure (SERVICE)"""
    abort_on: int | None = None
    """the exit code that ends the whole DAG (ABORT-DAG-ON)"""
    tolerance: Tolerance | None = None
    """how many of its jobs may fail, if the DAG says so (TOLERANCE)"""


class JobDescription(NamedTuple):
    """What the submit file of a job says; paths are relative to the submit directory where they lie below it."""

    site: str | None = None
    job_class: int | None = None
    transformation: str | None = None
    task: str | None = None
    cores: int = 1
    executable: str = ""
    arguments: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None


class JobFiles(NamedTuple):
    """What the files of a job hold at the moment an event asks for them; what is missing is None."""

    description: JobDescription = JobDescription()
    records: tuple[Record, ...] = ()
    stdout_file: str | None = None
    stdout_text: str | None = None
    stderr_file: str | None = None
    stderr_text: str | None = None
    registrations: tuple[tuple[str, str, str | None], ...] = ()
    jobs: NodeJobs | None = None
    """how many of the node's jobs failed, where DAGMan may bear with that"""


NO_FILES = JobFiles()


@dataclass(slots=True)
class NodeState:
    """How far a node has come in its newest attempt. Times in seconds since the epoch.

    Not frozen: a turn changes its own copy. A new value for each change, some twenty for a job, took a seventh of all.

    `seq` is the attempt's job_submit_seq (0: none yet), `order` the jobstate_submit_seq last used, `submits`
    counts the attempts that were submitted in all runs (outputs are rotated to NAME.NNN by that count), and of a node
    without a POST script, whose outputs nobody rotates, those that ended with their PRE script.
    `last_words` are the events of the node's last second, of whichever attempt: DAGMan may repeat these. `service`:
    it is a SERVICE node (None in a database that did not say so yet).
    """

    seq: int = 0
    order: int = 0
    submits: int = 0
    state: str = ""
    sched_id: str | None = None
    pre_started: int | None = None
    executed: int | None = None
    ended: int | None = None
    post_started: int | None = None
    post_ended: int | None = None
    exitcode: int | None = None
    host: str | None = None
    post_exit: int | None = None
    last_time: int | None = None
    last_words: str = ""
    service: bool | None = None

    def copy(self) -> NodeState:
        """Another one with the same values."""
        return NodeState(*_values_of(self))


_values_of = attrgetter(*(item.name for item in fields(NodeState)))


class WorkflowState(NamedTuple):
    """The run as a whole. `last_seq` is the last job_submit_seq given; `dagman_id` is DAGMan's job id.

    `restarting` means that DAGMan left in order to be run again (held, or its host went down), `recovering` that
    it reads its logs anew after that. `second_dagman` has started beside it at `second_since`: refused by the lock as
    a rule, and gone at once; or the one that runs the DAG now. `aborted_by` is what returned the value of an
    ABORT-DAG-ON, in DAGMan's word.
    """

    dagman_id: str | None = None
    running: bool = False
    restarting: bool = False
    recovering: bool = False
    restart_count: int = -1
    last_seq: int = 0
    status: int | None = None
    second_dagman: str | None = None
    second_since: int = 0
    aborted_by: str | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """All that the rules need to know of one workflow; only `plans` never changes."""

    wf_uuid: str
    user: str | None
    submit_dir: str | None
    plans: Mapping[str, JobPlan]
    workflow: WorkflowState = field(default_factory=WorkflowState)
    nodes: dict[str, NodeState] = field(default_factory=dict)
    details: dict[str, tuple[NodeLogEvent, ...]] = field(default_factory=dict)
