"""Records what the tests of upgrades begin with: databases of the schema version of today, in the middle of a run.

`python -m tests.upgrades.record FOLDER ARCHIVE.tar.xz`, on the commit whose version is to be kept, with the
environment of `make test`. FOLDER is where the runs lie while they run: no place below /tmp (DAGMan refuses it), and a
neutral one, since its name stands in the archive. See README.md beside this file.

Two runs, each with an SQLite file and once more in one PostgreSQL database that both share: `fan`, planned, run again
after a failure, and `top`, a DAG without Pegasus that has a sub-workflow. Both are recorded as their monitor had them
while a job waited, with notifications delivered, failed, waiting for another try and running; the logs are those of the
end. Of each there is what `bridle status --json` and `bridle notifications --json` of the same program said then.
"""

from __future__ import annotations

import lzma
import os
import shutil
import signal
import sqlite3
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import create_mock_engine

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.database.schema import METADATA
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import find_release
from tests.support.database import query
from tests.support.faults import lines_of_trace, mend, open_gate, planned_run, wait_for_end
from tests.support.notices import with_notices
from tests.support.postgresql import Server
from tests.support.runs import bridle, monitor_pid, until

TOP = {
    "top.dag": """\
JOB first any.sub
SUBDAG EXTERNAL below below.dag
JOB last any.sub
PARENT first CHILD below
PARENT below CHILD last
""",
    "below.dag": """\
JOB quick any.sub
JOB waits any.sub
JOB after any.sub
PARENT quick CHILD waits
PARENT waits CHILD after
""",
    "any.sub": """\
universe = local
executable = job.sh
arguments = $(JOB)
environment = "CONDOR_JOBID=$(Cluster).$(Process)"
queue
""",
    "job.sh": """\
#!/bin/sh
echo "$1 start $CONDOR_JOBID" >> trace
while test $1 = waits -a ! -e gate; do sleep 0.1; done
echo "$1 end $CONDOR_JOBID 0" >> trace
""",
}
WAITING = {"fan": "work_w00002", "top": "waits"}
"""The job below which everything stops; in rules with a star, because names mean nothing in a sub-workflow."""
RULES = """\
JOB {first} start shell: exit 3
JOB {waiting}* start shell: test -e {folder}/gate || exit 75
JOB {waiting}* start shell: until test -e {folder}/gate; do sleep 0.1; done
"""
FIRST = {"fan": "create_dir_*", "top": "first"}
KEPT = ("told",)
"""What a monitor changes besides the database: kept as it was when the database was."""


def main(folder: Path, archive: Path) -> None:
    """Run, record, pack. `folder` is made, and removed at the end."""
    folder.mkdir(parents=True)
    build = Path(__file__).resolve().parents[2] / "build"
    server = Server(Path(os.environ["BRIDLE_POSTGRESQL"]) / "bin", folder / "postgresql")
    pool = Pool(folder / "pool")
    try:
        server.start()
        fallback = Path(os.environ.get("BRIDLE_HTCONDOR", build / "htcondor"))
        pool.start(find_release(None, os.environ.get("PATH", os.defpath), fallback), slots=8)
        url = server.new_database()
        recorded = folder / "recorded"
        for name in ("sqlite", "postgresql"):
            _record(pool, folder / name, recorded / name, url if name == "postgresql" else None)
        _pack(recorded, archive)
    finally:
        pool.crash()
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _record(pool: Pool, folder: Path, recorded: Path, url: str | None) -> None:
    """Both runs into one kind of database, and all of it as it was half way."""
    words = ("--url", url) if url else ()
    runs = {"fan": _fan(pool, folder, words), "top": _top(pool, folder, words)}
    recorded.mkdir(parents=True)
    pids = []
    for name, run in runs.items():
        half_way = partial(_stopped_half_way, run, name, url)
        pids.append(until(half_way, f"{name} waits"))
    _take(pool, runs, recorded, url)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    for name, run in runs.items():
        open_gate(run)
        wait_for_end(pool, run)
        _keep(run, name, recorded)


def _take(pool: Pool, runs: dict[str, SubmitDir], recorded: Path, url: str | None) -> None:
    for name, run in runs.items():
        for command in ("status", "notifications"):
            (recorded / f"{name}.{command}.json").write_text(_said(pool, run, command))
        for file in KEPT:
            shutil.copy(run.path / file, recorded / f"{name}.{file}")
        if url is None:
            (recorded / f"{name}.sql").write_text(_sqlite_dump(run.database))
    if url is not None:
        (recorded / "both.sql").write_text("".join(f"{line}\n" for line in _postgresql_dump(url)))


def _said(pool: Pool, run: SubmitDir, command: str) -> str:
    said = bridle(pool, command, "--json", str(_target(run)))
    assert said.returncode == 0, said.stderr
    return said.stdout


def _target(run: SubmitDir) -> Path:
    return run.path if run.is_planned else run.dag_file


