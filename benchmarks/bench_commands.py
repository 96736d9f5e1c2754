"""What each command on a DAG costs at a size, beside condor_dag_checker on the same DAG: processor time and memory.

The DAGs are those of bench_rewrite.py, as planners write them, with two rescue DAGs that have half of the nodes.

    make bench                                                # 100,000 nodes, half a minute
    make bench COMMANDS_ARGS='--sizes 1000000'                # 600 MB below build, some minutes
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from bench_rewrite import BRIDLE, Took, as_installed, find_checker, least, submit_dir, took

COMMANDS = (
    "rewrite .",
    "check x-0.dag",
    "categories .",
    "metrics .",
    "rescue list .",
    "rescue show .",
    "rescue use . 1",
    "graph .",
    "graph . --critical-path",
    "rewrite --undo .",
)
"""In this order: the DAG is rewritten when the others read it."""
_RESCUE_HEAD = """\
# Rescue DAG file, created after running
#   the x-0.dag DAG file
# Created 11/23/2026 05:10:00 UTC
# Rescue DAG version: 2.0.1 (partial)
#
# Total number of Nodes: {0}
# Nodes premarked DONE: {1}
# Nodes that failed: 0
#   <ENDLIST>

"""


def write_rescues(folder: Path, nodes: int) -> None:
    """As DAGMan writes them, after half of the nodes."""
    done = "".join(f"DONE job_ID{number:07d}\n" for number in range(nodes // 2))
    for number in (1, 2):
        path = folder / f"x-0.dag.rescue{number:03d}"
        path.write_text(_RESCUE_HEAD.format(nodes, nodes // 2) + done)


def cost_of(words: str, folder: Path, repeat: int) -> Took:
    """What only reads is run several times."""
    again = repeat if words.partition(" ")[0] != "rewrite" and "use" not in words else 1
    return least([took(str(BRIDLE), *words.split(), cwd=folder) for _ in range(again)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeat", type=int, default=2)
    given = parser.parse_args()
    checker = find_checker()
    as_installed()
    sys.stdout.write(
        "| nodes | command | s | CPU s | MB | of condor_dag_checker's CPU |\n|---|---|---|---|---|---|\n"
    )
    for nodes in given.sizes:
        folder = submit_dir(nodes)
        write_rescues(folder, nodes)
        limit = None if checker is None else took(checker, "./x-0.dag", cwd=folder)
        for words in COMMANDS:
            cost = cost_of(words, folder, given.repeat)
            ratio = "-" if limit is None else f"{cost.cpu / limit.cpu:.2f}"
            sys.stdout.write(
                f"| {nodes:,} | `{words}` | {cost.seconds:.1f} | {cost.cpu:.2f} | {cost.megabytes:.0f} | {ratio} |\n"
            )
            sys.stdout.flush()
        if limit is not None:
            cells = f"{limit.seconds:.1f} | {limit.cpu:.2f} | {limit.megabytes:.0f} | 1 |"
            sys.stdout.write(f"| {nodes:,} | condor_dag_checker | {cells}\n")
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
