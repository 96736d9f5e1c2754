"""Pegasus's own tools, and a finished run of the example for them to read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from planner_ext.pool.pool import Pool
from planner_ext.pool.release import find_release
from tests.support.database import Rows, dump
from tests.support.faults import tool
from tests.support.places import BUILD, WORK
from tests.support.runs import BRIDLE, RUN_LIMIT, bridle, ended, submitted, until
from tests.support.workflows import plan, plan_mosaic

collect_ignore = [
    "pegasus_databases.py",
    "pegasus_documents.py",
    "pegasus_loader.py",
]  # it runs in the peer's environment


Peer = Callable[..., subprocess.CompletedProcess[str]]


PLAIN = {
    "x.dag": """\
SUBMIT-DESCRIPTION said {
  universe = local
  executable = /bin/echo
  arguments = $(JOB)
  output = $(JOB).out
}
JOB a said
JOB b said DIR away
SPLICE s inner.dag
SUBDAG EXTERNAL below below.dag
PARENT a CHILD b s below
""",
    "inner.dag": "JOB c once.sub\nRETRY c 1\n",
    "below.dag": "JOB d once.sub\nRETRY d 1\n",
    # Fails the first time: the second attempt finds what the first one left.
    "once.sub": "universe = local\nexecutable = /bin/sh\narguments = once.sh $(JOB)\nerror = $(JOB).err\nqueue\n",
    "once.sh": "test -e seen.$1 || { touch seen.$1; echo failing >&2; exit 7; }",
}


def written(folder: Path) -> Path:
    """A DAG that nobody planned."""
    (folder / "away").mkdir()
    for name, text in PLAIN.items():
        (folder / name).write_text(text)
    return folder / "x.dag"


class Ran(NamedTuple):
    """Runs that have ended: the example, one that was never rewritten with the events of its monitor, a plain DAG."""

    mosaic: SubmitDir
    fan: SubmitDir
    events: Path
    plain: Path


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    """Three runs side by side, on a pool that is gone again."""
    place = WORK / "tests" / f"peer-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    release = find_release(
        None, os.environ["PATH"], Path(os.environ.get("BRIDLE_HTCONDOR", BUILD / "htcondor"))
    )
    pool = Pool(WORK / "pools" / f"peer-{os.getpid()}")
    with pool:
        pool.start(release, slots=8)
        fan = plan(place / "fan", "--fan", "3")
        (place / "plain").mkdir()
        plain, events = written(place / "plain"), place / "events.bp"
        tool(pool, "condor_submit_dag", "-update_submit", open_submit_dir(fan).dag, cwd=fan)
        monitor = subprocess.Popen([str(BRIDLE), "monitord", "--events", str(events), str(fan)])
        assert bridle(pool, "run", str(plain)).returncode == 0
        mosaic = submitted(pool, plan_mosaic(place / "mosaic"))
        until(lambda: ended(mosaic), "the run has ended")
        assert monitor.wait(RUN_LIMIT) == 0
        assert bridle(pool, "run", "--wait", str(plain)).returncode == 0
    shutil.rmtree(pool.directory)
    yield Ran(mosaic, open_submit_dir(fan), events, plain)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def finished(ran: Ran) -> SubmitDir:
    """The mosaic after its run."""
    return ran.mosaic


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Path], dict[str, Rows]]:
    """`load(EVENTS)`: the tables that pegasus-monitord's loader makes of an events file."""
    python = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer")) / "bin" / "python"
    script = Path(__file__).with_name("pegasus_loader.py")

    def loaded(events: Path) -> dict[str, Rows]:
        database = tmp_path / "loaded.db"
        command = [str(python), str(script), str(events), f"sqlite:///{database}"]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ERROR" not in done.stdout
        return dump(database)

    return loaded


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    """`peer("pegasus-analyzer", DIR)` runs that tool of pegasus-wms 5.1.3 in its own environment."""
    prefix = Path(os.environ.get("BRIDLE_PEER", BUILD / "peer"))

    def run(tool: str, *words: str) -> subprocess.CompletedProcess[str]:
        (script,) = prefix.glob(f"lib/python3.*/site-packages/Pegasus/cli/{tool}.py")
        environment = {
            # Its dashboard database goes to the home directory.
            "HOME": str(tmp_path),
            "PEGASUS_HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "TZ": os.environ.get("TZ", ""),
        }
        command = [str(prefix / "bin" / "python"), str(script), *words]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run
