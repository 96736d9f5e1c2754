"""What the planner tells DAGMan on its command line (X.dag.condor.sub): the throttles of the workflow."""

from __future__ import annotations

import re

from dag_rewriter.directory.submit_file import parse_submit_file

_OPTION = re.compile(r"(?<!\S)-(max(?:idle|jobs|pre|post|hold))\s+(\d+)(?!\S)", re.IGNORECASE)

SETTINGS = {
    "maxidle": "DAGMAN_MAX_JOBS_IDLE",
    "maxjobs": "DAGMAN_MAX_JOBS_SUBMITTED",
    "maxpre": "DAGMAN_MAX_PRE_SCRIPTS",
    "maxpost": "DAGMAN_MAX_POST_SCRIPTS",
    "maxhold": "DAGMAN_MAX_HOLD_SCRIPTS",
}
"""condor_dagman's options and the configuration that says the same."""


def throttles(submit_file: bytes) -> dict[str, int]:
    """DAGMan's throttles in the submit file of a DAGMan job, as configuration settings; the last of a kind wins.

    >>> throttles(b'arguments = "-f -l . -MaxIdle 50 -MaxPost 20 -CsdVersion x"')
    {'DAGMAN_MAX_JOBS_IDLE': 50, 'DAGMAN_MAX_POST_SCRIPTS': 20}
    """
    arguments = parse_submit_file(submit_file).arguments or ""
    return {SETTINGS[name.lower()]: int(number) for name, number in _OPTION.findall(arguments)}


_PRIORITY = re.compile(r"(?<!\S)-priority\s+(-?\d+)(?!\S)", re.IGNORECASE)


def base_priority(submit_file: bytes) -> int:
    """What DAGMan adds to the priority of every node; 0 if nothing is said.

    >>> base_priority(b'arguments = "-f -Priority 40 -Dag x.dag"')
    40
    """
    numbers = _PRIORITY.findall(parse_submit_file(submit_file).arguments or "")
    return int(numbers[-1]) if numbers else 0
