"""Turns rows keyed by content into rows of the tables: gives surrogate keys, in bulk and in an order that
satisfies every foreign key. Works inside the transaction of `store`, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any, ClassVar

from sqlalchemy import Table

from monitord_job.database import bridle_tables as b
from monitord_job.database import schema as s
from monitord_job.database.bulk_sql import Bulk, Clash
from monitord_job.database.writing.column_limits import fitted, with_short_names
from monitord_job.errors import BrokenDatabaseError
from monitord_job.stampede import rows as r

_AT_ONCE = 20_000
_MOST_INSTANCES = 20_000
_INSTANCE_KEYS = ("job_instance_id", "job_id", "job_submit_seq")
_OF_INSTANCE = [column.name for column in s.JOB_INSTANCE.columns if column.name not in _INSTANCE_KEYS]


class RowWriter:
    """Writes the rows of one workflow. What it remembers of ids is true as long as its transactions commit."""

    def __init__(self, wf_uuid: str) -> None:
        self._wf_uuid = wf_uuid
        self._wf: tuple[int, int] | None = None
        self._instances: dict[int, int] = {}
        """keys by job_submit_seq: no two attempts of a workflow have the same"""
        self._hosts: dict[tuple[str, str, str], int] = {}
        self._bulk: Bulk

    @property
    def wf_id(self) -> int:
        """The workflow's key. Its WorkflowRow must have been written, now or in an earlier transaction."""
        return self._ids()[0]

    def _ids(self) -> tuple[int, int]:
        """Of the workflow and of the root of its hierarchy."""
        if self._wf is None:
            text = "SELECT wf_id, root_wf_id FROM workflow WHERE wf_uuid = ?"
            rows = self._bulk.select(text, self._wf_uuid)
            if not rows:
                where = self._bulk.connection.engine.url.render_as_string(hide_password=True)
                raise BrokenDatabaseError(
                    where, f"workflow {self._wf_uuid} is not in it", self._bulk.dialect.refused_hint
                )
            self._wf = (rows[0][0], rows[0][1])
        return self._wf

    def write(self, bulk: Bulk, rows: Iterable[r.Row]) -> None:
        """Write all the rows; within a kind they keep their order."""
        self._bulk = bulk
        remaining = iter(rows)
        while batch := list(islice(remaining, _AT_ONCE)):
            kinds = _by_kind(batch)
            for kind, of_kind in kinds.items():
                kinds[kind] = fitted(of_kind)
            if bulk.dialect.names_are_bounded:
                kinds = _by_kind(with_short_names(chain.from_iterable(kinds.values())))
            _fold_updates(kinds)
            for kind, write in self._writers.items():
                if kind in kinds:
                    write(self, kinds.pop(kind))
            assert not kinds, f"no writer for {list(kinds)}"

    # The plan.

    def _workflows(self, rows: list[r.WorkflowRow]) -> None:
        for row, wf_id in zip(rows, self._bulk.new_keys(s.WORKFLOW, len(rows)), strict=True):
            *values, root, parent = row
            root_id = wf_id if root == row.wf_uuid else self._workflow_id(root) or wf_id
            columns = " ".join(("wf_id", "root_wf_id", "parent_wf_id", *row._fields[:-2]))
            keys = (wf_id, root_id, self._workflow_id(parent))
            self._bulk.insert(s.WORKFLOW, columns, [(*keys, *values)])

    def _workflow_id(self, wf_uuid: str | None) -> int | None:
        rows = self._bulk.select("SELECT wf_id FROM workflow WHERE wf_uuid = ?", wf_uuid) if wf_uuid else []
        return rows[0][0] if rows else None

    def _of_workflow(self, rows: list[Any], table: Table, clash: Clash = Clash.ERROR) -> None:
        """Rows whose fields are columns, to which only the workflow's key is added."""
        columns, wf_id = " ".join(("wf_id", *rows[0]._fields)), self.wf_id
        self._bulk.insert(table, columns, [(wf_id, *row) for row in rows], clash)

    def _with_keys(self, rows: list[Any], table: Table) -> None:
        """As `_of_workflow`, for a table with a key of its own."""
        (key,) = table.primary_key.columns
        keys, wf_id = self._bulk.new_keys(table, len(rows)), self.wf_id
        columns = " ".join((key.name, "wf_id", *rows[0]._fields))
        self._bulk.insert(table, columns, [(own, wf_id, *row) for own, row in zip(keys, rows, strict=True)])

    def _task_jobs(self, rows: list[r.TaskJobRow]) -> None:
        jobs = self._job_ids(row.job for row in rows)
        text = "UPDATE task SET job_id = ? WHERE wf_id = ? AND abs_task_id = ?"
        self._bulk.run(text, [(jobs[row.job], self.wf_id, row.task) for row in rows if row.job in jobs])

    def _task_meta(self, rows: list[r.TaskMetaRow]) -> None:
        tasks = self._task_ids(row.task for row in rows)
        values = [(tasks[row.task], row.key, row.value) for row in rows if row.task in tasks]
        self._bulk.insert(s.TASK_META, "task_id key value", values, Clash.REPLACE)

    def _task_files(self, rows: list[r.TaskFileRow]) -> None:
        tasks = self._task_ids(row.task for row in rows)
        files = self._file_ids(row.lfn for row in rows)
        values = [
            (self.wf_id, tasks[row.task], files[row.lfn], row.file_type) for row in rows if row.task in tasks
        ]
        self._bulk.insert(s.WORKFLOW_FILES, "wf_id task_id lfn_id file_type", values, Clash.KEEP)

    def _task_ids(self, tasks: Iterable[str]) -> dict[str, int]:
        text = "SELECT abs_task_id, task_id FROM task WHERE wf_id = ? AND abs_task_id IN (?*)"
        return dict(map(tuple, self._bulk.select(text, self.wf_id, _unique(tasks))))

    def _job_ids(self, jobs: Iterable[str]) -> dict[str, int]:
        text = "SELECT exec_job_id, job_id FROM job WHERE wf_id = ? AND exec_job_id IN (?*)"
        return dict(map(tuple, self._bulk.select(text, self.wf_id, _unique(jobs))))

    # Files: the tables that all workflows of a database share.

    def _file_ids(self, names: Iterable[str]) -> dict[str, int]:
        """The keys of files; whoever else adds one of them at the same time, there is one row of it."""
        wanted = _unique(names)
        text = "SELECT lfn, lfn_id FROM rc_lfn WHERE lfn IN (?*)"
        ids: dict[str, int] = dict(map(tuple, self._bulk.select(text, wanted)))
        # In one order for all writers: two of them that wait for each other would be a deadlock.
        missing = [name for name in wanted if name not in ids]
        if missing:
            keys = self._bulk.new_keys(s.RC_LFN, len(missing))
            rows = list(zip(keys, missing, strict=True))
            self._bulk.insert(s.RC_LFN, "lfn_id lfn", rows, Clash.KEEP)
            ids.update(map(tuple, self._bulk.select(text, missing)))
        return ids

    def _file_meta(self, rows: list[r.FileMetaRow]) -> None:
        files = self._file_ids(row.lfn for row in rows)
        # The last writer of an attribute wins.
        newest = {(files[lfn], key): value for lfn, key, value in rows}
        values = sorted([(lfn, key, value) for (lfn, key), value in newest.items()])
        self._bulk.insert(s.RC_META, "lfn_id key value", values, Clash.REPLACE)

    def _file_places(self, rows: list[r.FilePlaceRow]) -> None:
        files = self._file_ids(row.lfn for row in rows)
        # A place without a site is no clash for a database (NULL is never equal), but it is the same place.
        there = {tuple(row) for row in self._places(list(files.values()))}
        wanted = dict.fromkeys((files[row.lfn], row.pfn, row.site) for row in rows)
        new = [place for place in wanted if place not in there]
        values = [(key, *row) for key, row in zip(self._bulk.new_keys(s.RC_PFN, len(new)), new, strict=True)]
        self._bulk.insert(s.RC_PFN, "pfn_id lfn_id pfn site", values, Clash.KEEP)

    def _places(self, files: list[int]) -> list[Any]:
        return self._bulk.select("SELECT lfn_id, pfn, site FROM rc_pfn WHERE lfn_id IN (?*)", files)

    # Attempts, and what belongs to one.

    def _new_instances(self, rows: list[r.InstanceRow]) -> None:
        if len(self._instances) > _MOST_INSTANCES:
            self._instances.clear()  # those still needed are looked up
        jobs, hosts = self._job_ids(row.job for row in rows), self._host_ids(rows)
        values = []
        for row, key in zip(rows, self._bulk.new_keys(s.JOB_INSTANCE, len(rows)), strict=True):
            self._instances[row.seq] = key
            known = _with_key(row.values, hosts)
            values.append((key, jobs[row.job], row.seq, *map(known.get, _OF_INSTANCE)))
        self._bulk.insert(s.JOB_INSTANCE, " ".join((*_INSTANCE_KEYS, *_OF_INSTANCE)), values)

    def _instance_updates(self, rows: list[r.InstanceUpdate]) -> None:
        keys, hosts = self._instance_ids(rows), self._host_ids(rows)
        by_columns: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in rows:
            values = _with_key(row.values, hosts)
            by_columns[" ".join(values)].append((*values.values(), keys[row.seq]))
        for columns, batch in by_columns.items():
            self._bulk.update(s.JOB_INSTANCE, columns, batch)

    def _instance_ids(self, rows: list[Any]) -> dict[int, int]:
        """The keys of the rows' attempts, all that are remembered, by job_submit_seq."""
        unknown = {row[1] for row in rows}.difference(self._instances)
        if unknown:
            text = (
                "SELECT i.job_submit_seq, i.job_instance_id "
                "FROM job j JOIN job_instance i ON i.job_id = j.job_id "
                "WHERE j.wf_id = ? AND j.exec_job_id IN (?*)"
            )
            jobs = _unique(row[0] for row in rows if row[1] in unknown)
            self._instances.update(map(tuple, self._bulk.select(text, self.wf_id, jobs)))
        return self._instances

    def _host_ids(self, rows: Iterable[Any]) -> dict[tuple[str, str, str], int]:
        """Hosts belong to the root workflow, whichever workflow of a hierarchy met them."""
        hosts = (row.values["host_id"] for row in rows if "host_id" in row.values)
        new = {host[:3]: host for host in hosts if host[:3] not in self._hosts}
        if new:
            self._find_hosts(new)
            missing = sorted(key for key in new if key not in self._hosts)
            keys = self._bulk.new_keys(s.HOST, len(missing))
            root = self._ids()[1]
            values = [(key, root, *new[name]) for key, name in zip(keys, missing, strict=True)]
            columns = " ".join(("host_id", "wf_id", *r.HostRow._fields))
            self._bulk.insert(s.HOST, columns, values, Clash.KEEP)
            self._find_hosts(new)
        return self._hosts

    def _find_hosts(self, wanted: Mapping[tuple[str, str, str], r.HostRow]) -> None:
        text = "SELECT site, hostname, ip, host_id FROM host WHERE wf_id = ? AND hostname IN (?*)"
        names = _unique(hostname for _, hostname, _ in wanted)
        for site, hostname, ip, host_id in self._bulk.select(text, self._ids()[1], names):
            self._hosts[site, hostname, ip] = host_id

    def _of_attempts(self, rows: list[Any], table: Table, columns: str) -> None:
        """Rows that begin with the job and the number of an attempt, for a table with a key; `columns`: of the rest."""
        ids, wf_id = self._instance_ids(rows), self.wf_id
        (key,) = table.primary_key.columns
        keys = self._bulk.new_keys(table, len(rows))
        values = [(own, wf_id, ids[row[1]], *row[2:]) for own, row in zip(keys, rows, strict=True)]
        self._bulk.insert(table, f"{key.name} wf_id job_instance_id {columns}", values)

    def _sub_workflow_links(self, rows: list[r.SubWorkflowLink]) -> None:
        ids = self._instance_ids(rows)
        values = [(self._workflow_id(row.wf_uuid), ids[row.seq]) for row in rows]
        self._bulk.update(s.JOB_INSTANCE, "subwf_id", values)

    def _job_states(self, rows: list[r.JobStateRow]) -> None:
        ids = self._instance_ids(rows)
        values = [(ids[seq], state, time, order, reason) for _, seq, state, time, order, reason in rows]
        self._bulk.insert(s.JOBSTATE, f"job_instance_id {' '.join(r.JobStateRow._fields[2:])}", values)

    _writers: ClassVar[Mapping[type[Any], Callable[[RowWriter, list[Any]], None]]] = {
        r.WorkflowRow: _workflows,
        r.WorkflowStateRow: partial(_of_workflow, table=s.WORKFLOWSTATE),
        r.WorkflowMetaRow: partial(_of_workflow, table=s.WORKFLOW_META, clash=Clash.REPLACE),
        r.JobRow: partial(_with_keys, table=s.JOB),
        r.JobEdgeRow: partial(_of_workflow, table=s.JOB_EDGE, clash=Clash.KEEP),
        r.TaskRow: partial(_with_keys, table=s.TASK),
        r.TaskJobRow: _task_jobs,
        r.TaskEdgeRow: partial(_of_workflow, table=s.TASK_EDGE, clash=Clash.KEEP),
        r.TaskMetaRow: _task_meta,
        r.TaskFileRow: _task_files,
        r.InstanceRow: _new_instances,
        r.InstanceUpdate: _instance_updates,
        r.SubWorkflowRow: partial(_of_workflow, table=b.BRIDLE_SUBWORKFLOW, clash=Clash.REPLACE),
        r.SubWorkflowLink: _sub_workflow_links,
        r.JobStateRow: _job_states,
        r.InvocationRow: partial(
            _of_attempts, table=s.INVOCATION, columns=" ".join(r.InvocationRow._fields[2:])
        ),
        r.IntegrityRow: partial(_of_attempts, table=s.INTEGRITY, columns="type file_type count duration"),
        r.TagRow: partial(_of_attempts, table=s.TAG, columns="name count"),
        r.FileMetaRow: _file_meta,
        r.FilePlaceRow: _file_places,
        r.MetricRow: partial(_of_workflow, table=b.BRIDLE_WORKFLOW_METRICS, clash=Clash.REPLACE),
        r.QuarantineRow: partial(_of_workflow, table=b.BRIDLE_QUARANTINE, clash=Clash.KEEP),
    }
    """In the order of the foreign keys: what is referred to comes first."""


