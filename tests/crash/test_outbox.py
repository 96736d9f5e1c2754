"""SIGKILL at each step from the event to the script: what is due is run, and with the same key once more at most."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dag_rewriter.submit_dir import SubmitDir
from monitord_job import daemon, deliver, ingest, outbox, outbox_desk, session, store
from monitord_job.deliver import DeliverySettings
from monitord_job.resend import wish
from tests.crash.test_kill_many import unsynchronized
from tests.database import check_sound, dump
from tests.notified import Hook, kept
from tests.recorded import prepare
from tests.runs import until

RULES = """\
JOB * all {hook} each
WORKFLOW * start {hook} workflow
WORKFLOW * end {hook} workflow
WORKFLOW * progress=50% {hook} half
JOB flag_needflag retry {hook} retry
JOB * failed_permanently {hook} lost
"""


class Run(NamedTuple):
    """A recorded run with rules for everything, of which nothing is stored yet."""

    submit_dir: SubmitDir
    hook: Hook

    def fresh(self) -> None:
        for path in self.submit_dir.path.glob(f"{self.submit_dir.database.name}*"):
            path.unlink()
        self.hook.log.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(corpus("recorded/failing-condorio"), folder / "run", symlinks=True)
    submit_dir = prepare(folder / "run").submit_dir
    submit_dir.notify.write_text("")
    hook = Hook(folder)
    submit_dir.bridle_notify.write_text(RULES.format(hook=hook.path))
    return Run(submit_dir, hook)


STEPS: list[tuple[Any, str]] = [
    (ingest, "read_new_lines"),
    (store.Store, "commit"),
    (outbox, "put"),
    (outbox, "settle"),
    (outbox, "take"),
    (outbox_desk.Desk, "exchange"),
    (deliver._Courier, "send"),
    (deliver._Courier, "results"),
    (deliver.Delivery, "_write_log"),
    (deliver.Delivery, "close"),
]


def in_child(
    run: Run, kill_at: int | None, mutate: Callable[[pytest.MonkeyPatch], None] | None = None
) -> int:
    """Catch up and deliver in a process of its own that gets SIGKILL at its step `kill_at`; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest, "TURN_BYTES", 2500)
            unsynchronized(patch)
            if mutate:
                mutate(patch)
            count_steps(patch, kill_at)
            session.catch_up(run.submit_dir, daemon.Limits(database=0.0), notify=True)
            code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def count_steps(patch: pytest.MonkeyPatch, kill_at: int | None) -> None:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            step()
            result = function(*args, **kwargs)
            step()
            return result

        return stepping

    for owner, name in STEPS:
        patch.setattr(owner, name, around(getattr(owner, name)))


def outcome(run: Run) -> tuple[dict[str, str], Counter[str]]:
    """State by key, and how often each key was run."""
    states = {row["key"]: row["state"] for row in kept(run.submit_dir.database)}
    return states, Counter(key for key, *_ in run.hook.runs())


def test_killed_at_any_step_all_that_is_due_is_delivered_with_the_same_keys(run):
    run.fresh()
    assert in_child(run, None) == 0
    undisturbed, times = outcome(run)
    assert set(undisturbed.values()) == {"delivered"}
    assert times == Counter(dict.fromkeys(undisturbed, 1))
    assert len(undisturbed) > 30
    step, doubled = 1, 0
    while True:
        run.fresh()
        first = in_child(run, step)
        if first == 0:
            break
        assert first == -signal.SIGKILL
        at_death = sum(row["state"] == "running" for row in kept_if_any(run))
        assert in_child(run, None) == 0
        check_sound(run.submit_dir.database)
        states, times = outcome(run)
        assert states == undisturbed, step
        assert times.keys() == undisturbed.keys(), step
        assert max(times.values()) <= 2, step
        assert times.total() - len(times) <= at_death, step
        doubled += times.total() > len(times)
        step += 9  # the steps are alike; each kind of them is hit many times
    assert step > 200
    assert doubled, "some were killed between a script and its mark"


