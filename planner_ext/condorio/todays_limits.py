"""The limits that hold for a DAG now: its MAXJOBS lines, DAGMan's command line, the configuration that it names."""

from __future__ import annotations

import re

from dag_rewriter import files
from dag_rewriter.directory.dagman_options import throttles
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.language.text import text_of
from dag_rewriter.model.splices import WholeDag

MAX_IDLE = 1000
"""DAGMan's default for DAGMAN_MAX_JOBS_IDLE (HTCondor's manual)."""
_SETTING = re.compile(
    r"^[ \t]*(DAGMAN_MAX_JOBS_(?:IDLE|SUBMITTED))[ \t]*=[ \t]*(\d{1,9})[ \t]*$", re.MULTILINE
)


def category_limits(whole: WholeDag) -> dict[str, int]:
    """MAXJOBS of each category, by the name that its nodes have; 0 is no limit."""
    return {
        part.category(name) or name: limit
        for part in whole.parts
        for name, limit in part.dag.max_jobs.items()
    }


def dagman_limits(submit_dir: SubmitDir, whole: WholeDag) -> tuple[int, int]:
    """(DAGMAN_MAX_JOBS_SUBMITTED, DAGMAN_MAX_JOBS_IDLE); 0 is no limit. FileError.

    What the site's own configuration says is not read. A setting that is no number (bridle's own, which adds one for
    the monitor) is left out.
    """
    said: dict[str, int] = {}
    if whole.dag.config is not None:
        text = text_of(files.read_if_there(submit_dir.start / whole.dag.config, files.SMALL) or b"")
        said |= {name: int(number) for name, number in _SETTING.findall(text)}
    said |= throttles(files.read_if_there(submit_dir.condor_sub, files.SMALL) or b"")
    return said.get("DAGMAN_MAX_JOBS_SUBMITTED", 0), said.get("DAGMAN_MAX_JOBS_IDLE", MAX_IDLE)
