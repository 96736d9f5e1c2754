"""What a command works on: a submit directory, or a DAG file that nobody planned."""

from __future__ import annotations

import re
import stat
from contextlib import suppress
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir, jobstate_log_of, open_dag, open_submit_dir
from dag_rewriter.errors import DagSyntaxError, SubmitDirError
from dag_rewriter.language.command_table import COMMANDS
from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.model.dag import parse_dag
from dag_rewriter.model.splices import WholeDag, expand

_BEGIN = 1 << 16  # bytes: comments may stand before the first command
_OF_ANOTHER = re.compile(r"\.(rescue\d+(\.old)?|planned(\.old)?)$")
"""Files of a DAG that look like one."""


def open_target(path: Path) -> SubmitDir:
    """A submit directory, or the directory of a DAG file that Pegasus may not have planned.

    Raises SubmitDirError or FileError.
    """
    mode = files.mode_of(path)
    if mode is None or stat.S_ISDIR(mode):
        return open_submit_dir(path)
    path = path.absolute()
    _refuse_what_is_no_dag(path)
    try:
        planned = open_submit_dir(path.parent)
    except SubmitDirError:
        return open_dag(path)
    return planned if planned.dag == path.name else open_dag(path)


def _refuse_what_is_no_dag(path: Path) -> None:
    """A DAG may have any name; then its first line tells, and the files that are called after it are its own."""
    if path.name.endswith(".dag"):
        return
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
        with suppress(DagSyntaxError):
            data = files.read_if_there(submit_dir.dag_file) or b""
            return jobstate_log_of(submit_dir, parse_dag(data, submit_dir.dag))
    return submit_dir.jobstate_log


def read_whole(submit_dir: SubmitDir) -> WholeDag:
    """The DAG with its splices and includes. Raises FileError and DagSyntaxError."""
    return expand(submit_dir.dag, lambda name: files.read_regular(submit_dir.path / name))
