"""Which nodes plan and run a sub-workflow, and the script that they run in place of condor_dagman."""

from __future__ import annotations

import re

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_files import SubmitFiles
from dag_rewriter.rewriting.passes import SubDagmans

_SAID_AS_IT_IS = re.compile(r"/[^\x00-\x1f\"'$\\]*")
"""A path that means itself in a VARS line and in a submit description."""


def sub_dagmans(submit_dir: SubmitDir, submit_files: SubmitFiles) -> SubDagmans | None:
    """What the nodes are to run, and what they run: the planner gives all the same. None: there are none."""
    named = (path for path in submit_files.sub_dagmans.values() if path.endswith("/condor_dagman"))
    dagman, script = next(named, ""), str(submit_dir.sub_dagman)
    if not _SAID_AS_IT_IS.fullmatch(dagman) or not _SAID_AS_IT_IS.fullmatch(script):
        return None
    paths = frozenset(path for path, runs in submit_files.sub_dagmans.items() if runs == dagman)
    return SubDagmans(script, dagman, paths)
