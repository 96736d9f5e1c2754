"""The text of the files that bridle adds to a submit directory: the monitor's submit file, DAGMan's
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from condor_templates.policy import MonitorKind

OURS = "# Written by bridle; `bridle rewrite --undo` removes it, a rewrite writes it anew.\n"
"""The first line of every file of ours."""

GETENV = (
    "CONDOR_CONFIG,_CONDOR_*,PATH,PYTHONPATH,PEGASUS_*,TZ,HOME,USER,LANG,LC_ALL,"
    "BEARER_TOKEN,BEARER_TOKEN_FILE,BRIDLE_*"
)
"""What condor_submit_dag passes to DAGMan, passed on: a local job gets no environment by itself."""

ON_EXIT_REMOVE = "(ExitBySignal == False && ExitCode >= 0 && ExitCode <= {}) || NumJobStarts > {}"


@dataclass(frozen=True, slots=True)
class MonitorJob:
    """What the monitor's submit description depends on."""

    executable: str
    """absolute path of the `bridle` command"""
    base: str
    """what the files of the workflow are called after"""
    priority: int
    max_starts: int
    kind: MonitorKind = MonitorKind.SERVICE


_SUBMIT = """\
# It follows the workflow and keeps its database. {role}
universe                = local
executable              = {executable}
# "." and not the whole path: a planned directory that was copied works where it is submitted.
arguments               = "monitord --follow ."
transfer_executable     = false
getenv                  = {getenv}

# Emptied by HTCondor at each start; {base}.bridle.log is what lasts.
output                  = {base}.bridle.out
error                   = {base}.bridle.err

# Above every node of the DAG: the schedd starts it first.
priority                = {priority}

# 0: all recorded. 1, 2: it cannot work here, and would not a second time.{failed} Anything else, a signal
# too: start it again, at most {max_starts} times. No hold policy: DAGMan would wait for it, or fail.
on_exit_remove          = {on_exit_remove}

notification            = never
description             = bridle monitor of {base}
submit_event_user_notes = bridle:monitor
# None of the +pegasus_ attributes: pegasus-status wants all of them or none.
+BridleMonitor          = true

queue
"""


_WORDS = {
    MonitorKind.SERVICE: {
        "role": "To DAGMan it is a SERVICE node, which takes no PRIORITY line.",
        "failed": "",
    },
    MonitorKind.JOB: {
        "role": "To DAGMan it is a JOB, the last to leave.",
        "failed": "\n# 3: all recorded, and nodes failed; a rescue DAG must not mark it as done.",
    },
}
_LAST_CODE = {MonitorKind.SERVICE: 2, MonitorKind.JOB: 3}


def monitor_submit_description(job: MonitorJob) -> str:
    """The monitor's submit file.

    >>> job = MonitorJob("/opt/bin/bridle", "mosaic-0", 1000001, 20)
    >>> "priority                = 1000001" in monitor_submit_description(job)
    True
    """
    values = {
        "executable": job.executable,
        "base": job.base,
        "priority": job.priority,
        "max_starts": job.max_starts,
        "getenv": GETENV,
        **_WORDS[job.kind],
        "on_exit_remove": ON_EXIT_REMOVE.format(_LAST_CODE[job.kind], job.max_starts),
    }
    return OURS + _SUBMIT.format_map(values)


def dagman_config(
    user_config: str | None,
    below: int = 0,
    throttles: Mapping[str, int] = MappingProxyType({}),
    *,
    one_more: bool = False,
) -> str:
    """DAGMan's configuration for a DAG with a monitor.

    `user_config` is the file that the DAG named before. `below`, if it is not 0, is a priority that every node of
    the DAG shall be under, so that DAGMan submits the monitor before them. `throttles` are the settings that the
    planner gave DAGMan on a command line that is no longer used. `one_more`: the monitor counts as a submitted node
    and shall take nobody's place.

    >>> print(dagman_config("user.config").splitlines()[2])
    include : $Fp(DAGMAN_CONFIG_FILE)user.config
    """
    text = OURS
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
# A monitor that is idle or held at the end, or (HTCondor 23) came back after a crash, must not fail a DAG whose
# nodes all succeeded.
DAGMAN_USE_STRICT = 0
"""
