"""What `bridle tc`, `bridle rc` and `bridle sc` have in common: which catalog is meant, conversion, validation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from condor_templates.terminal import put_out, say
from dag_rewriter.cli.common import print_json

if TYPE_CHECKING:
    from planner_ext.catalogs.locate import Catalog, Format, Kind
    from planner_ext.catalogs.model.schema import Problem
    from planner_ext.catalogs.source import Source

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(readable=False, path_type=Path, allow_dash=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which catalog a command was told to work on."""

    catalog: Path | None
    format_word: str | None
    conf: Path | None
    single: Mapping[str, str]
    """properties that go before those of all files"""

    def named(self, kind: Kind) -> Catalog:
        """The catalog that the options name, else the one of the properties. CatalogError."""
        from planner_ext.catalogs.locate import Catalog, Format, Said, find

        wanted = None if self.format_word is None else Format(self.format_word)
        if self.catalog is not None:
            return Catalog(self.catalog, wanted)
        located = find(kind, Said(self.conf, self.single), Path.cwd(), Path.home(), os.environ)
        return located if wanted is None else Catalog(located.path, wanted)

    def opened(self, kind: Kind) -> Source:
        """The same, with the format that it has. CatalogError, FileError."""
        from planner_ext.catalogs.source import source_of

        return source_of(self.named(kind), kind)


site_option = click.option("--site", metavar="NAME", help="Only what is on that site.")


def catalog_options(formats: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--catalog, --format, --conf and -D: which catalog a command is about, given to it as `asked`."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(
            *,
            catalog: Path | None,
            format_word: str | None,
            conf: Path | None,
            single: tuple[str, ...],
            **others: Any,
        ) -> Any:
            asked = Asked(catalog, format_word, conf, key_values(single, "-D"))
            return function(asked=asked, **others)

        for option in (
            click.option(
                "--conf",
                metavar="FILE",
                type=click.Path(readable=False, path_type=Path),
                help="Properties that name the catalog, before pegasus.properties and ~/.pegasusrc.",
            ),
            click.option(
                "-D",
                "single",
                metavar="KEY=VALUE",
                multiple=True,
                help="One property: before those of --conf and of the environment. May be repeated.",
            ),
            click.option(
                "--format", "format_word", type=click.Choice(formats), help="Of it; else it is guessed."
            ),
            click.option(
                "--catalog", metavar="FILE", type=_FILE, help="The catalog; else the properties name it."
            ),
        ):
            command = option(command)
        return command

    return decorated


def convert_options(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Callable[[_Command], _Command]:
    """--from, --to, IN and OUT."""

    def decorated(command: _Command) -> _Command:
        for option in (
            click.argument("output", metavar="OUT", type=_FILE),
            click.argument("given", metavar="IN", type=_FILE),
            click.option(
                "--to", "to_word", type=click.Choice(outputs), help="Format of OUT; by default yaml."
            ),
            click.option(
                "--from", "from_word", type=click.Choice(inputs), help="Format of IN; else it is guessed."
            ),
        ):
            command = option(command)
        return command

    return decorated


def conversion(
    kind: Kind, given: Path, output: Path, from_word: str | None, to_word: str | None
) -> tuple[Source, Format]:
    """What is read, and the format that is written."""
    from planner_ext.catalogs.locate import Catalog, Format, guess_output
    from planner_ext.catalogs.source import source_of

    source = source_of(Catalog(given, None if from_word is None else Format(from_word)), kind)
    return source, Format(to_word) if to_word else guess_output(output.name, kind)


def tell_problems(source: Source, problems: Iterable[Problem], *, as_json: bool) -> int:
    """Say what is wrong with a catalog, each in a line; the exit code."""
    count = 0
    shown = []
    for one in problems:
        count += 1
        if as_json:
            shown.append({"line": one.line or None, "what": one.what, "hint": one.hint})
        else:
            where = f"{source.name}:{one.line}" if one.line else source.name
            say(f"{where}: {one.what}; {one.hint}")
    if as_json:
        print_json({"catalog": source.name, "format": source.format.value, "problems": shown})
    elif not count:
        say(f"{source.name}: valid ({source.format.value})")
    return 1 if count else 0


def put_lines(lines: Iterable[str]) -> None:
    """Print many lines, some thousand at a time."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) >= 4096:
            put_out("".join(held))
            held.clear()
    put_out("".join(held))


def key_values(given: Iterable[str], option: str) -> dict[str, str]:
    """KEY=VALUE words. UsageError for one without =."""
    values = {}
    for word in given:
        key, has_value, value = word.partition("=")
        if not has_value or not key:
            raise click.UsageError(f"{option} {word!r} is no KEY=VALUE")
        values[key] = value
    return values
