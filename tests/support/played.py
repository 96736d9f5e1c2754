"""Planned directories in which nothing ran: the JOBSTATE_LOG that DAGMan would have written, as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rewriting.rewrite import read_dag
from tests.support.made_records import Made

START = 1_795_411_642


class Played:
    """Writes the log of one run; a second passes with each line."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._dir = submit_dir
        self._nodes = read_dag(submit_dir).nodes
        self._lines: list[str] = []
        self._later = 0
        self._job = 100

    def say(self, text: str) -> None:
        self._lines.append(f"{START + len(self._lines) + self._later} {text}\n")

    def say_at(self, time: int) -> None:
        """The next line is of that second."""
        self._later = time - START - len(self._lines)

    def all_nodes(self, failing: Mapping[str, Sequence[int]]) -> None:
        """A run in the order of the DAG. `failing`: the exit codes of a node's attempts, where one is not 0."""
        self.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
        for name in self._nodes:
            for code in failing.get(name, (0,)):
                self.attempt(name, code)
        self.say("INTERNAL *** DAGMAN_FINISHED 0 ***")

    def attempt(self, name: str, code: int = 0) -> None:
        """One attempt: DAGMan's words, in DAGMan's order."""
        self._job += 1
        number, job = len(self._lines), f"{self._job}.0"
        word = "FAILURE" if code else "SUCCESS"
        states = [f"SUBMIT {job}", f"EXECUTE {job}", f"JOB_TERMINATED {job}", f"JOB_{word} {code}"]
        if self._nodes[name].post is not None:
            states += [f"POST_SCRIPT_STARTED {job}", f"POST_SCRIPT_TERMINATED {job}"]
            states.append(f"POST_SCRIPT_{word} {int(code > 0)}")
        for state in states:
            self.say(f"{name} {state} - - {number}")

    def write(self) -> SubmitDir:
        """Put the log where DAGMan would have; the directory."""
        self._dir.jobstate_log.write_text("".join(self._lines))
        return self._dir


def cluster_output(codes: Sequence[int]) -> bytes:
    """What pegasus-cluster and its kickstarts print: a record and a line for each task, and a summary."""
    text = ""
    for number, code in enumerate(codes, 1):
        text += Made(raw=str(code << 8), derivation=None, transformation=None).text()
        text += (
            f'[cluster-task id={number}, name="w", start="2026-11-23T05:28:54.625+00:00", duration=0.021, '
            f'status={code << 8}, line={number}, pid=7, app="/opt/pegasus/bin/pegasus-keg"]\n'
        )
    failed = sum(code > 0 for code in codes)
    text += (
        f'[cluster-summary stat="{"fail" if failed else "ok"}", lines={len(codes)}, tasks={len(codes)}, '
        f"succeeded={len(codes) - failed}, failed={failed}, extra=0, duration=0.1, "
        'start="2026-11-23T05:28:54.625+00:00", pid=7, app="pegasus-cluster"]\n'
    )
    return text.encode()
