"""Scripts that hang, flood, fork, fail or are not there; and SIGKILL of who runs them. Real processes."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.database.dialect import sqlite_url
from monitord_job.monitor import dispatcher
from monitord_job.monitor.dispatcher import NotificationDispatcher
from monitord_job.notifications import outbox, outbox_values, script_runner
from monitord_job.notifications.matching import Notification
from monitord_job.notifications.outbox_values import DeliveryState, Entry, Patience
from monitord_job.notifications.permits import Permits
from monitord_job.notifications.row_tap import NotificationTap
from monitord_job.notifications.settings import DeliverySettings
from monitord_job.recording.store import Store
from tests.support.runs import until

LIMIT = 60
OVER = (DeliveryState.DELIVERED, DeliveryState.FAILED)


class Runner:
    """Runs commands as notifications of an outbox; `done` is how each ended."""

    def __init__(self, folder: Path, settings: DeliverySettings) -> None:
        self._folder = folder
        self._store = Store(sqlite_url(folder / "run.db"), notifications=NotificationTap("root"))
        self._store.create()
        self.dispatcher = NotificationDispatcher(SubmitDir(folder, {}, "run.dag"), self._store, settings)

    def add(self, key: str, *argv: str, about: str = "", moment: str = "1 end") -> None:
        environment = {"PEGASUS_EVENT": "end", "PEGASUS_JOBID": key}
        place = str(self._folder)
        due = Notification(key, "root", about or key, moment, "JOB * end", 0, argv, place, environment)
        with self._store.writing() as bulk:
            outbox.put(bulk, "root", [due])

    def now(self) -> dict[str, Entry]:
        with self._store.writing() as bulk:
            return {entry.key: entry for entry in outbox.entries(bulk, "root")}

    def done(self, *keys: str) -> list[Entry]:
        def all_ended() -> bool:
            self.dispatcher.step()
            self.dispatcher.wait(0.05)
            now = self.now()
            return all(now[key].state in OVER for key in keys)

        until(all_ended, f"{keys} have ended", LIMIT)
        now = self.now()
        return [now[key] for key in keys]

    def close(self) -> None:
        self.dispatcher.close()
        self._store.close()


Make = Callable[..., Runner]


@pytest.fixture
def runner(tmp_path, monkeypatch) -> Iterator[Make]:
    """All may be run (what may not: tests/golden/notifications/test_returned_notifications.py)."""
    monkeypatch.setattr(Permits, "permitted", lambda _, task: task)
    made = []

    def make(**settings) -> Runner:
        made.append(Runner(tmp_path, DeliverySettings(**settings)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def script(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "script.sh"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_script_has_its_own_place_and_variables(runner, tmp_path):
    run = runner()
    run.add(
        "k",
        "/bin/sh",
        "-c",
        "pwd; readlink /proc/self/fd/0; echo $BRIDLE_NOTIFICATION_KEY $PEGASUS_JOBID $BRIDLE_TRY",
    )
    (done,) = run.done("k")
    assert done.stdout.splitlines() == [str(tmp_path), "/dev/null", "k k 1"]
    assert (done.code, done.stderr, done.cause) == (0, "", "")
    log = (tmp_path / "monitord-notifications.log").read_text()
    assert "Notification event : k - end\n" in log
    assert "Notification status: 0\n" in log
    assert f"stdout:\n{done.stdout}" in log


def test_what_cannot_be_run_is_said_and_harms_no_other(runner, tmp_path):
    run = runner()
    run.add("absent", "/no/such/script")
    run.add("refused", script(tmp_path, "#!/bin/sh\n", 0o644))
    run.add("nul", "/bin/echo", "a\0b")
    run.add("good", "/bin/echo", "here")
    absent, refused, nul, good = run.done("absent", "refused", "nul", "good")
    assert (absent.code, refused.code, nul.code) == (127, 126, 126)
    assert absent.cause == "'/no/such/script' could not be run: No such file or directory"
    assert "Permission denied" in refused.cause
    assert good.stdout == "here\n"


def test_a_text_without_an_interpreter_is_not_executable(runner, tmp_path):
    run = runner()
    run.add("k", script(tmp_path, "echo no shebang\n"))
    (done,) = run.done("k")
    assert done.code == 126
    assert "Exec format error" in done.cause


def test_a_script_killed_by_a_signal_has_its_number(runner):
    run = runner()
    run.add("k", "/bin/sh", "-c", "kill -SEGV $$")
    assert run.done("k")[0].code == -signal.SIGSEGV


def test_one_that_hangs_is_ended_at_its_limit_with_all_its_children(runner, tmp_path):
    """`set -m` gives the children process groups of their own; one of them does not hear SIGTERM."""
    run = runner(limit=0.5)
    text = "set -m; sleep 600 & echo $!; (trap '' TERM; while :; do sleep 600; done) & echo $!; echo $$; wait; wait"
    run.add("hangs", "/bin/bash", "-c", text)
    run.add("good", "/bin/true")
    hangs, good = run.done("hangs", "good")
    assert good.code == 0
    assert hangs.code in (-signal.SIGTERM, -signal.SIGKILL)
    assert hangs.cause == "ended at its time limit of 0.5 s"
    pids = [int(pid) for pid in hangs.stdout.split()]
    assert len(pids) == 3
    until(lambda: not any(map(alive, pids)), "all its processes have gone", LIMIT)


def test_one_that_does_not_hear_sigterm_gets_sigkill(runner, monkeypatch):
    run = runner(limit=0.3)
    run.add("deaf", "/bin/sh", "-c", "trap '' TERM; while :; do sleep 600; done")
    (done,) = run.done("deaf")
    assert done.code == -signal.SIGKILL
    assert done.seconds >= script_runner.GRACE


def test_a_hanging_one_holds_nobody_back(runner):
    run = runner(most=2)
    run.add("hangs", "/bin/sleep", "600")
    for number in range(30):
        run.add(str(number), "/bin/true")
    assert all(done.code == 0 for done in run.done(*map(str, range(30))))
    assert run.now()["hangs"].state is DeliveryState.RUNNING


def test_a_flood_is_cut_and_costs_neither_time_nor_memory(runner):
    run = runner(limit=3.0)
    run.add("flood", "/usr/bin/yes", "flood")
    run.add("good", "/bin/echo", "here")
    (good,) = run.done("good")
    process = run.dispatcher._runner._process.pid
    (flood,) = run.done("flood")
    assert good.stdout == "here\n"
    assert flood.cause.startswith("ended at its time limit")
    assert "bytes left out]" in flood.stdout
    assert len(flood.stdout) < 3 * 4096
    usage = Path(f"/proc/{process}/status").read_text()
    peak = int(usage.split("VmHWM:")[1].split()[0])
    assert peak < 40_000, "kB"


def test_a_large_output_that_ends_is_read_to_its_end(runner):
    run = runner()
    run.add("k", "/bin/sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo end")
    (done,) = run.done("k")
    assert done.code == 0
    assert done.stdout.endswith("xend\n")
    assert "[19991812 bytes left out]" in done.stdout


def test_a_daemon_that_it_leaves_behind_does_not_hold_it(runner):
    run = runner()
    run.add("k", "/bin/sh", "-c", "setsid sleep 600 & echo $!")
    (done,) = run.done("k")
    daemon = int(done.stdout)
    try:
        assert done.code == 0
        assert alive(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_odd_bytes_come_through(runner):
    run = runner()
    run.add("k", "/bin/sh", "-c", r"printf '\377\000\n'")
    assert run.done("k")[0].stdout == "\\xff\\x00\n"


def test_when_the_runner_dies_what_it_had_is_handed_over_again(runner, tmp_path):
    run = runner()
    flag = tmp_path / "flag"
    run.add("k", "/bin/sh", "-c", f"test -e {flag} || {{ touch {flag}; exec sleep 600; }}")
    run.dispatcher.step()
    until(flag.exists, "it runs", LIMIT)
    os.kill(run.dispatcher._runner._process.pid, signal.SIGKILL)
    assert run.done("k")[0].code == 0


def test_when_the_monitor_leaves_what_runs_is_ended(runner, tmp_path):
    run = runner()
    mark = tmp_path / "pid"
    run.add("k", "/bin/sh", "-c", f"echo $$ >{mark}.new; mv {mark}.new {mark}; exec sleep 600")
    run.dispatcher.step()
    until(mark.exists, "it runs", LIMIT)
    run.dispatcher.close()
    assert run.now()["k"].state is DeliveryState.DUE
    assert not alive(int(mark.read_text()))


def test_no_more_than_the_most_run_at_once(runner, tmp_path):
    run = runner(most=3)
    here = tmp_path / "here"
    here.mkdir()
    text = f"touch {here}/$BRIDLE_NOTIFICATION_KEY; ls {here} | wc -l; sleep 0.05; rm {here}/$BRIDLE_NOTIFICATION_KEY"
    for number in range(20):
        run.add(str(number), "/bin/sh", "-c", text)
    seen = Counter(int(done.stdout) for done in run.done(*map(str, range(20))))
    assert max(seen) <= 3
    assert seen[3]


def test_while_nobody_listens_scripts_go_on_and_their_limits_hold(runner, tmp_path):
    """A monitor in a long turn."""
    run = runner(limit=1.0)
    for number in range(40):
        run.add(str(number), "/bin/sh", "-c", "head -c 9000 /dev/urandom")
    mark = tmp_path / "pid"
    run.add("hangs", "/bin/sh", "-c", f"echo $$ >{mark}.new; mv {mark}.new {mark}; exec sleep 600")
    run.dispatcher.step()
    until(mark.exists, "the last one runs", LIMIT)
    until(lambda: not alive(int(mark.read_text())), "it has ended without us", LIMIT)
    assert run.done("hangs")[0].cause


def test_one_that_is_to_be_tried_again_holds_back_nothing_about_the_same_job(runner):
    """A mail server that is away for a day, and a script about the end of the same workflow."""
    run = runner()
    run.add("mail", "/bin/sh", "-c", "exit 75", about="wf", moment="1 start")
    run.add("script", "/bin/true", about="wf", moment="2 end")
    assert run.done("script")[0].code == 0
    mail = run.now()["mail"]
    assert (mail.state, mail.code, mail.tries) == (DeliveryState.DUE, 75, 1)
    assert mail.not_before > mail.ended


class Clock:
    """Time as the dispatcher is told it, in seconds since the epoch."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.mark.parametrize(
    ("patience", "state", "tries"),
    [(Patience(), DeliveryState.DELIVERED, 18), (Patience(seconds=1800), DeliveryState.FAILED, 11)],
)
def test_a_mail_server_that_is_away_for_an_hour(runner, tmp_path, monkeypatch, patience, state, tries):
    """Tried after 5, 10, 20, 40, 80, 160 s, then every 300 s: until it is back, or patience is at its end."""
    clock, server = Clock(), tmp_path / "server"
    monkeypatch.setattr(dispatcher, "time", clock)
    run = runner(patience=patience)
    run.add("mail", "/bin/sh", "-c", f"test -e {server} || exit 75")
    began = clock.now
    while run.now()["mail"].state not in OVER:
        before = run.now()["mail"].tries
        until(lambda: run.dispatcher.step() or run.now()["mail"].ended == clock.now, "it was tried", LIMIT)
        mail = run.now()["mail"]
        assert mail.tries == before + 1
        if mail.state is DeliveryState.DUE:
            assert run.dispatcher.next_retry == mail.not_before
            clock.now = mail.not_before
        if clock.now - began >= 3600:
            server.touch()
    assert (mail.state, mail.tries) == (state, tries)
    assert run.dispatcher.is_empty


