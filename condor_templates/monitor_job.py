"""The monitor's submit file: what HTCondor is told so that it keeps the monitor alive."""

from __future__ import annotations

from dataclasses import dataclass

from condor_templates.dagman_config import HOME, OURS
from condor_templates.exit_codes import ExitCode
from condor_templates.monitor_conditions import FINAL_CODES
from condor_templates.monitor_policy import Universe
from condor_templates.policy import MonitorKind

GETENV = (
    "CONDOR_CONFIG,_CONDOR_*,PATH,PYTHONPATH,PEGASUS_*,TZ,HOME,USER,LANG,LC_ALL,"
    "BEARER_TOKEN,BEARER_TOKEN_FILE,BRIDLE_*"
)
"""What condor_submit_dag passes to DAGMan, passed on: a local job gets no environment by itself."""

FOLLOW, DELIVER = "--follow --notify", "--deliver"
"""What the monitor's job is told: to follow a run; where DAGMan or HTCondor cannot wait for it, to deliver the rest."""

_ALLOWED = "{max_starts} + (time() - QDate) / 3600"


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
    universe: Universe = Universe.LOCAL
    target: str = "."
    """what it follows: the submit directory, or a DAG in it that nobody planned"""


_SUBMIT = """\
# It follows the workflow and keeps its database. {role}
universe                = {universe}
executable              = {executable}
# "." and not the whole path: a planned directory that was copied works where it is submitted.
arguments               = "monitord {follow} {target}"
transfer_executable     = false
getenv                  = {getenv}
# The home of who submits: HTCondor gives a job its own idea of HOME (in root's pool, another one).
environment             = "{home}='$ENV(HOME:)'"

# Emptied by HTCondor at each start; {base}.bridle.log is what lasts.
output                  = {base}.bridle.out
error                   = {base}.bridle.err

# Above every node of the DAG: the schedd starts it first.
priority                = {priority}

# 0: all recorded. 1, 2: it is in the DAG's way, or its arguments are wrong.{failed} Anything else, a signal
# too: start it again, at most {max_starts} times and once more for each hour that the run has taken.
on_exit_remove          = {on_exit_remove}
# Held by HTCondor (not by a person) because the program, the directory or an output was not there: try again, after a
# minute, two, three, up to an hour; no more when it has been so for about a week.
periodic_release        = {release}
periodic_remove         = {remove}
# What it gets when it is removed. One that still starts does not hear it, and lives: SIGTERM would kill it.
remove_kill_sig         = SIGURG
{where}
notification            = never
description             = bridle monitor of {base}
submit_event_user_notes = bridle:monitor
# None of the +pegasus_ attributes: pegasus-status wants all of them or none.
+BridleMonitor          = true

queue
"""

ON_EXIT_REMOVE = "(ExitBySignal == False && ({})) || NumJobStarts > {}"

_NOT_THERE = "(HoldReasonCode >= 6 && HoldReasonCode <= 8 || HoldReasonCode == 14)"
"""condor_holdcodes.h: it could not be started, its output or input not opened, its directory not entered."""
PERIODIC_RELEASE = f"{_NOT_THERE} && time() - EnteredCurrentStatus >= min({{60 * NumHolds, 3600}})"
"""NumJobStarts does not count these starts (25.14.1, seen): the waits are what bounds them."""
PERIODIC_REMOVE = f"JobStatus == 5 && {_NOT_THERE} && NumHolds > 200"
"""Of a directory that is gone for good, nothing can be stored or delivered. 200 of these waits are seven days: longer
than a file system is away.
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
_OTHERS_CODES = {MonitorKind.SERVICE: {ExitCode.NODES_FAILED}, MonitorKind.JOB: set[ExitCode]()}
"""Those that only the other kind leaves with."""

_QUICK = "JobCurrentStartDate - JobLastStartDate < 90"
_DEFERRED = f"""\
# One that dies within 90 s of its start, more than three times, waits longer and longer (up to a minute).
deferral_time           = time() + ifThenElse(NumJobStarts > 3 && {_QUICK}, min({{2 * (NumJobStarts - 3), 60}}), 0)
deferral_window         = 1000000000
"""
_WHERE = {
    Universe.LOCAL: _DEFERRED,
    Universe.SCHEDULER: """\
# The schedd (25.10 and newer) lets a job of this universe wait for 300 s when it has left with another code than 0.
# That is for one that cannot work: it left within 90 s of its start, more than three times.
+DisableCoolDown        = NumJobStarts <= 3 || time() - JobCurrentStartDate > 90
""",
    Universe.VANILLA: f"""\
{_DEFERRED}# It reads and writes the submit directory itself: HTCondor takes only machines that share its file system.
should_transfer_files   = NO
# The access point itself, if it runs jobs: there the logs are seen as soon as they are written.
rank                    = Machine == "$(FULL_HOSTNAME)"
request_cpus            = 1
request_memory          = 512
# After a crash of the access point the schedd waits this long for a machine that does not answer, not 40 minutes.
job_lease_duration      = 20
""",
}


def _final(kind: MonitorKind) -> str:
    return " || ".join(f"ExitCode == {int(code)}" for code in sorted(FINAL_CODES - _OTHERS_CODES[kind]))


def monitor_submit_description(job: MonitorJob) -> str:
    """The monitor's submit file.

    >>> job = MonitorJob("/opt/bin/bridle", "mosaic-0", 1000001, 20)
    >>> "priority                = 1000001" in monitor_submit_description(job)
    True
    """
    allowed = _ALLOWED.format(max_starts=job.max_starts)
    values = {
        "universe": job.universe.value,
        "executable": job.executable,
        "base": job.base,
        "priority": job.priority,
        "follow": FOLLOW,
        "target": job.target,
        "max_starts": job.max_starts,
        "getenv": GETENV,
        "home": HOME,
        **_WORDS[job.kind],
        "release": PERIODIC_RELEASE,
        "remove": PERIODIC_REMOVE,
        "on_exit_remove": ON_EXIT_REMOVE.format(_final(job.kind), allowed),
        "where": _WHERE[job.universe],
    }
    return OURS + _SUBMIT.format_map(values)
