"""What all commands have in common: `--json`, the run that they are about, text that may be no UTF-8."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from condor_templates.terminal import say
from dag_rewriter.directory.ownership import become_owner


def _become_owner(ctx: click.Context, _option: click.Parameter, wanted: bool) -> bool:
    target: Path = ctx.params["submit_dir"]
    if wanted:
        become_owner(target if target.is_dir() else target.parent)
    return wanted


as_owner_option = click.option(
    "--as-owner",
    is_flag=True,
    expose_value=False,
    callback=_become_owner,
    help="Root only: do it as the user whom the directory belongs to.",
)


def wants_json(ctx: click.Context, _option: click.Parameter, wanted: bool) -> bool:
    """Errors are to be JSON too: whoever prints them has the context's object."""
    if wanted and ctx.obj is not None:
        ctx.obj.as_json = True
    return wanted


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,  # so that wrong values of other options are told as JSON
    callback=wants_json,
    help="Print JSON, errors too (`bridle help json`).",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
force_option = click.option(
    "--force", is_flag=True, help="Go on with a DAG that `bridle check` finds errors in."
)


class _RunPath(click.Path):
    """The run that a command is about, by whatever name: which one is meant, the context's object knows (`resolve`).

    Messages that say what to type next name the run that was found.
    """

    def __init__(self, *, by_name: bool = True) -> None:
        super().__init__(readable=False, path_type=Path)
        self._by_name = by_name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        if ctx is None or ctx.obj is None:
            return path
        if self._by_name and not ctx.params.get("by_uuid"):  # -u: it is none that this machine need know
            path = ctx.obj.resolve(path)
        ctx.obj.run = path
        return path

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Runs by name; where none begins so, the shell completes files."""
        known = ctx.obj.run_names() if ctx.obj is not None and self._by_name else []
        names = [CompletionItem(name) for name in known if name.startswith(incomplete)]
        return [*super().shell_complete(ctx, param, incomplete), *names]


RUN = _RunPath()
_HERE = "."
"""The run in the current directory is meant where none is named."""
submit_dir_argument = click.argument(
    "submit_dir", type=RUN, default=_HERE, required=False, is_eager=True
)  # before --as-owner
monitored_argument = click.argument("submit_dir", type=_RunPath(by_name=False), is_eager=True)
"""Of the monitor, which HTCondor starts: where its run is gone, it must come upon no other one."""
dag_argument = click.argument("target", metavar="[SUBMIT_DIR|X.dag]", type=RUN, default=_HERE, required=False)


JSON_VERSION = 1
"""Of a document that has no version of its own: it goes up before a key goes or changes its meaning (docs/json.md)."""


def print_json(value: Mapping[str, object]) -> None:
    """One JSON document on standard output, in ASCII, which has a version."""
    say(json.dumps({"version": JSON_VERSION, **value}, indent=2))
