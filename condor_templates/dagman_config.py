"""DAGMan's configuration as bridle writes it into a submit directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

OURS = "# Written by bridle; `bridle rewrite --undo` removes it, a rewrite writes it anew.\n"
"""The first line of every file of ours."""

HOME = "BRIDLE_HOME"
"""The variable in which a monitor gets the home of who submitted it, below which lies what that user confirmed."""


def dagman_config(
    user_config: str | None,
    below: int = 0,
    throttles: Mapping[str, int] = MappingProxyType({}),
    *,
    one_more: bool = False,
    remove: str | None = None,
) -> str:
    """DAGMan's configuration for a DAG with a monitor.

    `user_config` is the file that the DAG named before. `below`, if it is not 0, is a priority that every node of
    the DAG shall be under, so that DAGMan submits the monitor before them. `throttles` are the settings that the
    planner gave DAGMan on a command line that is no longer used. `one_more`: the monitor counts as a submitted node
    and shall take nobody's place. `remove` is the program that DAGMan removes jobs with, where the monitor is to
    outlive it (`condor_rm_sparing_monitors`).

    >>> print(dagman_config("user.config").splitlines()[2])
    include : $Fp(DAGMAN_CONFIG_FILE)user.config
    """
    text = OURS
    if remove is not None:
        text += _OUTLIVES.format(remove)
    if below:
        text += _MONITOR_FIRST.format(below)
    if user_config is not None:
        text += "# The configuration that the DAG named before; DAGMan takes one file only.\n"
        # DAGMan would look for a relative name elsewhere, not in its own directory (seen, 25.14.1), and an
        # absolute one would not survive a copy of the submit directory. $Fp() is the directory of a file.
        where = "" if user_config.startswith("/") else "$Fp(DAGMAN_CONFIG_FILE)"
        text += f"include : {where}{user_config}\n"
    if throttles:
        text += _THROTTLES + "".join(f"{name} = {number}\n" for name, number in throttles.items())
    if one_more:
        text += _ONE_MORE
    # DAGMAN_USER_LOG_SCAN_INTERVAL stays as it is (5 s): a shorter one makes DAGMan submit more often, too.
    return text + _NOT_STRICT


SPARING = (
    'OtherJobRemoveRequirements = "DAGManJobId =?= $(cluster) && (BridleMonitor =!= true || JobStatus =?= 5)"'
)
"""An attribute of DAGMan's job (SET_JOB_ATTR): which jobs the schedd removes when that leaves. condor_submit_dag's own,
but for a monitor that is not held."""


def condor_rm_sparing_monitors() -> str:
    """The absolute path of condor_rm as a DAGMan with a monitor calls it."""
    return str(Path(__file__).with_name("condor_rm.sh").absolute())


_OUTLIVES = """\
# The monitor leaves by itself, when all is stored and delivered, and also where the DAG is over before it has started.
# DAGMan would remove it at its end; this removes all other jobs.
DAGMAN_CONDOR_RM_EXE = {}
"""
_MONITOR_FIRST = """\
# To DAGMan the monitor's priority is 0. Added to that of every other node, this makes the monitor the first to be
# submitted, also where many nodes are ready and -maxjobs is small. It changes neither the order of the nodes nor
# the priority of a job: all submit files have their own.
DAGMAN_DEFAULT_PRIORITY = -{}
"""
_THROTTLES = "# What the planner gave DAGMan on its command line (X.dag.condor.sub.planned).\n"
_ONE_MORE = """\
# The monitor is a submitted node to DAGMan: with a limit of 1 no other could run. 0 is no limit.
DAGMAN_MAX_JOBS_SUBMITTED = ifThenElse($(DAGMAN_MAX_JOBS_SUBMITTED:0) > 0, $(DAGMAN_MAX_JOBS_SUBMITTED:0) + 1, 0)
"""
_NOT_STRICT = """\
# A monitor that is queued or held at the end, or (HTCondor 23) came back after a crash, must not fail a DAG whose
# nodes all succeeded.
DAGMAN_USE_STRICT = 0
"""
