"""Which rescue DAG DAGMan would take, for those who need no more of a workflow (a rewrite starts without the rest)."""

from __future__ import annotations

import re

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rescue.rescue_dag import MAX_RESCUE_NUM, RescueFile, numbered

_MAX = re.compile(rb"^[ \t]*DAGMAN_MAX_RESCUE_NUM[ \t]*=[ \t]*(\d{1,9})(?!\d)", re.MULTILINE | re.IGNORECASE)


def rescue_limit(submit_dir: SubmitDir, config: str | None) -> int:
    """DAGMAN_MAX_RESCUE_NUM; `config` is the DAG's own configuration, which may set it."""
    named = [submit_dir.start / config] if config else []
    for path in (*named, submit_dir.monitor_config):
        numbers = _MAX.findall(files.read_if_there(path, files.SMALL) or b"")
        if numbers:
            return int(numbers[-1])
    return MAX_RESCUE_NUM


def newest_rescue(submit_dir: SubmitDir, config: str | None) -> RescueFile | None:
    """The rescue DAG that DAGMan would take, None if there is none; `config` as the DAG names it."""
    limit = rescue_limit(submit_dir, config)
    names = numbered(submit_dir.dag, files.names_in(submit_dir.path))
    number = max((number for number in names if number <= limit), default=None)
    if number is None:
        return None
    return RescueFile(submit_dir.dag, number, files.read(submit_dir.path / names[number]), limit)
