"""`bridle tc`: transformation catalogs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import json_option, print_json
from planner_ext.commands.catalog_options import (
    Asked,
    catalog_options,
    conversion,
    convert_options,
    key_values,
    put_lines,
    site_option,
    tell_problems,
)

if TYPE_CHECKING:
    from planner_ext.catalogs.model.document import Document
    from planner_ext.catalogs.transformation_catalog import Listed

_FORMATS = ("yaml", "text", "file")
_catalog = catalog_options(_FORMATS)


@click.group()
def tc() -> None:
    """Manage transformation catalogs: which executables are where.

    YAML 5.0 is read and written; the Text format and the multi-column File of Pegasus 2 to 4 are read. NAME is
    [NAMESPACE::]NAME[:VERSION].

    \b
    Example:
      bridle tc convert tc.txt transformations.yml
      bridle tc list --site condorpool
      bridle tc add example::keg:1.0 /usr/bin/pegasus-keg --site condorpool

    \b
    Exit codes: 0 done; 1 nothing was found, or the catalog is not valid; 2 wrong usage, or a file that cannot be used:
    nothing was changed.
    """


@tc.command(name="list")
@_catalog
@site_option
@json_option
def list_command(asked: Asked, site: str | None, *, as_json: bool) -> int:
    """List all transformations: name, site, type, PFN.

    \b
    Example:
      bridle tc list
      bridle tc list --catalog tc.txt --json

    \b
    Exit codes: 0 there are some; 1 there are none; 2 the catalog cannot be read.
    """
    return _show(None, asked, site, as_json=as_json)


@tc.command()
@click.argument("name")
@_catalog
@site_option
@json_option
def lookup(name: str, asked: Asked, site: str | None, *, as_json: bool) -> int:
    """Show where a transformation is. NAME without namespace or version finds those with any.

    \b
    Example:
      bridle tc lookup keg
      bridle tc lookup example::keg:1.0 --site local --json

    \b
    Exit codes: 0 found; 1 not in the catalog; 2 the catalog cannot be read.
    """
    return _show(name, asked, site, as_json=as_json)


def _show(name: str | None, asked: Asked, site: str | None, *, as_json: bool) -> int:
    from planner_ext.catalogs.locate import TRANSFORMATIONS
    from planner_ext.catalogs.model.transformation import parse_name
    from planner_ext.catalogs.transformation_catalog import listed, load

    document = load(asked.opened(TRANSFORMATIONS))
    rows = list(listed(document, None if name is None else parse_name(name), site))
    if as_json:
        print_json({"transformations": [one.document for one in rows]})
    else:
        put_lines(_columns(rows))
    return 0 if rows else 1


def _columns(rows: list[Listed]) -> list[str]:
    cells = [(str(one.name), one.site, one.type, one.pfn) for one in rows]
    widths = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) + "\n"
        for row in cells
    ]


@tc.command()
@click.argument("name")
@click.argument("pfn")
@_catalog
@click.option("--site", metavar="NAME", required=True, help="The site that has the executable.")
@click.option(
    "--type",
    "type_word",
    type=click.Choice(["installed", "stageable"]),
    default="installed",
    show_default=True,
    help="Whether it is there, or is to be staged.",
)
@click.option("--arch", metavar="ARCH", help="For example x86_64.")
@click.option("--os", "os_type", metavar="OS", help="For example linux.")
@click.option("--container", metavar="NAME", help="The container of the catalog that it runs in.")
@click.option(
    "--profile", "profiles", metavar="NS.KEY=VALUE", multiple=True, help="A profile. May be repeated."
)
@click.option("--metadata", "metadata", metavar="KEY=VALUE", multiple=True, help="Metadata. May be repeated.")
def add(
    name: str,
    pfn: str,
    asked: Asked,
    site: str,
    type_word: str,
    arch: str | None,
    os_type: str | None,
    container: str | None,
    profiles: tuple[str, ...],
    metadata: tuple[str, ...],
) -> None:
    """Add an executable to a YAML catalog, which is made if it is not there.

    One of the same name, site and PFN is replaced. All other lines, and comments, stay as they are.

    \b
    Example:
      bridle tc add keg /usr/bin/pegasus-keg --site condorpool --arch x86_64 --os linux
      bridle tc add keg /home/me/keg --site local --type stageable --profile env.HOME=/tmp

    \b
    Exit codes: 0 it is in the catalog; 2 the catalog cannot be read or written, or is in an old format: nothing was
    changed.
    """
    from planner_ext.catalogs.locate import TRANSFORMATIONS, Format
    from planner_ext.catalogs.model.document import without_nothing
    from planner_ext.catalogs.model.transformation import parse_name
    from planner_ext.catalogs.source import Source, source_of
    from planner_ext.catalogs.transformation_catalog import add as add_entry

    entry: Document = without_nothing(
        {
            "name": site,
            "pfn": pfn,
            "type": type_word,
            "arch": arch,
            "os.type": os_type,
            "container": container,
            "profiles": _profiles(profiles),
            "metadata": {**key_values(metadata, "--metadata")},
        }
    )
    meant = asked.named(TRANSFORMATIONS)
    is_new = not meant.path.exists()
    source = Source(meant.path, meant.format or Format.YAML) if is_new else source_of(meant, TRANSFORMATIONS)
    changed = add_entry(source, parse_name(name), entry, is_new=is_new)
    say(f"{source.name}: {'added' if changed else 'it is there already:'} {name} on {site}")


def _profiles(given: tuple[str, ...]) -> Document:
    profiles: dict[str, dict[str, str]] = {}
    for name, value in key_values(given, "--profile").items():
        namespace, dot, key = name.partition(".")
        if not dot or not key:
            raise click.UsageError(f"--profile {name!r} is no NAMESPACE.KEY=VALUE")
        profiles.setdefault(namespace, {})[key] = value
    return {namespace: {**values} for namespace, values in profiles.items()}


@tc.command()
@click.argument("name")
@_catalog
@site_option
@click.option("--pfn", metavar="PFN", help="Only that executable.")
def remove(name: str, asked: Asked, site: str | None, pfn: str | None) -> int:
    """Remove a transformation from a YAML catalog, or only some of its executables.

    NAME without namespace or version removes those with any. All other lines, and comments, stay as they are.

    \b
    Example:
      bridle tc remove example::keg:1.0
      bridle tc remove keg --site local

    \b
    Exit codes: 0 removed; 1 not in the catalog; 2 the catalog cannot be read or written, or is in an old format:
    nothing was changed.
    """
    from planner_ext.catalogs.locate import TRANSFORMATIONS
    from planner_ext.catalogs.model.transformation import parse_name
    from planner_ext.catalogs.transformation_catalog import remove as remove_entries

    source = asked.opened(TRANSFORMATIONS)
    count = remove_entries(source, parse_name(name), site, pfn)
    say(f"{source.name}: removed {count} of {name}")
    return 0 if count else 1


@tc.command()
@convert_options(_FORMATS, ("yaml", "text"))
def convert(given: Path, output: Path, from_word: str | None, to_word: str | None) -> None:
    """Convert a catalog to YAML 5.0, or to Text. `-` is standard input or output; IN and OUT may be one file.

    What YAML 5.0 has no place for is kept under a key that begins with x-.

    \b
    Example:
      bridle tc convert tc.txt transformations.yml
      bridle tc convert --from file --to text tc.data -

    \b
    Exit codes: 0 converted; 2 IN cannot be read, or OUT not be written: OUT is as it was.
    """
    from planner_ext.catalogs.locate import TRANSFORMATIONS
    from planner_ext.catalogs.transformation_catalog import convert as convert_catalog

    source, wanted = conversion(TRANSFORMATIONS, given, output, from_word, to_word)
    convert_catalog(source, output, wanted)


@tc.command()
@_catalog
@json_option
def validate(asked: Asked, *, as_json: bool) -> int:
    """Say what Pegasus 5 would refuse in a catalog, with the line and what to write.

    \b
    Example:
      bridle tc validate
      bridle tc validate --catalog transformations.yml --json

    \b
    Exit codes: 0 it is valid; 1 it is not; 2 it cannot be read.
    """
    from planner_ext.catalogs.locate import TRANSFORMATIONS
    from planner_ext.catalogs.transformation_catalog import problems

    source = asked.opened(TRANSFORMATIONS)
    return tell_problems(source, problems(source), as_json=as_json)
