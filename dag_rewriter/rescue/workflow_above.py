"""Which run a sub-workflow is a part of: found on disk, for no file of a sub-DAG names the DAG above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.locate import open_target, read_whole
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.directory.subworkflows import sub_workflows
from dag_rewriter.errors import RewriterError

_LEVELS = 8
"""How many directories upwards are looked at."""
_MOST_DAGS = 100
_MAY_HAVE_SUB_DAGS = re.compile(rb"\b(?:SUBDAG|SPLICE|INCLUDE)\b", re.IGNORECASE)


def root_above(submit_dir: SubmitDir) -> tuple[SubmitDir, str]:
    """The run at the top, and the nodes from there down to this workflow (`S/T`); itself and "" where it is the top."""
    top, path, seen = submit_dir, "", {submit_dir.dag_file.resolve()}
    while True:
        above = _above(top)
        if above is None or above[0].dag_file.resolve() in seen:
            return top, path
        top, node = above
        seen.add(top.dag_file.resolve())
        path = f"{node}/{path}" if path else node


def _above(submit_dir: SubmitDir) -> tuple[SubmitDir, str] | None:
    """The workflow whose node runs this one, and that node."""
    if submit_dir.is_planned and submit_dir.wf_uuid == submit_dir.root_wf_uuid:
        return None
    below = submit_dir.dag_file.resolve()
    for candidate in _candidates(submit_dir):
        with suppress(RewriterError):
            for sub in sub_workflows(candidate, read_whole(candidate)):
                if sub.dag_file.resolve() == below:
                    return candidate, sub.node
    return None


def _candidates(submit_dir: SubmitDir) -> Iterator[SubmitDir]:
    """The workflows of this directory and of those above it, as far as they are the caller's."""
    for directory in islice((submit_dir.path, *submit_dir.path.parents), _LEVELS):
        if other_owner(directory) is not None:
            return
        if was_planned(directory) and directory != submit_dir.path:
            with suppress(RewriterError):
                yield open_submit_dir(directory)
            continue
        names = sorted(name for name in files.names_in(directory) if name.endswith(".dag"))
        for name in names[:_MOST_DAGS]:
            if directory / name != submit_dir.dag_file and _may_have_sub_dags(directory / name):
                with suppress(RewriterError):
                    yield open_target(directory / name)


def _may_have_sub_dags(dag_file: Path) -> bool:
    with suppress(RewriterError):
        return _MAY_HAVE_SUB_DAGS.search(files.read_regular(dag_file)) is not None
    return False
