"""What a release needs: nothing of it is in the checkout alone, and it works where there is nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.release.conftest import Installed, build, run
from tests.support.places import CHECKOUT

PACKAGES = ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext")

EVERY_COMMAND = """
import click
from planner_ext.cli import Verbosity, cli

def names(parent):
    yield parent.command_path
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, name)
            yield from names(click.Context(command, info_name=name, parent=parent))

print("\\n".join(names(cli.make_context("bridle", ["pool"], obj=Verbosity()))))
"""

RUN = """
set -e
bridle pool start --pool "$1/pool" --slots 4
trap 'bridle pool stop --pool "$1/pool"' EXIT
eval "$(bridle pool env --pool "$1/pool")"
cd "$2/examples"
run=$(python -m planner --fan 4 --dir "$1/runs" --condor-dagman "$(command -v condor_dagman)")
bridle rewrite "$run"
bridle run --wait "$run" >&2
bridle status --json "$run" >"$1/status.json"
"""

# One line for each package: right as it is, an error of this code if the argument is a number.
USES = {
    "condor_templates": "from condor_templates.errors import BridleError\nBridleError({}, 'what', 'hint')\n",
    "dag_rewriter": "from dag_rewriter.rewrite import read_dag\n"
    "from dag_rewriter.submit_dir import open_submit_dir\nfrom pathlib import Path\n"
    "names: list[str] = [str(node) for node in read_dag(open_submit_dir(Path({}))).nodes]\n",
    "monitord_job": "from monitord_job.errors import MonitorError\nMonitorError({}, 'what', 'hint')\n",
    "planner_ext": "from planner_ext.builder import Workflow\nWorkflow({}).hook('end', '/bin/true')\n",
}


def tracked() -> set[str]:
    """All files of the checkout; without git (in an sdist) there is nothing to compare with."""
    listed = run("git", "ls-files", "-z", cwd=CHECKOUT)
    return {name for name in listed.split("\0") if name and (CHECKOUT / name).exists()}


def test_the_sdist_is_the_checkout(sdist: Path) -> None:
    packed = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if not path.is_dir()}
    assert packed - {"PKG-INFO"} == tracked()


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, place: Path) -> None:
    again = build(sdist, place / "again", "-t", "wheel")
    assert (again / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_has_all_of_the_packages_and_nothing_else(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    programs = {name for name in packed if ".data/scripts/" in name}
    assert {name.rpartition("/")[2] for name in programs} == {"bridle", "bridle-notify"}
    manual = {name for name in packed if name.startswith("planner_ext/manual/")}
    man_pages = {name for name in packed if ".data/data/share/man/man1/" in name}
    docs = {name for name in tracked() if name.startswith("docs/")}
    assert {name.replace("planner_ext/manual/", "docs/", 1) for name in manual} == docs
    assert {name.rpartition("/")[2] for name in man_pages} == {
        Path(one).name for one in docs if one.endswith(".1")
    }
    names = packed - programs - manual - man_pages
    assert names == {name for name in tracked() if name.startswith(tuple(f"{one}/" for one in PACKAGES))}
    assert names >= {f"{package}/py.typed" for package in PACKAGES}


def test_nothing_is_missing_beside_it(installed: Installed) -> None:
    installed.pip("check")
    place = installed("python", "-c", "import planner_ext; print(planner_ext.__file__)")
    assert place.startswith(f"{installed.folder}/")
    assert installed("bridle", "--version").startswith("bridle, version ")


def test_every_command_has_help(installed: Installed) -> None:
    commands = installed("python", "-c", EVERY_COMMAND).splitlines()
    assert len(commands) > 30
    for command in [*commands, "bridle-notify"]:
        assert installed(*command.split(), "--help").startswith(f"Usage: {command} ")


def test_the_manual_is_there(installed: Installed) -> None:
    assert installed("bridle", "help", "glossary").startswith("# Glossary")
    where = installed("python", "-c", "import sys; print(sys.prefix)").strip()
    assert (Path(where) / "share" / "man" / "man1" / "bridle-status.1").exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_its_types_are_seen_from_outside(installed: Installed, package: str) -> None:
    mypy = (
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        "mypy",
        "--python-executable",
        installed.python,
    )
    right, wrong = installed.root / f"right_{package}.py", installed.root / f"wrong_{package}.py"
    right.write_text(USES[package].format("'where'"))
    wrong.write_text(USES[package].format("7"))
    run(*mypy, right.name, cwd=installed.root)
    done = subprocess.run(
        [*mypy, wrong.name], cwd=installed.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "error:" in line and "[arg-type]" not in line] == []


def test_a_workflow_runs(installed: Installed, sdist: Path) -> None:
    run(
        "bash",
        "-c",
        RUN,
        "bash",
        installed.root,
        sdist,
        cwd=installed.root,
        environment=installed.environment,
    )
    status = json.loads((installed.root / "status.json").read_text())
    assert status["ending"] == "succeeded"


def test_without_apprise_it_says_what_to_install(
    installed: Installed, wheel: Path, constraints: Path
) -> None:
    log = installed.root / "told.log"
    installed("bridle-notify", "--test", "--to", f"log:{log}")
    assert "bridle" in log.read_text()
    slack = (
        "bridle-notify",
        "--test",
        "--dry-run",
        "--to",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x",
    )
    code, said = installed.refused(*slack)
    assert code == 2
    assert said == (
        "bridle-notify: slack://...: it is reached by apprise, which is not installed; "
        "say pip install 'pegasus-bridle[notify]', or pip install apprise\n"
    )
    extra = f"pegasus-bridle[notify] @ {wheel.as_uri()}"
    installed.pip("install", "-qq", "--no-cache-dir", "--only-binary", ":all:", "-c", constraints, extra)
    assert "To: slack://..." in installed(*slack)
