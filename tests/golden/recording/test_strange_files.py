"""A pipe or a device in the place of a file of a submit directory: an answer, and no wait without end."""

from __future__ import annotations

import ast
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import process_time

import pytest

from condor_templates.errors import BridleError
from condor_templates.exit_codes import ExitCode
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.rewriting.rewrite import undo
from planner_ext.cli import run_command
from planner_ext.operations import run as operations
from planner_ext.shims.handlers import before_submit_dag
from tests.support.places import CHECKOUT

pytestmark = pytest.mark.own
LIMIT = 120
"""Seconds; what waits for a pipe's writer waits for ever."""
ROOM = 2 << 30
"""Bytes that a command may take beside what the tests have: what reads a device to its end takes all there are."""
COMMANDS = [
    ["status"],
    ["monitord", "--catch-up"],
    ["rewrite"],
    ["check"],
    ["graph"],
    ["metrics"],
    ["condorio"],
    ["rescue", "list"],
    ["recover"],
    ["notify", "list"],
    ["categories"],
    ["notifications"],
    ["run"],
]
CODES = {*map(int, ExitCode)} - {ExitCode.INTERNAL}


def files_of(run: SubmitDir) -> Iterator[Path]:
    """All that a command may open there, and where jobs write."""
    own = (
        "notify",
        "bridle-notify",
        "bridle-delivered",
        "bridle.lock",
        "bridle.config",
        "halt",
        "bridle.metrics",
    )
    dags = ("dagman.out", "nodes.log", "dagman.log", "metrics", "rescue001", "condor.sub", "planned", "lock")
    yield from (run.path / "braindump.yml", run.dag_file, run.jobstate_log, run.condor_log, run.static_bp)
    yield from (run.path / f"{run.base}.{name}" for name in own)
    yield from (run.path / f"{run.dag}.{name}" for name in dags)
    yield from (run.path / "bridle-policy.toml", run.path / "workflow.yml", run.metrics)
    yield run.path / Path(run.braindump["properties"] or "").name
    for pattern in ("*.sub", "*.out.000", "*.err.000", "*.in"):
        yield next(run.path.glob(f"00/00/{pattern}"))


@contextmanager
def bounded() -> Iterator[None]:
    """No wait and no memory without end."""

    def too_long(*_: object) -> None:
        raise BaseExceptionGroup("it waits", [TimeoutError(f"for more than {LIMIT} s")])

    before, most = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, most))
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


@pytest.fixture
def nothing_is_submitted(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CONDOR_CONFIG", "/dev/null")


@pytest.mark.usefixtures("nothing_is_submitted")
@pytest.mark.parametrize(
    ("what", "words"),
    [*(("pipe", words) for words in COMMANDS), *(("/dev/zero", words) for words in COMMANDS[:3])],
    ids=lambda given: " ".join(given) if isinstance(given, list) else given,
)
def test_in_the_place_of_a_file(fresh_corpus, capfd, words, what):
    source = next(fresh_corpus("recorded/failing-condorio").rglob("braindump.yml")).parent
    copy = source.with_name("copy")
    wrong = []
    for place in files_of(open_submit_dir(source)):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        path = copy / place.relative_to(source)
        path.unlink(missing_ok=True)
        if what == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(what)
        with bounded():
            code = run_command([*words, str(copy)])
        shown = "".join(capfd.readouterr())
        if code not in CODES or "-vv" in shown:
            wrong.append(f"{path.name}: {code}: {shown}")
    assert not wrong


SAY_NOTHING_OF_PARTS = ["notify list", "notifications", "categories", "recover"]


@pytest.mark.usefixtures("nothing_is_submitted")
@pytest.mark.parametrize("line", ["SPLICE S{} {}.dag", "INCLUDE {1}.dag"])
def test_a_bomb_of_sixteen_million_parts_is_refused_by_all(fresh_corpus, monkeypatch, capfd, line):
    run = open_submit_dir(next(fresh_corpus("recorded/failing-condorio").rglob("braindump.yml")).parent)
    undo(run)
    monkeypatch.setattr(operations, "refuse_if_live", lambda _dir: None)
    for level in range(24):
        path = run.dag_file if not level else run.path / f"{level}.dag"
        with path.open("a") as dag:
            dag.writelines(f"{line.format(twice, level + 1)}\n" for twice in "ab")
    (run.path / "24.dag").write_text("# nothing\n")
    asked = {" ".join(words): partial(run_command, [*words, str(run.path)]) for words in COMMANDS}
    asked["the hook"] = partial(before_submit_dag, ["-no_submit", run.dag], run.path, os.getpid())
    wrong = []
    for name, ask in asked.items():
        begin = process_time()
        said = ""
        with bounded():
            try:
                ask()
            except BridleError as error:  # of the hook
                said = str(error)
        shown = "".join((said, *capfd.readouterr()))
        if process_time() - begin > 30 or ("10000 files" not in shown and name not in SAY_NOTHING_OF_PARTS):
            wrong.append(f"{name}: {process_time() - begin} s, {shown}")
    assert not wrong


WAYS = {"open", "os.open", "os.fdopen"}
OTHERS = {
    "condor_templates/json_schemas.py": "the schemas that come with the package",
    "dag_rewriter/files/locks.py": "the door itself: a lock is asked for on a file that is open",
    "dag_rewriter/files/reading.py": "the door itself",
    "dag_rewriter/files/regular.py": "the door itself",
    "dag_rewriter/files/writing.py": "the door itself",
    "dag_rewriter/directory/trusted_files.py": "/proc",
    "monitord_job/lock.py": "looks at what it opened",
    "monitord_job/monitor/dispatcher.py": "writes",
    "monitord_job/monitor/log_file.py": "writes",
    "monitord_job/notifications/script_runner.py": "writes, and reads /proc; imports nothing",
    "planner_ext/cli.py": "/dev/null",
    "planner_ext/pages.py": "the manual that comes with the package",
    "planner_ext/pool/pool.py": "the pool's own directory, which nobody else writes to",
    "planner_ext/pool/processes.py": "the same",
    "planner_ext/shims/install.py": "the programs beside our own",
}
"""Who opens files otherwise, and why it may."""


def test_there_is_one_door_to_files_that_are_read():
    found = set()
    for package in ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext"):
        for path in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _opens(node):
                    found.add(str(path.relative_to(CHECKOUT)))
    assert found == set(OTHERS)


def _opens(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("read_bytes", "read_text"):
        return True
    is_method = isinstance(call.func, ast.Attribute) and call.func.attr == "open"
    return ast.unparse(call.func) in WAYS or (
        is_method and any(isinstance(a, ast.Constant) for a in call.args)
    )
