"""`bridle schema`."""

from __future__ import annotations

import json

import click

from condor_templates.did_you_mean import did_you_mean
from condor_templates.errors import BridleError
from condor_templates.terminal import say


class NoSchemaError(BridleError):
    """A command that prints no JSON."""


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
def schema(words: tuple[str, ...]) -> None:
    """Print the JSON Schema of what a command prints under --json.

    Without COMMAND: the names of all schemas. `error` is that of errors, which all commands share; `bridle help json`
    says more.

    \b
    Example:
      bridle schema status
      bridle schema rescue list > rescue-list.json

    \b
    Exit codes: 0 printed; 2 the command prints no JSON.
    """
    from condor_templates.json_schemas import schema_names, schema_of

    names = schema_names()
    if not words:
        say("\n".join(name.replace("-", " ", 1) for name in names))
        return
    name = "-".join(words)
    if name not in names:
        hint = did_you_mean(name, names) or "`bridle schema` lists all"
        raise NoSchemaError(" ".join(words), "there is no schema of this name", hint)
    say(json.dumps(schema_of(name), indent=2))
