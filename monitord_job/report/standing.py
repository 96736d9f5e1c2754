"""How a run stands, as `bridle status` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.reading import open_database
from monitord_job.database.url import Database
from monitord_job.diagnosis.run_states import Diagnosis
from monitord_job.outcome.ending import ending_of
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.run_outcome import RunState, word_for
from monitord_job.readers.status import as_dagman_counts, diagnosis_of
from monitord_job.readers.status_view import tell_diagnosis, worth_telling
from monitord_job.statistics.model.figures import Statistics


@dataclass(frozen=True, slots=True)
class Standing:
    """`nodes`: where those of the run itself stand, as DAGMan counts; None if that is not known."""

    word: str
    advice: tuple[str, ...] = ()
    nodes: Mapping[str, NodeStatus] | None = None


def standing_of(submit_dir: SubmitDir, database: Database, url: str | None) -> Standing:
    """Of a run that is in a database of ours; asks the queue, too, if there is one."""
    engine = open_database(database)
    try:
        run = as_dagman_counts(engine, submit_dir)
    finally:
        engine.dispose()
    diagnosis = diagnosis_of(submit_dir, url)
    word = word_for(run, diagnosis)
    return Standing(word, _advice(diagnosis), {one.name: one.status for one in run.jobs})


def standing_in(statistics: Statistics) -> Standing:
    """The same of a database of another monitor, which says less."""
    root = statistics.figures[0].workflow
    if not root.ended:
        return Standing((RunState.RUNNING if statistics.elapsed is not None else RunState.NOT_STARTED).value)
    return Standing(ending_of(root.status or 0, 0, None).value)


def _advice(diagnosis: Diagnosis) -> tuple[str, ...]:
    lines: list[str] = []
    if worth_telling(diagnosis):
        tell_diagnosis(diagnosis, lines.append)
    return tuple(lines)
