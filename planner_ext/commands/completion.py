"""`bridle completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from condor_templates.terminal import say

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options, runs, nodes and categories.

    Runs are those that you submitted; nodes and categories are those of the run that was typed before. Put the line of
    the example into ~/.bashrc; zsh likewise, with its name. For fish: `bridle completion fish >
    ~/.config/fish/completions/bridle.fish`. bash must be 4.4 or later.

    \b
    Example:
      eval "$(bridle completion bash)"

    \b
    Exit codes: 0 printed; 2 no such shell.
    """
    found = get_completion_class(shell)
    assert found is not None
    # Its source() alone would start a bash to ask for the version.
    names = {"complete_func": "_bridle_completion", "complete_var": "_BRIDLE_COMPLETE", "prog_name": "bridle"}
    say(found.source_template % names)
