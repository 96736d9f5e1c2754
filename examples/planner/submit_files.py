"""Submit files (JOB.sub) and what goes with them (JOB.in), in the planner's words and order."""

from __future__ import annotations

from collections.abc import Iterator

from .abstract import Task
from .concrete import Job, Kind
from .options import VERSION, Place
from .refine import arguments_text

RULE = "#" * 70


def arguments_of(job: Job, place: Place) -> str:
    """The job's argument string, also `argv` of job.info."""
    if job.kind is Kind.COMPUTE:
        return " -f  " if job.clustered else kickstart_arguments(job.tasks[0], place)
    bindir, local = place.options.bindir, _auxiliary_arguments(job, place)
    if job.kind is Kind.REGISTER:
        return local + _registration_arguments(job, place)
    tool = f"{bindir}/../bin/pegasus-transfer "
    if job.kind is Kind.STAGE_OUT:
        return f"{bindir}/../bin/pegasus-kickstart {local}{tool} --threads 2 "
    return local + tool + (" --threads 2 " if job.kind is Kind.STAGE_IN else "")


def executable_of(job: Job, place: Place) -> str:
    """The program that HTCondor starts for the job."""
    bindir = place.options.bindir
    if job.kind is Kind.COMPUTE:
        return f"{bindir}/pegasus-cluster" if job.clustered else f"{bindir}/pegasus-kickstart"
    if job.kind is Kind.STAGE_OUT:
        return f"{place.options.home}/share/pegasus/sh/pegasus-lite-local.sh"
    return f"{bindir}/../bin/pegasus-kickstart"


def kickstart_arguments(task: Task, place: Place, first: bool = True) -> str:
    """A task's command line after `pegasus-kickstart`; later tasks of a cluster do not repeat the machine."""
    options = place.options
    outputs = "".join(f"-s {use.lfn}={use.lfn} " for use in task.uses if not use.is_input)
    header = "" if first else "-H "
    return (
        f" -n {task.transformation} -N {task.id} -R {options.site}  {outputs}{header}-L {place.label} "
        f"-T {options.stamp} {options.transformations[task.transformation]} {arguments_text(task)}"
    )


def _auxiliary_arguments(job: Job, place: Place) -> str:
    stdin = "" if job.kind is Kind.REGISTER else "-i - "
    return f" -n {job.transformation} -N null {stdin}-R local  -L {place.label} -T {place.options.stamp} "


def _registration_arguments(job: Job, place: Place) -> str:
    submit_dir = place.submit_dir
    meta = "".join(f"--meta {submit_dir}/{made.folder}/{made.name}.meta " for made in job.producers)
    return (
        f"{place.options.bindir}/pegasus-rc-client --prefix pegasus.catalog.replica.output "
        f"--conf {submit_dir}/{place.properties_name} -v "
        f"{meta}--insert {submit_dir}/{job.folder}/{job.name}.in"
    )


def universe_of(job: Job, place: Place) -> str:
    """Compute jobs: the profile's, else the options'; all others are local."""
    if job.kind is not Kind.COMPUTE:
        return "local"
    return job.profile("condor", "universe") or place.options.universe


def priority_of(job: Job) -> int:
    """The PRIORITY of a node and of its job: fixed for most kinds, ten times the depth for the others."""
    wanted = job.profile("dagman", "PRIORITY")
    if wanted is not None:
        return int(wanted)
    return job.kind.priority if job.kind.priority is not None else job.depth * 10


def has_input(job: Job) -> bool:
    """Whether the job reads JOB.in from its stdin (a registration names it as an argument)."""
    return job.clustered or job.kind not in (Kind.COMPUTE, Kind.REGISTER)


def submit_text(job: Job, place: Place) -> str:
    """The text of JOB.sub."""
    return "\n".join(_submit_lines(job, place)) + "\n"


