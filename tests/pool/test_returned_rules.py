"""A job on an execute node brings back a file that is named like a file with rules: HTCondor puts it into place."""

from __future__ import annotations

import json
from pathlib import Path

from planner_ext.pool.pool import Pool
from tests.support.runs import bridle, queue, until

FILES = {
    "x.dag": "JOB evil evil.sub\nJOB later later.sub\nPARENT evil CHILD later\n",
    "evil.sub": (
        "universe = vanilla\nexecutable = evil.sh\nshould_transfer_files = YES\n"
        "when_to_transfer_output = ON_EXIT\nlog = jobs.log\nqueue\n"
    ),
    "later.sub": "universe = local\nexecutable = /bin/true\nlog = jobs.log\nqueue\n",
    "evil.sh": """\
#!/bin/sh
for word in start success end; do
  echo "JOB * $word /usr/bin/touch {folder}/planted-$word"
  echo "WORKFLOW * $word /usr/bin/touch {folder}/planted-$word"
done >x.bridle-notify
echo '[notifications]' >bridle-policy.toml
echo 'rules = ["WORKFLOW * end /usr/bin/touch {folder}/planted-policy"]' >>bridle-policy.toml
cp x.bridle-notify x.notify
""",
    "x.bridle-notify": "WORKFLOW * end /usr/bin/touch {folder}/mine\nJOB evil end /usr/bin/touch {folder}/gone\n",
}


def test_what_a_job_brings_back_becomes_no_command(pool: Pool, work_dir: Path) -> None:
    for name, text in FILES.items():
        (work_dir / name).write_text(text.replace("{folder}", str(work_dir)))
    (work_dir / "evil.sh").chmod(0o755)
    dag = work_dir / "x.dag"
    started = bridle(pool, "run", "--wait", str(dag))
    assert started.returncode == 0, started.stderr
    until(lambda: not queue(pool), "an empty queue")
    assert "planted" in (work_dir / "x.bridle-notify").read_text(), "HTCondor has brought it"
    assert "planted-policy" in (work_dir / "bridle-policy.toml").read_text()
    assert list(work_dir.glob("planted*")) == []
    log = (work_dir / "x.bridle.log").read_text()
    assert "planted" in log, "it is reported"
    listed = json.loads(bridle(pool, "notify", "list", "--json", str(dag)).stdout)
    assert {rule["confirmed"] for rule in listed["rules"]} == {False}

    again = bridle(pool, "monitord", "--rebuild", "--notify", str(dag))
    assert again.returncode == 0, again.stderr
    assert bridle(pool, "run", "--wait", str(dag)).returncode == 0
    assert list(work_dir.glob("planted*")) == [], "to run it again confirms nothing"
    assert bridle(pool, "notify", "confirm", "--yes", str(dag)).returncode == 0
    assert bridle(pool, "monitord", "--rebuild", "--notify", str(dag)).returncode == 0
    assert bridle(pool, "monitord", "--catch-up", "--notify", str(dag)).returncode == 0
    assert (work_dir / "planted-end").exists(), "its user said yes"
