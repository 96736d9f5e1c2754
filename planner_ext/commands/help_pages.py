"""`bridle help`."""

from __future__ import annotations

import click

from condor_templates.did_you_mean import did_you_mean
from condor_templates.errors import BridleError
from condor_templates.terminal import put_out, say
from planner_ext.pages import page_names, page_of


class NoPageError(BridleError):
    """A page that there is not."""


@click.command("help")
@click.argument("words", metavar="[COMMAND|TOPIC]...", nargs=-1)
@click.pass_context
def help_pages(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show how a command is used, or a page of the manual.

    Without a word: all commands and topics. Where both have the name, the command comes first.

    \b
    Example:
      bridle help rescue redo
      bridle help recovery | less

    \b
    Exit codes: 0 shown; 2 there is neither such a command nor such a topic.
    """
    top = ctx.parent
    assert top is not None
    if not words:
        say(top.get_help())
        say(f"\nTopics:\n  {', '.join(page_names())}")
        return
    command = _command(top, words)
    page = page_of(words[0]) if len(words) == 1 else None
    if command is None and page is None:
        assert isinstance(top.command, click.Group)
        known = [*top.command.list_commands(top), *page_names()]
        hint = did_you_mean(words[0], known) or "`bridle help` lists all"
        raise NoPageError(" ".join(words), "there is neither such a command nor such a topic", hint)
    if command is not None:
        say(command.get_help())
    if page is not None:
        put_out(("\n" if command is not None else "") + page)


def _command(top: click.Context, words: tuple[str, ...]) -> click.Context | None:
    ctx = top
    for word in words:
        if not isinstance(ctx.command, click.Group):
            return None
        command = ctx.command.get_command(ctx, word)
        if command is None:
            return None
        ctx = click.Context(command, info_name=word, parent=ctx, obj=top.obj)
    return ctx
