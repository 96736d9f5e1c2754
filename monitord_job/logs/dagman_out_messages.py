"""The messages of condor_dagman that mean something here, as HTCondor 8.9.0 to 25.14 write them (src/condor_dagman).

Node names hold no blanks, so a run of other bytes is a whole name.
"""

from __future__ import annotations

import re

# dag.cpp PrintEvent; 8.x could name another batch system than HTCondor there.
EVENT = re.compile(
    rb"Event: ULOG_([A-Z_]+) for (?:\w+ )?(?:Node|Job) (\S+) \((-?\d{1,12})\.(-?\d{1,12})\.-?\d{1,12}\)"
    rb"(?: \{([^}]*)\})?(?: \[recovery mode\])?(?: (.*))?$"
)
EVENT_OF_NO_NODE = re.compile(rb"Event: ULOG_[A-Z_]+ for unknown (?:Node|Job) \(")
HOLD_REASON = re.compile(rb" +Hold reason: *(.*)$")

# dag.cpp ProcessTerminatedEvent. "completed successfully, but status is STATUS_ERROR" comes before the plain line.
JOB_ENDED = re.compile(
    rb"Node (\S+) job proc \(\S+\) (?:completed successfully|failed with (status|signal) (-?\d{1,10}))\.$"
)

# scriptQ.cpp; "Job" is older than 8.9.
SCRIPT_RUNS = re.compile(rb"Running (PRE|POST) script of (?:Node|Job) (\S+)\.\.\.$")
# dag.cpp PreScriptReaper, ProcessPostTermEvent: "of Job" of a PRE script that failed in 8.9 to 23, "died on signal 9
# (Killed)" of a PRE script, "died on signal 9" of a POST script, "died on exception ..." on Windows.
SCRIPT_ENDED = re.compile(
    rb"(PRE|POST) Script of (?:[Nn]ode|Job) (\S+) "
    rb"(?:completed successfully\.|failed with status (-?\d{1,10})|died on (?:signal (\d{1,10})|.*))"
)

SUBMITTING = re.compile(rb"Submitting (?:\w+ )?Node (\S+) job\(s\)\.\.\.$")
# dag.cpp ProcessFailedSubmit: one of the first two per failure; ULOG_SUBMIT_FAILURE before them since 25.3.
SUBMIT_FAILED = re.compile(
    rb"Job submit try \d+/\d+ failed, will try again|(?:Job|Node) submit failed after \d+ tr(?:y|ies)\."
)
NO_SUBMIT_FILE = re.compile(rb"ERROR: condor_submit_dag -no_submit failed for node (\S+?)\.?$")

# daemon_core_main.cpp. Only a DAGMan whose program was copied to the spool has its job id in its name.
STARTING_UP = re.compile(rb"\*\* (?:\S+?\.(\d{1,10}\.\d{1,10})|\S+) \(CONDOR_DAGMAN\) STARTING UP$")
PID = re.compile(rb"\*\* PID = (\d+)")
EXITING = re.compile(rb"\*\*\*\* \S+ \(condor_DAGMAN\)(?: pid (\d+))? EXITING WITH STATUS (\d{1,10})$")
# dagman_main.cpp; the latter of a DAGMan that is no node of another DAG.
BATCH = re.compile(rb"Workflow batch-id: <(\d{1,10}\.\d{1,10})>")
AT_THE_TOP = b"Warning: failed to get attribute DAGNodeName"

# dag_parser.cpp, dagman_main.cpp: why it leaves before it has a DAG. "Warning is fatal" says nothing of what.
REFUSAL = re.compile(
    rb"(?:ERROR: (?!Warning is fatal|the following )|DAG marked as rejected at |Warning: default node log file )"
    rb"[^\n]{1,2000}"
)

NODES_RAN = re.compile(rb" Submitting |Job proc \(|job proc \(")

PARSING = re.compile(rb"Parsing \S.* \.\.\.$")

# dag.cpp EventSanityCheck: such an event is not written to the JOBSTATE_LOG.
BAD_EVENT_DROPPED = re.compile(
    rb"Continuing with DAG in spite of bad event|ERROR: aborting DAG because of bad event"
)

# dagman_main.cpp: the lock is another DAGMan's, so the end of this one is not the end of the run.
LOCKED_OUT = re.compile(
    rb"Aborting because it looks like another instance of DAGMan is|Lock file .* is still held by this same DAGMan job"
)

REASONS = (
    # pegasus-monitord's own words for it.
    (re.compile(rb"Received SIGUSR1"), "DAGMan aborted as it received SIGUSR1 signal."),
    (re.compile(rb"(Aborting DAG because we got the ABORT exit value from a .*)"), None),
    (re.compile(rb"(Exiting because DAG is halted .*)"), None),
    (re.compile(rb"(Failed to parse .*)"), None),
    (re.compile(rb"(ERROR: a cycle exists in the dag.*)"), None),
)
"""Why DAGMan leaves; where no word is given, its own line."""

# What follows is looked for in a whole file or its end, whatever stands before it on its line.

BOOTSTRAPPING = b"Bootstrapping..."
"""What a DAGMan writes after the first line in its JOBSTATE_LOG (dagman_main.cpp)."""

STARTS = b" STARTING UP"
TURNS = re.compile(
    rb"(?P<starts> STARTING UP)|(?P<recovers>\[recovery mode\]|Running in RECOVERY mode)"
    rb"|(?P<recovered>done with RECOVERY mode)|(?P<aborts>Aborting DAG because we got the ABORT exit value)"
    rb"|EXITING WITH STATUS (?P<code>\d{1,10})"
)
"""How DAGMan itself stands."""

NODE_TABLE = re.compile(
    rb"Of \d+ nodes total:[^\n]{0,200}\n"
    rb"[^\n]{0,200} Done +Pre +Queued +Post +Ready +Un-Ready +Failed(?: +Futile)?[^\n]*\n"
    rb"[^\n]*===[^\n]*\n\S+ \S+ +(\d{1,12}) +(\d{1,12}) +(\d{1,12}) +(\d{1,12}) +(\d{1,12}) +(\d{1,12}) +(\d{1,12})"
)
"""How many nodes stand how, as DAGMan counts them every now and then."""

VERSION = re.compile(rb"\$CondorVersion: ([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")
QUEUE_UPDATE_INTERVAL = re.compile(rb"DAGMAN_QUEUE_UPDATE_INTERVAL setting: ([0-9]{1,9})")

EVENTS_SINCE = 3
"""The DAGMAN_VERBOSITY, that by default, from which DAGMan writes the events of nodes into its log (25.14: seen)."""
