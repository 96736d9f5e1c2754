"""Which notifications real directories make due: tables made by hand (notifications/*.txt), and exactly these run.

A table says of each: PEGASUS_EVENT, whom (#task), PEGASUS_STATUS, the attempt, the line of jobstate.log that makes it
due, PEGASUS_STDOUT below the submit directory, and the words after the script.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from monitord_job.database.url import database_of
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications.outbox_values import DeliveryState
from monitord_job.readers.notification_list import resend
from tests.support.notified import Hook, Witness, kept
from tests.support.played import Played, cluster_output
from tests.support.recorded import as_it_ran, dagman_lines, prepare
from tests.support.rules import write_rules

TABLES = Path(__file__).with_name("expected")
HOOK = "/home/scientist/bin/hook.sh"


class Row(NamedTuple):
    """A line of a table."""

    event: str
    whom: str
    status: str
    attempt: str
    at: str
    stdout: str
    words: str


def table(name: str) -> list[Row]:
    """The lines of a table."""
    lines = (TABLES / f"{name}.txt").read_text().splitlines()
    return [Row(*line.split(None, 6)) for line in lines if line and not line.startswith("#")]


class Moments:
    """When what happened, by a jobstate.log."""

    def __init__(self, log: Path) -> None:
        self._lines = [line.split() for line in log.read_text().splitlines()]

    def time(self, row: Row) -> int:
        """Of the line that makes the row due."""
        node, _, state = row.at.rpartition(":")
        if state.startswith("DAGMAN_"):
            return [int(words[0]) for words in self._lines if state in words][int(row.attempt) - 1]
        lines = [words for words in self._lines if words[1] == (node or row.whom.partition("#")[0])]
        attempts = list(dict.fromkeys(words[-1] for words in lines))
        number = attempts[int(row.attempt.replace("-", "1")) - 1]
        return next(int(words[0]) for words in lines if words[2] == state and words[-1] == number)


class Case(NamedTuple):
    """A run to be notified of: its directory, PEGASUS_WFID, a jobstate.log that we did not make of it."""

    submit_dir: SubmitDir
    name: str
    log: Path


def environment(case: Case, row: Row) -> dict[str, str]:
    """All that the script of a row is told, but for its key: as Pegasus documents it, and ours."""
    whom, _, task = row.whom.partition("#")
    time = Moments(case.log).time(row)
    stdout = str(case.submit_dir.path / row.stdout)
    stderr = str(case.submit_dir.path / (row.stdout if ".out" in row.stdout else f"00/00/{whom}.out"))
    found = {
        "PEGASUS_EVENT": row.event,
        "PEGASUS_EVENT_TIMESTAMP": f"{time}.0",
        "PEGASUS_EVENT_TIMESTAMP_ISO": datetime.fromtimestamp(time, UTC)
        .astimezone()
        .strftime("%Y-%m-%dT%H:%M:%S%z"),
        "PEGASUS_JOBID": whom,
        "PEGASUS_INVID": task,
        "PEGASUS_WFID": case.name,
        "PEGASUS_SUBMIT_DIR": str(case.submit_dir.path),
        "PEGASUS_STDOUT": stdout,
        "PEGASUS_STDERR": "" if whom == case.submit_dir.wf_uuid else stderr.replace(".out", ".err"),
        "PEGASUS_STATUS": row.status.replace("-", ""),
        "BRIDLE_WORKFLOW": case.submit_dir.wf_uuid or "",
        "BRIDLE_ATTEMPT": row.attempt.replace("-", ""),
        "BRIDLE_TRY": "1",
        "BRIDLE_RUN": str(case.submit_dir.path),
        "ARGUMENTS": " ".join(shlex.split(row.words)),
    }
    return {name: value for name, value in found.items() if value}


def hooked(submit_dir: SubmitDir, script: Path) -> None:
    """Put the script where the planned rules name one that is not there."""
    for rules in submit_dir.path.rglob("*notify"):
        write_rules(rules, rules.read_text().replace(HOOK, str(script)))


def recorded(folder: Path) -> SubmitDir:
    submit_dir = prepare(folder).submit_dir
    for below in submit_dir.path.rglob("inner_subwf1.000"):
        open_submit_dir(below).jobstate_log.write_bytes(dagman_lines(below / "jobstate.log"))
    return submit_dir


RULES = {
    "failing-condorio": """\
JOB * retry {hook} again
JOB * failed_permanently {hook} lost
JOB * error/final {hook} final
JOB flag_needflag all/final {hook} whole
WORKFLOW * rescue {hook} rescued
WORKFLOW * progress=50% {hook} half
WORKFLOW * progress=100% {hook} whole
""",
    "sample_wf_held": """\
