"""Which notifications real directories make due: tables made by hand (notifications/*.txt), and exactly these run."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.submit_dir import SubmitDir, open_submit_dir
from monitord_job import session
from monitord_job.daemon import Limits
from tests.notified import Hook, kept
from tests.played import Played, cluster_output
from tests.recorded import dagman_lines, prepare

TABLES = Path(__file__).with_name("notifications")
HOOK = "/home/scientist/bin/hook.sh"


def table(name: str) -> list[tuple[str, ...]]:
    """The rows of a table: event, whom, status, attempt, stdout, and the words after the hook."""
    lines = (TABLES / f"{name}.txt").read_text().splitlines()
    return [tuple(line.split(None, 5)) for line in lines if line and not line.startswith("#")]


def as_in_table(row: dict[str, Any], submit_dir: Path) -> tuple[str, ...]:
    """A row of the outbox, in the words of the tables."""
    found = row["environment"]
    return (
        found["PEGASUS_EVENT"],
        found["PEGASUS_JOBID"] + (f"#{found['PEGASUS_INVID']}" if "PEGASUS_INVID" in found else ""),
        found.get("PEGASUS_STATUS", "-"),
        found["BRIDLE_ATTEMPT"],
        str(Path(found["PEGASUS_STDOUT"]).relative_to(submit_dir)),
        shlex.join(row["argv"][1:]),
    )


def hooked(submit_dir: SubmitDir, hook: Hook) -> None:
    """Put the hook where the planned rules name one that is not there."""
    for rules in submit_dir.path.rglob("*.notify"):
        rules.write_text(rules.read_text().replace(HOOK, str(hook.path)))


def recorded(folder: Path) -> SubmitDir:
    submit_dir = prepare(folder).submit_dir
    for below in submit_dir.path.rglob("inner_subwf1.000"):
        open_submit_dir(below).jobstate_log.write_bytes(dagman_lines(below / "jobstate.log"))
    return submit_dir


def diamond_4(folder: Path) -> SubmitDir:
    """Nobody recorded it: here, preprocess fails once and succeeds in its retry."""
    submit_dir = open_submit_dir(min(folder.rglob("braindump.*"), key=lambda path: len(path.parts)).parent)
    played = Played(submit_dir)
    played.all_nodes({"preprocess_ID01": (3, 0)})
    played.write()
    return submit_dir


def clustered(folder: Path) -> SubmitDir:
    """Nobody recorded it: here, the second task of merge_grp1 fails, and the retry succeeds."""
    submit_dir = open_submit_dir(next(folder.rglob("braindump.yml")).parent)
    played = Played(submit_dir)
    played.all_nodes({"merge_grp1": (5, 0)})
    played.write()
    for name, codes in [
        ("grp0.out.000", (0,) * 4),
        ("grp1.out.000", (0, 7, 0, 0)),
        ("grp1.out.001", (0,) * 4),
    ]:
        (submit_dir.path / "00/00" / f"merge_{name}").write_bytes(cluster_output(codes))
    return submit_dir


RUNS = {
    "notify": ("recorded/notify", recorded),
    "subwf-dax-hooks": ("recorded/subwf-dax-hooks", recorded),
    "failing-condorio": ("recorded/failing-condorio", recorded),
    "pegasus-4.9.3": ("planned/pegasus-4.9.3-diamond", diamond_4),
    "notify-clustered": ("planned/notify-clustered", clustered),
}


@pytest.mark.parametrize("name", RUNS)
def test_what_is_due_is_in_the_table_and_exactly_that_is_run(name, fresh_corpus, tmp_path):
    archive, made = RUNS[name]
    submit_dir = made(fresh_corpus(archive))
    hook = Hook(tmp_path)
    hooked(submit_dir, hook)
    session.catch_up(submit_dir, Limits(), notify=True)
    rows = kept(submit_dir.database)
    assert sorted(as_in_table(row, submit_dir.path) for row in rows) == sorted(table(name))
    ours = [row for row in rows if row["argv"][0] == str(hook.path)]
    assert {row["state"] for row in ours} == {"delivered"}
    expected = [
        [
            row["key"],
            row["environment"]["PEGASUS_EVENT"],
            row["environment"]["PEGASUS_JOBID"],
            " ".join(row["argv"][1:]),
        ]
        for row in ours
    ]
    assert Counter(map(tuple, hook.runs())) == Counter(map(tuple, expected))
    assert len({row["key"] for row in rows}) == len(rows)


def test_the_environment_is_that_of_pegasus(fresh_corpus, tmp_path):
    """Name by name as pegasus-monitord wrote it down in the recorded run, but for what it got wrong."""
    submit_dir = recorded(fresh_corpus("recorded/notify"))
    theirs = entries((submit_dir.path / "monitord-notifications.log").read_text())
    (submit_dir.path / "monitord-notifications.log").unlink()
    hooked(submit_dir, Hook(tmp_path))
    session.catch_up(submit_dir, Limits(), notify=True)
    ours = entries((submit_dir.path / "monitord-notifications.log").read_text())
    common = theirs.keys() & ours.keys()
    assert {action for _, action in common} == {
        "wf start", "wf all", "job start", "job success", "job end", "job all"
    }  # fmt: skip
    for event in common:
        assert theirs[event].items() <= ours[event].items(), event
        added = ours[event].keys() - theirs[event].keys()
        assert all(name.startswith("BRIDLE_") for name in added), event


def entries(log: str) -> dict[tuple[str, str], dict[str, str]]:
    """The environment by event and action, without directories, of a monitord-notifications.log."""
    found = {}
    for entry in log.split("-" * 80 + "\n")[1:]:
        fields = dict(
            line.split(" : ", 1) for line in entry.splitlines() if line.startswith(("PEGASUS_", "BRIDLE_"))
        )
        for name in ("PEGASUS_STDOUT", "PEGASUS_STDERR", "PEGASUS_SUBMIT_DIR"):
            if name in fields:
                fields[name] = Path(fields[name]).name
        event = entry.split("Notification event : ")[1].splitlines()[0]
        action = entry.split("Notification action: ")[1].splitlines()[0].partition("hook.sh ")[2]
        found[(event, action)] = fields
    return found
