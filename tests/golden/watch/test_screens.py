"""What `bridle watch` shows of real rows: the screen at a fixed width and a fixed time, and the lines of a pipe."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from condor_templates.printable_console import PrintableConsole
from dag_rewriter.directory.locate import open_target
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.diagnosis.run_states import Monitor
from monitord_job.lock import locked
from monitord_job.monitor.limits import Limits
from monitord_job.monitor.session import catch_up
from monitord_job.monitor.unplanned_identity import identified
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.readers.status import diagnosis_of
from monitord_job.waiting import wait_for
from monitord_job.watch import follow, watching
from monitord_job.watch.display import display_on
from monitord_job.watch.follow import running
from monitord_job.watch.moment import CategoryNow, Estimate, Moment
from monitord_job.watch.once import lines
from monitord_job.watch.screen import screen
from monitord_job.watch.watching import Watcher
from planner_ext.cli import run_command
from tests.support.played import START, Played

pytestmark = pytest.mark.usefixtures("no_schedd")
UUID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def submit_dir(tmp_path: Path) -> SubmitDir:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    nodes = "".join(f"JOB {name} a.sub\n" for name in ("A", "B", "C", "D", "NODE"))
    (tmp_path / "x.dag").write_text(nodes + "RETRY B 2\nCATEGORY D big\nMAXJOBS big 2\n")
    return identified(open_target(tmp_path / "x.dag"))


def stored(submit_dir: SubmitDir) -> SubmitDir:
    """A is done, B failed and is tried again, C failed, D runs, the last one is held."""
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("A")
    played.attempt("C", 3)
    for state in ("SUBMIT 201.0", "EXECUTE 201.0"):
        played.say(f"D {state} - - 20")
    for state in ("SUBMIT 202.0", "EXECUTE 202.0", "JOB_HELD 202.0"):
        played.say(f"NODE {state} - - 21")
    played.write()
    catch_up(submit_dir, Limits())
    return submit_dir


def seen(submit_dir: SubmitDir) -> Moment:
    moment = Watcher(submit_dir, catches_up=False).look()
    assert moment is not None
    return moment


def drawn(
    moment: Moment, submit_dir: SubmitDir, width: int = 90, monitor: Monitor | None = Monitor.AT_WORK
) -> str:
    console = PrintableConsole()
    console.width = width
    with console.capture() as captured:
        console.print(screen(moment, running(submit_dir, monitor)))
    text = captured.get().replace(submit_dir.wf_uuid or "", UUID)
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_the_screen(submit_dir: SubmitDir) -> None:
    moment = replace(seen(stored(submit_dir)), now=START + 3661.0, estimate=Estimate(START + 4261.0, 120.0))
    assert drawn(moment, submit_dir) == (
        f"x  {UUID}\n"
        "running, started 2026-11-23 05:27:22, 1:01:01\n"
        "━━━━━━                         1 of 5 jobs done, ends in about 10 min (8 to 12)\n"
        "workflow  not started  running  held  done  failed  total\n"
        "x                   1        1     1     1       1      5\n"
        "categories: big 1 of 2\n"
        "running: D (job 201.0) for 1:00:51\n"
        "held: NODE (job 202.0): no reason is known\n"
        "failed: C (job 102.0): exit code 3\n"
        "monitor: at work, all is stored"
    )


def test_status_says_the_same_once(submit_dir: SubmitDir) -> None:
    moment = replace(
        seen(stored(submit_dir)), now=START + 3661.0, rate=2.44, estimate=Estimate(START + 4261.0, 120.0)
    )
    assert list(lines(moment)) == [
        "categories: big 1 of 2",
        "2.4 jobs done a minute, ends in about 10 min (8 to 12)",
        "running: D (job 201.0) for 1:00:51",
    ]


def test_narrow_terminals_lose_the_ends_of_lines_and_no_line(submit_dir: SubmitDir) -> None:
    shown = drawn(seen(stored(submit_dir)), submit_dir, width=40).splitlines()
    assert max(map(len, shown)) <= 40
    assert [line.partition(":")[0] for line in shown[-4:]] == ["running", "held", "failed", "monitor"]


def test_lines_of_a_pipe_come_with_the_change(submit_dir: SubmitDir) -> None:
    console = PrintableConsole()
    console.file = io.StringIO()
    watcher = Watcher(submit_dir, catches_up=False)
    shown = running(submit_dir, Monitor.AT_WORK)
    played = Played(submit_dir)
    with display_on(console, stays=True) as display:
        for name, codes in {"A": (0,), "B": (3,), "C": (0,)}.items():
            if name == "A":
                played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
            for code in codes:
                played.attempt(name, code)
            if name == "C":
                played.attempt("B", 0)
            played.write()
            catch_up(submit_dir, Limits())
            moment = watcher.look()
            assert moment is not None
            display.show(moment, shown)
    assert console.file.getvalue().splitlines() == [
        "1 of 5 jobs done",
        "failed: B (job 102.0): exit code 3",
        "3 of 5 jobs done",
    ]


def test_an_attempt_that_failed_between_two_looks_is_told(submit_dir: SubmitDir) -> None:
    watcher = Watcher(submit_dir, catches_up=False)
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("A")
    played.write()
    catch_up(submit_dir, Limits())
    watcher.look()
    played.attempt("B", 3)
    played.say("B SUBMIT 300.0 - - 99")
    played.write()
    catch_up(submit_dir, Limits())
    moment = watcher.look()
    assert moment is not None
    assert [(node.node, node.again, node.cause and node.cause.code) for node in moment.failed] == [
        ("B", True, 3)
    ]


def test_what_did_not_change_is_not_read_again_and_what_is_behind_is_said(submit_dir: SubmitDir) -> None:
    watcher = Watcher(stored(submit_dir), catches_up=False)
    first = watcher.look()
    assert first is not None
    assert first.behind == 0
    with submit_dir.jobstate_log.open("a") as log:
        log.write(f"{START + 99} D JOB_TERMINATED 201.0 - - 20\n")
    second = watcher.look()
    assert second is not None
    assert second.behind > 20
    assert replace(second, now=first.now, behind=0) == first


def test_a_glance_between_two_looks_is_the_value_before_and_what_is_stored_comes_with_a_later_one(
    submit_dir: SubmitDir,
) -> None:
    watcher = Watcher(submit_dir, catches_up=False)
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.attempt("A")
    played.write()
    catch_up(submit_dir, Limits())
    before = watcher.glance()
    assert before is not None
    played.attempt("B")
    played.write()
    catch_up(submit_dir, Limits())

    def done() -> int:
        moment = watcher.glance()
        return 0 if moment is None else moment.counts()[NodeStatus.SUCCEEDED]

    assert wait_for(lambda: done() == 2, 60.0)
    assert before.counts()[NodeStatus.SUCCEEDED] == 1


def test_an_event_is_on_the_screen_some_second_after_it_is_in_the_log() -> None:
    monitor, watcher = Limits().poll, watching.TICK + watching._PAUSE
    assert monitor + watcher <= 1.0  # half a second is left to store and to read it


def test_a_database_that_is_not_there_yet_is_waited_for(submit_dir: SubmitDir) -> None:
    assert Watcher(submit_dir, catches_up=False).look() is None


def test_categories_follow_the_dag(submit_dir: SubmitDir) -> None:
    rewrite(submit_dir, Options(executable="/bin/true"))
    watcher = Watcher(stored(submit_dir), catches_up=False)
    first = watcher.look()
    assert first is not None
    assert CategoryNow("big", 1, 2) in first.categories


def test_a_run_that_is_over_is_told_and_left_with_its_own_exit_code(submit_dir: SubmitDir, capsys) -> None:
    played = Played(submit_dir)
    played.all_nodes({"C": (3,)})
    played.write()
    assert run_command(["watch", str(submit_dir.dag_file)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["failed: C (job 103.0): exit code 3", "4 of 5 jobs done (1 failed)"]
    assert told[2].startswith("failed: nodes failed: C: exit code 3; mend them, then `bridle run ")


@pytest.mark.parametrize("known", [None, *Monitor])
def test_a_monitor_that_is_missed_is_told_and_one_that_never_was_is_not(
    submit_dir: SubmitDir, known: Monitor | None
) -> None:
    """What HTCondor said last counts where the lock is free: a monitor at work then has left since."""
    found = diagnosis_of(stored(submit_dir))
    assert found.monitor is None, "its DAG was never rewritten"
    watcher = Watcher(submit_dir, catches_up=False)
    expected = None if known in (Monitor.AT_WORK, Monitor.STOPPED) else known
    assert watcher.monitor(replace(found, monitor=known)) is expected
    with locked(submit_dir.lock):
        assert watcher.monitor(replace(found, monitor=known)) is Monitor.AT_WORK
    screen_of_it = drawn(seen(submit_dir), submit_dir, monitor=expected)
    assert ("monitor: " in screen_of_it) is (expected is not None)


def test_who_leaves_is_told_that_the_run_goes_on(submit_dir: SubmitDir, capsys, monkeypatch) -> None:
    stored(submit_dir)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert run_command(["watch", str(submit_dir.dag_file)]) == 130
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == [
        "held: NODE (job 202.0): no reason is known",
        "failed: C (job 102.0): exit code 3",
    ]
    assert f"the run goes on; `bridle watch {submit_dir.dag_file}` comes back to it" in told.err


def test_a_run_that_nobody_submits_is_not_waited_for(
    submit_dir: SubmitDir, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "_UNSUBMITTED", 0.0)
    assert run_command(["watch", str(submit_dir.dag_file)]) == 6
    told = capfd.readouterr().out
    assert told.endswith(
        f"not started: it was never submitted; submit it with `bridle run {submit_dir.dag_file}`\n"
    )
