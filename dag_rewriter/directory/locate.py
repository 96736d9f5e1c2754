"""What a command works on: a submit directory, or a DAG file that nobody planned."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.directory.dagman_places import leading_dag
from dag_rewriter.directory.submit_dir import (
    SubmitDir,
    jobstate_log_of,
    open_dag,
    open_submit_dir,
    was_planned,
)
from dag_rewriter.errors import DagSyntaxError, FileError, SubmitDirError

if TYPE_CHECKING:
    from dag_rewriter.model.dag import Dag
    from dag_rewriter.model.splices import WholeDag

# What reads a DAG is imported by who does: it takes 30 ms, and most who want a directory leave the DAG alone.
_BEGIN = 1 << 16  # bytes: comments may stand before the first command
_SEVERAL = 100
_OF_ANOTHER = re.compile(r"\.(rescue\d+(\.old)?|planned(\.old)?)$")
"""Files of a DAG that look like one."""


def open_target(path: Path) -> SubmitDir:
    """A submit directory, or the directory of a DAG file that Pegasus may not have planned.

    Raises SubmitDirError or FileError.
    """
    submit_dir = open_as_it_lies(path)
    return submit_dir if submit_dir.is_planned else _as_called(submit_dir)


def open_as_it_lies(path: Path) -> SubmitDir:
    """The same, wherever it is called: for those who follow no name in the DAG. Raises SubmitDirError or FileError."""
    mode = files.mode_of(path)
    if mode is None or stat.S_ISDIR(mode):
        return open_submit_dir(path)
    path = path.absolute()
    _refuse_what_is_no_dag(path)
    if not was_planned(path.parent):
        return open_dag(path)
    try:
        planned = open_submit_dir(path.parent)
    except SubmitDirError:
        return open_dag(path)
    return planned if planned.dag == path.name else open_dag(path)


def as_submitted(submit_dir: SubmitDir) -> SubmitDir:
    """What DAGMan runs: of DAGs that were submitted as one with others, the first, after which its files are called."""
    first = None if submit_dir.is_planned else leading_dag(submit_dir.dag_file, submit_dir.condor_sub)
    return submit_dir if first is None else open_target(first)


def _as_called(submit_dir: SubmitDir) -> SubmitDir:
    """Where names are not there where the DAG is, but where we are: as condor_submit_dag takes them, called here."""
    here, dag = Path.cwd(), submit_dir.dag_file
    if here == submit_dir.start or not dag.is_relative_to(here):
        return submit_dir
    try:
        names = list(_named_in(_beginning(dag)))
    except DagSyntaxError:
        return submit_dir  # whoever reads all of it says what is wrong
    if any(files.mode_of(submit_dir.start / name) is not None for name in names):
        return submit_dir
    if not any(files.mode_of(here / name) is not None for name in names):
        return submit_dir
    return replace(submit_dir, places=replace(submit_dir.places, start=here))


def _beginning(dag_file: Path) -> Dag:
    """The first commands of a DAG. FileError, DagSyntaxError."""
    from dag_rewriter.model.dag import parse_dag

    begin = files.read_begin(dag_file, _BEGIN)
    return parse_dag(begin[: begin.rfind(b"\n") + 1] or begin, dag_file.name)


def _named_in(dag: Dag) -> Iterator[str]:
    """The files that a DAG names for its nodes and its parts, as far as they are looked at."""
    from dag_rewriter.language.commands import NodeKind

    yield from islice((path for _, path, _ in dag.submit_files()), _SEVERAL)
    yield from (posixpath.join(splice.directory or "", splice.dag_file) for splice in dag.splice_commands)
    yield from dag.includes
    yield from (node.submit_file for node in dag.nodes.values() if node.kind is NodeKind.SUBDAG)


def dags_in(directory: Path) -> list[Path]:
    """The DAGs in a directory, without those that another one there names as its part. Raises FileError."""
    names = [name for name in sorted(files.names_in(directory)) if name.endswith(".dag")]
    if len(names) < 2:
        return [directory / name for name in names]
    parts: set[str] = set()
    for name in names:
        with suppress(DagSyntaxError, FileError):
            named = _named_in(_beginning(directory / name))
            parts |= {posixpath.normpath(part) for part in named} - {name}
    return [directory / name for name in names if name not in parts]


def root_and_name(dag_file: Path) -> tuple[Path, str]:
    """Where the names in a DAG begin, as seen from here, and the DAG's own name there."""
    try:
        start = open_target(dag_file).start
    except SubmitDirError:
        return dag_file.parent, dag_file.name
    if start == dag_file.parent.absolute():
        return dag_file.parent, dag_file.name
    return Path(os.path.relpath(start)), os.path.relpath(dag_file, start)


def _refuse_what_is_no_dag(path: Path) -> None:
    """A DAG may have any name; then its first line tells, and the files that are called after it are its own."""
    if path.name.endswith(".dag"):
        return
    from dag_rewriter.language.command_table import COMMANDS
    from dag_rewriter.language.lexer import keyword, statements

    begin = files.read_begin(path, _BEGIN)
    first = next((text.split(None, 1)[0] for _, _, text, _, _ in statements(begin) if text.strip()), b"")
    if _OF_ANOTHER.search(path.name) or keyword(first) not in COMMANDS:
        raise SubmitDirError(str(path), "it is no DAG", "name a submit directory or a DAG")
    other = path.with_name(f"{path.name}.dag")
    if files.mode_of(other) is not None:
        what = f"{other.name} lies beside it, and both would have the database {path.name}.stampede.db"
        raise SubmitDirError(str(path), what, "rename one of them")


def jobstate_log(submit_dir: SubmitDir) -> Path:
    """The JOBSTATE_LOG that DAGMan writes: ours if it is there, else that of the DAG. FileError."""
    if files.mode_of(submit_dir.jobstate_log) is None:
        from dag_rewriter.model.dag import parse_dag

        with suppress(DagSyntaxError):
            data = files.read_if_there(submit_dir.dag_file) or b""
            return jobstate_log_of(submit_dir, parse_dag(data, submit_dir.dag))
    return submit_dir.jobstate_log


def read_whole(submit_dir: SubmitDir) -> WholeDag:
    """The DAG with its splices and includes, or all that were submitted as one with it. FileError, DagSyntaxError."""
    from dag_rewriter.model.splices import expand, expand_several

    def read(name: str) -> bytes:
        return files.read_regular(submit_dir.start / name)

    dags = submit_dir.places.dags
    if dags:
        return expand_several(dags, read, each_at_home=submit_dir.places.at_home)
    return expand(submit_dir.named(submit_dir.dag_file), read)
