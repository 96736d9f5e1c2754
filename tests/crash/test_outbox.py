"""SIGKILL at each step from the event to the script: what is due is run, and with the same key once more at most."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from monitord_job.errors import TryAgainError
from monitord_job.monitor import dispatcher, session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications import delivery, outbox
from monitord_job.notifications.outbox_values import Ended, Found, Wanted
from monitord_job.notifications.resend_requests import request_resend
from monitord_job.recording import ingest, job_logs, store
from tests.support.database import check_sound
from tests.support.killed import unsynchronized, warm_up
from tests.support.notified import kept
from tests.support.outbox_run import Run, follow
from tests.support.rules import write_rules
from tests.support.runs import until

STEPS: list[tuple[Any, str]] = [
    (ingest, "read_new_lines"),
    (job_logs, "read_new_lines"),
    (store.Store, "commit"),
    (outbox, "put"),
    (outbox, "store_results"),
    (outbox, "take"),
    (outbox, "take_over"),
    (dispatcher.NotificationDispatcher, "_exchange"),
    (delivery.RunnerProcess, "send"),
    (delivery.RunnerProcess, "results"),
    (dispatcher.NotificationDispatcher, "_write_log"),
    (dispatcher.NotificationDispatcher, "close"),
]


@pytest.fixture(scope="module", autouse=True)
def _warm(run: Run) -> None:
    warm_up(run.submit_dir)


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
            session.catch_up(run.submit_dir, Limits(database=0.0), notify=True)
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


@pytest.mark.timeout(1200)  # some hundred kills, on a machine with other work
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
        def store_results(_bulk: Any, ended: Iterable[Ended], *_: object) -> list[Any]:
            keys = [done.key for done in ended]
            if keys:
                with about.open("a") as file:
                    file.writelines(f"{key}\n" for key in keys)
                os.kill(os.getpid(), signal.SIGKILL)
            return []

        patch.setattr(outbox, "store_results", store_results)

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

        def take(bulk: Any, root: str, wanted: Wanted) -> Found:
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


def test_a_reader_that_catches_up_takes_nothing_away_from_the_monitor(run, tmp_path):
    """The monitor died after the first lines; `bridle status` stores the rest; the next monitor delivers it."""
    run.fresh()
    whole = run.submit_dir.jobstate_log.read_bytes()
    lines = whole.splitlines(keepends=True)
    run.submit_dir.jobstate_log.write_bytes(b"".join(lines[:10]))
    session.catch_up(run.submit_dir, Limits(), notify=True)
    first = len(run.hook.runs())
    run.submit_dir.jobstate_log.write_bytes(whole)
    session.catch_up(run.submit_dir, Limits())
    found = Counter(row["state"] for row in kept(run.submit_dir.database))
    assert found["delivered"] == len(run.hook.runs()) == first
    assert found["due"] > 30
    follow(run)
    states, times = outcome(run)
    assert set(states.values()) == {"delivered"}
    assert times == Counter(dict.fromkeys(states, 1))


def test_catching_up_with_an_old_run_notifies_nobody(run):
    run.fresh()
    session.catch_up(run.submit_dir, Limits())
    session.rebuild(run.submit_dir, Limits())
    assert kept(run.submit_dir.database) == []
    follow_not_asked(run)
    assert kept(run.submit_dir.database) == []
    assert run.hook.runs() == []


def follow_not_asked(run: Run) -> None:
    session.follow_run(run.submit_dir, Limits(), 0.0)


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
    session.catch_up(run.submit_dir, Limits(), notify=True)
    before = kept(run.submit_dir.database)
    session.rebuild(run.submit_dir, Limits())
    assert kept(run.submit_dir.database) == before
    session.rebuild(run.submit_dir, Limits(), notify=True)
    assert [row["key"] for row in kept(run.submit_dir.database)] == [row["key"] for row in before]


def test_one_that_is_told_to_stop_at_the_end_leaves_the_rest_to_the_next(run, tmp_path):
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    flag = tmp_path / "flag"
    text = f"test -e {flag} || {{ touch {flag}; kill -TERM {os.getpid()}; exec sleep 600; }}"
    write_rules(
        run.submit_dir.bridle_notify, f"WORKFLOW * end shell: {text}\nWORKFLOW * end {run.hook.path} good\n"
    )
    try:
        with pytest.raises(TryAgainError, match="notifications are due"):
            follow(run, notifications=0.1)
        states = Counter(row["state"] for row in kept(run.submit_dir.database))
        assert states["due"] >= 1
        assert states.total() == 2
        follow(run)
        assert Counter(row["state"] for row in kept(run.submit_dir.database)) == {"delivered": 2}
    finally:
        write_rules(run.submit_dir.bridle_notify, rules)


def test_somebody_may_ask_for_it_again(run):
    run.fresh()
    follow(run)
    key, *_ = run.hook.runs()[0]
    request_resend(run.submit_dir.resend, [key, "nonsense"])
    session.catch_up(run.submit_dir, Limits(), deliver=True)
    assert Counter(found for found, *_ in run.hook.runs())[key] == 2
    assert not run.submit_dir.resend.exists()
    until(
        lambda: {row["state"] for row in kept(run.submit_dir.database)} == {"delivered"}, "all delivered", 5
    )