def test_new_ones_come_before_those_that_have_had_their_try(runner, monkeypatch):
    """Ten that hang, again and again, block nobody else for longer than their limit."""
    monkeypatch.setattr(outbox_values, "_FIRST_WAIT", 0.01)
    run = runner(most=10, limit=1.0, patience=Patience(retries=1000))
    for number in range(10):
        run.add(f"hangs{number}", "/bin/sleep", "600")
    for number in range(200):
        run.add(str(number), "/bin/true")
    others = run.done(*map(str, range(200)))
    hanging = [entry for key, entry in run.now().items() if key.startswith("hangs")]
    assert max(entry.tries for entry in hanging) <= 2, (
        "all others had their turn before the second one was over"
    )
    assert all(done.code == 0 for done in others)


def test_one_that_goes_on_after_its_limit_takes_nobodys_place(runner, monkeypatch):
    run = runner(most=1, limit=0.5)
    run.add("deaf", "/bin/sh", "-c", "trap '' TERM; while :; do sleep 600; done")
    run.add("good", "/bin/true")
    assert run.done("good")[0].code == 0
    assert run.now()["deaf"].state is DeliveryState.RUNNING, "it has SIGKILL still before it"


def test_tries_are_scripts_that_were_started(runner, tmp_path):
    """Most of what a monitor has handed over when it is killed has not begun."""
    run = runner(most=1)
    mark = tmp_path / "mark"
    run.add("runs", "/bin/sh", "-c", f"touch {mark}; exec sleep 600")
    run.add("waits", "/bin/sh", "-c", "echo $BRIDLE_TRY")
    for tries in (1, 2, 3):
        run.dispatcher.step()
        until(mark.exists, "it runs", LIMIT)
        run.dispatcher.close()
        mark.unlink()
        run.dispatcher._left_by_others = True
        now = run.now()
        assert (now["runs"].tries, now["runs"].state) == (tries, DeliveryState.DUE)
        if tries == 1:
            assert (now["waits"].tries, now["waits"].state) == (0, DeliveryState.DUE)
    assert run.done("waits")[0].stdout == "1\n"


def test_what_waits_for_its_next_try_is_found_by_the_next_monitor(runner, tmp_path):
    run = runner()
    run.add("k", "/bin/sh", "-c", "test $BRIDLE_TRY = 2 || exit 75")
    until(lambda: run.dispatcher.step() or run.now()["k"].tries, "it was tried", LIMIT)
    run.close()
    following = runner()
    assert not following.dispatcher.is_empty
    following.dispatcher.step()
    assert following.dispatcher.next_retry == following.now()["k"].not_before
    with following._store.writing() as bulk:
        bulk.run("UPDATE bridle_notification SET not_before = ?", [(1.0,)])
    assert runner().done("k")[0].tries == 2
