"""The only door to HTCondor's schedd: submit a DAG, ask for its jobs, hold, release, remove and throttle them."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import htcondor2

from condor_templates.dagman_config import HOME
from condor_templates.monitor_job import DELIVER, FOLLOW
from dag_rewriter import files
from dag_rewriter.directory.dagman_submit_file import extended
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.condor_job import THROTTLES, QueuedJob, dags_in, with_throttles
from monitord_job.errors import ScheddError

_UP = "is HTCondor up, and is CONDOR_CONFIG set for it? try `condor_q`, or `bridle pool start`"
_BINDING = "doesn't match server's network address"
_OLDER = (
    "the schedd is older than these Python bindings of HTCondor: set SEC_FS_ENFORCE_CHANNEL_BINDING = False in the "
    "configuration that bridle reads (`bridle help categories`), or _CONDOR_SEC_FS_ENFORCE_CHANNEL_BINDING=False in "
    "its environment"
)


def submit_dag(
    submit_dir: SubmitDir, attributes: Mapping[str, str], environment: str = "", *, recover: bool = False
) -> str:
    """Submit a DAG as condor_submit_dag does, from where its names begin; the id of the DAGMan job, `cluster.0`.

    `attributes` are ClassAd expressions for the DAGMan job; `environment` is more for its environment, as a submit
    file has it (" A=1 B='b c'"). With `recover`, DAGMan first learns from the log of its
    nodes what has run, and adopts what runs; its job is on hold until it is released. Raises ScheddError.
    """
    with (
        _directory(submit_dir.start),
        _asking(str(submit_dir.dag_file), "the DAG was not submitted"),
        _out_to_err(),
    ):
        # update_submit: a file of an earlier submission is no error, its -MaxJobs and the like are kept.
        description = htcondor2.Submit.from_dag(
            submit_dir.named(submit_dir.dag_file),
            {**_kept(submit_dir), "UpdateSubmit": True, "DoRecovery": recover},
        )
        for name, value in attributes.items():
            description[f"MY.{name}"] = value
        if environment:
            ours = os.fsencode(description.get("environment", '""'))
            description["environment"] = os.fsdecode(extended(ours, os.fsencode(environment)))
        if recover:
            description["hold"] = "true"
        return f"{htcondor2.Schedd().submit(description).cluster()}.0"


def _kept(submit_dir: SubmitDir) -> dict[str, str]:
    """What a person told condor_submit_dag of where DAGMan is to write."""
    place = submit_dir.places.outfile_dir
    return {} if place is None else {"OutfileDir": place}


def submit_delivery(submit_dir: SubmitDir) -> str:
    """Submit the monitor's job once more, without a DAGMan, to deliver what is due; its id.

    Raises ScheddError, FileError if the monitor's submit file cannot be read.
    """
    text = os.fsdecode(files.read(submit_dir.monitor_submit))
    with (
        _directory(submit_dir.start),
        _asking(str(submit_dir.monitor_submit), "it was not submitted"),
    ):
        description = htcondor2.Submit(text)
        description["arguments"] = description["arguments"].replace(FOLLOW, DELIVER)
        if HOME in os.environ:  # ours is what HTCondor thinks it is
            description["environment"] = description["environment"].replace("HOME:)", f"{HOME}:)")
        description["My.BridleMonitorOf"] = _quoted(str(submit_dir.nodes_log))
        return f"{htcondor2.Schedd().submit(description).cluster()}.0"


def monitor_jobs(submit_dir: SubmitDir) -> list[QueuedJob]:
    """The monitors of a run in the queue, those that only deliver too. Raises ScheddError."""
    logs = _spellings(submit_dir.nodes_log)
    of_it = " || ".join(_is_one_of(name, logs) for name in ("DAGManNodesLog", "BridleMonitorOf"))
    return _query(str(submit_dir.nodes_log), f"BridleMonitor =?= true && ({of_it})")


def dagman_jobs(submit_dir: SubmitDir) -> list[QueuedJob]:
    """The DAGMan jobs in the queue that run this DAG. Raises ScheddError.

    Known by their event log or by their DAG: the log of a sub-workflow that Pegasus planned is that of the workflow
    above it (5.1.3, seen).
    """
    dag, logs = submit_dir.dag_file, _spellings(submit_dir.dagman_log)
    # Any character for what regular expressions or arguments write in a way of their own: looked at again below.
    named = _quoted(re.sub(r"[^\w-]", ".", dag.name))
    by_name = f"regexp({named}, Arguments) || regexp({named}, Args)"
    jobs = _query(str(dag), f"JobUniverse == 7 && ({_is_one_of('UserLog', logs)} || {by_name})")
    here = dag.resolve()
    return [job for job in jobs if job.log in logs or any(each.resolve() == here for each in job.dags)]


def all_dagmans_and_held() -> list[QueuedJob]:
    """Every DAGMan job in the queue, of whatever user, bridle's monitors, and what DAGMans submitted and is on hold.

    One question. Raises ScheddError.
    """
    held = "(JobStatus == 5 && DAGManJobId =!= undefined)"
    jobs = _query("the queue", f"JobUniverse == 7 || BridleMonitor =?= true || {held}")
    return [job for job in jobs if job.is_dagman or job.is_monitor or job.parent]


def machine() -> str:
    """The name of the host that the schedd runs on, as it writes it into event logs. Raises ScheddError."""
    with _asking("schedd", "it was not found"):
        return str(htcondor2.Collector().locate(htcondor2.DaemonType.Schedd).get("Machine", ""))


def node_jobs(nodes_log: Path, *, only_monitors: bool = False) -> list[QueuedJob]:
    """The jobs in the queue that a DAGMan with this log of its nodes has submitted, or the monitors among them.

    Raises ScheddError.
    """
    monitors = "BridleMonitor =?= true && " if only_monitors else ""
    return _query(str(nodes_log), monitors + _is_one_of("DAGManNodesLog", _spellings(nodes_log)))


def jobs_below(dagmans: Iterable[str]) -> list[QueuedJob]:
    """All jobs in the queue below these DAGMan jobs, sub-workflows' DAGMans and their jobs too. Raises ScheddError."""
    jobs: dict[str, QueuedJob] = {}
    clusters = [job.partition(".")[0] for job in dagmans]
    while clusters:
        below = _query("the queue", f"member(DAGManJobId, {{{', '.join(clusters)}}})")
        new = {job.job: job for job in below if job.job not in jobs}
        jobs.update(new)
        clusters = [job.job.partition(".")[0] for job in new.values() if job.is_dagman]
    return list(jobs.values())


