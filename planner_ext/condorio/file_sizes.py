"""How large files are: what the run noted, the disk, the replica catalog, the abstract workflow, in this order."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.language.text import text_of
from planner_ext.condorio.model import FileKind, MovedFile, SizeSource

if TYPE_CHECKING:
    from planner_ext.catalogs.locate import Catalog
    from planner_ext.catalogs.model.replica import Replica

LOG = logging.getLogger("bridle")
_NUMBER = re.compile(r"[0-9]{1,18}")
_NOTED = re.compile(rb'^(\S+) .*?\bsize="([0-9]{1,18})"', re.MULTILINE)
_SIZE = "size"
_LARGEST_WORKFLOW = 16 << 20
"""Bytes of an abstract workflow that is read for sizes: to read YAML takes some 10 s for as much."""


def with_sizes(
    submit_dir: SubmitDir, wanted: Sequence[MovedFile], catalog: Path | None
) -> tuple[MovedFile, ...]:
    """The files with their sizes, as far as these are known. CatalogError, FileError: the catalog that was named."""
    known = list(wanted)
    _fill(known, SizeSource.RUN, _by_lfn(_noted(submit_dir)))
    _fill(known, SizeSource.DISK, lambda one: _on_disk(one.name))
    names = frozenset(one.lfn for one in known if one.size is None and one.kind is FileKind.DATA)
    if names:
        _fill(known, SizeSource.CATALOG, _by_lfn(_in_catalog(submit_dir, catalog, names)))
    if any(one.size is None and one.kind is FileKind.DATA for one in known):
        _fill(known, SizeSource.WORKFLOW, _by_lfn(_in_workflow(submit_dir)))
    return tuple(known)


def _fill(known: list[MovedFile], source: SizeSource, size_of: Callable[[MovedFile], int | None]) -> None:
    for place, one in enumerate(known):
        if one.size is None:
            size = size_of(one)
            if size is not None:
                known[place] = replace(one, size=size, source=source)


def _by_lfn(sizes: Mapping[str, int]) -> Callable[[MovedFile], int | None]:
    return lambda one: sizes.get(one.lfn) if one.kind is FileKind.DATA else None


def _noted(submit_dir: SubmitDir) -> dict[str, int]:
    """What pegasus-exitcode has written: LFN @@PFN@@ user="..." size="..." ..."""
    data = files.read_if_there(submit_dir.path / f"{submit_dir.base}.cache.meta") or b""
    return {text_of(name): int(size) for name, size in _NOTED.findall(data)}


def _on_disk(name: str) -> int | None:
    """Of a regular file."""
    try:
        status = os.stat(name)  # noqa: PTH116 - a million of them: a Path costs as much again
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return None


def _in_catalog(submit_dir: SubmitDir, named: Path | None, wanted: frozenset[str]) -> dict[str, int]:
    from planner_ext.catalogs.locate import REPLICAS, Catalog
    from planner_ext.catalogs.replica_catalog import read
    from planner_ext.catalogs.source import source_of

    sizes: dict[str, int] = {}
    try:
        catalog = Catalog(named, None) if named is not None else _planned_catalog(submit_dir)
        if catalog is None:
            return sizes
        for one in read(source_of(catalog, REPLICAS)):
            if one.lfn in wanted and one.lfn not in sizes:
                size = _size_in(one)
                if size is not None:
                    sizes[one.lfn] = size
    except BridleError as error:
        if named is not None:
            raise
        LOG.warning("sizes are not taken from the replica catalog: %s", error)
    return sizes


def _planned_catalog(submit_dir: SubmitDir) -> Catalog | None:
    """The planner's copy, else the one that its properties name; None if neither is there."""
    from planner_ext.catalogs.locate import REPLICAS, Catalog, Said, find

    if not submit_dir.is_planned:
        return None
    properties = submit_dir.braindump.get("properties")
    conf = submit_dir.path / Path(properties).name if properties else None
    if conf is None or files.mode_of(conf) is None:
        return None
    found = find(REPLICAS, Said(conf), submit_dir.path, submit_dir.path, {})
    copy = submit_dir.path / "catalogs" / found.path.name
    for path in (copy, found.path):
        if files.mode_of(path) is not None:
            return Catalog(path, found.format)
    return None


def _size_in(one: Replica) -> int | None:
    """What the entry says, else the file at one of its places on this machine."""
    said: Iterator[Any] = (
        pairs[_SIZE]
        for pairs in (one.metadata, one.other, *(dict(place.other) for place in one.places))
        if _SIZE in pairs
    )
    for value in said:
        if _NUMBER.fullmatch(str(value)):
            return int(str(value))
    on_disk = (_on_disk(path) for path in _local_paths(place.pfn for place in one.places))
    return next((size for size in on_disk if size is not None), None)


def _local_paths(urls: Iterable[str]) -> Iterator[str]:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme in ("", "file") and parts.netloc in ("", "localhost"):
            yield unquote(parts.path) if parts.scheme else url


def _in_workflow(submit_dir: SubmitDir) -> dict[str, int]:
    if not submit_dir.is_planned:
        return {}
    from planner_ext.notify.notify_file import find_workflow, load_workflow

    try:
        path = find_workflow(submit_dir)
        if path.stat().st_size > _LARGEST_WORKFLOW:
            LOG.warning("sizes are not taken from the abstract workflow: it is larger than 16 MB")
            return {}
        workflow = load_workflow(path)
    except (BridleError, OSError) as error:
        LOG.warning("sizes are not taken from the abstract workflow: %s", error)
        return {}
    said: dict[str, int] = {}
    for task in workflow.tasks:
        for use in task.uses:
            size = use.size or dict(use.metadata).get(_SIZE)
            if size is not None and _NUMBER.fullmatch(size):
                said[use.lfn] = int(size)
    return said
