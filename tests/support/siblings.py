"""A finished run with any number of sub-workflows, made up: what DAGMan and the rewriter would have left on disk."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor.unplanned_identity import identified

BEGAN = 1795410000


def make_siblings(folder: Path, number: int, *, at_once: int) -> SubmitDir:
    """`number` sub-workflows of two jobs each, `at_once` of them at the same time; every hundredth fails."""
    names = [f"s{n:04d}" for n in range(number)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.sub").write_text("executable = /bin/true\nqueue\n")
    lines = [f"SUBDAG EXTERNAL {name} below.dag DIR {name}\n" for name in names]
    (folder / "root.dag").write_text("JOBSTATE_LOG root.bridle.jobstate.log\n" + "".join(lines))
    log = [f"{BEGAN} INTERNAL *** DAGMAN_STARTED 1.0 ***\n"]
    for start in range(0, number, at_once):
        batch = range(start, min(start + at_once, number))
        began = BEGAN + 10 * (start // at_once)
        log += [
            f"{began} {names[n]} {word} {n + 2}.0 - - {n + 2}\n"
            for n in batch
            for word in ("SUBMIT", "EXECUTE")
        ]
        for n in batch:
            failed = int(n % 100 == 99)
            _make_sub_workflow(folder / names[n], began, n + 2, failed)
            log.append(f"{began + 9} {names[n]} JOB_TERMINATED {n + 2}.0 - - {n + 2}\n")
            log.append(
                f"{began + 9} {names[n]} {('JOB_SUCCESS', 'JOB_FAILURE')[failed]} {failed} - - {n + 2}\n"
            )
    end = BEGAN + 10 * number
    log.append(f"{end} INTERNAL *** DAGMAN_FINISHED {int(number > 99)} ***\n")
    (folder / "root.bridle.jobstate.log").write_text("".join(log))
    return identified(open_target(folder / "root.dag"))


def _make_sub_workflow(folder: Path, began: int, job: int, failed: int) -> None:
    folder.mkdir()
    (folder / "below.dag").write_text(
        "JOBSTATE_LOG below.bridle.jobstate.log\nJOB A ../job.sub\nJOB B ../job.sub\nPARENT A CHILD B\n"
    )
    lines = [f"{began + 1} INTERNAL *** DAGMAN_STARTED {job}.0 ***"]
    for number, (node, code) in enumerate((("A", 0), ("B", failed))):
        job_id = f"{100000 + 2 * job + number}.0"
        time = began + 2 + 3 * number
        lines += [
            f"{time} {node} SUBMIT {job_id} - - {number}",
            f"{time + 1} {node} EXECUTE {job_id} - - {number}",
        ]
        verdict = "JOB_FAILURE" if code else "JOB_SUCCESS"
        lines += [
            f"{time + 2} {node} JOB_TERMINATED {job_id} - - {number}",
            f"{time + 2} {node} {verdict} {code} - - {number}",
        ]
    lines.append(f"{began + 8} INTERNAL *** DAGMAN_FINISHED {failed} ***")
    (folder / "below.bridle.jobstate.log").write_text("\n".join(lines) + "\n")
