"""What commands on a monitored run have in common."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from dag_rewriter.directory.confirmed import target_of
from dag_rewriter.directory.locate import as_submitted, open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.unplanned_identity import in_its_run

LOG = logging.getLogger("bridle")
F = TypeVar("F", bound=Callable[..., Any])
url_option = click.option("--url", help="The database, if the monitor was told of it by its own --url.")
_GIVEN = "bridle.properties"
_INSTEAD = "Properties of Pegasus, in place of those that the planner left beside the DAG."
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LENGTH = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)


def _give_conf(ctx: click.Context, _option: click.Parameter, conf: Path | None) -> Path | None:
    """Let the properties of a file go before those of the run, as long as the command lasts."""
    if conf is not None:
        _give(ctx, conf=conf)
    return conf


def _give_single(ctx: click.Context, _option: click.Parameter, texts: Sequence[str]) -> None:
    single = {}
    for text in texts:
        key, is_set, value = text.partition("=")
        if not is_set or not key.strip():
            raise click.BadParameter(f"{text!r} is no KEY=VALUE")
        single[key.strip()] = value
    if single:
        _give(ctx, single=single)


def _give(ctx: click.Context, **more: Any) -> None:
    from monitord_job.database.properties import HONOURED, Given, given

    for key in set(more.get("single", ())) - set(HONOURED):
        LOG.warning("-D%s: bridle reads no such property", key)
    ctx.meta[_GIVEN] = replace(ctx.meta.get(_GIVEN, Given()), **more)
    ctx.with_resource(given(ctx.meta[_GIVEN]))


_property_option = click.option(
    "-D",
    "properties",
    metavar="KEY=VALUE",
    multiple=True,
    expose_value=False,
    callback=_give_single,
    help="One property: before those of --conf. May be repeated.",
)


def _conf_option(*short: str, expose_value: bool, text: str) -> Callable[[F], F]:
    return click.option(
        *short,
        "--conf",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        expose_value=expose_value,
        callback=_give_conf,
        help=text,
    )


def properties_options(command: F) -> F:
    """--conf FILE and -Dkey=value."""
    return _conf_option(expose_value=False, text=_INSTEAD)(_property_option(command))


def properties_options_in_short(command: F) -> F:
    """The same with -c, as Pegasus's own commands have it."""
    return _conf_option("-c", expose_value=False, text=_INSTEAD)(_property_option(command))


def any_database_options(command: F) -> F:
    """-c, -u, -D and --url, of commands that count or analyse runs of any Stampede database, as Pegasus's own do."""
    by_uuid = click.option(
        "-u",
        "--isuuid",
        "by_uuid",
        is_flag=True,
        help="RUN is a wf_uuid of the database of --url or --conf.",
    )
    text = "Properties that name the database (pegasus.catalog.workflow.url)."
    return _conf_option("-c", expose_value=True, text=text)(by_uuid(_property_option(url_option(command))))


def as_it_stands_option(*short: str) -> Callable[[F], F]:
    """--ignore-db-inconsistency; in short -i, as Pegasus has it, where the command leaves that letter free."""
    return click.option(
        *short,
        "--ignore-db-inconsistency",
        "as_it_stands",
        is_flag=True,
        help="Take the database as it stands: do not store first what the logs hold beyond it.",
    )


def run_of(path: Path) -> SubmitDir:
    """The submit directory or the DAG that a command was given; of DAGs that were submitted as one, the first."""
    submit_dir = open_target(path)
    run = as_submitted(submit_dir)
    if run is not submit_dir:
        first = run.dag if run.path == submit_dir.path else run.dag_file
        LOG.warning("%s was submitted as one with %s: this is about both", submit_dir.dag, first)
    return run


def here() -> Path:
    """The run in the current directory, for commands that may be told of several."""
    from monitord_job.runs.naming import resolved

    return resolved(Path())


def open_run(path: Path) -> SubmitDir:
    """The same, with the uuid that its database is kept under: of a sub-workflow, that of the run above."""
    opened = in_its_run(run_of(path))
    if opened.top is not None:
        LOG.warning("%s is a sub-workflow of the run in %s, in whose database it is", path, run_above(opened))
    return opened


def run_above(opened: SubmitDir) -> Path | None:
    """The run whose sub-workflow this is, as commands take it; None of a run of its own."""
    return None if opened.top is None else target_of(opened.top)


def age(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """An age, or a day, as the time since when, or before which, runs are wanted (seconds since the epoch)."""
    if text is None:
        return None
    length = _LENGTH.fullmatch(text)
    if length is not None:
        return time.time() - int(length[1]) * _UNITS[length[2]]
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        what = f"{text!r} is neither an age (90m, 12h, 7d, 2w) nor a day (2026-11-30)"
        raise click.BadParameter(what) from None
