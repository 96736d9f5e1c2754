"""What is stored of the run at a place, in figures: read from its database, or kept from the last time."""

from __future__ import annotations

import logging
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.locate import jobstate_log, open_as_it_lies
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rescue.rescue_dag import by_dag, rescue_name, rescue_number
from dag_rewriter.rescue.workflow_above import may_have_been_a_node
from monitord_job.monitor.unplanned_identity import identified, in_its_run
from monitord_job.runs.kept_figures import KeptFigures, keep_until_asked, seen
from monitord_job.runs.run_record import RunRecord, Seen, name_of

if TYPE_CHECKING:
    from monitord_job.database.queries.run_figures import RunFigures
    from monitord_job.database.url import Database
    from monitord_job.outcome.node_status import NodeStatus

LOG = logging.getLogger("bridle.runs")


class RescueDags:
    """Which rescue DAGs lie beside which DAG: a folder is listed once, however many runs it holds."""

    def __init__(self) -> None:
        self._found: dict[Path, dict[str, list[str]]] = {}
        self._one_at_a_time = Lock()

    def of(self, submit_dir: SubmitDir) -> list[str]:
        """The names of a run's, the lowest number first."""
        with self._one_at_a_time:
            found = self._found.get(submit_dir.path)
            if found is None:
                found = self._found[submit_dir.path] = by_dag(files.names_in(submit_dir.path))
        return found.get(submit_dir.rescue_base, [])


def record_at(path: Path, kept: KeptFigures, rescue_dags: RescueDags) -> RunRecord:
    """The run at a place, and kept if it has ended; one that cannot be read says why.

    Nothing is caught up: it is as it was stored last.
    """
    try:
        record, looked = _look(_opened(path), rescue_dags)
    except (BridleError, OSError) as error:
        return RunRecord(str(path), path.name.removesuffix(".dag"), str(path), unread=str(error))
    if record.ended is not None:
        kept.keep(path, record, looked)
    return record


def keep_ended(submit_dir: SubmitDir) -> None:
    """Keep the figures of a run whose end was just stored, so that `bridle list` need not open its database.

    Nothing is raised: without them, it does.
    """
    submit_dir = submit_dir.run
    try:
        record, looked = _look(submit_dir, RescueDags())
    except (BridleError, OSError) as error:
        LOG.info("its figures are not kept for `bridle list`: %s", error)
        return
    if record.ended is not None:
        keep_until_asked(target(submit_dir), record, looked)


def _opened(path: Path) -> SubmitDir:
    submit_dir = open_as_it_lies(path)
    # To look for a run above takes longer than all that is shown here.
    return in_its_run(submit_dir) if may_have_been_a_node(submit_dir) else identified(submit_dir)


def _look(submit_dir: SubmitDir, rescue_dags: RescueDags) -> tuple[RunRecord, Seen]:
    rescues = rescue_dags.of(submit_dir)
    looked = seen(_files(submit_dir, rescues))  # before it is read: what changes meanwhile is read again
    return _read(submit_dir, bool(rescues)), looked


def _files(submit_dir: SubmitDir, rescues: Sequence[str]) -> Iterator[Path]:
    """What changes if a run goes on, is run again, or is marked to be. Not its folder: other runs may be in it, and
    DAGMan takes its lock away after its monitor has left.
    """
    log = jobstate_log(submit_dir)
    yield from (submit_dir.run.database, submit_dir.dag_file, log)
    if files.mode_of(log) is None:
        yield submit_dir.dagman_out  # then it is the source
    yield from (submit_dir.path / name for name in rescues)
    last = rescue_number(submit_dir.rescue_base, rescues[-1]) if rescues else None
    yield submit_dir.path / rescue_name(submit_dir.rescue_base, (last or 0) + 1)


def target(submit_dir: SubmitDir) -> Path:
    return submit_dir.path if submit_dir.is_planned else submit_dir.dag_file


