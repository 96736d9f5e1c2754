"""What a shell completes: the nodes and categories of the run that was typed before.

Nothing is raised: at a prompt, no name is better than an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dag_rewriter.model.dag import Dag

_MOST = 200
"""Names: nobody reads more at a prompt."""


def complete_nodes(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The nodes of the run's DAG."""
    dag = _dag(ctx)
    return [] if dag is None else _beginning((_text(name) for name in dag.nodes), typed)


def complete_categories(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The categories of the run's DAG."""
    return _beginning(_categories(ctx), typed)


def complete_limits(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The same, for CATEGORY=LIMIT."""
    return [f"{name}=" for name in _beginning(_categories(ctx), typed)]


def _categories(ctx: click.Context) -> list[str]:
    dag = _dag(ctx)
    return [] if dag is None else sorted(map(_text, {*dag.used_categories(), *dag.max_jobs}))


def _beginning(names: Iterable[str], typed: str) -> list[str]:
    return list(islice((name for name in names if name.startswith(typed)), _MOST))


def _text(name: str) -> str:
    from dag_rewriter.language.text import show_bytes

    return show_bytes(name)


def _dag(ctx: click.Context) -> Dag | None:
    """That of the run among the words before, or of the current directory."""
    from condor_templates.errors import BridleError
    from dag_rewriter.directory.locate import open_target
    from dag_rewriter.rewriting.rewrite import read_dag

    words = (ctx.params.get(name) for name in ("submit_dir", "run", "target"))
    path = next((word for word in words if isinstance(word, Path)), Path())
    try:
        return read_dag(open_target(path))
    except (BridleError, OSError):
        return None