def _submit_lines(job: Job, place: Place) -> Iterator[str]:
    yield from (
        RULE,
        "# PEGASUS WMS GENERATED SUBMIT FILE",
        f"# DAG : {place.label}, Index = 0, Count = null",
    )
    yield from (f"# SUBMIT FILE NAME : {job.name}.sub", RULE)
    yield from ("stream_error  = false", "stream_output = false")
    yield f'environment = "{" ".join(_environment(job, place))}"'
    universe, files = universe_of(job, place), f"{place.submit_dir}//{job.folder}/{job.name}"
    if universe == "vanilla":
        yield "+WantIOProxy = True"
    values = {
        "arguments": f'"{arguments_of(job, place)}"',
        "error": f"{files}.err",
        "executable": executable_of(job, place),
        "log": f"{place.submit_dir}/{place.base}.log",
        "notification": "NEVER",
        "output": f"{files}.out",
        "periodic_release": "False",
        "periodic_remove": "(JobStatus == 5) && ((CurrentTime - EnteredCurrentStatus) > 1800)",
        "priority": str(priority_of(job)),
        "submit_event_user_notes": f"pool:{_site(job, place)}",
        "transfer_executable": "false",
        "universe": universe,
        "wf_submit_dir": str(place.submit_dir),
    }
    if has_input(job):
        values["input"] = f"{files}.in"
    if job.kind is Kind.COMPUTE:
        values["remote_initialdir" if universe == "vanilla" else "initialdir"] = place.scratch_dir
    yield from (f"{key} = {values[key]}" for key in sorted(values))
    yield from _classad_lines(job, place)
    yield from ("queue", RULE, "# END OF SUBMIT FILE", RULE)


def _site(job: Job, place: Place) -> str:
    return place.options.site if job.kind is Kind.COMPUTE else "local"


def _environment(job: Job, place: Place) -> Iterator[str]:
    options = place.options
    yield "LANG=en_US.UTF-8"
    if job.kind is Kind.COMPUTE:
        yield f"PEGASUS_HOME={options.home}"
    else:
        yield f"PATH={options.bindir}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        yield f"PYTHONPATH={options.home}/lib/pegasus/python:{options.home}/lib/pegasus/externals/python"
    yield "CONDOR_JOBID=$(cluster).$(process)"
    yield f"PEGASUS_WF_UUID={options.uuid}"
    yield f"PEGASUS_WF_LABEL={place.label}"
    yield f"PEGASUS_DAG_JOB_ID={job.name}"
    yield f"PEGASUS_SITE={_site(job, place)}"
    if job.kind is Kind.COMPUTE:
        yield f"PEGASUS_SCRATCH_DIR={place.scratch_dir}"
        return
    yield f"_PEGASUS_WF_SUBMIT_DIR={place.submit_dir}"
    if job.kind is Kind.STAGE_OUT:
        meta = "".join(f"$(wf_submit_dir)/{made.folder}/{made.name}.meta," for made in job.producers)
        yield f"_PEGASUS_TRANSFER_INPUT_FILES={meta}"
        yield f"PEGASUS_BIN_DIR={options.bindir}"
        yield "_PEGASUS_CONNECT_STDIN=true"


def _classad_lines(job: Job, place: Place) -> Iterator[str]:
    single = job.kind is Kind.COMPUTE and not job.clustered
    words = {
        "generator": "Pegasus",
        "root_wf_uuid": place.options.uuid,
        "wf_uuid": place.options.uuid,
        "version": VERSION,
        "wf_name": place.base,
        "wf_time": place.options.timestamp,
        "wf_xformation": job.transformation,
        "wf_dax_job_id": job.tasks[0].id if single else "null",
        "wf_dag_job_id": job.name,
    }
    yield from (f'+pegasus_{key} = "{value}"' for key, value in words.items())
    yield f"+pegasus_job_class = {job.kind.job_class}"
    yield f'+pegasus_site = "{_site(job, place)}"'
    yield "+pegasus_job_runtime = 0"
    yield "+pegasus_cores = 1"
    yield "+pegasus_gpus = 1"
    yield f"+pegasus_cluster_size = {max(1, len(job.tasks))}"
