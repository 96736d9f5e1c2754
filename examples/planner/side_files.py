"""The other files of a submit directory: braindump, hooks, metrics, metadata, cache, properties, catalogs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import yaml

from standins.rc_client import TABLES

from .abstract import AbstractWorkflow, Hook
from .concrete import Concrete, Job, Kind
from .input_files import quote
from .options import BUILD, VERSION, Place
from .static_bp import workflow_metadata

EVENTS = ("never", "start", "success", "error", "end", "all")
CREATED = "%m-%d-%yT%H:%M:%SZ"


def planner_arguments(place: Place) -> str:
    """The command line that the real planner would have had, with the blank at its end."""
    options = place.options
    cluster = f"--cluster {options.cluster} " if options.cluster else ""
    return (
        f"--conf pegasus.properties --dir {options.directory} -s {options.site} -o local "
        f"{cluster}-v {workflow_path(place)} "
    )


def workflow_path(place: Place) -> str:
    """The abstract workflow's path."""
    return str(place.options.workflow_file or place.options.directory / "workflow.yml")


def braindump_text(place: Place) -> str:
    """braindump.yml: quoted strings only, no newline at the end."""
    options = place.options
    values = {
        "user": options.user,
        "grid_dn": None,
        "submit_hostname": options.hostname,
        "root_wf_uuid": options.uuid,
        "wf_uuid": options.uuid,
        "dax": workflow_path(place),
        "dax_label": place.label,
        "dax_index": "0",
        "dax_version": "5.0.4",
        "pegasus_wf_name": place.base,
        "timestamp": options.timestamp,
        "basedir": str(options.directory),
        "submit_dir": str(place.submit_dir),
        "planner": f"{options.bindir}/pegasus-plan",
        "planner_version": VERSION,
        "pegasus_build": BUILD,
        "planner_arguments": f'"{planner_arguments(place)}"',
        "jsd": "jobstate.log",
        "rundir": place.run,
        "bindir": options.bindir,
        "vogroup": "pegasus",
        "uses_pmc": "false",
        "properties": place.properties_name,
        "condor_log": f"{place.base}.log",
        "dag": f"{place.base}.dag",
        "type": "dag",
        "notify": f"{place.base}.notify",
    }
    return "\n".join(f"{key}: {_quoted(value)}" for key, value in values.items())


def _quoted(value: str | None) -> str:
    return "null" if value is None else json.dumps(value, ensure_ascii=False)


def notify_text(workflow: AbstractWorkflow, plan: Concrete, place: Place) -> str:
    """BASE.notify: the workflow's rules, then those of each job after an empty line; empty without hooks."""
    text = "".join(
        f"WORKFLOW {place.options.uuid} {hook.when} {hook.command}\n" for hook in _in_order(workflow.hooks)
    )
    return text + "".join(_job_rules(job) for job in plan.jobs.values())


def _in_order(hooks: tuple[Hook, ...]) -> list[Hook]:
    """By event, as the planner's table has them."""
    return sorted(hooks, key=lambda hook: EVENTS.index(hook.when))


def _job_rules(job: Job) -> str:
    if job.clustered:
        return "".join(
            "\n"
            + "".join(
                f"INVOCATION {job.name} {number} {hook.when} {hook.command}\n"
                for hook in _in_order(task.hooks)
            )
            for number, task in enumerate(job.tasks, start=1)
            if task.hooks
        )
    hooks = job.tasks[0].hooks if job.tasks else ()
    return "\n" * bool(hooks) + "".join(
        f"JOB {job.name} {hook.when} {hook.command}\n" for hook in _in_order(hooks)
    )


