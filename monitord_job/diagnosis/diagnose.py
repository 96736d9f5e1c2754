"""What state a run is in, and what to do about it: decided from facts that somebody else has gathered. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitord_job.condor_job import LIVE, JobStatus, QueuedJob
from monitord_job.diagnosis.monitors import MonitorSeen, monitor_of
from monitord_job.diagnosis.run_states import (
    MOST_NAMED,
    OVER,
    Condition,
    Diagnosis,
    Facts,
    Finding,
    Lock,
    Monitor,
    Process,
    Remedy,
    Trouble,
)
from monitord_job.outcome.ending import Ending


def diagnose(facts: Facts) -> Diagnosis:
    """The state of a run, with all that is wrong beside it.

    >>> diagnose(Facts(now=0)).condition
    <Condition.NEVER_SUBMITTED: 'never submitted'>
    """
    diagnosis = _condition(facts)
    return Diagnosis(
        diagnosis.condition,
        diagnosis.what,
        diagnosis.advice,
        diagnosis.remedy,
        diagnosis.job,
        tuple(_findings(facts, diagnosis)),
        facts.held,
        _monitor(facts, diagnosis.condition),
    )


def _condition(facts: Facts) -> Diagnosis:
    orphans = [process for process in facts.processes if process.orphan]
    if facts.queue is None:
        return _without_queue(facts)
    queued = [job for job in facts.queue if job.status in LIVE]
    if len(queued) > 1 or len(facts.processes) > 1 or (queued and orphans):
        return _two(facts, queued, orphans)
    if queued:
        return _in_queue(facts, queued[0])
    if facts.processes or facts.lock is Lock.LIVE:
        return _orphan(facts)
    if facts.queue:
        job = facts.queue[0].job
        return Diagnosis(
            Condition.LEAVING, f"DAGMan job {job} is being removed", "wait until it is gone", job=job
        )
    return _over(facts)


def _without_queue(facts: Facts) -> Diagnosis:
    """The schedd is silent, which is no end: only what DAGMan itself wrote, and what lives here, counts."""
    if facts.processes or facts.lock is Lock.LIVE:
        what = f"DAGMan is at work ({_who(facts)}), and the schedd does not answer"
        return Diagnosis(Condition.RUNNING, what, "start HTCondor again; DAGMan and its jobs belong to it")
    never = facts.submitted is None and not facts.has_run
    if never or facts.left or facts.ended is not None:
        return _over(facts)
    what = f"{_job(facts)} has not left the queue as far as is known, and the schedd does not answer"
    return Diagnosis(Condition.UNKNOWN, what, "ask again when HTCondor is up", job=facts.submitted)


def _two(facts: Facts, queued: list[QueuedJob], orphans: list[Process]) -> Diagnosis:
    names = [f"job {job.job}" for job in queued] + [f"process {each.pid}" for each in orphans]
    what = f"two DAGMans for one DAG: {', '.join(names)}"
    job = queued[0].job if queued else None
    if queued and orphans:
        advice = "HTCondor was started anew beside an orphan: what that has done would be done a second time"
        return Diagnosis(Condition.TWO_DAGMANS, what, advice, Remedy.END_ORPHANS, job)
    if not queued:
        names = [f"process {each.pid}" for each in facts.processes]
        what = f"two DAGMans for one DAG, and none is in the queue: {', '.join(names)}"
        return Diagnosis(Condition.TWO_DAGMANS, what, "end the younger one with `kill PID`")
    return Diagnosis(
        Condition.TWO_DAGMANS, what, f"remove the younger one: condor_rm {queued[-1].job}", job=job
    )


def _in_queue(facts: Facts, queued: QueuedJob) -> Diagnosis:
    job = queued.job
    if queued.status == JobStatus.HELD:
        what = f"DAGMan job {job} is held: {queued.hold_reason or 'no reason is known'}"
        return Diagnosis(Condition.HELD, what, "mend that, then `bridle release`", Remedy.RELEASE, job)
    if queued.status == JobStatus.IDLE and queued.cool_down_until > facts.now:
        wait = queued.cool_down_until - facts.now
        what = f"DAGMan job {job} is to start again, and HTCondor lets it wait for {wait} s more"
        if any(not one.node for one in facts.for_ever):
            return Diagnosis(Condition.COOLING_DOWN, what, job=job)
        return Diagnosis(Condition.COOLING_DOWN, what, "wait, or `bridle release`", Remedy.END_COOL_DOWN, job)
    if facts.halt_files:
        what = f"DAGMan job {job} submits nothing, because of {facts.halt_files[0]}"
        advice = "`bridle resume`; when its last job has left, it ends with a rescue DAG"
        return Diagnosis(Condition.HALTED, what, advice, Remedy.RESUME, job)
    if queued.status == JobStatus.IDLE:
        return Diagnosis(
            Condition.WAITING, f"DAGMan job {job} is in the queue: the schedd starts it soon", job=job
        )
    if facts.recovering:
        what = f"DAGMan job {job} reads its logs to find out where it was"
        return Diagnosis(Condition.RECOVERING, what, job=job)
    return Diagnosis(Condition.RUNNING, f"DAGMan job {job} is at work", job=job)


def _orphan(facts: Facts) -> Diagnosis:
    what = f"a DAGMan that is in no queue of this schedd runs this workflow: {_who(facts)}"
    advice = "leave it: it goes on to the end; a second one would do everything twice"
    if facts.processes:
        pid = facts.processes[0].pid
        advice += f"; or stop it with `kill {pid}`, then `bridle recover --fix`"
    return Diagnosis(Condition.ORPHAN, what, advice)


def _who(facts: Facts) -> str:
    if facts.processes:
        return f"process {facts.processes[0].pid}"
    return "it holds the lock, and is no process of this host"


_ENDED = {
    Ending.SUCCEEDED: Diagnosis(Condition.SUCCEEDED, "all is done"),
    Ending.FAILED: Diagnosis(Condition.FAILED, "nodes failed", "mend them, then `bridle run`"),
    Ending.REMOVED: Diagnosis(Condition.REMOVED, "it was removed", "`bridle run` goes on where it was"),
    Ending.ABORTED: Diagnosis(
        Condition.ABORTED, "ABORT-DAG-ON ended it", "`bridle run` goes on where it was"
    ),
    Ending.HALTED: Diagnosis(
        Condition.ENDED_HALTED, "drained by a halt file", "`bridle run` goes on where it was"
    ),
}


def _job(facts: Facts) -> str:
    return f"DAGMan job {facts.submitted}" if facts.submitted else "its DAGMan"


def _over(facts: Facts) -> Diagnosis:
    if facts.submitted is None and not facts.has_run and facts.unreadable and facts.rescue:
        what = f"it has run, and its logs are gone; {facts.rescue} says where it goes on"
        return Diagnosis(Condition.FAILED, what, "`bridle run` goes on from there", Remedy.RUN_AGAIN)
    if facts.submitted is None and not facts.has_run:
        return Diagnosis(Condition.NEVER_SUBMITTED, "it was never submitted", "submit it with `bridle run`")
    if not facts.left and facts.ended is None:
        if facts.elsewhere:
            what = f"DAGMan job {facts.submitted} was submitted on {facts.elsewhere}, and has not ended"
            return Diagnosis(
                Condition.UNKNOWN, what, "ask there: this is another schedd", job=facts.submitted
            )
        what = f"{_job(facts)} has not ended, but the queue does not know it"
        advice = "`bridle recover --fix` or `bridle run` takes up what is done"
        return Diagnosis(Condition.LOST, what, advice, Remedy.RESUBMIT, facts.submitted)
    diagnosis = _ENDED[facts.ending or Ending.FAILED]
    if diagnosis.condition is Condition.FAILED and facts.refusal:
        what, advice = f"DAGMan refused the DAG: {facts.refusal}", "mend that, then `bridle run`"
        return Diagnosis(Condition.FAILED, what, advice, job=facts.submitted)
    what = diagnosis.what
    if diagnosis.condition is Condition.FAILED and facts.failures:
        what = f"{what}: {'; '.join(facts.failures)}"
    if facts.rescue is not None:
        what = f"{what}; {facts.rescue} says where it goes on"
    again = diagnosis.condition is Condition.FAILED and facts.rescue is not None
    if diagnosis.condition is Condition.SUCCEEDED:
        what = "the last run succeeded" if facts.again else diagnosis.what
        what = "DAGMan says so; what its nodes did is not known" if facts.unreadable else what
    return Diagnosis(
        diagnosis.condition, what, diagnosis.advice, Remedy.RUN_AGAIN if again else None, facts.submitted
    )


def _findings(facts: Facts, diagnosis: Diagnosis) -> Iterator[Finding]:
    over = diagnosis.condition in OVER
    gone = over or diagnosis.condition is Condition.LOST
    if facts.unreadable:
        yield Finding(Trouble.UNREADABLE, facts.unreadable)
    if facts.queue is None and not over:
        yield Finding(Trouble.SCHEDD_SILENT, facts.silence)
    if facts.lock is Lock.STALE and gone:
        what = "a DAGMan that died left its lock: the next one would take for failed what was removed"
        yield Finding(Trouble.STALE_LOCK, what, Remedy.SET_LOCK_ASIDE if over else None)
    # What a removal cut off runs again in any case, and `bridle remove` itself writes that down.
    if over and facts.again and diagnosis.condition is not Condition.REMOVED:
        counted = "1 node is" if facts.again == 1 else f"{facts.again} nodes are"
        what = f"{counted} to run again, says {facts.rescue}: `bridle run` runs them"
        yield Finding(Trouble.RESCUE_PENDING, what)
    if over and facts.jobs:
        what = f"{len(facts.jobs)} jobs are in the queue whose DAGMan has left: {', '.join(facts.jobs[:5])}"
        yield Finding(Trouble.LEFT_BEHIND, what, Remedy.REMOVE_LEFT_BEHIND)
    if facts.held:
        what = f"{_counted(len(facts.held))} held: {'; '.join(map(str, facts.held[:MOST_NAMED]))}"
        yield Finding(Trouble.JOBS_HELD, f"{what}; mend that, then `bridle release --jobs`")
    for one in facts.for_ever:
        whose = f"the sub-workflow {one.node}" if one.node else "it"
        yield Finding(Trouble.STARTS_FOR_EVER, _FOR_EVER.format(whose=whose, job=one.job))
    yield from _about_the_monitor(facts, diagnosis, over=over)


def _counted(jobs: int) -> str:
    return "1 job is" if jobs == 1 else f"{jobs} jobs are"


_FOR_EVER = (
    "ABORT-DAG-ON has ended {whose} (DAGMan job {job}), with an exit code after which HTCondor starts DAGMan again, "
    "for ever; `bridle remove` it, give ABORT-DAG-ON a RETURN of 0, 1 or 2, then `bridle run`"
)


def _about_the_monitor(facts: Facts, diagnosis: Diagnosis, *, over: bool) -> Iterator[Finding]:
    if facts.monitor is Monitor.STOPPED:
        yield Finding(Trouble.MONITOR_STOPPED, "the monitor was stopped (SIGSTOP): `kill -CONT` it")
    elif facts.monitor is Monitor.HELD:
        what = f"the monitor, job {facts.monitor_job}, is held"
        yield Finding(Trouble.MONITOR_HELD, what, Remedy.RELEASE_MONITOR)
    elif facts.monitor is Monitor.GONE and over and (facts.unread or facts.goes_on):
        what = f"{facts.unread} bytes of the log are not in the database"
        yield Finding(Trouble.BEHIND, what if facts.unread else "the run's end is not in it", Remedy.CATCH_UP)
    elif _monitor(facts, diagnosis.condition) is Monitor.GONE:
        yield Finding(Trouble.MONITOR_GONE, "no monitor serves it", Remedy.START_MONITOR)


def _monitor(facts: Facts, condition: Condition) -> Monitor | None:
    return monitor_of(condition, MonitorSeen(facts.monitor, facts.has_monitor, facts.started), facts.now)