def test_what_scripts_had_done_when_the_monitor_was_killed_is_not_done_again(run):
    """Killed when it is about to store how scripts ended; the next one too."""
    run.fresh()
    about = run.submit_dir.path / "about-to-store"
    log = run.submit_dir.path / "monitord-notifications.log"
    log.unlink(missing_ok=True)

    def killed_before(patch: pytest.MonkeyPatch) -> None:
        def settle(_bulk: Any, ended: list[outbox.Ended], _wanted: outbox.Wanted) -> None:
            with about.open("a") as file:
                file.writelines(f"{done.key}\n" for done in ended)
            os.kill(os.getpid(), signal.SIGKILL)

        patch.setattr(outbox, "settle", settle)

    for _ in range(2):
        assert in_child(run, None, killed_before) == -signal.SIGKILL
    assert in_child(run, None) == 0
    states, times = outcome(run)
    assert set(states.values()) == {"delivered"}
    ended = set(about.read_text().split())
    assert ended
    assert {times[key] for key in ended} == {1}
    assert {log.read_text().count(f"BRIDLE_NOTIFICATION_KEY : {key}\n") for key in ended} == {1}
    assert not run.submit_dir.delivered.exists()


def kept_if_any(run: Run) -> list[dict[str, Any]]:
    import sqlite3

    try:
        return kept(run.submit_dir.database)
    except sqlite3.OperationalError:
        return []  # killed before the tables were made


def test_an_outbox_that_marks_before_the_script_has_ended_would_be_found_out(run):
    def marked_at_once(patch: pytest.MonkeyPatch) -> None:
        whole = outbox.take

        def take(bulk: Any, root: str, wanted: outbox.Wanted) -> outbox.Found:
            found = whole(bulk, root, wanted)
            rows = [("delivered", task.key) for task in found.tasks]
            bulk.run("UPDATE bridle_notification SET state = ? WHERE key = ?", rows)
            return found

        patch.setattr(outbox, "take", take)

    lost = 0
    for step in range(100, 220, 6):
        run.fresh()
        if in_child(run, step, marked_at_once) == -signal.SIGKILL:
            assert in_child(run, None) == 0
            states, times = outcome(run)
            lost += len(states) - len(times)
    assert lost


def test_order_is_kept_for_each_job(run):
    run.fresh()
    assert in_child(run, None) == 0
    due: dict[str, list[str]] = {}
    for row in kept(run.submit_dir.database):
        if row["entity"].startswith("JOB"):
            due.setdefault(row["environment"]["PEGASUS_JOBID"], []).append(row["occasion"])
    ran: dict[str, list[str]] = {}
    occasions = {row["key"]: row["occasion"] for row in kept(run.submit_dir.database)}
    for key, _, job, _ in run.hook.runs():
        ran.setdefault(job, []).append(occasions[key])
    assert {job: ran[job] for job in due} == due


def follow(run: Run, **limits: float) -> None:
    session.follow_run(run.submit_dir, daemon.Limits(**limits), 0.0, notify=True)


def test_a_reader_that_catches_up_takes_nothing_away_from_the_monitor(run, tmp_path):
    """The monitor died after the first lines; `bridle status` stores the rest; the next monitor delivers it."""
    run.fresh()
    whole = run.submit_dir.jobstate_log.read_bytes()
    lines = whole.splitlines(keepends=True)
    run.submit_dir.jobstate_log.write_bytes(b"".join(lines[:10]))
    session.catch_up(run.submit_dir, daemon.Limits(), notify=True)
    first = len(run.hook.runs())
    run.submit_dir.jobstate_log.write_bytes(whole)
    session.catch_up(run.submit_dir, daemon.Limits())
    found = Counter(row["state"] for row in kept(run.submit_dir.database))
    assert found["delivered"] == len(run.hook.runs()) == first
    assert found["due"] > 30
    follow(run)
    states, times = outcome(run)
    assert set(states.values()) == {"delivered"}
    assert times == Counter(dict.fromkeys(states, 1))


