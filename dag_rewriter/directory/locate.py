"""What a command works on: a submit directory, or a DAG file that nobody planned."""

from __future__ import annotations

import stat
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir, open_dag, open_submit_dir
from dag_rewriter.errors import SubmitDirError
from dag_rewriter.model.splices import WholeDag, expand


def open_target(path: Path) -> SubmitDir:
    """A submit directory, or the directory of a DAG file that Pegasus may not have planned.

    Raises SubmitDirError or FileError.
    """
    mode = files.mode_of(path)
    if mode is None or stat.S_ISDIR(mode):
        return open_submit_dir(path)
    path = path.absolute()
    if not path.name.endswith(".dag"):
        raise SubmitDirError(str(path), "it is no DAG (*.dag)", "name a submit directory or a DAG")
    try:
        planned = open_submit_dir(path.parent)
    except SubmitDirError:
        return open_dag(path)
    return planned if planned.dag == path.name else open_dag(path)


def read_whole(submit_dir: SubmitDir) -> WholeDag:
    """The DAG with its splices and includes. Raises FileError and DagSyntaxError."""
    return expand(submit_dir.dag, lambda name: files.read(submit_dir.path / name))
