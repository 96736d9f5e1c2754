"""A Stampede database with a run of any size in it that looks like one: levels, hosts, waits, failures, by a seed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine

from monitord_job.database.bridle_tables import BRIDLE_VERSION
from monitord_job.database.schema import METADATA, STAMPEDE_VERSION

BEGAN = 1_790_000_000
WF_UUID = "5b0d9a52-3f7e-4a8b-9d2c-5e6f70819203"
EVIL = "</script><script>alert(1)</script>"
"""What a job may be called; the page must do no more than show it."""
_KINDS = (("create-dir", "pegasus::dirmanager", 3), ("stage-in-tx", "pegasus::transfer", 20))
_KINDS += (("compute", "project", 120), ("compute", "diffFit", 60), ("compute", "background", 90))
_KINDS += (("cleanup", "pegasus::cleanup", 5), ("stage-out-tx", "pegasus::transfer", 30))
_SHARES = (0.01, 0.05, 0.3, 0.38, 0.2, 0.05, 0.01)
_ERRORS = (
    "no such file: {}.fits",
    "Segmentation fault (core dumped)",
    "disk quota exceeded while writing {}",
)


@dataclass
class _Made:
    random: random.Random
    rows: dict[str, list[tuple]] = field(default_factory=dict)
    hosts: list[float] = field(default_factory=list)
    instances: int = 0
    states: int = 0

    def put(self, table: str, *values: object) -> None:
        self.rows.setdefault(table, []).append(values)

    def key(self, table: str) -> int:
        return len(self.rows.get(table, ())) + 1


def make(folder: Path, jobs: int, seed: int = 1, first_name: str = "") -> Path:
    """The submit directory, with a database and nothing else of a run. `first_name`: of the first compute job."""
    folder.mkdir(parents=True)
    (folder / "mosaic-0.dag").write_text("")
    words = {"wf_uuid": WF_UUID, "root_wf_uuid": WF_UUID, "dax_label": "mosaic", "submit_dir": str(folder)}
    words |= {"dag": "mosaic-0.dag", "user": "ada", "submit_hostname": "here", "basedir": str(folder)}
    words |= {"properties": "p.properties", "planner_version": "5.1.3"}
    (folder / "braindump.yml").write_text("".join(f'{key}: "{value}"\n' for key, value in words.items()))
    made = _Made(random.Random(seed))
    _run(made, jobs, first_name)
    _store(folder / "mosaic-0.stampede.db", made)
    return folder


def _run(made: _Made, jobs: int, first_name: str) -> None:
    slots = [BEGAN + 5.0] * max(4, min(jobs // 8, 400))
    made.hosts = [0.0] * (len(slots) // 4 + 1)
    above: list[str] = []
    ready = BEGAN + 5.0
    for level, ((kind, transformation, seconds), share) in enumerate(zip(_KINDS, _SHARES, strict=True)):
        names, ends = [], [ready]
        for at in range(max(1, round(jobs * share))):
            name = f"{transformation.replace('::', '_')}_ID{level}{at:05d}"
            if first_name and kind == "compute" and not any(first_name in one for one in (above, names)):
                name, first_name = first_name, ""
            slot = min(range(len(slots)), key=slots.__getitem__) if at % 7 == 0 else at % len(slots)
            slots[slot] = _job(made, name, kind, transformation, seconds, max(ready, slots[slot]), slot)
            ends.append(slots[slot])
            names.append(name)
            if above:
                made.put("job_edge", 1, made.random.choice(above), name)
        above, ready = names, sorted(ends)[len(ends) * 3 // 4] if level else max(ends)


def _job(
    made: _Made, name: str, kind: str, transformation: str, seconds: float, ready: float, slot: int
) -> float:
    job = made.key("job")
    made.put("job", job, 1, name, f"{job}.sub", kind, 0, 1, "/usr/bin/pegasus-kickstart", "", 1)
    made.put("task", job, job, 1, f"ID{job}", transformation, "", kind)
    fails = kind == "compute" and made.random.random() < 0.03
    again = fails and made.random.random() < 0.5
    end = ready
    for attempt in range(2 if again else 1):
        ok = not fails or attempt == 1
        end = _attempt(made, job, name, transformation, seconds, end, slot, ok)
    return end


def _attempt(
    made: _Made, job: int, name: str, transformation: str, seconds: float, ready: float, slot: int, ok: bool
) -> float:
    made.instances += 1
    took = round(seconds * made.random.lognormvariate(0, 0.4), 3)
    wait, post = made.random.expovariate(1 / 8), made.random.choice((1, 1, 2))
    steps = list(_steps(made, ready, wait, took, post, ok, with_pre=job % 11 == 0))
    for state, at, reason in steps:
        made.states += 1
        made.put("jobstate", made.instances, state, int(at), made.states, reason)
    raw = 0 if ok else made.random.choice((256, 256, 11))
    error = "" if ok else f"{name}: starting\n" + made.random.choice(_ERRORS).format(name) + "\n"
    host = slot // 4 + 1
    made.put(
        *("job_instance", made.instances, job, host, made.instances, f"{made.instances}.0", "condorpool"),
        *(took, f"{name}.out.000", "", f"{name}.err.000", error, 1, raw),
    )
    begin = next(at for state, at, _ in steps if state == "EXECUTE") + 0.4
    memory = int(2e5 * made.random.lognormvariate(0, 0.5))
    made.put(
        *("invocation", made.key("invocation"), 1, made.instances, 1, begin, took, took * 0.8, raw),
        *(transformation, "/usr/bin/x", "", f"ID{job}", memory, 0.8),
    )
    made.put(
        *("invocation", made.key("invocation"), 1, made.instances, -2, steps[-1][1] - post, post, None, raw),
        *("dagman::post", "/usr/bin/pegasus-exitcode", "", None, None, None),
    )
    return steps[-1][1] + 1


def _steps(
    made: _Made, at: float, wait: float, took: float, post: float, ok: bool, *, with_pre: bool
) -> Iterator[tuple[str, float, str | None]]:
    if with_pre:
        yield "PRE_SCRIPT_STARTED", at, None
        at += 3
        yield "PRE_SCRIPT_SUCCESS", at, None
    yield "SUBMIT", at, None
    at += wait
    yield "EXECUTE", at, None
    if made.random.random() < 0.01:
        yield "JOB_HELD", at + took / 2, "Transfer input files failure"
        yield "JOB_RELEASED", at + took / 2 + 40, None
        at += took / 2 + 60
        yield "EXECUTE", at, None
    at += took
    yield "JOB_TERMINATED", at, None
    yield ("JOB_SUCCESS" if ok else "JOB_FAILURE"), at, None
    yield "POST_SCRIPT_STARTED", at, None
    yield "POST_SCRIPT_TERMINATED", at + post, None
    yield ("POST_SCRIPT_SUCCESS" if ok else "POST_SCRIPT_FAILED"), at + post, None


_COLUMNS = {
    "job": "job_id wf_id exec_job_id submit_file type_desc clustered max_retries executable argv task_count",
    "task": "task_id job_id wf_id abs_task_id transformation argv type_desc",
    "job_edge": "wf_id parent_exec_job_id child_exec_job_id",
    "job_instance": "job_instance_id job_id host_id job_submit_seq sched_id site local_duration stdout_file "
    "stdout_text stderr_file stderr_text multiplier_factor exitcode",
    "jobstate": "job_instance_id state timestamp jobstate_submit_seq reason",
    "invocation": "invocation_id wf_id job_instance_id task_submit_seq start_time remote_duration remote_cpu_time "
    "exitcode transformation executable argv abs_task_id maxrss avg_cpu",
}


def _store(path: Path, made: _Made) -> None:
    engine = create_engine(f"sqlite:///{path}")
    METADATA.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        put = connection.execute
        put("INSERT INTO dbversion VALUES (1, ?, '14', 0)", [STAMPEDE_VERSION])
        put("INSERT INTO bridle_schema VALUES (?, 0, 'test')", [BRIDLE_VERSION])
        put(
            "INSERT INTO workflow (wf_id, wf_uuid, dax_label, root_wf_id) VALUES (1, ?, 'mosaic', 1)",
            [WF_UUID],
        )
        end = max(row[2] for row in made.rows["jobstate"]) + 5
        for state, at, status in (("WORKFLOW_STARTED", BEGAN, None), ("WORKFLOW_TERMINATED", end, 1)):
            put(
                "INSERT INTO workflowstate (wf_id, state, timestamp, restart_count, status) VALUES (1, ?, ?, 0, ?)",
                [state, at, status],
            )
        for number in range(1, len(made.hosts) + 1):
            values = [number, f"node{number}.pool.example", f"192.0.2.{number % 250}"]
            put(
                "INSERT INTO host (host_id, wf_id, site, hostname, ip) VALUES (?, 1, 'condorpool', ?, ?)",
                values,
            )
        for table, columns in _COLUMNS.items():
            names = columns.split()
            marks = ", ".join("?" * len(names))
            rows = made.rows.get(table, [])
            connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
    connection.close()