def test_catching_up_with_an_old_run_notifies_nobody(run):
    run.fresh()
    session.catch_up(run.submit_dir, daemon.Limits())
    session.rebuild(run.submit_dir, daemon.Limits())
    assert kept(run.submit_dir.database) == []
    follow_not_asked(run)
    assert kept(run.submit_dir.database) == []
    assert run.hook.runs() == []


def follow_not_asked(run: Run) -> None:
    session.follow_run(run.submit_dir, daemon.Limits(), 0.0)


def test_a_monitor_of_a_rescue_run_notifies_of_that_run_only(run):
    run.fresh()
    follow(run)
    times = [float(row["environment"]["PEGASUS_EVENT_TIMESTAMP"]) for row in kept(run.submit_dir.database)]
    assert len(times) > 10
    assert min(times) >= 1795411778, "the rescue run's DAGMAN_STARTED"
    assert [
        row["environment"]["BRIDLE_ATTEMPT"] for row in kept(run.submit_dir.database) if "half" in row["argv"]
    ] == []


def test_a_rebuild_keeps_the_outbox_and_makes_nothing_due_twice(run):
    run.fresh()
    session.catch_up(run.submit_dir, daemon.Limits(), notify=True)
    before = kept(run.submit_dir.database)
    session.rebuild(run.submit_dir, daemon.Limits())
    assert kept(run.submit_dir.database) == before
    session.rebuild(run.submit_dir, daemon.Limits(), notify=True)
    assert [row["key"] for row in kept(run.submit_dir.database)] == [row["key"] for row in before]


def test_the_end_waits_for_scripts_up_to_its_limit_and_leaves_the_rest_to_the_next(run, tmp_path):
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    flag = tmp_path / "flag"
    text = f"test -e {flag} || exec sleep 600"
    run.submit_dir.bridle_notify.write_text(
        f"WORKFLOW * end shell: {text}\nWORKFLOW * end {run.hook.path} good\n"
    )
    try:
        follow(run, notifications=1.0)
        states = Counter(row["state"] for row in kept(run.submit_dir.database))
        assert states == {"delivered": 1, "due": 1}
        flag.touch()
        follow(run)
        assert Counter(row["state"] for row in kept(run.submit_dir.database)) == {"delivered": 2}
        assert len(run.hook.runs()) == 1
    finally:
        run.submit_dir.bridle_notify.write_bytes(rules)


def test_one_that_asks_for_it_is_run_again_later(run, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "_FIRST_WAIT", 0.05)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    count = tmp_path / "count"
    text = f"echo x >>{count}; test $BRIDLE_TRY = 3 || exit 75"
    run.submit_dir.bridle_notify.write_text(f"WORKFLOW * end shell: {text}\nWORKFLOW * end shell: exit 3\n")
    try:
        follow(run)
        rows = {row["code"]: row for row in kept(run.submit_dir.database)}
        assert (rows[0]["state"], rows[0]["tries"]) == ("delivered", 3)
        assert (rows[3]["state"], rows[3]["tries"]) == ("failed", 1)
        assert count.read_text() == "x\n" * 3
    finally:
        run.submit_dir.bridle_notify.write_bytes(rules)


def test_properties_turn_it_off_and_set_its_limit(run):
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    try:
        run.fresh()
        properties.write_bytes(before + b"\npegasus.monitord.notifications = false\n")
        follow(run)
        assert kept(run.submit_dir.database) == []
        properties.write_bytes(before + b"\npegasus.monitord.notifications.timeout = 1\n")
        run.fresh()
        rules = run.submit_dir.bridle_notify.read_bytes()
        run.submit_dir.bridle_notify.write_text("WORKFLOW * end /bin/sleep 600\n")
        follow(run)
        (row,) = kept(run.submit_dir.database)
        assert (row["state"], row["cause"]) == ("failed", "ended at its time limit of 1 s")
        run.submit_dir.bridle_notify.write_bytes(rules)
    finally:
        properties.write_bytes(before)


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("", DeliverySettings()),
        (".max = 3", DeliverySettings(most=3)),
        (".max = 0", None),
        (".max = -1", DeliverySettings()),
        (".timeout = 7", DeliverySettings(limit=7)),
        (".timeout = 0", DeliverySettings(limit=outbox_desk._FOR_EVER)),
        (".retries = 2", DeliverySettings(retries=2)),
        (" = FALSE", None),
        (" = true", DeliverySettings()),
    ],
)
def test_what_properties_say_of_it(run, said, settings):
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    try:
        properties.write_bytes(before + f"\npegasus.monitord.notifications{said}\n".encode() * bool(said))
        found = outbox_desk.settings_of(run.submit_dir)
        assert (found and replace(found, environment={})) == settings
    finally:
        properties.write_bytes(before)


