"""`bridle pool`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json
from planner_ext.pool.pool import Pool, PoolState, PoolStatus
from planner_ext.pool.release import find_release


def default_directory() -> Path:
    """Where a user's pool lives if nothing is said."""
    import platformdirs

    return Path(platformdirs.user_state_dir("bridle")) / "pool"


def _pool_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--pool",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="BRIDLE_POOL",
        default=default_directory,
        show_default="$BRIDLE_POOL, else bridle/pool in the user's state directory",
        help="The directory that holds all of the pool.",
    )(command)


@click.group()
def pool() -> None:
    """Manage a personal HTCondor pool.

    It listens on loopback only, obeys its owner alone, and keeps every file in one directory; several go side by
    side. Root can start one too: its daemons and jobs then run in a user namespace as an ordinary user.

    \b
    Example:
      bridle pool start
      eval "$(bridle pool env)"
      condor_q
      bridle pool stop

    \b
    Exit codes: 0 done; 1 the pool does not do it (the message says where to look); 2 wrong usage.
    """


@pool.command()
@_pool_option
@click.option(
    "--slots", type=click.IntRange(min=1), help="CPUs to offer. [default: as last time, else all, min. 4]"
)
@click.option(
    "--release",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="that of condor_master in PATH, else $BRIDLE_HTCONDOR",
    help="The folder with HTCondor's sbin (or usr/sbin).",
)
def start(directory: Path, slots: int | None, release: Path | None) -> None:
    """Start the pool and return when it takes jobs.

    It outlives the shell. Starting a pool that is up changes nothing; one whose machine went down goes on
    with its queue.

    \b
    Example:
      bridle pool start --pool ~/pool --slots 8

    \b
    Exit codes: 0 it takes jobs; 1 it does not come up; 2 wrong usage.
    """
    fallback = os.environ.get("BRIDLE_HTCONDOR")
    chosen = find_release(release, os.environ.get("PATH", os.defpath), Path(fallback) if fallback else None)
    say(_in_words(Pool(directory).start(chosen, slots)))


@pool.command()
@_pool_option
@click.option(
    "--limit", type=click.FloatRange(min=0), default=20, show_default=True, help="Seconds for the jobs."
)
def stop(directory: Path, limit: float) -> None:
    """Stop the pool, jobs included; its queue stays on disk.

    Jobs get SIGTERM and --limit seconds to leave; what is left after that is killed.

    \b
    Example:
      bridle pool stop --pool ~/pool

    \b
    Exit codes: 0 nothing of it runs any more; 1 something of it cannot be stopped; 2 wrong usage.
    """
    Pool(directory).stop(limit)
    say(f"{directory}: stopped")


@pool.command()
@_pool_option
@json_option
def status(directory: Path, as_json: bool) -> int:
    """Show whether the pool is up, and how many jobs are in its queue.

    \b
    Example:
      bridle pool status --json

    \b
    Exit codes: 0 it takes jobs; 1 it is stopped or broken; 2 wrong usage.
    """
    pool_status = Pool(directory).status()
    print_json(_as_json(pool_status)) if as_json else say(_in_words(pool_status))
    return 0 if pool_status.state is PoolState.RUNNING else 1


@pool.command()
@_pool_option
def env(directory: Path) -> None:
    """Print the shell commands that make this pool the one to use.

    \b
    Example:
      eval "$(bridle pool env)"
      condor_submit job.sub

    \b
    Exit codes: 0 done; 1 no pool was ever started there; 2 wrong usage.
    """
    chosen = Pool(directory)
    folders = ":".join(chosen.path_entries())
    say(f'export PATH={shlex.quote(folders)}:"$PATH"')
    for name, value in chosen.variables().items():
        say(f"export {name}={shlex.quote(value)}")


def _as_json(status: PoolStatus) -> dict[str, object]:
    return {**asdict(status), "state": status.state.value, "directory": str(status.directory)}


def _in_words(status: PoolStatus) -> str:
    line = f"{status.directory}: {status.state.value}"
    if status.state is PoolState.RUNNING:
        line += (
            f", HTCondor {status.version}, master pid {status.pid}, port {status.port}, "
            f"{status.slots} CPUs, {status.jobs} jobs in the queue"
        )
    return line
