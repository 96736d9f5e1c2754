"""The planner's command line: python -m planner WORKFLOW.yml --dir DIR, or --fan N in place of a workflow."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import yaml

from .abstract import AbstractWorkflow, PlanError, parse
from .fan import fan
from .options import Options
from .writer import plan

EXAMPLE = """\
examples (in the folder that holds this package):
  python -m planner mosaic/workflow.yml --dir build/demo --cluster label
  python -m planner --fan 1000 --seconds 0 --universe local --dir build/bench
  python -m planner --fan 20 --failing 3 --failing 7 --pre 1 --cluster-size 5 --cluster label --dir build/test

WORKFLOW.yml needs transformations.yml and replicas.yml beside it; relative pfns start at their folder.
The submit directory is printed. Exit codes: 0 planned, 2 cannot be planned.
"""


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(
        prog="python -m planner",
        description="Plan a workflow as Pegasus 5.1.2 would, for tests and examples.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "workflow", nargs="?", type=Path, help="abstract workflow in the Pegasus 5 YAML format"
    )
    options.add_argument(
        "--dir", required=True, type=Path, help="submit directories go to DIR/USER/pegasus/NAME/runNNNN"
    )
    options.add_argument(
        "--home", type=Path, help="for the stand-ins of Pegasus's programs (default DIR/home)"
    )
    options.add_argument("--scratch", type=Path, help="where tasks run (default DIR/scratch)")
    options.add_argument("--outputs", type=Path, help="where kept outputs go (default DIR/outputs)")
    options.add_argument("--cluster", choices=["label"], default="", help="cluster tasks by their label")
    options.add_argument("--universe", choices=["vanilla", "local", "scheduler"], default="vanilla")
    options.add_argument("--retry", type=int, default=1, help="RETRY of every node (default 1)")
    options.add_argument("--no-cleanup", action="store_true", help="leave the scratch directory alone")
    options.add_argument("--user", help="instead of the user's own name")
    options.add_argument("--uuid", help="instead of a new one")
    options.add_argument("--time", help="UTC, YYYYMMDDTHHMMSS, instead of now")
    options.add_argument("--python", help="interpreter of the jobs (default: this one)")
    options.add_argument("--condor-dagman", default="/usr/bin/condor_dagman")
    many = options.add_argument_group("instead of a workflow")
    many.add_argument("--fan", type=int, metavar="N", help="split, N workers, merge")
    many.add_argument("--name", default="fan")
    many.add_argument("--seconds", type=float, default=0.0, help="each worker sleeps")
    many.add_argument(
        "--failing", type=int, action="append", default=[], metavar="K", help="worker K always fails"
    )
    many.add_argument(
        "--pre", type=int, action="append", default=[], metavar="K", help="worker K has a PRE script"
    )
    many.add_argument("--cluster-size", type=int, default=0, metavar="M", help="label workers in groups of M")
    return options


def read_catalogs(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(transformation -> path, lfn -> path) of the catalogs in a folder."""
    documents = []
    for name in ("transformations", "replicas"):
        path = folder / f"{name}.yml"
        try:
            documents.append(yaml.safe_load(path.read_text(encoding="utf-8"))[name])
        except (OSError, yaml.YAMLError, KeyError, TypeError) as reason:
            raise PlanError(f"{path}: not a catalog of {name}: {reason}") from reason
    programs = {
        (f"{entry['namespace']}::" if entry.get("namespace") else "") + entry["name"]: entry["sites"][0][
            "pfn"
        ]
        for entry in documents[0]
    }
    files = {entry["lfn"]: entry["pfns"][0]["pfn"] for entry in documents[1]}
    folder = folder.resolve()
    return (
        {name: str(folder / pfn) for name, pfn in programs.items()},
        {lfn: str(folder / pfn) for lfn, pfn in files.items()},
    )


def read_workflow(path: Path) -> AbstractWorkflow:
    """The workflow in a file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, PlanError, KeyError) as reason:
        raise PlanError(f"{path}: {reason}") from reason


def main(argv: list[str]) -> int:
    """Plan what the command line asks for."""
    arguments = parser()
    given = arguments.parse_args(argv)
    if (given.workflow is None) == (given.fan is None):
        arguments.error("give either a workflow or --fan N")
    try:
        print(_plan(given))
    except PlanError as reason:
        print(f"planner: {reason}", file=sys.stderr)
        return 2
    return 0


def _plan(given: argparse.Namespace) -> Path:
    more: dict[str, object] = {
        name: value for name in ("user", "uuid", "python") if (value := getattr(given, name))
    }
    if given.time:
        more["time"] = datetime.strptime(given.time, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    if given.workflow is not None:
        workflow = read_workflow(given.workflow)
        more["transformations"], more["replicas"] = read_catalogs(given.workflow.parent)
        more["workflow_file"] = given.workflow.resolve()
    else:
        workflow = fan(
            given.fan, name=given.name, seconds=given.seconds, failing=given.failing, pre_scripts=given.pre,
            clustered=given.cluster_size,
        )  # fmt: skip
    options = Options(
        given.dir,
        home=given.home,
        scratch=given.scratch,
        outputs=given.outputs,
        cluster=given.cluster,
        universe=given.universe,
        retry=given.retry,
        cleanup=not given.no_cleanup,
        condor_dagman=given.condor_dagman,
        **more,  # type: ignore[arg-type]
    )
    return plan(workflow, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
