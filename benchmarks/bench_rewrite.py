"""How fast `bridle rewrite` is, beside condor_dag_checker reading the same file in the same run.

Writes DAGs below build/bench. First in the forms that people's DAGs have (FORMS), then larger and larger ones as
planners write them: each node with JOB, VARS, CATEGORY, RETRY and SCRIPT POST, and two edges for each. Nodes share
submit files: to read a million of them is the disk's business, not the rewriter's. A rewrite is the whole process, from
its start to the finished files (the DAG, and the copy of the planner's), all passes.

    make bench                      # 100,000 nodes in each form, 1,000,000 as planners write, and fan5000 of the corpus
    make bench ARGS='--of-each-form 20000 --sizes 10000 --repeat 5'
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
BRIDLE = Path(sys.executable).with_name("bridle")
SUBMIT = '+pegasus_job_class = 1\n+pegasus_site = "local"\npriority = {}\nexecutable = /bin/true\nqueue\n'
PLAIN_SUBMIT = "executable = /bin/true\narguments = $(gen)\nqueue\n"
BRAINDUMP = 'dag: "x-0.dag"\nwf_uuid: "u"\nroot_wf_uuid: "u"\npegasus_wf_name: "x-0"\ntype: "dag"'
NODE = """\
JOB job_ID{0:07d} 00/00/job_{1}.sub
VARS job_ID{0:07d} gen="{0}" My.DAGNodeRetry="$(RETRY)"
CATEGORY job_ID{0:07d} category{2}
RETRY job_ID{0:07d} 3
SCRIPT POST job_ID{0:07d} /usr/bin/pegasus-exitcode -r $RETURN 00/00/job_{0}.out

"""
PLAIN_NODE = """\
JOB job_ID{0:07d} 00/00/job_{1}.sub
VARS job_ID{0:07d} gen="{0}"
RETRY job_ID{0:07d} 3
"""
DESCRIBED_NODE = """\
JOB job_ID{0:07d} @=END
  executable = /bin/true
  arguments = {0}
@END
"""
COMMENTED_NODE = """\
JOB job_ID{0:07d} {{
  # what it runs
  executable = /bin/true
    arguments = {0}
  universe = vanilla
  priority = {0}
}}
"""


class Form(NamedTuple):
    """How a DAG is written: the lines of a node, how many submit files all share, how many splices they are in."""

    node: str
    submit_files: int
    splices: int = 0


PLANNERS = "as planners write it"
FORMS = {
    PLANNERS: Form(NODE, 4),
    "by hand: no categories, one submit file": Form(PLAIN_NODE, 1),
    "by hand: no categories, 100 submit files": Form(PLAIN_NODE, 100),
    "by hand: described in the DAG": Form(DESCRIBED_NODE, 0),
    "by hand: described with comments, each its priority": Form(COMMENTED_NODE, 0),
    "by hand: in 100 splices": Form(PLAIN_NODE, 1, 100),
}


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

    @property
    def by_processor(self) -> float:
        """How many times condor_dag_checker's processor time the rewrite takes; 0 without that."""
        return 0.0 if self.checker is None else self.rewrite.cpu / self.checker.cpu

    def ratios(self) -> str:
        """Of the times and of the processor times."""
        if self.checker is None:
            return "-"
        return (
            f"{self.rewrite.seconds / self.checker.seconds:.2f} ({self.rewrite.cpu / self.checker.cpu:.2f})"
        )


def lines(nodes: int, form: Form) -> Iterator[str]:
    """The text of a DAG in some thousand pieces."""
    files = max(form.submit_files, 1)
    for start in range(0, nodes, 1000):
        yield "".join(form.node.format(n, n % files, n % 5) for n in range(start, min(start + 1000, nodes)))
    for start in range(1, nodes, 1000):
        yield "".join(
            f"PARENT job_ID{parent:07d} CHILD job_ID{n:07d}\n"
            for n in range(start, min(start + 1000, nodes))
            for parent in dict.fromkeys(((n - 1) // 2, (n - 1) // 3))
        )


def submit_dir(nodes: int, form: Form = FORMS[PLANNERS]) -> Path:
    """A submit directory as far as a rewrite needs it."""
    folder = BENCH / f"nodes-{nodes}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "00" / "00").mkdir(parents=True)
    planned = form is FORMS[PLANNERS]
    if planned:
        (folder / "braindump.yml").write_text(BRAINDUMP)
    for number in range(form.submit_files):
        text = SUBMIT.format(number) if planned else PLAIN_SUBMIT
        (folder / "00" / "00" / f"job_{number}.sub").write_text(text)
    with (folder / "x-0.dag").open("w") as dag:
        dag.writelines(splices(folder, nodes, form) if form.splices else lines(nodes, form))
    return folder


def splices(folder: Path, nodes: int, form: Form) -> Iterator[str]:
    """The text of a DAG that is made of splices, and their files."""
    (folder / "splice").mkdir()
    for number in range(form.splices):
        path = folder / "splice" / f"{number}.dag"
        path.write_text("".join(lines(nodes // form.splices, form)))
        yield f"SPLICE s{number} splice/{number}.dag\n"


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


def as_installed() -> None:
    """Compiles the four packages, as pip does: a Python that may write no bytecode does it at each start, in 0.06 s."""
    for package in ("condor_templates", "dag_rewriter", "monitord_job", "planner_ext"):
        compileall.compile_dir(ROOT / package, quiet=1)


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
    target = "." if (folder / "braindump.yml").exists() else dag.name
    rewrites, checkers, checks = [], [], []
    for _ in range(repeat):
        if checker is not None:
            checkers.append(took(checker, f"./{dag.name}", cwd=folder))
        checks.append(took(str(BRIDLE), "check", dag.name, cwd=folder))
        rewrites.append(took(str(BRIDLE), "rewrite", target, cwd=folder))
        took(str(BRIDLE), "rewrite", "--undo", target, cwd=folder)
    return Row(name, least(rewrites), least(checkers) if checkers else None, least(checks))


def least(several: list[Took]) -> Took:
    """The one that took the least processor time: noise only ever adds."""
    return min(several, key=lambda each: each.cpu)


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
    parser.add_argument("--of-each-form", type=int, default=100_000, help="nodes of a DAG in each form")
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="below 500,000 nodes; larger ones run once")
    options = parser.parse_args()
    checker = find_checker()
    as_installed()
    show_forms([measured(name, options.of_each_form, checker, options.repeat) for name in FORMS])
    rows = []
    planned = fan5000()
    if planned is not None:
        rows.append(measure("fan5000", planned, checker, options.repeat))
    for size in options.sizes:
        row = measured(PLANNERS, size, checker, options.repeat if size < 500_000 else 1)
        rows.append(replace(row, name=f"{size:,}"))
    show(rows)
    if len(options.sizes) == 2:
        print_growth(options.sizes, rows[-2:], options.repeat)


def measured(form: str, size: int, checker: str | None, repeat: int) -> Row:
    """A DAG that is made for it and removed."""
    folder = submit_dir(size, FORMS[form])
    row = measure(form, folder, checker, repeat)
    shutil.rmtree(folder)
    return row


def show_forms(rows: list[Row]) -> None:
    """The worst one first."""
    rows = sorted(rows, key=lambda row: row.by_processor, reverse=True)
    worst = rows[0]
    print(
        f"Of all forms the worst: {worst.by_processor:.2f} of condor_dag_checker's processor time ({worst.name}).\n"
    )
    show(rows)
    print()


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
