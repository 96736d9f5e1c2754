"""The commands of README and docs that need HTCondor: they print what the pages show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rewriting.rewrite import is_rewritten
from planner_ext.pool.pool import Pool
from tests.support.faults import lines_of_trace, mend, module_folder, open_gate, planned_run, wait_for_end
from tests.support.pegasus_home import pegasus_home
from tests.support.runs import bridle, until
from tests.support.shown import ANOTHER_EACH_TIME, Scene, block_of, wrong

SHOWN = {
    "README.md": {
        "export PATH=$PWD/build/venv/bin:$PATH BRIDLE_HTCONDOR=$PWD/build/htcondor": "test_main_job.py",
        'bridle status "$run"': "test_main_job.py",
    },
    "docs/categories.md": {
        "bridle categories run0001": "test_shown_on_a_pool.py",
        "bridle throttle run0001": "test_shown_on_a_pool.py",
    },
    "docs/getting-started.md": {
        "bridle run --wait diamond.dag": "test_shown_on_a_pool.py",
        "bridle hook install": "test_shown_on_a_pool.py",
        "bridle plan --submit workflow.yml": "test_shown_on_a_pool.py",
        "bridle why run0001": "test_shown_on_a_pool.py",
    },
    "docs/hook.md": {
        "bridle hook install": "test_shown_on_a_pool.py",
        "bridle plan --conf my.properties --submit workflow.yml": "test_shown_on_a_pool.py",
    },
    "docs/recovery.md": {"bridle recover run0001": "test_recover.py"},
    "docs/rescue.md": {"bridle rescue show runs/fan/run0001": "test_shown_on_a_pool.py"},
}
"""Page -> first command of a block -> the test in this folder that runs it."""
WITH_PEGASUS = (
    ("docs/hook.md", "bridle hook install"),
    ("docs/hook.md", "bridle plan --conf my.properties --submit workflow.yml"),
    ("docs/getting-started.md", "bridle hook install"),
    ("docs/getting-started.md", "bridle plan --submit workflow.yml"),
)

pytestmark = pytest.mark.htcondor_25  # what is shown is of that one

DESCRIPTION = "universe = local\nexecutable = /bin/echo\narguments = $(JOB)\nqueue\n"
DIAMOND = "JOB a a.sub\nJOB b a.sub\nJOB c a.sub\nJOB d a.sub\nPARENT a CHILD b c\nPARENT b c CHILD d\n"
GPUS = 2
POLICY = f'[limits]\ngpu = {GPUS}\n[[rule]]\ncategory = "gpu"\njob_class = "compute"\nnode = "work_*"\n'


@pytest.fixture(scope="module")
def folder(pool: Pool) -> Iterator[Path]:
    with module_folder(pool, "shown") as path:
        yield path


def scene_of(pool: Pool, home: Path, **more: object) -> Scene:
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in pool.environment().items() if name != "HOME"}
    return Scene(home, environment, another_each_time=ANOTHER_EACH_TIME, **more)  # type: ignore[arg-type]


def untold_run(place: Path, *words: str, broken: str | None = None) -> SubmitDir:
    """A planned run without rules: they are confirmed for the pool's HOME, and the scenes have other ones."""
    submit_dir = planned_run(place, *words, broken=broken)
    submit_dir.bridle_notify.unlink()
    return submit_dir


def shown(scene: Scene, page: str, name: str) -> list[str]:
    return wrong(block_of(page, name), scene)


def test_without_pegasus(pool: Pool, folder: Path) -> None:
    home = folder / "plain"
    scene = scene_of(pool, home)
    (home / "a.sub").write_text(DESCRIPTION)
    (home / "diamond.dag").write_text(DIAMOND)
    assert shown(scene, "docs/getting-started.md", "bridle run --wait diamond.dag") == []


def test_a_run_that_fails_and_is_rescued(pool: Pool, folder: Path) -> None:
    home = folder / "fan"
    submit_dir = untold_run(folder / "abstract", "--retry", "0", broken="w00001")
    open_gate(submit_dir)
    codes = {"bridle why": 2, "bridle recover": 1, "bridle run": 1}
    scene = scene_of(pool, home, codes=codes)
    (home / "runs" / "fan").mkdir(parents=True)
    for name in ("run0001", "runs/fan/run0001"):
        (home / name).symlink_to(submit_dir.path)
    assert bridle(pool, "run", "--wait", str(submit_dir.path)).returncode == 1
    assert shown(scene, "docs/getting-started.md", "bridle why run0001") == []
    mend(folder / "abstract", "w00001")
    assert shown(scene_of(pool, home), "docs/rescue.md", "bridle rescue show runs/fan/run0001") == []


def test_limits_of_a_run_that_goes_on(pool: Pool, folder: Path) -> None:
    home = folder / "live"
    submit_dir = untold_run(folder / "limits")
    (submit_dir.path / "bridle-policy.toml").write_text(POLICY)
    scene = scene_of(pool, home)
    (home / "run0001").symlink_to(submit_dir.path)
    assert bridle(pool, "run", str(submit_dir.path)).returncode == 0
    until(lambda: len(lines_of_trace(submit_dir)) > GPUS, "as many are at work as may be")
    assert shown(scene, "docs/categories.md", "bridle categories run0001") == []
    assert shown(scene, "docs/categories.md", "bridle throttle run0001") == []
    open_gate(submit_dir)
    wait_for_end(pool, submit_dir)


def with_pegasus(pool: Pool, place: Path) -> tuple[Scene, SubmitDir]:
    """A Pegasus whose planner finds its plan made, but for DAGMan's submit file; workflow and properties for it."""
    submit_dir = untold_run(place)
    open_gate(submit_dir)
    programs = pegasus_home(place / "pegasus", submit_dir)
    graphviz = programs / "pegasus-graphviz"
    graphviz.write_text("#!/bin/sh\n")
    graphviz.chmod(0o755)
    home = place / "home"
    scene = scene_of(pool, home)
    path = scene.environment["PATH"]
    condor = shutil.which(
        "condor_submit_dag", path=path
    )  # a link's, where the checkout's own has a blank in it
    assert condor is not None
    names = {str(programs): "/opt/pegasus/bin", str(Path(condor).parent): "/usr/bin"}
    path = f"{home}/.local/share/bridle/hook:{programs}:{path}"
    for name in ("workflow.yml", "my.properties"):
        (home / name).write_text("")
    for name in ("run0001", "runs/mosaic/run0001"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(submit_dir.path)
    return replace(scene, environment={**scene.environment, "PATH": path}, names=names), submit_dir


def test_with_pegasus(pool: Pool, folder: Path) -> None:
    started = []
    for page, name in WITH_PEGASUS:
        scene, submit_dir = with_pegasus(pool, folder / f"with-pegasus-{len(started)}")
        assert shown(scene, page, name) == []
        started.append(submit_dir)
    for submit_dir in started:
        wait_for_end(pool, submit_dir)
        assert is_rewritten(submit_dir)
