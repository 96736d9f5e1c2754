"""Which runs there are to be statistics of, in which databases, and all of them opened at once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.properties import URL_PROPERTIES, given_url
from monitord_job.database.url import Database, database_of, parse_url
from monitord_job.diagnosis.legibility import unreadable_run
from monitord_job.errors import DatabaseUrlError, DatabaseVersionError, NewerDatabaseError
from monitord_job.statistics.collect import read_run, together
from monitord_job.statistics.model.figures import Attempt, Level, Statistics, Workflow
from monitord_job.statistics.queries.jobs import attempts
from monitord_job.statistics.queries.questions import Questions, asking
from monitord_job.statistics.queries.workflows import all_roots

LOG = logging.getLogger("bridle")
_PMC = "uses_pmc"
"""What the braindump says of a workflow that pegasus-mpi-cluster runs: its clusters are not run anew as a whole."""


@dataclass(frozen=True, slots=True)
class Target:
    """One run in a database."""

    wf_uuid: str
    database: Database
    uses_pmc: bool = False
    place: Path | None = None
    """its submit directory, where that is known"""


def target_of(submit_dir: SubmitDir, url: str | None, *, as_it_stands: bool) -> Target:
    """The run of a submit directory, caught up with its logs unless it is wanted as it stands."""
    uses_pmc = (submit_dir.braindump.get(_PMC) or "").strip().lower() == "true"
    return Target(
        submit_dir.wf_uuid or "",
        _database(submit_dir, url, as_it_stands=as_it_stands),
        uses_pmc,
        submit_dir.path,
    )


def _database(submit_dir: SubmitDir, url: str | None, *, as_it_stands: bool) -> Database:
    if as_it_stands:
        return database_of(submit_dir, url)
    from monitord_job.readers.status import brought_up  # brings the monitor with it

    try:
        return brought_up(submit_dir, url)
    except NewerDatabaseError:
        raise
    except DatabaseVersionError:
        return database_of(submit_dir, url)  # pegasus-monitord's: it is for that to keep


def warn_of_unread(submit_dir: SubmitDir, target: Target) -> None:
    """Say so where a run has begun, and nothing that is there tells what its nodes did."""
    with asking(target.database) as questions:
        begun = any(True for _ in questions.rows(_BEGUN, target.wf_uuid))
    if not begun and (unread := unreadable_run(submit_dir)):
        LOG.warning("%s", unread)


_BEGUN = "SELECT 1 FROM workflowstate s JOIN workflow w ON w.wf_id = s.wf_id WHERE w.wf_uuid = ?"


def named_database(url: str | None, conf: Path | None) -> Database | None:
    """The one of `--url`, else of -D or `--conf`; None if none is given. Raises DatabaseUrlError if `conf` has none."""
    here = Path.cwd()
    if url is not None:
        return Database(parse_url("--url", url, here))
    named = given_url()
    if named is not None:
        return Database(parse_url(*named, here))
    if conf is None:
        return None
    hint = f"write it there ({URL_PROPERTIES[0]} = ...), or name it with --url"
    raise DatabaseUrlError(str(conf), "it names no database", hint)


def all_runs(database: Database) -> list[Target]:
    """Every run of a database."""
    with asking(database) as questions:
        return [Target(wf_uuid, database) for wf_uuid in all_roots(questions)]


class Opened:
    """Runs whose databases are open."""

    def __init__(self, statistics: Statistics, by_workflow: dict[str, Questions]) -> None:
        self.statistics = statistics
        self._by_workflow = by_workflow

    def attempts(self, workflow: Workflow) -> Iterable[Attempt]:
        """All attempts of a workflow, as they are asked for."""
        return attempts(self._by_workflow[workflow.wf_uuid], workflow.wf_id)

    def questions(self, workflow: Workflow) -> Questions:
        """The database of a workflow."""
        return self._by_workflow[workflow.wf_uuid]


@contextmanager
def opened(targets: Sequence[Target], levels: Collection[Level], *, any_attempt: bool) -> Iterator[Opened]:
    """Their figures, all together. `any_attempt` as in `task_tallies`, which clusters of PMC are counted by anyway.

    Raises MonitorError if one of them cannot be read.
    """
    with ExitStack() as stack:
        open_ones: dict[str, Questions] = {}
        by_workflow: dict[str, Questions] = {}
        runs = []
        for target in targets:
            url = target.database.url.render_as_string(hide_password=False)
            if url not in open_ones:
                open_ones[url] = stack.enter_context(asking(target.database))
            questions = open_ones[url]
            pmc = any_attempt or target.uses_pmc
            run = read_run(questions, target.wf_uuid, levels, target.place, any_attempt=pmc)
            by_workflow |= {one.workflow.wf_uuid: questions for one in run.figures}
            runs.append(run)
        yield Opened(together(runs), by_workflow)
