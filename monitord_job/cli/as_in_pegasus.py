"""Options of Pegasus's own tools that no command of ours has: honoured as there, or refused with what to do instead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def refused_option(*names: str, instead: str, value: str | None = None) -> Callable[[F], F]:
    """An option that help does not name, and that is answered with a sentence; `value`: what it takes there."""

    def refuse(ctx: click.Context, _option: click.Parameter, given: object) -> None:
        if given:
            raise click.UsageError(f"{names[-1]} of Pegasus's tool is not there: {instead}", ctx)

    return click.option(
        *names, metavar=value, is_flag=value is None, hidden=True, expose_value=False, callback=refuse
    )


def _louder(ctx: click.Context, _option: click.Parameter, times: int) -> None:
    if times and ctx.obj is not None:
        ctx.obj.level = max(ctx.obj.level, times)
        logging.getLogger().setLevel(_LEVELS[min(ctx.obj.level, 2)])


def _quieter(_ctx: click.Context, _option: click.Parameter, times: int) -> None:
    if times:
        logging.getLogger().setLevel(logging.ERROR)


verbose_option = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    callback=_louder,
    help="Say what is done; twice: details, and tracebacks of errors.",
)
quiet_option = click.option(
    "-q", "--quiet", count=True, expose_value=False, callback=_quieter, help="Leave warnings out."
)
