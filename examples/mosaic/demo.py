"""make demo: a personal pool, the mosaic planned and run on it with `bridle`, and what the database knows.

    python examples/mosaic/demo.py --work DIR --pool DIR [--keep-pool]

DIR of --work must not be below /tmp: DAGMan refuses to work there. The exit code is the workflow's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(1, str(HERE))

from planner import Options, PlanError, parse, plan  # noqa: E402
from planner.__main__ import read_catalogs  # noqa: E402

from summary import summary_lines  # noqa: E402

BRIDLE = str(Path(sys.executable).with_name("bridle"))
SLOTS = 8  # more than there are processors: a small job waits more than it computes


def say(text: str) -> None:
    """A line of the demo's own, told from what the commands print."""
    print(f"==> {text}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done now, and how long it took."""
    say(what)
    begun = time.monotonic()
    yield
    say(f"    {time.monotonic() - begun:.1f} s")


def bridle(*words: str, environment: dict[str, str] | None = None) -> int:
    """Run the command with the user watching; its exit code."""
    print("  $ bridle " + " ".join(words), flush=True)
    return subprocess.run([BRIDLE, *words], env=environment, check=False).returncode


def pool_environment(pool: Path) -> dict[str, str]:
    """This environment with what `eval "$(bridle pool env)"` would change."""
    commands = subprocess.run(
        [BRIDLE, "pool", "env", "--pool", str(pool)], check=True, capture_output=True, text=True
    ).stdout
    shell = ["/bin/sh", "-c", 'eval "$1" && exec env -0', "sh", commands]
    listing = subprocess.run(shell, check=True, capture_output=True).stdout
    pairs = (entry.partition(b"=") for entry in listing.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


@contextmanager
def running_pool(pool: Path, keep: bool) -> Iterator[dict[str, str]]:
    """A pool that runs inside the block and is stopped after it, whatever happened there."""
    try:
        with step("start a personal HTCondor pool"):
            code = bridle("pool", "start", "--pool", str(pool), "--slots", str(SLOTS))
            if code:
                raise SystemExit(code)
        environment = pool_environment(pool)
        try:
            yield environment
        except BaseException:
            # what is left in the queue would run on when the pool is started again
            subprocess.run(["condor_rm", "-all"], env=environment, capture_output=True, check=False)
            raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C shall not leave daemons behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if keep:
            say(f"the pool stays up; `bridle pool stop --pool {pool}` ends it")
        else:
            with step("stop the pool"):
                bridle("pool", "stop", "--pool", str(pool))


def planned(work: Path, environment: dict[str, str]) -> Path:
    """The mosaic's submit directory, planned below `work`."""
    source = HERE / "workflow.yml"
    transformations, replicas = read_catalogs(HERE)
    options = Options(
        work,
        cluster="label",
        transformations=transformations,
        replicas=replicas,
        workflow_file=source,
        condor_dagman=shutil.which("condor_dagman", path=environment.get("PATH")) or "/usr/bin/condor_dagman",
    )
    submit_dir = plan(parse(source.read_text(encoding="utf-8")), options)
    nodes = sum(line.startswith("JOB ") for line in (submit_dir / "mosaic-0.dag").read_text().splitlines())
    print(f"  {nodes} nodes in {submit_dir}")
    return submit_dir


def demo(work: Path, pool: Path, keep_pool: bool) -> int:
    """The whole; returns the workflow's exit code."""
    with running_pool(pool, keep_pool) as environment:
        with step("plan the mosaic as Pegasus would"):
            submit_dir = planned(work, environment)
        with step("rewrite it, submit it and wait for it"):
            code = bridle("run", "--wait", str(submit_dir), environment=environment)
        with step("ask how it went"):
            bridle("status", str(submit_dir), environment=environment)
    say("what the database knows")
    print("\n".join(summary_lines(submit_dir)))
    notes = submit_dir / "notes.txt"
    if notes.exists():
        say("what the workflow's hooks noted")
        print("  " + notes.read_text(encoding="utf-8").strip().replace("\n", "\n  "))
    picture = work / "outputs" / "mosaic.png"
    if code:
        say(f"the workflow failed with {code}; see {submit_dir}")
    elif picture.exists():
        say(f"the picture: {picture}")
    else:
        say(f"the workflow succeeded, but there is no {picture}")
        code = 1
    return code


def main(argv: list[str]) -> int:
    """Parse, run, and turn the ways it can end into exit codes."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--work", type=Path, required=True, help="for submit directories and pictures")
    options.add_argument("--pool", type=Path, required=True, help="the pool's directory")
    options.add_argument("--keep-pool", action="store_true", help="leave the pool running")
    given = options.parse_args(argv)
    if not Path(BRIDLE).exists():
        print(
            f"demo: no {BRIDLE}: run `make demo`, or the python of an environment with bridle",
            file=sys.stderr,
        )
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    begun = time.monotonic()
    try:
        code = demo(given.work.resolve(), given.pool.resolve(), given.keep_pool)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except PlanError as reason:
        print(f"demo: {reason}", file=sys.stderr)
        code = 2
    say(f"{time.monotonic() - begun:.0f} s in all")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
