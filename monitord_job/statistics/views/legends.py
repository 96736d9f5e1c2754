"""What stands above the tables of the files: what the columns mean, whose names are those of pegasus-statistics."""

from __future__ import annotations

_COUNTED = """\
# Tasks are those of the abstract workflow, jobs those of the planned one. Each is what its last attempt was:
#   Succeeded, Failed - ended, with exit code 0 or another
#   Incomplete        - never submitted, or not ended
#   Retries           - attempts beyond the first
#   Total+Retries     - succeeded, failed, and retries
"""
SUMMARY = f"""\
# Workflow summary: the workflow with all sub-workflows below it
{_COUNTED}"""
TIMES = """\
# Workflow wall time: while a DAGMan was at work on it; without the pauses before a rescue DAG was run
# Cumulative job wall time: of all invocations, as kickstart has measured it; retries count too
# ... as seen from submit side: of all jobs, as DAGMan has seen it, from the start on a machine to the end
# ... badput: of those that failed
# A sub-workflow counts with what its own jobs took.
"""
WORKFLOWS = f"""\
# Workflow summary: each workflow by itself, and all of them
{_COUNTED}#   WF Retries        - how many times it was run again from a rescue DAG
"""
JOBS = """\
# One line is one attempt. Seconds:
#   Kickstart      - what kickstart has measured where the job ran; Kickstart-Mult: times the multiplier factor
#   CPU-Time       - user and system time of it
#   Post           - POST script
#   CondorQTime    - from the submit to the start (or to the submit to a grid)
#   Resource       - from the submit to a grid to the start
#   Runtime        - from the start to the end, as DAGMan has seen it
#   Seqexec        - a whole cluster; Seqexec-Delay: without its tasks
# Exitcode: of the invocation; -N is signal N
"""
BREAKDOWN = """\
# The invocations of each transformation that succeeded, and those that failed: runtime in seconds, resident memory
# at its highest in MB, and how much of a processor was busy.
"""
INTEGRITY = """\
# Checksums that were compared (check) or made (compute), for input and output files of jobs, and the seconds it took
"""
TIME = """\
# What began in each {per}, and the seconds that it took; {per}s are those of the time zone here. An attempt that ran
# more than once counts in the {per} of its first start.
"""
USE = """\
# Kinds of jobs: from the submit to the first start (waited), from the start to the end (ran), share of what all ran.
# A sub-workflow counts with its own jobs.
# Categories: how many jobs were in the queue of one DAGMan at once, at most, on average while any was, and as a share
# of the limit (Full; the limit is what the DAG has now); the seconds at the limit, those that jobs which DAGMan could
# have submitted waited meanwhile (held back), waited in the queue, and ran.
# Lost work: what ran before it failed, was removed, evicted or held.
# Use: CPU time of the invocations beside their runtime, and beside the processors that HTCondor was asked for; the
# memory that it was asked for, the most that one task had resident (kickstart) and a whole job used (HTCondor), and
# the request that would have sufficed for each of these jobs.
"""
PATH = """\
# The chain of jobs that made the run as long as it was: each could begin when the one before it had ended, which was
# the last of its parents. Seconds: Pause - no DAGMan was at work; DAGMan - before it began (throttles, DAGMan's cycle);
# Retries - attempts before the last one; Pre, Queue, Run, Post - of the last one. Level 1 is inside a sub-workflow.
"""
METRICS = """\
# Integrity Metrics
# Files whose checksums were compared or made, and how long that took
"""
ERRORS = """\
# Integrity Errors
# Total: in all attempts. Failures: jobs whose last attempt failed with such errors.
"""
