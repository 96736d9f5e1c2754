"""How fast `bridle rewrite` is, beside condor_dag_checker reading the same file in the same run.

Writes DAGs below build/bench, each node with JOB, VARS, CATEGORY, RETRY and SCRIPT POST, and two edges for each. All
nodes share four submit files: to read a million of them is the disk's business, not the rewriter's. A rewrite is the
whole process, from its start to the finished files (the DAG, and the copy of the planner's), all passes.

    make bench                      # 100,000 and 1,000,000 nodes, and fan5000 of the corpus
    make bench ARGS='--sizes 10000 --repeat 5'
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
BRIDLE = Path(sys.executable).with_name("bridle")
SUBMIT_FILES = 4
SUBMIT = '+pegasus_job_class = 1\n+pegasus_site = "local"\npriority = {}\nexecutable = /bin/true\nqueue\n'
BRAINDUMP = 'dag: "x-0.dag"\nwf_uuid: "u"\nroot_wf_uuid: "u"\npegasus_wf_name: "x-0"\ntype: "dag"'
NODE = """\
JOB job_ID{0:07d} 00/00/job_{1}.sub
VARS job_ID{0:07d} gen="{0}" My.DAGNodeRetry="$(RETRY)"
CATEGORY job_ID{0:07d} category{2}
RETRY job_ID{0:07d} 3
SCRIPT POST job_ID{0:07d} /usr/bin/pegasus-exitcode -r $RETURN 00/00/job_{0}.out

"""


class Took(NamedTuple):
    """One process."""

    seconds: float
    cpu: float
    """seconds of processor time: the fairer measure on a machine with other work"""
    megabytes: float
    """the most that it had in memory"""


@dataclass(frozen=True)
class Row:
    """The best of all repetitions."""

    name: str
    rewrite: Took
    checker: Took | None
    check: Took

    def ratios(self) -> str:
        """Of the times and of the processor times."""
        if self.checker is None:
            return "-"
        return (
            f"{self.rewrite.seconds / self.checker.seconds:.2f} ({self.rewrite.cpu / self.checker.cpu:.2f})"
        )


def lines(nodes: int) -> Iterator[str]:
    """The text of a DAG in some thousand pieces."""
    for start in range(0, nodes, 1000):
        yield "".join(NODE.format(n, n % SUBMIT_FILES, n % 5) for n in range(start, min(start + 1000, nodes)))
    for start in range(1, nodes, 1000):
        yield "".join(
            f"PARENT job_ID{parent:07d} CHILD job_ID{n:07d}\n"
            for n in range(start, min(start + 1000, nodes))
            for parent in dict.fromkeys(((n - 1) // 2, (n - 1) // 3))
        )


def submit_dir(nodes: int) -> Path:
    """A submit directory as far as a rewrite needs it."""
    folder = BENCH / f"nodes-{nodes}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "00" / "00").mkdir(parents=True)
    (folder / "braindump.yml").write_text(BRAINDUMP)
    for number in range(SUBMIT_FILES):
        (folder / "00" / "00" / f"job_{number}.sub").write_text(SUBMIT.format(number))
    with (folder / "x-0.dag").open("w") as dag:
        dag.writelines(lines(nodes))
    return folder


def fan5000() -> Path | None:
    """A directory that Pegasus planned, if the corpus is there."""
    corpus = Path(os.environ.get("BRIDLE_CORPUS", ROOT.parent / "shared" / "corpus"))
    archive = corpus / "planned" / "fan5000.tar.xz"
    if not archive.exists():
        return None
    folder = BENCH / "fan5000"
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)  # Python 3.12 wants it said
        tar.extractall(folder)
    return next(folder.rglob("braindump.yml")).parent


def took(*command: str, cwd: Path) -> Took:
    """Runs a process to its end; fails if it does."""
    environment = {"CONDOR_CONFIG": "ONLY_ENV", **os.environ}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{' '.join(command)} failed in {cwd}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(name: str, folder: Path, checker: str | None, repeat: int) -> Row:
    """Both tools in turn, so that a busy moment of the machine meets both."""
    (dag,) = (path for path in folder.glob("*.dag"))
    rewrites, checkers, checks = [], [], []
    for _ in range(repeat):
        if checker is not None:
            checkers.append(took(checker, f"./{dag.name}", cwd=folder))
        checks.append(took(str(BRIDLE), "check", dag.name, cwd=folder))
        rewrites.append(took(str(BRIDLE), "rewrite", ".", cwd=folder))
        took(str(BRIDLE), "rewrite", "--undo", ".", cwd=folder)
    return Row(name, min(rewrites), min(checkers) if checkers else None, min(checks))


def find_checker() -> str | None:
    """condor_dag_checker from PATH, else the one that `make setup` put below build/."""
    ours = ROOT / "build" / "htcondor" / "usr" / "bin"
    return shutil.which("condor_dag_checker", path=os.pathsep.join((os.environ.get("PATH", ""), str(ours))))


def cell(took: Took | None) -> str:
    return "-" if took is None else f"{took.seconds:.2f} ({took.cpu:.2f}), {took.megabytes:.0f} MB"


def show(rows: list[Row]) -> None:
    """A table in Markdown."""
    print("Seconds (of them processor), the most memory; a small process shows the benchmark's own memory.\n")
    print("| nodes | rewrite | condor_dag_checker | rewrite / checker | check |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.name} | {cell(row.rewrite)} | {cell(row.checker)} | {row.ratios()} | {cell(row.check)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="below 500,000 nodes; larger ones run once")
    options = parser.parse_args()
    checker = find_checker()
    rows = []
    planned = fan5000()
    if planned is not None:
        rows.append(measure("fan5000", planned, checker, options.repeat))
    for size in options.sizes:
        folder = submit_dir(size)
        rows.append(measure(f"{size:,}", folder, checker, options.repeat if size < 500_000 else 1))
        shutil.rmtree(folder)
    show(rows)
    if len(options.sizes) == 2:
        print_growth(options.sizes, rows[-2:], options.repeat)


def print_growth(sizes: list[int], rows: list[Row], repeat: int) -> None:
    """How the cost grows with the nodes: of the whole process, and without what a process costs that has no nodes."""
    small, large = (row.rewrite for row in rows)
    folder = submit_dir(1)
    start = measure("1", folder, None, repeat).rewrite
    shutil.rmtree(folder)
    print(f"\n{sizes[1] / sizes[0]:g} times the nodes take, in seconds (of them processor):")
    print(f"{ratio(large, small)} times as long, the start of the process ({cell(start)}) included;")
    print(f"{ratio(without(large, start), without(small, start))} times as long without it")


def ratio(large: Took, small: Took) -> str:
    """Of the times and of the processor times."""
    return f"{large.seconds / small.seconds:.1f} ({large.cpu / small.cpu:.1f})"


def without(whole: Took, start: Took) -> Took:
    """What the nodes cost."""
    return Took(whole.seconds - start.seconds, whole.cpu - start.cpu, whole.megabytes)


if __name__ == "__main__":
    main()
