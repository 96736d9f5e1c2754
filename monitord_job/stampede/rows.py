"""What is to be stored, as values keyed by content: no surrogate key of any database occurs here.

Each class is named for the Stampede table it goes to; fields bear the columns' names, except that rows which
refer to others do it by natural keys (`job` is the name of the DAG node, `seq` its job_submit_seq).
Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Value = str | int | float | None


class WorkflowRow(NamedTuple):
    wf_uuid: str
    dag_file_name: str
    timestamp: int | None
    submit_hostname: str | None
    submit_dir: str | None
    planner_arguments: str | None
    user: str | None
    grid_dn: str | None
    planner_version: str | None
    dax_label: str | None
    dax_version: str | None
    dax_file: str | None
    root_wf_uuid: str
    parent_wf_uuid: str | None


class WorkflowStateRow(NamedTuple):
    state: str
    timestamp: int
    restart_count: int
    status: int | None
    reason: str | None


class WorkflowMetaRow(NamedTuple):
    key: str
    value: str


class TaskRow(NamedTuple):
    abs_task_id: str
    transformation: str
    argv: str | None
    type_desc: str


class TaskJobRow(NamedTuple):
    """Goes to task.job_id: which job runs the task."""

    task: str
    job: str


class TaskMetaRow(NamedTuple):
    task: str
    key: str
    value: str


class TaskEdgeRow(NamedTuple):
    parent_abs_task_id: str
    child_abs_task_id: str


class JobRow(NamedTuple):
    exec_job_id: str
    submit_file: str
    type_desc: str
    clustered: bool
    max_retries: int
    executable: str
    argv: str | None
    task_count: int


class JobEdgeRow(NamedTuple):
    parent_exec_job_id: str
    child_exec_job_id: str


class FileMetaRow(NamedTuple):
    """Goes to rc_meta; the last writer of an attribute wins."""

    lfn: str
    key: str
    value: str


class FilePlaceRow(NamedTuple):
    """Goes to rc_pfn: where a registration put a file."""

    lfn: str
    pfn: str
    site: str | None


class TaskFileRow(NamedTuple):
    """Goes to workflow_files."""

    task: str
    lfn: str
    file_type: str | None


class HostRow(NamedTuple):
    site: str
    hostname: str
    ip: str
    uname: str | None
    total_memory: int | None


class InstanceRow(NamedTuple):
    """A new attempt at a job: goes to job_instance. `values` are columns of it, `multiplier_factor` among them."""

    job: str
    seq: int
    values: Mapping[str, Value]


class InstanceUpdate(NamedTuple):
    """What became known of an attempt: columns of job_instance; `host` is the host it ran on."""

    job: str
    seq: int
    values: Mapping[str, Value]
    host: HostRow | None = None


class SubWorkflowRow(NamedTuple):
    """Goes to bridle_subworkflow: an attempt at a sub-workflow node, and where its submit directory is.

    `directory` is relative to that of the parent. `settled`: everything of it is stored.
    """

    job: str
    seq: int
    directory: str
    dag: str
    settled: bool


class SubWorkflowLink(NamedTuple):
    """Goes to job_instance.subwf_id: which workflow the attempt ran."""

    job: str
    seq: int
    wf_uuid: str


class JobStateRow(NamedTuple):
    job: str
    seq: int
    state: str
    timestamp: int
    jobstate_submit_seq: int
    reason: str | None


class InvocationRow(NamedTuple):
    job: str
    seq: int
    task_submit_seq: int
    start_time: int
    remote_duration: float
    remote_cpu_time: float | None
    exitcode: int
    transformation: str
    executable: str
    argv: str | None
    abs_task_id: str | None
    maxrss: int | None
    avg_cpu: float | None


class IntegrityRow(NamedTuple):
    """`files` is the column `count`."""

    job: str
    seq: int
    type: str
    file_type: str
    files: int
    duration: float


class TagRow(NamedTuple):
    """`times` is the column `count`."""

    job: str
    seq: int
    name: str
    times: int


class MetricRow(NamedTuple):
    """Goes to bridle_workflow_metrics: a number (or word) about the whole workflow, and who counted it.

    `key` names the way to it in the source's JSON (`wf_metrics.total_jobs`); `value` is its text, a list's or
    truth value's JSON, None for null; `number` is what it counts for in a sum, None if it is no number.
    """

    source: str
    key: str
    value: str | None
    number: float | None


class QuarantineRow(NamedTuple):
    """Input that could not be used: which file (relative to the submit directory), where in it, why, and what."""

    file: str
    offset: int
    reason: str
    text: str


Row = (
    WorkflowRow
    | WorkflowStateRow
    | WorkflowMetaRow
    | TaskRow
    | TaskJobRow
    | TaskMetaRow
    | TaskEdgeRow
    | JobRow
    | JobEdgeRow
    | FileMetaRow
    | FilePlaceRow
    | TaskFileRow
    | HostRow
    | InstanceRow
    | InstanceUpdate
    | SubWorkflowRow
    | SubWorkflowLink
    | JobStateRow
    | InvocationRow
    | IntegrityRow
    | TagRow
    | MetricRow
    | QuarantineRow
)
