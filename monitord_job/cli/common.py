"""What commands on a monitored run have in common."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from dag_rewriter.directory.dagman_places import leading_dag
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.unplanned_identity import identified

LOG = logging.getLogger("bridle")
url_option = click.option("--url", help="The database, if the monitor was told of it by its own --url.")


def run_of(path: Path) -> SubmitDir:
    """The submit directory or the DAG that a command was given; of DAGs that were submitted as one, the first."""
    found = open_target(path)
    first = None if found.is_planned else leading_dag(found.dag_file, found.condor_sub)
    if first is None:
        return found
    LOG.warning("%s was submitted as one with %s: this is about both", found.dag, first.name)
    return open_target(first)


def here() -> Path:
    """The run in the current directory, for commands that may be told of several."""
    from monitord_job.runs.naming import resolved

    return resolved(Path())


def open_run(path: Path) -> SubmitDir:
    """The same, with the uuid that its database is kept under."""
    return identified(run_of(path))
