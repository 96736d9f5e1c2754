"""`bridle sc`: site catalogs."""

from __future__ import annotations

from pathlib import Path

import click

from dag_rewriter.cli.common import json_option
from planner_ext.commands.catalog_options import (
    Asked,
    catalog_options,
    conversion,
    convert_options,
    tell_problems,
)

_FORMATS = ("yaml", "xml")


@click.group()
def sc() -> None:
    """Validate site catalogs, and convert XML 4.x to YAML 5.0.

    \b
    Example:
      bridle sc convert sites.xml sites.yml
      bridle sc validate

    \b
    Exit codes: 0 done; 1 the catalog is not valid; 2 wrong usage, or a file that cannot be used: nothing was changed.
    """


@sc.command()
@convert_options(_FORMATS, ("yaml",))
def convert(given: Path, output: Path, from_word: str | None, to_word: str | None) -> None:
    """Convert a catalog to YAML 5.0. `-` is standard input or output; IN and OUT may be one file.

    What YAML 5.0 has no place for (metadata, replica catalogs, glibc) is kept under a key that begins with x-.

    \b
    Example:
      bridle sc convert sites.xml sites.yml

    \b
    Exit codes: 0 converted; 2 IN cannot be read, or OUT not be written: OUT is as it was.
    """
    from planner_ext.catalogs.locate import SITES
    from planner_ext.catalogs.site_catalog import convert as convert_catalog

    source, wanted = conversion(SITES, given, output, from_word, to_word)
    convert_catalog(source, output, wanted)


@sc.command()
@catalog_options(_FORMATS)
@json_option
def validate(asked: Asked, *, as_json: bool) -> int:
    """Say what Pegasus 5 would refuse in a catalog, with the line and what to write.

    \b
    Example:
      bridle sc validate
      bridle sc validate --catalog sites.yml --json

    \b
    Exit codes: 0 it is valid; 1 it is not; 2 it cannot be read.
    """
    from planner_ext.catalogs.locate import SITES
    from planner_ext.catalogs.site_catalog import problems

    source = asked.opened(SITES)
    return tell_problems(source, problems(source), as_json=as_json)
