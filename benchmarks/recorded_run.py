"""A submit directory of any size that has run: the plan of examples/planner, and all that DAGMan and the jobs left.

Nothing runs. The logs are written as DAGMan 25.14 and its jobs write them (JOBSTATE_LOG, nodes.log, dagman.log,
dagman.out), in the order of DAGMan's cycles: a hundred nodes are submitted a second, each takes five. Every node has a
POST script; each attempt leaves a kickstart record, a real one (records/) with the job's own names, and an .err. One
worker in a hundred fails and succeeds in its retry.

    python benchmarks/recorded_run.py build/bench/run-1000 1000        # prints the submit directory
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from zlib import crc32

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from planner import Options, fan, plan  # noqa: E402 - the examples are no package of the product

RECORDS = Path(__file__).with_name("records")
FAILING_EACH = 100
"""One worker in so many fails once."""
SUBMITS = 100
"""Nodes submitted in a cycle, which takes a second: DAGMAN_MAX_SUBMITS_PER_INTERVAL."""
PLANNED = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
STARTED = int(PLANNED.timestamp()) + 60
DAGMAN_JOB = 500
HOST = "<127.0.0.1:35667?addrs=127.0.0.1-35667&alias=node7.pool.local&noUDP&sock=schedd_16174_e948>"
MOST_OUTPUTS = 100
"""The record of the one job that writes a file for every worker names so many of them."""

_RULE = "*" * 54
_TABLE = (
    "Of {0} nodes total:\n Done     Pre   Queued    Post   Ready   Un-Ready   Failed   Futile\n"
    "  ===     ===      ===     ===     ===        ===      ===      ===\n"
    "{1:>6}       0   {2:>6}  {3:>6}       0   {4:>8}        0        0\n0 job proc(s) currently held"
)
_USAGE = """\
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\t0  -  Run Bytes Sent By Job
\t0  -  Run Bytes Received By Job
\t0  -  Total Bytes Sent By Job
\t0  -  Total Bytes Received By Job
\tPartitionable Resources :    Usage  Request Allocated\x20
\t   Cpus                 :                 1         1\x20
\t   Disk (KB)            :      350     1024      1024\x20
\t   GPUs                 :                           0\x20
\t   Memory (MB)          :        3       64       128\x20
"""


@dataclass
class Node:
    """A node of the DAG; `fails` says whether its first attempt does, `attempts` how many were submitted."""

    name: str
    output: Path
    site: str
    transformation: str
    task: str
    outputs: list[str]
    fails: bool = False
    attempts: int = 0
    job: int = 0
    number: int = 0

    @property
    def failed(self) -> bool:
        """Whether the attempt at hand does."""
        return self.fails and self.attempts == 1


@dataclass
class Logs:
    """The three logs that grow during a run; times are in seconds since the epoch."""

    states: TextIO
    events: TextIO
    dagman: TextIO
    nodes: int
    done: int = 0
    seen: dict[str, int] = field(default_factory=lambda: {"job": DAGMAN_JOB, "attempt": 0})

    def say(self, time: int, text: str) -> None:
        """One or more lines of dagman.out."""
        stamp = _local(time)
        self.dagman.write("".join(f"{stamp} {line}\n" for line in text.split("\n")))

    def state(self, time: int, node: Node, state: str, info: str) -> None:
        """A line of the JOBSTATE_LOG."""
        self.states.write(f"{time} {node.name} {state} {info} - - {node.number}\n")

    def event(self, time: int, node: Node, kind: str, text: str) -> None:
        """An event of the nodes.log, and the line of dagman.out that says it was read."""
        self.events.write(f"{_HEADS[kind]} ({node.job}.000.000) {_iso(time)} {text}...\n")
        what = f"Event: {kind} for HTCondor Node {node.name} ({node.job}.0.0) {{{_local(time)}}}"
        self.say(time, what)


_HEADS = {
    "ULOG_SUBMIT": "000",
    "ULOG_EXECUTE": "001",
    "ULOG_JOB_TERMINATED": "005",
    "ULOG_POST_SCRIPT_TERMINATED": "016",
}


def _local(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%m/%d/%y %H:%M:%S")


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _submit(logs: Logs, time: int, node: Node) -> None:
    for key in logs.seen:
        logs.seen[key] += 1
    node.job, node.number, node.attempts = logs.seen["job"], logs.seen["attempt"], node.attempts + 1
    submit_file = f"{node.output.parent.parent.name}/{node.output.parent.name}/{node.name}.sub"
    logs.say(
        time,
        f"Submitting HTCondor Node {node.name} job(s)...\nSubmitting node {node.name} from file {submit_file} "
        f"using direct job submission\n\tassigned HTCondor ID ({node.job}.0.0)",
    )
    note = f'    [ DAGNodeName = "{node.name}"; JobBatchName = "fan-0.dag+{DAGMAN_JOB}" ]\n    pool:{node.site}\n'
    logs.event(time, node, "ULOG_SUBMIT", f"Job submitted from host: {HOST}\n{note}")
    logs.state(time, node, "SUBMIT", f"{node.job}.0")


def _execute(logs: Logs, time: int, node: Node) -> None:
    slot = f"\tSlotName: slot1_{node.job % 64}@node{node.job % 40}.pool.local\n\tCpus = 1\n\tMemory = 128\n"
    logs.event(time, node, "ULOG_EXECUTE", f"Job executing on host: {HOST}\n{slot}")
    logs.state(time, node, "EXECUTE", f"{node.job}.0")


def _terminate(logs: Logs, time: int, node: Node) -> None:
    code = 2 if node.failed else 0
    ended = f"Job terminated.\n\t(1) Normal termination (return value {code})\n{_USAGE}"
    logs.event(time, node, "ULOG_JOB_TERMINATED", ended)
    verdict = f"failed with status {code}." if code else "completed successfully."
    logs.say(
        time,
        f"Node {node.name} job proc ({node.job}.0.0) {verdict}\nNode {node.name} job(s) have exited the queue\n"
        f"Running POST script of Node {node.name}...",
    )
    logs.state(time, node, "JOB_TERMINATED", f"{node.job}.0")
    logs.state(time, node, "JOB_FAILURE" if code else "JOB_SUCCESS", str(code))
    logs.state(time, node, "POST_SCRIPT_STARTED", f"{node.job}.0")


def _post(logs: Logs, time: int, node: Node) -> None:
    code = int(node.failed)
    ended = f"POST Script terminated.\n\t(1) Normal termination (return value {code})\n    DAG Node: {node.name}\n"
    logs.event(time, node, "ULOG_POST_SCRIPT_TERMINATED", ended)
    logs.state(time, node, "POST_SCRIPT_TERMINATED", f"{node.job}.0")
    if code:
        logs.say(
            time,
            f"POST Script of node {node.name} failed with status {code}\nPOST for Node {node.name} returned {code}\n"
            f"Retrying node {node.name} (retry #1 of 1)...",
        )
    else:
        logs.done += 1
        logs.say(time, f"POST Script of node {node.name} completed successfully.")
    logs.state(time, node, "POST_SCRIPT_FAILURE" if code else "POST_SCRIPT_SUCCESS", str(code))


def run(logs: Logs, waves: Iterable[list[Node]], record: Records) -> int:
    """Let the nodes run, wave by wave; when the last one ended."""
    time = STARTED
    for wave in waves:
        ready, submitted, running, in_post = deque(wave), list[Node](), deque[list[Node]](), list[Node]()
        while ready or submitted or any(running) or in_post:
            time += 1
            for node in in_post:
                _post(logs, time, node)
                if node.failed:
                    ready.append(node)
            in_post = running.popleft() if len(running) == 2 else []
            for node in in_post:
                _terminate(logs, time, node)
                record.write(node, time)
            for node in submitted:
                _execute(logs, time, node)
            running.append(submitted)
            submitted = [ready.popleft() for _ in range(min(SUBMITS, len(ready)))]
            for node in submitted:
                _submit(logs, time, node)
            queued = len(submitted) + sum(map(len, running))
            left = logs.nodes - logs.done - queued - len(in_post)
            logs.say(time, _TABLE.format(logs.nodes, logs.done, queued, len(in_post), left))
    return time


class Records:
    """Writes what attempts leave: .out.NNN and .err.NNN, as pegasus-exitcode rotates them."""

    def __init__(self, scratch: str, names: str = "") -> None:
        self._scratch, self._names = scratch, names
        self._succeeded = _template("succeeded.out", "preprocess|findrange|analyze")
        self._failed = _template("failed.out", "work")

    def write(self, node: Node, time: int) -> None:
        """The files of the attempt that has just ended."""
        suffix = f"{node.attempts - 1:03d}"
        begin, end, file = self._failed if node.failed else self._succeeded
        values = {
            "time": datetime.fromtimestamp(time - 2, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "transformation": node.transformation,
            "derivation": node.task,
            "site": node.site,
            "job": f"{node.job}.0",
            "pid": str(node.job),
            "scratch": self._scratch,
        }
        pieces = [begin % values]
        for lfn in node.outputs[:MOST_OUTPUTS]:
            values |= {
                "lfn": self._names + lfn,
                "sha256": f"{crc32(lfn.encode()):064x}",
                "size": str(1000 + node.job),
            }
            pieces.append(file % values)
        pieces.append(end % values)
        node.output.with_suffix(f".out.{suffix}").write_text("".join(pieces))
        node.output.with_suffix(f".err.{suffix}").touch()


def _template(name: str, word: str) -> tuple[str, str, str]:
    """A real record, to be filled with % : up to its files, after the first of them, and that first one."""
    text = (RECORDS / name).read_text().replace("%", "%%")
    for pattern, new in [
        (r"(?<=start: )[\dT:-]+(?=\.)", "%(time)s"),
        (rf'(?<=transformation: )"(?:{word})"', '"%(transformation)s"'),
        (r'(?<=derivation: )"[^"]*"', '"%(derivation)s"'),
        (r'(?<=resource: )"[^"]*"', '"%(site)s"'),
        (r'(?<=wf-label: )"[^"]*"', '"fan"'),
        (r"(?<=condor: )\S+", "%(job)s"),
        (r"(?<=  pid: )\d+", "%(pid)s"),
        (r"/home/scientist/\S*/scratch-\w+\S*/run0001", "%(scratch)s"),
    ]:
        text, count = re.subn(pattern, new, text)
        if not count:
            raise SystemExit(f"records/{name}: nothing in it is {pattern}")
    begin, middle, end = re.split(
        r"(?<=^  files:\n)((?:    [^ ].*\n(?:      .*\n)+?)(?=    \S))", text, flags=re.MULTILINE
    )[:3]
    lfn = re.search(r'lfn: "(.*)"', middle)
    assert lfn is not None
    middle = middle.replace(lfn[1], "%(lfn)s")
    middle = re.sub(r"(?<=sha256: )\S+", "%(sha256)s", middle)
    return begin, end, re.sub(r"(?<=      size: )\d+", "%(size)s", middle)


def _nodes(folder: Path, dag: str) -> dict[str, Node]:
    """The nodes, with what their submit files say of them."""
    nodes = {}
    for name, file in re.findall(r"^JOB (\S+) (\S+)$", dag, re.MULTILINE):
        submit = (folder / file).read_text()
        said = {key: _said(submit, f"+pegasus_{key}") for key in ("site", "wf_xformation", "wf_dax_job_id")}
        outputs = re.findall(r" -s (\S+?)=", submit)
        output = folder / file.removesuffix(".sub")
        nodes[name] = Node(name, output, said["site"], said["wf_xformation"], said["wf_dax_job_id"], outputs)
    return nodes


def _said(submit: str, key: str) -> str:
    match = re.search(rf'^{re.escape(key)} = "(.*)"$', submit, re.MULTILINE)
    return match[1] if match else "null"


def _waves(nodes: dict[str, Node], dag: str) -> Iterator[list[Node]]:
    """The nodes in the order in which their parents allow them to run."""
    children: dict[str, list[str]] = {}
    waits = dict.fromkeys(nodes, 0)
    for parents, below in re.findall(r"^PARENT (.+?) CHILD (.+)$", dag, re.MULTILINE):
        for parent in parents.split():
            for child in below.split():
                children.setdefault(parent, []).append(child)
                waits[child] += 1
    wave = [name for name, count in waits.items() if not count]
    while wave:
        yield [nodes[name] for name in wave]
        following = []
        for name in wave:
            for child in children.get(name, ()):
                waits[child] -= 1
                if not waits[child]:
                    following.append(child)
        wave = following


def _write_dagman_job(path: Path, ended: int) -> None:
    """X.dag.dagman.log, the schedd's own events of the DAGMan job."""
    terminated = "Job terminated.\n\t(1) Normal termination (return value 0)\n" + _USAGE
    events = [
        ("000", STARTED, f"Job submitted from host: {HOST}\n"),
        ("001", STARTED, f"Job executing on host: {HOST}\n"),
        ("005", ended, terminated),
    ]
    path.write_text("".join(f"{n} ({DAGMAN_JOB}.000.000) {_iso(t)} {text}...\n" for n, t, text in events))