def _unique(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _by_kind(rows: Iterable[r.Row]) -> defaultdict[type[r.Row], list[Any]]:
    kinds: defaultdict[type[r.Row], list[Any]] = defaultdict(list)
    for row in rows:
        kinds[row.__class__].append(row)
    return kinds


def _fold_updates(kinds: defaultdict[type[Any], list[Any]]) -> None:
    """One update for each attempt, and none for those that the same turn opened: they are inserted as they became.

    An update's host waits for its key as the value of `host_id`.
    """
    newest: dict[int, tuple[str, dict[str, Any]]] = {}
    for job, seq, changes, host in kinds.pop(r.InstanceUpdate, ()):
        _, values = newest.setdefault(seq, (job, {}))
        values.update(changes)
        if host is not None:
            values["host_id"] = host
    opened = kinds.get(r.InstanceRow, [])
    for place, (job, seq, values) in enumerate(opened):
        if seq in newest:
            opened[place] = r.InstanceRow(job, seq, {**values, **newest.pop(seq)[1]})
    if newest:
        kinds[r.InstanceUpdate] = [
            r.InstanceUpdate(job, seq, values) for seq, (job, values) in newest.items() if values
        ]


def _with_key(values: Mapping[str, Any], hosts: Mapping[tuple[str, str, str], int]) -> Mapping[str, Any]:
    host = values.get("host_id")
    return values if host is None else {**values, "host_id": hosts[host[:3]]}
