"""What DAG and submit description say of a job that Pegasus did not plan: its macros, its directory, its outputs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from dag_rewriter.directory.queue_items import first_item
from dag_rewriter.directory.submit_file import MACRO, SubmitDescription, expand, parse_submit_file
from dag_rewriter.language.text import text_of
from monitord_job.stampede.state import JobDescription, JobPlan, UnplannedJob


def describe(
    plan: JobPlan, job: UnplannedJob, data: bytes, read: Callable[[str], str] = lambda _name: ""
) -> JobDescription:
    """What a submit description says of its first job; paths count from where DAGMan runs.

    Macros of an attempt stay in them. `read` gives the text of a file of `queue ... from`.
    """
    submit_file = parse_submit_file(data)
    macros = {**dict(_macros(plan, job, submit_file)), **first_item(text_of(data), read)}

    def said(*names: str) -> str | None:
        values = (submit_file.text(name) for name in names)
        value = next((value for value in values if value is not None), None)
        return None if value is None else expand(value, macros)

    def path(*names: str) -> str | None:
        name = said(*names)
        return (
            posixpath.normpath(posixpath.join(job.directory, said("initialdir") or "", name))
            if name
            else None
        )

    return JobDescription(
        site=submit_file.site,
        job_class=submit_file.job_class,
        transformation=submit_file.transformation,
        task=submit_file.text("+pegasus_wf_dax_job_id"),
        cores=submit_file.number("+pegasus_cores") or 1,
        executable=said("executable") or "",
        arguments=said("arguments"),
        stdin=path("input", "stdin"),
        stdout=path("output", "stdout"),
        stderr=path("error", "stderr"),
    )


def _macros(plan: JobPlan, job: UnplannedJob, submit_file: SubmitDescription) -> Iterator[tuple[str, str]]:
    """By name in lower case; what the description sets goes before VARS, unless DAGMan was told otherwise."""
    yield "job", plan.name
    for name, value in job.macros:
        yield name.lower(), value
    for name, value in submit_file.assigned.items():
        if f"$({name}" not in value.lower():  # what is added to its own earlier value
            yield name, value


def of_attempt(name: str, sched_id: str | None, retry: int) -> str:
    """The path of an output with what differs from attempt to attempt put in.

    >>> of_attempt("out.$(Cluster).$(Process).$(RETRY)", "12.0", 1)
    'out.12.0.1'
    """
    if "$(" not in name:
        return name
    cluster, _, proc = (sched_id or "").partition(".")
    values = {"cluster": cluster, "process": proc, "retry": str(retry)}
    values |= {"clusterid": cluster, "procid": proc}
    # What nobody has set is nothing to HTCondor.
    return MACRO.sub("", expand(name, values))
