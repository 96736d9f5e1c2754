"""What DAG and submit description say of a job that Pegasus did not plan: its macros, its directory, its outputs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from dag_rewriter.directory.queue_items import first_item
from dag_rewriter.directory.submit_file import SubmitDescription, parse_submit_file
from dag_rewriter.language.text import text_of
from monitord_job.stampede.state import JobDescription, JobPlan, UnplannedJob

_MACRO = re.compile(r"(?<!\$)\$\(([\w.]+)(?::([^()$]*))?\)")
_DEEPEST = 10
"""How often macros within macros are put in: HTCondor refuses circles, and so they end here."""
_MOST = 1 << 16


def expand(text: str, macros: Mapping[str, str]) -> str:
    """A text with its macros put in; one that nobody knows stays, unless it has a default of its job.

    >>> expand("$(JOB).$(Cluster).$(n:1)", {"job": "A", "n": "$(m)", "m": "2"})
    'A.$(Cluster).2'
    """
    for _ in range(_DEEPEST):
        expanded = _MACRO.sub(lambda macro: _value(macro, macros), text)
        if expanded == text or len(expanded) > _MOST:
            break
        text = expanded
    return text


def _value(macro: re.Match[str], macros: Mapping[str, str]) -> str:
    value = macros.get(macro[1].lower(), macro[2])
    return macro[0] if value is None else value


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
    return _MACRO.sub("", expand(name, values))