def metrics_text(workflow: AbstractWorkflow, plan: Concrete, place: Place) -> str:
    """BASE.metrics as Gson prints it: one value a line, two newlines at the end."""
    start = place.options.time.timestamp()
    document = {
        "client": "pegasus-plan",
        "version": VERSION,
        "wf_api": "python",
        "type": "metrics",
        "start_time": _gson(start),
        "end_time": _gson(start + 1),
        "duration": 1.0,
        "exitcode": 0,
        "root_wf_uuid": place.options.uuid,
        "wf_uuid": place.options.uuid,
        "data_config": "condorio",  # what the property says; the site's profile says sharedfs (seen)
        "planner_args": planner_arguments(place),
        "uses_pmc": False,
        "wf_metrics": _counts(workflow, plan),
        "app_metrics": {"name": place.label},
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n\n"
    return text.replace('"@', "").replace('@"', "")


def _gson(seconds: float) -> str:
    """A time as Gson prints it, 1.795411658575E9; marked, so that its quotes can be taken off again."""
    return f"@{seconds / 1e9!r}E9@"


def _counts(workflow: AbstractWorkflow, plan: Concrete) -> dict[str, int]:
    read = {use.lfn for task in workflow.tasks for use in task.uses if use.is_input}
    written = {use.lfn for task in workflow.tasks for use in task.uses if not use.is_input}
    kinds = [job.kind for job in plan.jobs.values()]
    clustered = sum(job.clustered for job in plan.jobs.values())
    return {
        "compute_tasks": len(workflow.tasks),
        "dax_tasks": 0,
        "dag_tasks": 0,
        "total_tasks": len(workflow.tasks),
        "deleted_tasks": 0,
        "dax_input_files": len(read - written),
        "dax_inter_files": len(read & written),
        "dax_output_files": len(written - read),
        "dax_total_files": len(read | written),
        "compute_jobs": kinds.count(Kind.COMPUTE) - clustered,
        "clustered_jobs": clustered,
        "si_tx_jobs": kinds.count(Kind.STAGE_IN),
        "so_tx_jobs": kinds.count(Kind.STAGE_OUT),
        "inter_tx_jobs": 0,
        "reg_jobs": kinds.count(Kind.REGISTER),
        "cleanup_jobs": kinds.count(Kind.CLEANUP) + kinds.count(Kind.REMOVE_DIR),
        "create_dir_jobs": kinds.count(Kind.CREATE_DIR),
        "dax_jobs": 0,
        "dag_jobs": 0,
        "chmod_jobs": 0,
        "total_jobs": len(kinds),
    }


def metadata_text(workflow: AbstractWorkflow, plan: Concrete, place: Place) -> str:
    """BASE.metadata: of the workflow and of every job that is one task; no newline at the end."""
    jobs = {
        job.name: dict(job.tasks[0].metadata) if job.tasks and not job.clustered else {}
        for job in plan.jobs.values()
    }
    document = {
        "root_workflow_uuid": place.options.uuid,
        "workflow_uuid": place.options.uuid,
        "wf_metadata": dict(sorted(workflow_metadata(workflow).items())),
        "graph": {"jobs": jobs},
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def cache_text(plan: Concrete, place: Place) -> str:
    """BASE.cache: where the files of the scratch directory are."""
    staged = (use for job in plan.jobs.values() if job.kind is Kind.STAGE_IN for use in job.files)
    made = (use for job in plan.jobs.values() for use in job.uses(is_input=False))
    return "".join(
        f'{quote(use.lfn)} {quote(f"file://{place.scratch_dir}/./{use.lfn}")} site="{place.options.site}"\n'
        for use in (*staged, *made)
    )


def properties_text(place: Place) -> str:
    """The effective properties, escaped as Java does."""
    return "\n".join(_property_lines(place)) + "\n"


def _property_lines(place: Place) -> Iterator[str]:
    yield "#Pegasus USER PROPERTIES AT RUNTIME "
    yield "#ESCAPES IN VALUES ARE INTRODUCED"
    yield place.options.time.strftime("#%a %b %d %H:%M:%S UTC %Y")
    url = f"jdbc:sqlite:{replica_database(place)}"
    values = {
        "pegasus.home.schemadir": f"{place.options.home}/share/pegasus/schema",
        "pegasus.catalog.replica.file": f"{place.submit_dir}/catalogs/replicas.yml",
        "pegasus.catalog.transformation.file": f"{place.submit_dir}/catalogs/transformations.yml",
        "pegasus.home.sharedstatedir": f"{place.options.home}/share/pegasus",
        "pegasus.catalog.site.file": f"{place.submit_dir}/catalogs/sites.yml",
        "pegasus.home.sysconfdir": f"{place.options.home}/etc",
        "pegasus.catalog.replica.output.db.url": url,
        "pegasus.catalog.replica.output.db.driver": "sqlite",
        "pegasus.transfer.worker.package": "false",
        "pegasus.catalog.replica.output": "JDBCRC",
        "pegasus.home.bindir": place.options.bindir,
        "pegasus.catalog.replica": "YAML",
        "dagman.maxpre": "1",
        "pegasus.catalog.site": "YAML",
        "pegasus.catalog.transformation": "YAML",
    }
    yield from (f"{key}={value.replace(':', chr(92) + ':')}" for key, value in values.items())


def replica_database(place: Place) -> Path:
    """The output replica catalog."""
    return place.submit_dir / f"{place.base}.replicas.db"


def make_replica_database(place: Place) -> None:
    """An empty output replica catalog with Pegasus's tables."""
    catalog = sqlite3.connect(replica_database(place))
    with catalog:
        catalog.executescript(TABLES)
    catalog.close()


def catalog_texts(place: Place) -> dict[str, str]:
    """The three catalogs as YAML, by file name."""
    options = place.options
    here = {"arch": "x86_64", "os.type": "linux"}
    transformations = [
        {"name": name, "sites": [{"name": options.site, "pfn": pfn, "type": "installed", **here}]}
        for name, pfn in options.transformations.items()
    ]
    replicas = [
        {"lfn": lfn, "pfns": [{"site": "local", "pfn": pfn}]} for lfn, pfn in options.replicas.items()
    ]
    execution = {
        "condor": {"universe": options.universe},
        "env": {"PEGASUS_HOME": str(options.home)},
        "pegasus": {"auxillary.local": "true", "style": "condor", "data.configuration": "sharedfs"},
    }
    sites = [
        {"name": "local", **here, "directories": [_directory("localStorage", str(options.outputs), False)]},
        {
            "name": options.site,
            **here,
            "directories": [_directory("sharedScratch", str(options.scratch), True)],
            "profiles": execution,
        },
    ]
    contents = {"transformations": transformations, "replicas": replicas, "sites": sites}
    return {f"{name}.yml": _catalog(place, name, value) for name, value in contents.items()}


def _directory(kind: str, path: str, shared: bool) -> dict[str, object]:
    servers = [{"url": f"file://{path}", "operation": "all"}]
    return {"type": kind, "path": path, "sharedFileSystem": shared, "fileServers": servers}


def _catalog(place: Place, name: str, value: object) -> str:
    header = {
        "apiLang": "python",
        "createdBy": place.options.user,
        "createdOn": place.options.time.strftime(CREATED),
    }
    document = {"x-pegasus": header, "pegasus": "5.0.4", name: value}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
