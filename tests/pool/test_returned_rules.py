"""A job on an execute node brings back a file that is named like one with rules, or like the database, or like a script
that a rule names: HTCondor puts it into place.
"""

from __future__ import annotations

import json
import sys
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


TWO = {
    "x.dag": "JOB later later.sub\n",
    "later.sub": FILES["later.sub"],
    "x.bridle-notify": "WORKFLOW * end {folder}/mine.sh\n",
    "mine.sh": "#!/bin/sh\necho mine >>{folder}/told\n",
    "y.dag": "JOB evil evil.sub\n",
    "evil.sub": FILES["evil.sub"].replace("queue\n", "transfer_input_files = x.stampede.db\nqueue\n"),
    "evil.sh": """\
#!/bin/sh
printf '#!/bin/sh\\ntouch {folder}/planted-script\\n' >mine.sh
chmod 755 mine.sh
"{python}" - <<'END'
import sqlite3
database = sqlite3.connect("x.stampede.db")
database.execute("UPDATE bridle_notification SET state = 'due', tries = 0")
columns = [row[1] for row in database.execute("PRAGMA table_info(bridle_notification)")]
row = database.execute("SELECT * FROM bridle_notification").fetchone()
forged = dict(zip(columns, row), key="forged", number=99, entity="JOB evil")
forged["argv"] = '["/usr/bin/touch", "{folder}/planted-due"]'
signs = ", ".join("?" for _ in columns)
database.execute(f"INSERT INTO bridle_notification VALUES ({signs})", [forged[name] for name in columns])
database.commit()
END
""",
}


def test_a_database_and_a_script_that_a_job_brings_back_become_no_command(pool: Pool, work_dir: Path) -> None:
    for name, text in TWO.items():
        path = work_dir / name
        path.write_text(text.replace("{folder}", str(work_dir)).replace("{python}", sys.executable))
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)
    for dag in ("x.dag", "y.dag"):
        started = bridle(pool, "run", "--wait", str(work_dir / dag))
        assert started.returncode == 0, started.stderr
        until(lambda: not queue(pool), "an empty queue")
        # Also what a monitor did not see that came too late.
        assert bridle(pool, "monitord", "--rebuild", "--notify", str(work_dir / "x.dag")).returncode == 0
        if dag == "x.dag":
            assert bridle(pool, "monitord", "--catch-up", "--notify", str(work_dir / dag)).returncode == 0
            assert set((work_dir / "told").read_text().split()) == {"mine"}
    assert "planted" in (work_dir / "mine.sh").read_text(), "HTCondor has brought it"

    def delivered() -> dict[str, str | None]:
        assert bridle(pool, "monitord", "--catch-up", "--notify", str(work_dir / "x.dag")).returncode == 0
        listed = bridle(pool, "notifications", "--json", str(work_dir / "x.dag"))
        return {one["argv"][0]: one["not_run"] for one in json.loads(listed.stdout)["notifications"]}

    said = delivered()
    assert f"{work_dir}/mine.sh has changed since" in (said[f"{work_dir}/mine.sh"] or "")
    assert "no rule that was confirmed says so" in (said["/usr/bin/touch"] or "")
    assert list(work_dir.glob("planted*")) == []
    confirmed = bridle(pool, "notify", "confirm", "--yes", str(work_dir / "x.dag"))
    assert f"{work_dir}/mine.sh" in confirmed.stdout
    assert delivered()[f"{work_dir}/mine.sh"] is None
    assert [path.name for path in work_dir.glob("planted*")] == ["planted-script"], "its user said yes"