def recorded_run(folder: Path, jobs: int, number: int = 0) -> Path:
    """Plan a workflow of about so many jobs below `folder`, and write down its run; its submit directory.

    Runs of different numbers have other uuids, and other names of the files that they write.
    """
    uuid = f"0f9b1129-8e29-4df2-838b-{0x032554ACAE9E + number:012x}"
    options = Options(folder, cleanup=False, user="bench", uuid=uuid, time=PLANNED)
    path = plan(fan(jobs), options)
    dag = (path / "fan-0.dag").read_text()
    nodes = _nodes(path, dag)
    for at, node in enumerate(nodes.values()):
        node.fails = node.name.startswith("work_") and at % FAILING_EACH == 50
    with ExitStack() as stack:
        names = ("bridle.jobstate.log", "dag.nodes.log", "dag.dagman.out")
        states, events, dagman = (stack.enter_context((path / f"fan-0.{name}").open("w")) for name in names)
        logs = Logs(states, events, dagman, len(nodes))
        start = f"condor_scheduniv_exec.{DAGMAN_JOB}.0"
        logs.say(
            STARTED, f"{_RULE}\n** {start} (CONDOR_DAGMAN) STARTING UP\n** /usr/bin/condor_dagman\n{_RULE}"
        )
        logs.say(
            STARTED,
            "** PID = 8768 RealUID = 1000\nParsing fan-0.dag ...\n"
            f"Dag contains {len(nodes)} total nodes\nBootstrapping...",
        )
        states.write(f"{STARTED} INTERNAL *** DAGMAN_STARTED {DAGMAN_JOB}.0 ***\n")
        ended = run(
            logs, _waves(nodes, dag), Records(str(folder / "scratch"), f"r{number}." if number else "")
        )
        states.write(f"{ended} INTERNAL *** DAGMAN_FINISHED 0 ***\n")
        logs.say(ended, "All jobs Completed!\nNote: 0 total job deferrals because of -MaxJobs limit (0)")
        logs.say(ended, f"**** {start} (condor_DAGMAN) pid 8768 EXITING WITH STATUS 0")
    _write_dagman_job(path / "fan-0.dag.dagman.log", ended)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "folder", type=Path, help="the submit directory goes to FOLDER/bench/pegasus/fan/runNNNN"
    )
    parser.add_argument("jobs", type=int, help="workers; four more jobs go with them")
    parser.add_argument("--number", type=int, default=0, help="of the run, if several go into one database")
    options = parser.parse_args()
    print(recorded_run(options.folder.resolve(), options.jobs, options.number))


if __name__ == "__main__":
    main()
