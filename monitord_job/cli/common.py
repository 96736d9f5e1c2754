"""What commands on a monitored run have in common."""

from __future__ import annotations

from pathlib import Path

import click

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.unplanned_identity import identified

url_option = click.option("--url", help="The database, if the monitor was told of it by its own --url.")


def open_run(path: Path) -> SubmitDir:
    """The submit directory or the DAG that a command was given, with the uuid that its database is kept under."""
    return identified(open_target(path))
