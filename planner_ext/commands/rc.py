"""`bridle rc`: replica catalogs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_templates.terminal import say
from dag_rewriter.cli.common import JSON_VERSION, json_option
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
    from planner_ext.catalogs.model.replica import Replica
    from planner_ext.catalogs.source import Source

_FORMATS = ("yaml", "file", "regex", "sqlite")
_catalog = catalog_options(_FORMATS)
_bulk = click.option(
    "--from-file",
    "bulk",
    metavar="FILE",
    type=click.Path(readable=False, path_type=Path, allow_dash=True),
    help="A catalog in any format that says which; a million entries are fine.",
)


@click.group()
def rc() -> None:
    """Manage replica catalogs: where files are.

    YAML 5.0, File, Regex and SQLite (JDBCRC) are read and written, entry by entry. RLS is dead: what pegasus-rc-client
    wrote of it is a File, and `bridle rc convert` makes YAML of it.

    \b
    Example:
      bridle rc insert f.a file:///data/f.a --site local
      bridle rc lookup f.a
      bridle rc convert rc.txt replicas.yml

    \b
    Exit codes: 0 done; 1 nothing was found, or the catalog is not valid; 2 wrong usage, or a file that cannot be used:
    nothing was changed.
    """


@rc.command(name="list")
@_catalog
@site_option
@json_option
def list_command(asked: Asked, site: str | None, *, as_json: bool) -> int:
    """List all entries as lines LFN PFN site="SITE" key="value".

    \b
    Example:
      bridle rc list
      bridle rc list --catalog mosaic-0.replicas.db --site local

    \b
    Exit codes: 0 there are some; 1 there are none; 2 the catalog cannot be read.
    """
    return _show(None, asked, site, as_json=as_json)


@rc.command()
@click.argument("lfns", metavar="LFN...", nargs=-1, required=True)
@_catalog
@site_option
@json_option
def lookup(lfns: tuple[str, ...], asked: Asked, site: str | None, *, as_json: bool) -> int:
    """Show where files are: the entries with these names. A pattern is found by its own text.

    \b
    Example:
      bridle rc lookup f.a f.b --site condorpool

    \b
    Exit codes: 0 one at least was found; 1 none is in the catalog; 2 the catalog cannot be read.
    """
    return _show(lfns, asked, site, as_json=as_json)


def _show(lfns: Iterable[str] | None, asked: Asked, site: str | None, *, as_json: bool) -> int:
    from planner_ext.catalogs.locate import REPLICAS
    from planner_ext.catalogs.replica_catalog import matching

    source = asked.opened(REPLICAS)
    count = 0

    def counted() -> Iterator[Replica]:
        nonlocal count
        for one in matching(source, lfns, site=site):
            count += 1
            yield one

    put_lines(_json_lines(counted()) if as_json else _lines(counted()))
    return 0 if count else 1


def _lines(replicas: Iterable[Replica]) -> Iterator[str]:
    from planner_ext.catalogs.formats.replica_lines import shown

    for one in replicas:
        yield from shown(one)


def _json_lines(replicas: Iterable[Replica]) -> Iterator[str]:
    """One JSON document, written as it is made."""
    from planner_ext.catalogs.formats.replica_yaml import document_of

    yield f'{{\n  "version": {JSON_VERSION},\n  "replicas": ['
    before = "\n    "
    for one in replicas:
        yield before + json.dumps(document_of(one))
        before = ",\n    "
    yield "\n  ]\n}\n"


@rc.command()
@click.argument("lfn", required=False)
@click.argument("pfn", required=False)
@_catalog
@click.option(
    "--site", metavar="NAME", default="local", show_default=True, help="The site that has the file."
)
@click.option("--metadata", metavar="KEY=VALUE", multiple=True, help="Said of the file. May be repeated.")
@click.option("--regex", is_flag=True, help="LFN is a pattern.")
@_bulk
def insert(
    lfn: str | None,
    pfn: str | None,
    asked: Asked,
    site: str,
    metadata: tuple[str, ...],
    bulk: Path | None,
    *,
    regex: bool,
) -> None:
    """Add a place of a file to the catalog, which is made if it is not there; or all of a file.

    A place that is there already gets what is said of it now. All other lines, and comments, stay as they are.

    \b
    Example:
      bridle rc insert f.a file:///data/f.a --site local --metadata size=2048
      bridle rc insert --from-file million.txt

    \b
    Exit codes: 0 they are in the catalog; 2 a file cannot be read or written: nothing was changed.
    """
    from planner_ext.catalogs.locate import REPLICAS, Format
    from planner_ext.catalogs.model.replica import Place, Replica
    from planner_ext.catalogs.replica_catalog import create, read
    from planner_ext.catalogs.replica_edits import insert as insert_replicas
    from planner_ext.catalogs.source import source_of

    if (bulk is None) == (lfn is None) or (lfn is None) != (pfn is None):
        raise click.UsageError("name LFN and PFN, or --from-file")
    replicas: Iterable[Replica]
    if bulk is None:
        said: Document = {**key_values(metadata, "--metadata")}
        replicas = [Replica(str(lfn), (Place(str(pfn), site),), regex, {}, said)]
    else:
        replicas = read(_bulk_source(bulk))
    meant = asked.named(REPLICAS)
    if meant.path.exists():
        count = insert_replicas(source_of(meant, REPLICAS), replicas)
        say(f"{meant.path}: inserted {count}")
    else:
        create(meant.path, meant.format or Format.YAML, replicas)
        say(f"{meant.path}: made")


def _bulk_source(bulk: Path) -> Source:
    from planner_ext.catalogs.locate import REPLICAS, Catalog
    from planner_ext.catalogs.source import source_of

    return source_of(Catalog(bulk, None), REPLICAS)


@rc.command()
@click.argument("lfn", required=False)
@click.argument("pfn", required=False)
@_catalog
@site_option
@_bulk
def delete(lfn: str | None, pfn: str | None, asked: Asked, site: str | None, bulk: Path | None) -> int:
    """Take a file from the catalog, or only one place of it, or what is on a site; or all of a file.

    In FILE, a line may be a name alone. All other lines, and comments, stay as they are.

    \b
    Example:
      bridle rc delete f.a
      bridle rc delete f.a file:///data/f.a --site local
      bridle rc delete --from-file gone.txt

    \b
    Exit codes: 0 deleted; 1 none of it is in the catalog; 2 a file cannot be read or written: nothing was changed.
    """
    from planner_ext.catalogs.locate import REPLICAS
    from planner_ext.catalogs.model.replica import Place, Replica
    from planner_ext.catalogs.replica_catalog import read_names
    from planner_ext.catalogs.replica_edits import delete as delete_replicas

    if (bulk is None) == (lfn is None):
        raise click.UsageError("name LFN, or --from-file")
    replicas: Iterable[Replica]
    if lfn is not None:
        replicas = [Replica(lfn, () if pfn is None and site is None else (Place(pfn or "", site),))]
    else:
        replicas = read_names(_bulk_source(bulk or Path()))
    source = asked.opened(REPLICAS)
    count = delete_replicas(source, replicas)
    say(f"{source.name}: deleted {count}")
    return 0 if count else 1


@rc.command()
@convert_options(_FORMATS, _FORMATS)
def convert(given: Path, output: Path, from_word: str | None, to_word: str | None) -> None:
    """Convert a catalog to YAML 5.0, or to another format. `-` is standard input or output; IN may be OUT.

    Lines of one name that follow each other become one entry of YAML. A database is made where OUT ends with .db.

    \b
    Example:
      bridle rc convert rc.txt replicas.yml
      bridle rc convert mosaic-0.replicas.db -
      bridle rc convert --to sqlite replicas.yml rc.db

    \b
    Exit codes: 0 converted; 2 IN cannot be read, or OUT not be written: OUT is as it was.
    """
    from planner_ext.catalogs.locate import REPLICAS
    from planner_ext.catalogs.replica_catalog import convert as convert_catalog

    source, wanted = conversion(REPLICAS, given, output, from_word, to_word)
    convert_catalog(source, output, wanted)


@rc.command()
@_catalog
@json_option
def validate(asked: Asked, *, as_json: bool) -> int:
    """Say what Pegasus 5 would refuse, or pass over, in a catalog, with the line and what to write.

    \b
    Example:
      bridle rc validate
      bridle rc validate --catalog rc.txt --json

    \b
    Exit codes: 0 it is valid; 1 it is not; 2 it cannot be read.
    """
    from planner_ext.catalogs.locate import REPLICAS
    from planner_ext.catalogs.replica_catalog import problems

    source = asked.opened(REPLICAS)
    return tell_problems(source, problems(source), as_json=as_json)