def dagmans_below(dagmans: Iterable[str]) -> list[QueuedJob]:
    """The DAGMans of sub-workflows in the queue below these DAGMan jobs, at any depth. Raises ScheddError."""
    jobs: dict[str, QueuedJob] = {}
    above = list(dagmans)
    while above:
        below = _query("the queue", f"JobUniverse == 7 && {_submitted_by(above)}")
        new = {job.job: job for job in below if job.is_dagman and job.job not in jobs}
        jobs.update(new)
        above = list(new)
    return list(jobs.values())


def held_jobs(dagmans: Iterable[str]) -> list[QueuedJob]:
    """The jobs that these DAGMans have submitted and that are on hold. Raises ScheddError."""
    above = list(dagmans)
    return _query("the queue", f"JobStatus == 5 && {_submitted_by(above)}") if above else []


def _submitted_by(dagmans: Iterable[str]) -> str:
    clusters = ", ".join(job.partition(".")[0] for job in dagmans)
    return f"member(DAGManJobId, {{{clusters}}})"


_WANTED = [
    *(
        "ClusterId",
        "ProcId",
        "JobStatus",
        "HoldReason",
        "Cmd",
        "JobCoolDownExpiration",
        "JobCurrentStartDate",
    ),
    *("Args", "Arguments", "Iwd", "DAGManJobId", "BridleMonitor", "DAGNodeName", "UserLog", "Owner", "QDate"),
]


