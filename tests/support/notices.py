"""What notifications say that a run was told of, against what its jobs and its database say that there was to tell."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.logs.events import ABORTED_BY
from tests.support.database import query
from tests.support.rules import write_rules

WORDS = ("start", "success", "error", "end")
_TELL = """\
#!/bin/sh
# One line for each time that it is run, appended in one piece: several may run at once.
echo "$BRIDLE_NOTIFICATION_KEY $1 $BRIDLE_WORKFLOW $PEGASUS_JOBID $BRIDLE_ATTEMPT" >>{told}
"""


class Notice(NamedTuple):
    """What is told: which of WORDS, of which job or workflow (then `name` is the uuid), of which attempt from 1."""

    word: str
    wf_uuid: str
    name: str
    attempt: int


def with_notices(submit_dir: SubmitDir) -> SubmitDir:
    """Have every start and end of every job and workflow told to a script, which writes it down."""
    script = submit_dir.path / "tell.sh"
    script.write_text(_TELL.format(told=submit_dir.path / "told"))
    script.chmod(0o755)
    rules = (f"{entity} * {word} {script} {word}\n" for entity in ("JOB", "WORKFLOW") for word in WORDS)
    write_rules(submit_dir.bridle_notify, "".join(rules))
    return submit_dir


def check_notified(submit_dir: SubmitDir, *, by_hand: int = 0) -> None:
    """All that there was to tell was told, under one key each; twice only what a monitor died over.

    `by_hand`: how often a test had what was left of it delivered when no monitor was there any more.
    """
    lines = [line.split() for line in (submit_dir.path / "told").read_text().splitlines()]
    told = {line[0]: Notice(line[1], line[2], line[3], int(line[4])) for line in lines}
    to_tell = Counter(_to_tell(submit_dir))
    assert to_tell - Counter(told.values()) == Counter(), "not told"
    assert Counter(told.values()) - to_tell == Counter(), "told, and not so"
    lives = submit_dir.monitor_log.read_text().count(" following ") + by_hand
    assert max(Counter(line[0] for line in lines).values()) <= lives, "told again though no monitor died"
    states = query(submit_dir.database, "SELECT DISTINCT state FROM bridle_notification")
    assert states == [("delivered",)]


def _to_tell(submit_dir: SubmitDir) -> list[Notice]:
    """By the tables that Pegasus has, too; `check_truth` compares these with what the jobs did."""
    attempts = query(
        submit_dir.database,
        "SELECT wf_uuid, exec_job_id, row_number() OVER (PARTITION BY job_id ORDER BY job_submit_seq), i.exitcode, "
        "EXISTS (SELECT 1 FROM jobstate s WHERE s.job_instance_id = i.job_instance_id AND s.state = 'EXECUTE') "
        "FROM job_instance i JOIN job j USING (job_id) JOIN workflow USING (wf_id)",
    )
    states = query(
        submit_dir.database,
        "SELECT wf_uuid, wf_uuid, restart_count + 1, "
        # What ABORT-DAG-ON ends has failed, whatever it has DAGMan return.
        f"CASE WHEN reason LIKE '{ABORTED_BY}%' THEN 1 ELSE status END, state = 'WORKFLOW_STARTED' "
        "FROM workflowstate JOIN workflow USING (wf_id)",
    )
    found = []
    for wf_uuid, name, attempt, code, started in (*attempts, *states):
        words = ["start"] if started else []
        if code is not None:
            words += ["end", "error" if code else "success"]
        found += [Notice(word, str(wf_uuid), str(name), int(str(attempt))) for word in words]
    return found