def _fan(pool: Pool, folder: Path, words: tuple[str, ...]) -> SubmitDir:
    """A planned workflow that failed, wrote a line that cannot be read, and runs again; events are asked for."""
    run = planned_run(folder / "fan", broken="w00002")
    _add_rules(run, "fan")
    open_gate(run)
    assert bridle(pool, "run", "--wait", *words, str(run.path)).returncode == 1
    wait_for_end(pool, run)
    with run.jobstate_log.open("a") as log:
        log.write("a line that nobody can read\n")
    events = bridle(pool, "monitord", "--catch-up", "--events", str(folder / "events.bp"), str(run.path))
    assert events.returncode == 0, events.stderr
    for name in ("gate", "trace", "told", "monitord.done"):
        (run.path / name).unlink(missing_ok=True)
    mend(folder / "fan", "w00002")
    assert bridle(pool, "run", str(run.path)).returncode == 0
    return run


def _top(pool: Pool, folder: Path, words: tuple[str, ...]) -> SubmitDir:
    """A DAG without Pegasus with another one below it."""
    place = folder / "top"
    place.mkdir(parents=True)
    for name, text in TOP.items():
        (place / name).write_text(text)
    (place / "job.sh").chmod(0o755)
    run = with_notices(open_target(place / "top.dag"))
    _add_rules(run, "top")
    assert bridle(pool, "run", *words, str(run.dag_file)).returncode == 0
    return run


def _add_rules(run: SubmitDir, name: str) -> None:
    with run.bridle_notify.open("a") as rules:
        rules.write(RULES.format(first=FIRST[name], waiting=WAITING[name], folder=run.path))


def _stopped_half_way(run: SubmitDir, name: str, url: str | None) -> int | None:
    """The monitor's process, which stands still in front of a database that is as it should be; None if it goes on."""
    pid = monitor_pid(run) if _is_half_way(run, name, url) else None
    if pid is None:
        return None
    os.kill(pid, signal.SIGSTOP)
    if _is_half_way(run, name, url):
        return pid
    os.kill(pid, signal.SIGCONT)
    return None


def _is_half_way(run: SubmitDir, name: str, url: str | None) -> bool:
    """Whether the job that waits runs, all of the log is stored, and one notification of each fate is there."""
    if [WAITING[name], "start"] not in [words[:2] for words in lines_of_trace(run)]:
        return False
    database = url or run.database
    stored = dict(
        query(
            database,
            'SELECT file, "offset" FROM bridle_cursor JOIN workflow USING (wf_id) '
            f"WHERE wf_uuid IN (SELECT wf_uuid FROM bridle_notifying) AND submit_dir = '{run.path}'",
        )
    )
    fates = query(
        database,
        "SELECT DISTINCT state FROM bridle_notification JOIN workflow ON workflow.wf_uuid = root_wf_uuid "
        f"WHERE submit_dir = '{run.path}'",
    )
    whole = stored.get(run.jobstate_log.name) == run.jobstate_log.stat().st_size
    return whole and {str(row[0]) for row in fates} == {"delivered", "failed", "due", "running"}


def _sqlite_dump(database: Path) -> str:
    file = sqlite3.connect(database)
    try:
        return "".join(f"{line}\n" for line in file.iterdump())
    finally:
        file.close()


def _postgresql_dump(url: str) -> Iterator[str]:
    """The statements that made the tables, and one for each row; keys go on where they were."""
    made: list[str] = []

    def note(statement: Any, *_: Any, **__: Any) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)).strip())

    engine = create_mock_engine("postgresql+psycopg://", note)
    METADATA.create_all(engine, checkfirst=False)
    yield from (f"{statement};" for statement in made)
    with psycopg.connect(url) as connection:
        for table in METADATA.sorted_tables:
            names = [column.name for column in table.columns]
            listed = sql.SQL(", ").join(map(sql.Identifier, names))
            rows = connection.execute(
                sql.SQL("SELECT {} FROM {}").format(listed, sql.Identifier(table.name))
            ).fetchall()
            for row in rows:
                insert = sql.SQL("INSERT INTO {} ({}) VALUES ({});").format(
                    sql.Identifier(table.name), listed, sql.SQL(", ").join(map(sql.Literal, row))
                )
                yield insert.as_string(connection)
        for (name,) in connection.execute("SELECT sequencename FROM pg_sequences").fetchall():
            ((last, called),) = connection.execute(f'SELECT last_value, is_called FROM "{name}"').fetchall()
            yield f"SELECT setval('{name}', {last}, {str(called).lower()});"


def _keep(run: SubmitDir, name: str, recorded: Path) -> None:
    """The directory as it was in the end, but for what the monitor left."""
    target = recorded / name
    shutil.copytree(run.path, target, symlinks=True, ignore=shutil.ignore_patterns("*.db*", "*.pid"))
    again = open_submit_dir(target) if run.is_planned else open_target(target / "top.dag")
    for path in (again.delivered, again.lock, again.monitor_log, again.own_properties):
        path.unlink(missing_ok=True)
    for path in target.glob("monitord*"):
        path.unlink()
    for file in KEPT:
        (recorded / f"{name}.{file}").replace(target / file)
    (recorded / f"{name}.path").write_text(f"{run.path}\n")


def _pack(recorded: Path, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)

    def plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
        item.uid = item.gid = 0
        item.uname = item.gname = "root"
        return item

    with lzma.open(archive, "wb", preset=9) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(recorded, arcname=".", filter=plain)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