def _query(where: str, constraint: str) -> list[QueuedJob]:
    with _asking(where, "the queue cannot be asked"):
        ads = htcondor2.Schedd().query(constraint=constraint, projection=_WANTED)
        return [_queued_job(ad) for ad in ads]


def _queued_job(ad: Mapping[str, Any]) -> QueuedJob:
    return QueuedJob(
        f"{ad['ClusterId']}.{ad['ProcId']}",
        int(ad["JobStatus"]),
        ad.get("HoldReason"),
        str(ad.get("Cmd", "")),
        int(ad.get("JobCoolDownExpiration", 0)),
        int(ad.get("JobCurrentStartDate", 0)),
        _dags(ad),
        int(ad.get("DAGManJobId", 0)),
        bool(ad.get("BridleMonitor", False)),
        str(ad.get("DAGNodeName", "")),
        str(ad.get("UserLog", "")),
        str(ad.get("Owner", "")),
        int(ad.get("QDate", 0)),
    )


def _dags(ad: Mapping[str, Any]) -> tuple[Path, ...]:
    """The DAGs of a DAGMan job; none of any other."""
    if "dagman" not in str(ad.get("Cmd", "")):
        return ()
    return tuple(Path(str(ad.get("Iwd", "")), name) for name in dags_in(_arguments(ad)))


def _arguments(ad: Mapping[str, Any]) -> str:
    # Args is the older syntax, which Pegasus writes.
    return str(ad.get("Arguments", ad.get("Args", "")))


def _spellings(path: Path) -> list[str]:
    """How HTCondor may have written it down: as it is named, as the kernel knows it; DAGMan puts a dot before."""
    names = dict.fromkeys((path, path.parent.resolve() / path.name))
    return [form for name in names for form in (str(name), f"{name.parent}/./{name.name}")]


def _is_one_of(attribute: str, values: Iterable[str]) -> str:
    return "(" + " || ".join(f"{attribute} == {_quoted(value)}" for value in values) + ")"


def _quoted(text: str) -> str:
    """A string of a constraint, in which the schedd takes a backslash for itself but before a quote (25.14, seen).

    classad2.quote() writes what is not ASCII as octal numbers: those equal no name in the queue.
    """
    return '"' + text.replace('"', '\\"') + '"'


def hold_job(job: str, reason: str) -> None:
    """Put a job on hold. Raises ScheddError."""
    _act(htcondor2.JobAction.Hold, job, "it was not held", reason)


def release_job(job: str, reason: str = "bridle has changed its DAG") -> None:
    """Take a job off hold. Raises ScheddError."""
    _act(htcondor2.JobAction.Release, job, "it was not released", reason)


def _act(action: htcondor2.JobAction, job: str, what: str, reason: str) -> None:
    with _asking(f"job {job}", what):
        # A pair: the bindings (25.14.1) lose a reason that is a mere string.
        done = htcondor2.Schedd().act(action, [job], reason=(reason, 0))
        _expect_success(job, what, done)


def remove_jobs(jobs: Iterable[str], reason: str) -> None:
    """Remove jobs from the queue; those that have left it are left alone. Raises ScheddError."""
    wanted = list(jobs)
    if wanted:
        with _asking(f"job {wanted[0]}", "it was not removed"):
            htcondor2.Schedd().act(htcondor2.JobAction.Remove, wanted, reason=(reason, 0))


def hand_over(jobs: Iterable[str], dagman: str) -> None:
    """Make jobs those of another DAGMan, which asks the queue for its own when it recovers. Raises ScheddError."""
    wanted = list(jobs)
    if wanted:
        with _asking(f"job {wanted[0]}", f"it could not be handed over to DAGMan job {dagman}"):
            htcondor2.Schedd().edit(wanted, "DAGManJobId", dagman.partition(".")[0])