def _read(submit_dir: SubmitDir, has_rescues: bool) -> RunRecord:
    # SQLAlchemy takes longer than a thousand kept figures.
    from monitord_job.database.queries.run_figures import run_figures

    label, owner = submit_dir.braindump.get("dax_label"), other_owner(submit_dir.path)
    plain = RunRecord(
        str(submit_dir.dag_file),
        name_of(submit_dir.dag_file, label, is_planned=submit_dir.is_planned),
        str(target(submit_dir)),
        submit_dir.wf_uuid,
        label,
        owner,
    )
    database = _database(submit_dir, owner)
    if database is None or submit_dir.wf_uuid is None:
        return plain
    figures = run_figures(database, [submit_dir.wf_uuid]).get(submit_dir.wf_uuid)
    if figures is None:
        return plain
    record = with_figures(plain, figures)
    return _as_dagman_counts(submit_dir, database, record, has_rescues)


def _database(submit_dir: SubmitDir, owner: str | None) -> Database | None:
    """None where nothing is stored. What another user's files name elsewhere is not opened with our rights."""
    from monitord_job.database.dialect import sqlite_url
    from monitord_job.database.url import Database, database_of

    if owner is None:
        database = database_of(submit_dir)
        return database if database.file is None or database.file.is_file() else None
    try:
        file_stat = submit_dir.run.database.lstat()
    except OSError:
        return None
    is_his = stat.S_ISREG(file_stat.st_mode) and file_stat.st_uid == submit_dir.path.stat().st_uid
    return Database(sqlite_url(submit_dir.run.database)) if is_his else None


def _as_dagman_counts(
    submit_dir: SubmitDir, database: Database, record: RunRecord, has_rescues: bool
) -> RunRecord:
    """Where the DAG or rescue DAGs say more than is stored, job by job, as `bridle status` counts."""
    from monitord_job.database.reading import open_database
    from monitord_job.outcome.node_status import NodeStatus
    from monitord_job.readers.done_nodes import done_nodes

    is_partly_unready = record.counts.get(NodeStatus.UNREADY.value, 0) > 0
    if not has_rescues and not (is_partly_unready and done_nodes(submit_dir)):
        return record
    from monitord_job.readers.status import as_dagman_counts  # brings the monitor with it

    engine = open_database(database)
    try:
        counts = as_dagman_counts(engine, submit_dir).count()
    finally:
        engine.dispose()
    return replace(record, counts=_by_word(counts))


def with_figures(record: RunRecord, figures: RunFigures) -> RunRecord:
    """The record of a run with what its database says."""
    run = figures.progress
    return replace(
        record,
        job=figures.job,
        started=run.started,
        begun=figures.begun,
        ended=run.ended,
        ending=figures.ending and figures.ending.value,
        total=run.total,
        counts=_by_word(run.count()),
        held_below=run.held_below,
        user=record.user or figures.user,
    )


def stored_at(url: str, uuids: Collection[str] | None = None) -> list[RunRecord]:
    """The runs of a database, all or those asked for. Raises MonitorError if it cannot be read."""
    from monitord_job.database.queries.run_figures import run_figures
    from monitord_job.database.url import Database, parse_url

    runs = run_figures(Database(parse_url("--url", url, Path.cwd())), uuids)
    return [with_figures(_of_row(wf_uuid, figures), figures) for wf_uuid, figures in runs.items()]


def _of_row(wf_uuid: str, figures: RunFigures) -> RunRecord:
    label, folder = figures.progress.label, Path(figures.submit_dir or "")
    # Pegasus puts a number after the label (mosaic-0.dag); the label of a DAG without Pegasus is that of its file.
    is_planned = figures.dag != f"{label}.dag"
    dag_file = folder / (figures.dag or f"{label}.dag")
    name = name_of(dag_file, label, is_planned=is_planned)
    return RunRecord(
        str(dag_file), name, str(folder if is_planned else dag_file), wf_uuid, label, figures.user
    )


def _by_word(counts: Counter[NodeStatus]) -> dict[str, int]:
    return {status.value: number for status, number in counts.items() if number}