JOB * held {hook} held
JOB * released {hook} released
JOB * evicted {hook} evicted
JOB * retry {hook} again
JOB * error {hook} failed
JOB * failed_permanently {hook} lost
WORKFLOW * error {hook} wf
""",
}


def failing(folder: Path) -> SubmitDir:
    submit_dir = recorded(folder)
    write_rules(submit_dir.bridle_notify, RULES["failing-condorio"].format(hook=HOOK))
    return submit_dir


def held(folder: Path) -> SubmitDir:
    submit_dir = as_it_ran(folder).submit_dir
    write_rules(submit_dir.bridle_notify, RULES["sample_wf_held"].format(hook=HOOK))
    return submit_dir


def planned(folder: Path) -> Played:
    """Nobody recorded a run of it: the test plays one."""
    return Played(open_submit_dir(min(folder.rglob("braindump.*"), key=lambda path: len(path.parts)).parent))


def notify(folder: Path) -> SubmitDir:
    played = planned(folder)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name in ("create_dir_notify_0_local", "stage_in_local_local_0_0"):
        played.attempt(name)
    played.attempt("preprocess_ID0000001", 2)
    for name in ("preprocess_ID0000001", "findrange_ID0000003", "clean_up_local_level_3_0"):
        played.attempt(name)
    played.attempt("findrange_ID0000002", 3)
    played.attempt("findrange_ID0000002", 3)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    return played.write()


def sub_workflow(folder: Path) -> SubmitDir:
    played = planned(folder)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name in ("create_dir_subwfh_0_local", "prep_prep"):
        played.attempt(name)
    for number, word in ((3, "FAILURE 1"), (4, "SUCCESS 0")):
        played.say(f"pegasus-plan_subwf1 PRE_SCRIPT_STARTED - - - {number}")
        played.say(f"pegasus-plan_subwf1 PRE_SCRIPT_{word} - - {number}")
    for state in ("SUBMIT 9.0", "EXECUTE 9.0", "JOB_TERMINATED 9.0", "JOB_FAILURE 1"):
        played.say(f"pegasus-plan_subwf1 {state} - - 4")
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    return played.write()


def diamond_4(folder: Path) -> SubmitDir:
    played = planned(folder)
    played.all_nodes({"preprocess_ID01": (3, 0)})
    return played.write()


def clustered(folder: Path) -> SubmitDir:
    played = planned(folder)
    played.all_nodes({"merge_grp1": (5, 0)})
    submit_dir = played.write()
    for name, codes in [
        ("grp0.out.000", (0,) * 4),
        ("grp1.out.000", (0, 7, 0, 0)),
        ("grp1.out.001", (0,) * 4),
    ]:
        (submit_dir.path / "00/00" / f"merge_{name}").write_bytes(cluster_output(codes))
    return submit_dir


RUNS: dict[str, tuple[str, Callable[[Path], SubmitDir], str]] = {
    "notify": ("recorded/notify", recorded, "notify-0"),
    "notify-planned": ("planned/notify", notify, "notify-0"),
    "notify-clustered": ("planned/notify-clustered", clustered, "notify-clustered-0"),
    "subwf-dax-hooks": ("recorded/subwf-dax-hooks", recorded, "subwfh-0"),
    "subwf-dax-hooks-planned": ("planned/subwf-dax-hooks", sub_workflow, "subwfh-0"),
    "dax-xml": ("planned/dax-xml", diamond_4, "diamondxml-unknown"),
    "pegasus-4.9.3": ("planned/pegasus-4.9.3-diamond", diamond_4, "diamondxml-0"),
    "failing-condorio": ("recorded/failing-condorio", failing, "failingio-0"),
    "sample_wf_held": ("samples/sample_wf_held", held, "Drug-Combination-Therapy-0"),
}
"""By table: the archive, what makes a run of it, and label and index as its braindump has them."""


@pytest.mark.corpus
@pytest.mark.parametrize("name", RUNS)
def test_what_is_due_is_in_the_table_and_exactly_that_is_run(name, fresh_corpus, tmp_path):
    archive, made, label = RUNS[name]
    submit_dir = made(fresh_corpus(archive))
    log = submit_dir.path / "jobstate.log"
    log = log.rename(tmp_path / "jobstate.log") if log.exists() else submit_dir.jobstate_log
    case = Case(submit_dir, label, log)
    witness = Witness(tmp_path)
    hooked(submit_dir, witness.path)
    session.catch_up(submit_dir, Limits(), notify=True)
    rows, ran = kept(submit_dir.database), witness.seen()
    absent = [row for row in rows if row["argv"][0] != str(witness.path)]
    expected = [environment(case, row) for row in table(name)]
    reasons = [run.pop("BRIDLE_REASON") for run in ran if "BRIDLE_REASON" in run]
    told = [told_of(run, but="BRIDLE_NOTIFICATION_KEY") for run in ran]
    told += [as_if_run(row) | {"BRIDLE_RUN": str(submit_dir.path)} for row in absent]
    assert_same(told, expected)
    keys = [run["BRIDLE_NOTIFICATION_KEY"] for run in ran]
    assert len(keys) == len(set(keys)), "each ran once"
    assert set(keys) == {row["key"] for row in rows if row["state"] == "delivered"}
    assert {(row["state"], row["code"]) for row in absent} == ({("failed", 127)} if absent else set())
    assert sorted(reasons) == sorted(REASONS.get(name, []))


@pytest.mark.corpus
def test_an_outbox_in_postgresql_is_the_same_also_by_many_monitors(fresh_corpus, tmp_path, postgresql):
    """Each takes up where the one before left off, and stores some lines more; then all is run again by its key."""
    submit_dir = failing(fresh_corpus("recorded/failing-condorio"))
    case = Case(submit_dir, "failingio-0", submit_dir.path / "jobstate.log")
    witness = Witness(tmp_path)
    hooked(submit_dir, witness.path)
    lines = submit_dir.jobstate_log.read_text().splitlines(keepends=True)
    # The schedd's word that DAGMan has left would end a run whose log was cut.
    submit_dir.dagman_log.unlink()
    for end in (*range(5, len(lines), 30), len(lines)):
        submit_dir.jobstate_log.write_text("".join(lines[:end]))
        session.catch_up(submit_dir, Limits(), url=postgresql, notify=True)
    ran = witness.seen()
    told = [told_of(run, but="BRIDLE_NOTIFICATION_KEY") for run in ran]
    elsewhere = {"BRIDLE_DATABASE_URL": str(database_of(submit_dir, postgresql).url)}
    assert_same(told, [environment(case, row) | elsewhere for row in table("failing-condorio")])
    keys = [run["BRIDLE_NOTIFICATION_KEY"] for run in ran]
    again = resend(submit_dir, keys, postgresql)
    assert (sorted(again.keys), again.failed) == (sorted(keys), False)
    assert sorted(run["BRIDLE_NOTIFICATION_KEY"] for run in witness.seen()) == sorted(keys)
    assert {(one.state, one.code) for one in again.found} == {(DeliveryState.DELIVERED, 0)}
    assert not submit_dir.database.exists()


HOLD_REASON = (
    "Transfer output files failure at execution point slot1@workflow.isi.edu while sending files to access point "
    "workflow. Details: reading from file /home/scientist/wf/condor/local/execute/dir_761020/chebi_dict.pickle: "
    "(errno 2) No such file or directory"
)
"""As DAGMan wrote it into dagman.out."""
_REMOVED = f"removed while held: {HOLD_REASON}"
REASONS = {
    "sample_wf_held": [HOLD_REASON, _REMOVED, _REMOVED],
    "subwf-dax-hooks-planned": ["PRE script: exit code 1"],
}


def told_of(run: dict[str, str], but: str) -> dict[str, str]:
    """What is ours or Pegasus's of all that a script was given, and the tests were not."""
    ours = ("PEGASUS_", "BRIDLE_", "ARGUMENTS")
    given = {name: value for name, value in run.items() if os.environ.get(name) != value}
    return {name: value for name, value in given.items() if name.startswith(ours) and name != but}


def as_if_run(row: dict[str, object]) -> dict[str, str]:
    """What a script would have been told that could not be run."""
    environment, argv = row["environment"], row["argv"]
    assert isinstance(environment, dict)
    assert isinstance(argv, list)
    return {**environment, "BRIDLE_TRY": str(row["tries"]), "ARGUMENTS": " ".join(argv[1:])}


def assert_same(found: Iterable[dict[str, str]], expected: Iterable[dict[str, str]]) -> None:
    ours, theirs = (
        Counter("\n".join(f"{name}={run[name]}" for name in sorted(run)) for run in runs)
        for runs in (found, expected)
    )
    said = ["these ran:", *(ours - theirs), "these are in the table:", *(theirs - ours)]
    assert len(said) == 2, "\n\n".join(said)


@pytest.mark.corpus
def test_the_environment_is_that_of_pegasus(fresh_corpus, tmp_path):
    """Name by name as pegasus-monitord wrote it down in the recorded run, but for what it got wrong."""
    submit_dir = recorded(fresh_corpus("recorded/notify"))
    theirs = entries((submit_dir.path / "monitord-notifications.log").read_text())
    (submit_dir.path / "monitord-notifications.log").unlink()
    hooked(submit_dir, Hook(tmp_path).path)
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