def resume_dagman(job: str) -> bool:
    """Tell a running DAGMan that it is halted no more; False if it cannot be told (older than 25.10, or gone).

    25.14 stays halted when its halt file is taken away, until it is told; 23 looks for the file (both seen).
    """
    with _asking(f"job {job}", "DAGMan was not reached"):
        done, _ = htcondor2.DAGMan(int(job.partition(".")[0])).resume()
        return bool(done)


def end_cool_down(job: str) -> None:
    """Let the schedd start a job at once that it would let wait (300 s, 25.10 and newer). Raises ScheddError."""
    with _asking(f"job {job}", "its waiting time was not ended"):
        htcondor2.Schedd().edit([job], "JobCoolDownExpiration", "0")


def _expect_success(job: str, what: str, result: Mapping[str, object]) -> None:
    if not result.get("TotalSuccess"):
        raise ScheddError(f"job {job}", f"{what}: the schedd changed no job", "see `condor_q -nobatch`")


def throttles_of(job: str) -> dict[str, int]:
    """DAGMan's throttles as its job has them, by our words; 0 is no limit. Raises ScheddError."""
    with _asking(f"job {job}", "the queue cannot be asked"):
        attributes = _one(job, list(THROTTLES.values()))
        return {word: int(attributes[name]) for word, name in THROTTLES.items() if name in attributes}


def command_throttles(job: str, limits: Mapping[str, int]) -> dict[str, int]:
    """Tell a running DAGMan (25.10 and newer) its throttles; all that it has then. Raises ScheddError."""
    arguments = {f"max_{word}": number for word, number in limits.items()}
    with _asking(f"job {job}", "DAGMan was not reached"):
        answer = htcondor2.DAGMan(int(job.partition(".")[0])).throttle(**arguments)
    if isinstance(answer, str):
        hint = "is it running, and of HTCondor 25.10 or newer?"
        raise ScheddError(f"job {job}", f"DAGMan changed nothing: {answer}", hint)
    throttles = {word: answer.get(name) for word, name in THROTTLES.items()}
    return {word: int(number) for word, number in throttles.items() if number is not None}


def edit_throttles(job: str, limits: Mapping[str, int]) -> None:
    """Tell an older DAGMan (23) its throttles: in its job's attributes, where it looks every now and then, and in its
    arguments, from which it writes the attributes anew whenever it is started again. Raises ScheddError.
    """
    with _asking(f"job {job}", "its throttles were not changed"):
        schedd = htcondor2.Schedd()
        arguments = _one(job, ["Arguments"]).get("Arguments")
        if arguments is not None:  # else it has just left the queue, which the next line says
            schedd.edit([job], "Arguments", _quoted(with_throttles(str(arguments), limits)))
        for word, number in limits.items():
            schedd.edit([job], THROTTLES[word], str(number))


def _one(job: str, attributes: list[str]) -> Mapping[str, Any]:
    """These attributes of a job, as far as it has them; none if it has left the queue."""
    cluster, _, proc = job.partition(".")
    constraint = f"ClusterId == {int(cluster)} && ProcId == {int(proc or 0)}"
    ads: list[Mapping[str, Any]] = htcondor2.Schedd().query(constraint=constraint, projection=attributes)
    return ads[0] if ads else {}


@contextmanager
def _asking(where: str, what: str) -> Iterator[None]:
    try:
        yield
    except (htcondor2.HTCondorException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ScheddError(where, f"{what}: {reason}", _OLDER if _BINDING in reason else _UP) from error


@contextmanager
def _out_to_err() -> Iterator[None]:
    """The bindings print "Running rescue DAG 1" to stdout, by C's own way, where a program waits for JSON."""
    sys.stdout.flush()
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(out, 1)
        os.close(out)


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    """condor_submit_dag names its files relative to where it runs; DAGMan then runs there too."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
