"""The edge of the planner: the one place that writes a submit directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import side_files
from .abstract import AbstractWorkflow, PlanError, render
from .concrete import Concrete
from .dag_file import dag_submit_text, dag_text
from .home import installed, make_home
from .input_files import input_text
from .options import Options, Place, next_place
from .refine import refine
from .static_bp import static_text
from .submit_files import submit_text


def plan(workflow: AbstractWorkflow, options: Options) -> Path:
    """Plan and write; returns the new submit directory. On a PlanError nothing is written."""
    options = _with_transformations(workflow, options)
    concrete = refine(workflow, options)
    place = next_place(options, workflow.name)
    tools = {
        name: installed(name, pfn, _home(options), options.python)
        for name, pfn in options.transformations.items()
    }
    options = replace(options, transformations=tools)
    place = replace(place, options=options)
    make_home(_home(options), options.python, options.condor_dagman)
    place.submit_dir.mkdir(parents=True)
    _write_jobs(concrete, place)
    for name, text in _texts(workflow, concrete, place).items():
        path = place.submit_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    side_files.make_replica_database(place)
    return place.submit_dir


def _home(options: Options) -> Path:
    return options.home or options.directory / "home"


def _with_transformations(workflow: AbstractWorkflow, options: Options) -> Options:
    """Every transformation needs a program; the stand-in for pegasus-keg serves the namespace keg."""
    known = dict(options.transformations)
    for task in workflow.tasks:
        name = task.transformation
        if name not in known and task.namespace == "keg":
            known[name] = f"{options.bindir}/pegasus-keg"
        if name not in known:
            raise PlanError(f"job {task.id}: transformation {name} is in no catalog")
    return replace(options, transformations=known)


def _write_jobs(concrete: Concrete, place: Place) -> None:
    for folder in {job.folder for job in concrete.jobs.values()}:
        (place.submit_dir / folder).mkdir(parents=True)
    for job in concrete.jobs.values():
        base = place.submit_dir / job.folder
        (base / f"{job.name}.sub").write_text(submit_text(job, place), encoding="utf-8")
        text = input_text(job, place)
        if text is not None:
            (base / f"{job.name}.in").write_text(text, encoding="utf-8")


def _texts(workflow: AbstractWorkflow, concrete: Concrete, place: Place) -> dict[str, str]:
    """All files of the submit directory but those of the jobs, in the planner's order: metrics last."""
    base, source = place.base, place.options.workflow_file
    abstract = source.read_text(encoding="utf-8") if source else render(workflow)
    return {
        "workflow.yml": abstract,
        **{f"catalogs/{name}": text for name, text in side_files.catalog_texts(place).items()},
        place.properties_name: side_files.properties_text(place),
        f"{base}.cache": side_files.cache_text(concrete, place),
        f"{base}.static.bp": static_text(workflow, concrete, place),
        f"{base}.notify": side_files.notify_text(workflow, concrete, place),
        f"{base}.metadata": side_files.metadata_text(workflow, concrete, place),
        "braindump.yml": side_files.braindump_text(place),
        f"{base}.dag": dag_text(concrete, place),
        f"{base}.dag.condor.sub": dag_submit_text(place),
        f"{base}.metrics": side_files.metrics_text(workflow, concrete, place),
    }