def test_with_retries_any_that_fails_is_run_again_with_longer_and_longer_waits(run, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "_FIRST_WAIT", 0.2)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    times = tmp_path / "times"
    try:
        properties.write_bytes(before + b"\npegasus.monitord.notifications.retries = 2\n")
        text = f"date +%s.%N >>{times}; echo $BRIDLE_TRY; exit 3"
        run.submit_dir.bridle_notify.write_text(f"WORKFLOW * end shell: {text}\n")
        follow(run)
        (row,) = kept(run.submit_dir.database)
    finally:
        properties.write_bytes(before)
        run.submit_dir.bridle_notify.write_bytes(rules)
    assert (row["state"], row["code"], row["tries"], row["stdout"]) == ("failed", 3, 3, "3\n")
    first, second, third = map(float, times.read_text().split())
    assert second - first >= 0.2
    assert third - second >= 0.4


BAD = """\
WORKFLOW * start shell: exec sleep 600
WORKFLOW * start /usr/bin/yes flood
WORKFLOW * start shell: cat /dev/zero >&2
WORKFLOW * start shell: setsid sleep 600 & echo $! >daemon; kill -SEGV $$
WORKFLOW * start /no/such/script
WORKFLOW * start {text}
JOB * end {hook} good
"""


def test_scripts_of_all_bad_kinds_harm_neither_the_others_nor_the_database(run, tmp_path):
    """They begin with the run, so that the good ones run beside those which hang and flood."""
    run.fresh()
    session.catch_up(run.submit_dir, daemon.Limits(), notify=False)
    undisturbed = dump(run.submit_dir.database)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    text = tmp_path / "no-script"
    text.write_text("nothing to be run\n")
    try:
        properties.write_bytes(before + b"\npegasus.monitord.notifications.timeout = 2\n")
        run.submit_dir.bridle_notify.write_text(BAD.format(text=text, hook=run.hook.path))
        follow(run)
        rows = kept(run.submit_dir.database)
    finally:
        properties.write_bytes(before)
        run.submit_dir.bridle_notify.write_bytes(rules)
        os.kill(int((run.submit_dir.path / "daemon").read_text()), signal.SIGKILL)
    assert dump(run.submit_dir.database) == undisturbed
    good = [row for row in rows if row["argv"][0] == str(run.hook.path)]
    assert len(good) == len(run.hook.runs()) > 5
    assert {row["state"] for row in good} == {"delivered"}
    bad = [(row["state"], row["code"]) for row in rows if row not in good]
    ended = [("failed", -signal.SIGTERM)] * 3
    assert sorted(bad) == sorted([*ended, ("failed", -signal.SIGSEGV), ("failed", 127), ("failed", 126)])
    assert max(len(row["stdout"] + row["stderr"]) for row in rows) < 40_000


def test_somebody_may_ask_for_it_again(run):
    run.fresh()
    follow(run)
    key, *_ = run.hook.runs()[0]
    wish(run.submit_dir.resend, [key, "nonsense"])
    session.catch_up(run.submit_dir, daemon.Limits(), deliver=True)
    assert Counter(found for found, *_ in run.hook.runs())[key] == 2
    assert not run.submit_dir.resend.exists()
    until(
        lambda: {row["state"] for row in kept(run.submit_dir.database)} == {"delivered"}, "all delivered", 5
    )
