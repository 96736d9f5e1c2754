"""Turns rows keyed by content into rows of the tables: gives surrogate keys, in bulk and in an order that
satisfies every foreign key. Works inside the transaction of `store`, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, ClassVar

from sqlalchemy import Connection, Table, bindparam, func, select, update

from monitord_job import rows as r
from monitord_job import schema as s
from monitord_job.errors import SchemaError

_AT_ONCE = 20_000
_Values = dict[str, Any]


def upsert(connection: Connection, table: Table, values: list[_Values]) -> None:
    """Insert rows, or overwrite those with the same primary key."""
    if not values:
        return
    keys = [column.name for column in table.primary_key.columns]
    insert = _insert(connection, table)
    rest = {name: insert.excluded[name] for name in values[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=rest), values)


def _insert(connection: Connection, table: Table) -> Any:
    # Each dialect costs a tenth of a second to import; the one in use is there already.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    return dialect.insert(table)


def _insert_new(connection: Connection, table: Table, values: list[_Values]) -> None:
    """Insert rows but for those that are there already, under any key."""
    if values:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), values)


class RowWriter:
    """Writes the rows of one workflow. What it remembers of ids is true as long as its transactions commit."""

    def __init__(self, wf_uuid: str) -> None:
        self._wf_uuid = wf_uuid
        self._ids: dict[str, int] = {}
        self._wf: tuple[int, int] | None = None
        self._jobs: dict[str, int] = {}
        self._instances: dict[tuple[str, int], int] = {}
        self._hosts: dict[tuple[str, str, str], int] = {}
        self._files: dict[str, int] = {}
        self._connection: Connection

    @property
    def wf_id(self) -> int:
        """The workflow's key. Its WorkflowRow must have been written, now or in an earlier transaction."""
        if self._wf is None:
            table = s.WORKFLOW
            found = self._connection.execute(
                select(table.c.wf_id, table.c.root_wf_id).where(table.c.wf_uuid == self._wf_uuid)
            ).one_or_none()
            if found is None:
                raise SchemaError(
                    str(self._connection.engine.url), f"workflow {self._wf_uuid} is not in it", "rebuild it"
                )
            self._wf = (found[0], found[1])
        return self._wf[0]

    def write(self, connection: Connection, rows: Iterable[r.Row]) -> None:
        """Write all the rows; within a kind they keep their order."""
        self._connection = connection
        remaining = iter(rows)
        while batch := list(islice(remaining, _AT_ONCE)):
            kinds: defaultdict[type[r.Row], list[Any]] = defaultdict(list)
            for row in batch:
                kinds[type(row)].append(row)
            for kind, write in self._writers.items():
                if kind in kinds:
                    write(self, kinds.pop(kind))
            assert not kinds, f"no writer for {list(kinds)}"

    def _next_id(self, table: Table) -> int:
        """A key not used yet: one process at a time writes, so counting on from the highest is enough."""
        name = table.name
        if name not in self._ids:
            (column,) = table.primary_key.columns
            self._ids[name] = self._connection.scalar(select(func.max(column))) or 0
        self._ids[name] += 1
        return self._ids[name]

    def _add(self, table: Table, values: list[_Values]) -> None:
        if values:
            self._connection.execute(table.insert(), values)

    def _workflows(self, rows: list[r.WorkflowRow]) -> None:
        for row in rows:
            wf_id = self._next_id(s.WORKFLOW)
            values = row._asdict()
            root, parent = values.pop("root_wf_uuid"), values.pop("parent_wf_uuid")
            root_id = wf_id if root == row.wf_uuid else self._workflow_id(root) or wf_id
            self._add(
                s.WORKFLOW,
                [
                    {
                        **values,
                        "wf_id": wf_id,
                        "root_wf_id": root_id,
                        "parent_wf_id": self._workflow_id(parent),
                    }
                ],
            )

    def _workflow_id(self, wf_uuid: str | None) -> int | None:
        return self._connection.scalar(select(s.WORKFLOW.c.wf_id).where(s.WORKFLOW.c.wf_uuid == wf_uuid))

    def _with_wf_id(self, table: Table) -> Callable[[list[Any]], None]:
        def write(rows: list[Any]) -> None:
            self._add(table, [{"wf_id": self.wf_id, **row._asdict()} for row in rows])

        return write

    def _workflow_states(self, rows: list[r.WorkflowStateRow]) -> None:
        self._with_wf_id(s.WORKFLOWSTATE)(rows)

    def _workflow_meta(self, rows: list[r.WorkflowMetaRow]) -> None:
        upsert(self._connection, s.WORKFLOW_META, [{"wf_id": self.wf_id, **row._asdict()} for row in rows])

    def _jobs_of(self, rows: list[r.JobRow]) -> None:
        values = []
        for row in rows:
            job_id = self._jobs[row.exec_job_id] = self._next_id(s.JOB)
            values.append({"job_id": job_id, "wf_id": self.wf_id, **row._asdict()})
        self._add(s.JOB, values)

    def _tasks(self, rows: list[r.TaskRow]) -> None:
        self._add(
            s.TASK,
            [
                {"task_id": self._next_id(s.TASK), "wf_id": self.wf_id, "job_id": None, **row._asdict()}
                for row in rows
            ],
        )

    def _task_jobs(self, rows: list[r.TaskJobRow]) -> None:
        table = s.TASK
        statement = (
            update(table)
            .where(table.c.wf_id == self.wf_id, table.c.abs_task_id == bindparam("task"))
            .values(job_id=bindparam("runs_in"))
        )
        self._connection.execute(
            statement, [{"task": row.task, "runs_in": self._job_id(row.job)} for row in rows]
        )

    def _task_edges(self, rows: list[r.TaskEdgeRow]) -> None:
        _insert_new(self._connection, s.TASK_EDGE, [{"wf_id": self.wf_id, **row._asdict()} for row in rows])

    def _job_edges(self, rows: list[r.JobEdgeRow]) -> None:
        _insert_new(self._connection, s.JOB_EDGE, [{"wf_id": self.wf_id, **row._asdict()} for row in rows])

    def _task_id(self, task: str) -> int | None:
        table = s.TASK
        return self._connection.scalar(
            select(table.c.task_id).where(table.c.wf_id == self.wf_id, table.c.abs_task_id == task)
        )

    def _task_meta(self, rows: list[r.TaskMetaRow]) -> None:
        values = [{"task_id": self._task_id(row.task), "key": row.key, "value": row.value} for row in rows]
        upsert(self._connection, s.TASK_META, [value for value in values if value["task_id"] is not None])

    def _task_files(self, rows: list[r.TaskFileRow]) -> None:
        values = [
            {
                "wf_id": self.wf_id,
                "task_id": self._task_id(row.task),
                "lfn_id": self._lfn_id(row.lfn),
                "file_type": row.file_type,
            }
            for row in rows
        ]
        _insert_new(
            self._connection, s.WORKFLOW_FILES, [value for value in values if value["task_id"] is not None]
        )

    def _lfn_id(self, lfn: str) -> int:
        found = self._files.get(lfn) or self._connection.scalar(
            select(s.RC_LFN.c.lfn_id).where(s.RC_LFN.c.lfn == lfn)
        )
        if found is None:
            found = self._next_id(s.RC_LFN)
            self._add(s.RC_LFN, [{"lfn_id": found, "lfn": lfn}])
        self._files[lfn] = found
        return found

    def _file_meta(self, rows: list[r.FileMetaRow]) -> None:
        newest = {(row.lfn, row.key): row.value for row in rows}
        upsert(
            self._connection,
            s.RC_META,
            [
                {"lfn_id": self._lfn_id(lfn), "key": key, "value": value}
                for (lfn, key), value in newest.items()
            ],
        )

    def _file_places(self, rows: list[r.FilePlaceRow]) -> None:
        values = [{"lfn_id": self._lfn_id(row.lfn), "pfn": row.pfn, "site": row.site} for row in rows]
        _insert_new(self._connection, s.RC_PFN, values)

    def _job_id(self, job: str) -> int:
        if not self._jobs:
            table = s.JOB
            statement = select(table.c.exec_job_id, table.c.job_id).where(table.c.wf_id == self.wf_id)
            self._jobs = {row.exec_job_id: row.job_id for row in self._connection.execute(statement)}
        return self._jobs[job]

    def _instance_id(self, job: str, seq: int) -> int:
        found = self._instances.get((job, seq))
        if found is None:
            table = s.JOB_INSTANCE
            found = self._connection.scalars(
                select(table.c.job_instance_id).where(
                    table.c.job_id == self._job_id(job), table.c.job_submit_seq == seq
                )
            ).one()
            self._instances[job, seq] = found
        return found

    def _new_instances(self, rows: list[r.InstanceRow]) -> None:
        values = []
        for row in rows:
            job_instance_id = self._instances[row.job, row.seq] = self._next_id(s.JOB_INSTANCE)
            keys = {
                "job_instance_id": job_instance_id,
                "job_id": self._job_id(row.job),
                "job_submit_seq": row.seq,
            }
            values.append({**keys, **row.values})
        self._add(s.JOB_INSTANCE, values)

    def _instance_updates(self, rows: list[r.InstanceUpdate]) -> None:
        changed: dict[int, _Values] = {}
        for row in rows:
            values = changed.setdefault(self._instance_id(row.job, row.seq), {})
            values.update(row.values)
            if row.host is not None:
                values["host_id"] = self._host_id(row.host)
        by_columns: defaultdict[frozenset[str], list[_Values]] = defaultdict(list)
        for instance, values in changed.items():
            by_columns[frozenset(values)].append({**values, "of_instance": instance})
        for columns, batch in by_columns.items():
            statement = update(s.JOB_INSTANCE).where(
                s.JOB_INSTANCE.c.job_instance_id == bindparam("of_instance")
            )
            self._connection.execute(statement.values({name: bindparam(name) for name in columns}), batch)

    def _host_id(self, host: r.HostRow) -> int:
        key = (host.site, host.hostname, host.ip)
        found = self._hosts.get(key)
        if found is None:
            found = self._hosts[key] = self._find_host(key) or self._add_host(host)
        return found

    def _root_id(self) -> int:
        """Hosts belong to the root workflow, whichever workflow of a hierarchy met them."""
        return self._wf[1] if self.wf_id and self._wf else self.wf_id

    def _find_host(self, key: tuple[str, str, str]) -> int | None:
        c = s.HOST.c
        return self._connection.scalar(
            select(c.host_id).where(
                c.wf_id == self._root_id(), c.site == key[0], c.hostname == key[1], c.ip == key[2]
            )
        )

    def _add_host(self, host: r.HostRow) -> int:
        host_id = self._next_id(s.HOST)
        self._add(s.HOST, [{"host_id": host_id, "wf_id": self._root_id(), **host._asdict()}])
        return host_id

    def _of_instances(self, rows: Iterable[Any]) -> Iterator[_Values]:
        for row in rows:
            values = row._asdict()
            values["job_instance_id"] = self._instance_id(values.pop("job"), values.pop("seq"))
            yield values

    def _job_states(self, rows: list[r.JobStateRow]) -> None:
        self._add(s.JOBSTATE, list(self._of_instances(rows)))

    def _invocations(self, rows: list[r.InvocationRow]) -> None:
        ids = {"wf_id": self.wf_id}
        self._add(
            s.INVOCATION,
            [
                {"invocation_id": self._next_id(s.INVOCATION), **ids, **values}
                for values in self._of_instances(rows)
            ],
        )

    def _integrity(self, rows: list[r.IntegrityRow]) -> None:
        values = [
            {
                "integrity_id": self._next_id(s.INTEGRITY),
                "wf_id": self.wf_id,
                "count": values.pop("files"),
                **values,
            }
            for values in self._of_instances(rows)
        ]
        self._add(s.INTEGRITY, values)

    def _tags(self, rows: list[r.TagRow]) -> None:
        values = [
            {"tag_id": self._next_id(s.TAG), "wf_id": self.wf_id, "count": values.pop("times"), **values}
            for values in self._of_instances(rows)
        ]
        self._add(s.TAG, values)

    def _quarantine(self, rows: list[r.QuarantineRow]) -> None:
        _insert_new(
            self._connection, s.BRIDLE_QUARANTINE, [{"wf_id": self.wf_id, **row._asdict()} for row in rows]
        )

    _writers: ClassVar[Mapping[type[Any], Callable[[RowWriter, list[Any]], None]]] = {
        r.WorkflowRow: _workflows,
        r.WorkflowStateRow: _workflow_states,
        r.WorkflowMetaRow: _workflow_meta,
        r.JobRow: _jobs_of,
        r.JobEdgeRow: _job_edges,
        r.TaskRow: _tasks,
        r.TaskJobRow: _task_jobs,
        r.TaskEdgeRow: _task_edges,
        r.TaskMetaRow: _task_meta,
        r.TaskFileRow: _task_files,
        r.InstanceRow: _new_instances,
        r.InstanceUpdate: _instance_updates,
        r.JobStateRow: _job_states,
        r.InvocationRow: _invocations,
        r.IntegrityRow: _integrity,
        r.TagRow: _tags,
        r.FileMetaRow: _file_meta,
        r.FilePlaceRow: _file_places,
        r.QuarantineRow: _quarantine,
    }
    """In the order of the foreign keys: what is referred to comes first."""
