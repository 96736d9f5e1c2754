"""`bridle notify add`, `bridle notify list`, `bridle notifications`: on a real run, with real scripts."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.lock import locked, this_process
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from planner_ext.cli import run_command
from tests.support.notified import Hook, kept
from tests.support.recorded import run_without_rules
from tests.support.rules import write_rules

NO_CONDITION = "JOB has no condition; write e.g. JOB findrange_ID1 error /path/to/script its arguments"
Said = tuple[int, str, str]
Bridle = Callable[..., Said]


@pytest.fixture
def run(fresh_corpus, monkeypatch, tmp_path) -> SubmitDir:
    """A run that failed, was mended and succeeded, without any rules; no site or user has any."""
    return run_without_rules(fresh_corpus("recorded/failing-condorio"), tmp_path, monkeypatch)


@pytest.fixture
def bridle(run, capfd) -> Bridle:
    """`bridle("notify", "list")` on the run: exit code, stdout, stderr."""

    def call(*words: str) -> Said:
        command = 2 if words[0] == "notify" else 1
        code = run_command([*words[:command], str(run.path), *words[command:]])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def test_rules_are_added_beside_those_that_are_there(run, bridle):
    write_rules(run.bridle_notify, "# mine\nJOB * held /bin/true")
    code, out, err = bridle(
        "notify", "add", "--on", "error", "--on", "stalled=30m", "--cmd", "/bin/echo 'a b'", "--to", "mailto://me@x.org"
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert run.bridle_notify.read_text().splitlines() == [
        "# mine",
        "JOB * held /bin/true",
        "JOB * error /bin/echo 'a b'",
        "JOB * error to: mailto://me@x.org",
        f"WORKFLOW {run.wf_uuid} stalled=30m /bin/echo 'a b'",
        f"WORKFLOW {run.wf_uuid} stalled=30m to: mailto://me@x.org",
    ]
    assert len(out.splitlines()) == 4
    before = run.bridle_notify.read_bytes()
    code, out, _ = bridle("notify", "add", "--on", "error", "--cmd", "/bin/echo 'a b'", "--json")
    assert code == 0
    assert json.loads(out)["there_before"] == ["JOB * error /bin/echo 'a b'"]
    assert run.bridle_notify.read_bytes() == before


def test_about_the_workflow_some_jobs_and_tasks(run, bridle):
    assert bridle("notify", "add", "--workflow", "--on", "end", "--shell", "echo $X | wc")[0] == 0
    words = ("--job", "a*", "--job", "b", "--task", "merge#2", "--task", "merge", "--on", "success/final")
    assert bridle("notify", "add", *words, "--cmd", "/bin/true")[0] == 0
    assert run.bridle_notify.read_text().splitlines() == [
        f"WORKFLOW {run.wf_uuid} end shell: echo $X | wc",
        "JOB a* success/final /bin/true",
        "JOB b success/final /bin/true",
        "INVOCATION merge 2 success/final /bin/true",
        "INVOCATION merge * success/final /bin/true",
    ]


def test_a_target_that_is_not_known_here_is_noted(run, bridle):
    code, _, err = bridle("notify", "add", "--on", "error", "--to", "ops", "--to", "me@x.org")
    assert code == 0
    assert err == (
        "bridle: --to: no target is called ops (known: none); it must be known where the monitor runs (notify.toml)\n"
    )
    assert "JOB * error to: ops" in run.bridle_notify.read_text().splitlines()


def test_a_service_without_apprise_is_noted(run, bridle, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    code, _, err = bridle("notify", "add", "--on", "error", "--to", "json://host/x", "--to", "me@x.org")
    assert code == 0
    assert err == (
        "bridle: json://host/x: it is reached by apprise, which is not installed here; where the monitor runs, "
        "say pip install 'pegasus-bridle[notify]', or pip install apprise\n"
    )
    assert "JOB * error to: json://host/x" in run.bridle_notify.read_text().splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "eror", "--cmd", "x"), "'eror' is not a condition; use one of never, start, success"),
        (("--on", "error", "--on", "stalled", "--cmd", "x"), "stalled needs a time"),
        (("--job", "a b", "--on", "error", "--cmd", "x"), "not a condition"),
        (("--on", "error", "--cmd", "x 'y"), "the command cannot be split"),
        (("--on", "error", "--to", "mailto://me:hushhush@x.org"), "the address may have a secret in it"),
        (("--on", "error", "--to", "slack://hushhush/tokenb/tokenc"), "the address may have a secret in it"),
        (("--on", "error"), "say what is to be done, with --cmd, --shell or --to"),
        (
            ("--job", "a", "--on", "progress=5%", "--cmd", "x"),
            "progress is a condition of workflows, not of JOB",
        ),
    ],
)
def test_what_is_no_rule_is_refused_and_nothing_is_written(run, bridle, words, said):
    code, _, err = bridle("notify", "add", *words)
    assert code == 2
    assert said in err
    assert "hushhush" not in err
    assert not run.bridle_notify.exists()


def test_a_program_that_is_not_there_is_noted(run, bridle):
    code, _, err = bridle("notify", "add", "--on", "error", "--cmd", "/no/such/program", "--cmd", "true")
    assert code == 0
    assert err.splitlines() == [
        "bridle: /no/such/program cannot be run from here now; it must be there, and executable, where the monitor runs"
    ]


def test_all_rules_are_listed_with_their_places_and_damaged_lines(run, bridle, tmp_path):
    write_rules(run.notify, "JOB a at_end /bin/a\nJOB b\n")
    write_rules(run.bridle_notify, "\nJOB * held to: mailto://me@x.org\n")
    site = tmp_path / "site.toml"
    site.write_text('[notifications]\nrules = ["JOB * failed_permanently /bin/site", "nonsense"]\n')
    (run.path / "bridle-policy.toml").write_text("[notifications]\nrulez = []\n")
    code, out, _ = bridle("notify", "list")
    assert code == 0
    lines = out.splitlines()
    assert lines[:3] == [
        f"{run.notify}:1: JOB a at_end /bin/a",
        f"{run.notify}:2: NO RULE: {NO_CONDITION}",
        f"{run.bridle_notify}:2: JOB * held to: mailto://me@x.org",
    ]
    assert lines[3] == f"{site}: notifications.rules:1: JOB * failed_permanently /bin/site"
    assert lines[4].startswith(f"{site}: notifications.rules:2: NO RULE: 'nonsense' is not a kind of rule")
    assert "there is no such key; use rules" in lines[5]
    code, out, _ = bridle("notify", "list", "--json")
    found = json.loads(out)
    assert [(rule["when"], rule["how"], rule["command"]) for rule in found["rules"]] == [
        ("at_end", "command", "/bin/a"),
        ("held", "url", "mailto://me@x.org"),
        ("failed_permanently", "command", "/bin/site"),
    ]
    assert len(found["damaged"]) == 3


def test_rules_of_the_sites_policy_hold_and_a_damaged_policy_harms_nothing(run, tmp_path):
    hook = Hook(tmp_path)
    (tmp_path / "site.toml").write_text(f'[notifications]\nrules = ["WORKFLOW * end {hook.path} site"]\n')
    (run.path / "bridle-policy.toml").write_text("[notifications\n")
    session.catch_up(run, Limits(), notify=True)
    assert [words for *_, words in hook.runs()] == ["site", "site"], "the run and its rescue run"


def test_a_rule_that_is_added_meanwhile_is_taken_up_with_the_next_event(run, bridle, tmp_path):
    hook = Hook(tmp_path)
    lines = run.jobstate_log.read_text().splitlines(keepends=True)
    run.jobstate_log.write_text("".join(lines[:30]))
    session.catch_up(run, Limits(), notify=True)
    assert bridle("notify", "add", "--on", "end", "--cmd", f"{hook.path} late")[0] == 0
    run.jobstate_log.write_text("".join(lines))
    session.catch_up(run, Limits(), deliver=True)
    rows = kept(run.database)
    assert rows
    assert len(hook.runs()) == len(rows)
    events = {row["environment"]["PEGASUS_EVENT_TIMESTAMP"] for row in rows}
    assert min(map(float, events)) >= int(lines[30].split()[0])


@pytest.fixture
def mended(run, tmp_path) -> Path:
    """A run with three notifications: one delivered, two failed until the file is there that this names."""
    flag = tmp_path / "flag"
    write_rules(
        run.bridle_notify,
        f"WORKFLOW * error shell: echo yes\nWORKFLOW * end shell: test -e {flag} || {{ echo no >&2; exit 3; }}\n",
    )
    session.catch_up(run, Limits(), notify=True)
    assert Counter(row["state"] for row in kept(run.database)) == {"delivered": 1, "failed": 2}
    return flag


def shown(bridle: Bridle, *words: str) -> dict[str, Any]:
    _, out, _ = bridle("notifications", "--json", *words)
    found: dict[str, Any] = json.loads(out)
    return found


def test_what_became_of_them_is_listed(run, bridle, mended):
    code, out, err = bridle("notifications")
    assert (code, err) == (0, "")
    head, *lines = out.splitlines()
    assert head == "0 due, 0 running, 1 delivered, 2 failed"
    assert len(lines) == 2
    assert all("exit code 3 after" in line and line.endswith(": no") for line in lines)
    _, out, _ = bridle("notifications", "--state", "delivered")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["delivered"]
    found = shown(bridle)
    assert found["counts"] == {"due": 0, "running": 0, "delivered": 1, "failed": 2}
    (good,) = (one for one in found["notifications"] if one["state"] == "delivered")
    assert (good["stdout"], good["code"], good["tries"]) == ("yes\n", 0, 1)
    assert good["environment"]["PEGASUS_EVENT"] == "error"


def test_what_is_due_when_nobody_is_at_work_is_said_and_can_be_delivered(run, bridle, tmp_path):
    """As after a run that ended before its monitor could begin: a reader has stored the rest."""
    hook = Hook(tmp_path)
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path}\n")
    lines = run.jobstate_log.read_text().splitlines(keepends=True)
    run.jobstate_log.write_text("".join(lines[:30]))
    session.catch_up(run, Limits(), notify=True)
    run.jobstate_log.write_text("".join(lines))
    code, out, _ = bridle("notifications")
    assert code == 0
    head, *_, last = out.splitlines()
    assert head == "1 due, 0 running, 1 delivered, 0 failed", (
        "the end of the first run, and that of the second"
    )
    assert last.startswith("no monitor is running")
    assert last.endswith(f"; to deliver what is due: bridle monitord --deliver {run.path}")
    assert len(hook.runs()) == 1
    assert shown(bridle)["delivered_by"] == last
    with locked(run.lock, this_process()):
        assert f"delivered by the monitor at work, process {os.getpid()} on" in bridle("notifications")[1]
    assert run_command(["monitord", "--deliver", str(run.path)]) == 0
    assert len(hook.runs()) == 2
    assert "deliver what is due" not in bridle("notifications")[1]


def test_those_that_failed_are_delivered_again_without_a_monitor(run, bridle, mended):
    assert bridle("notifications", "--resend", "failed")[0] == 1
    assert shown(bridle)["counts"]["failed"] == 2
    mended.touch()
    code, out, _ = bridle("notifications", "--resend", "failed")
    assert code == 0
    assert out.splitlines() == ["0 due, 0 running, 3 delivered, 0 failed", "2 were run again"]
    assert not run.resend.exists()
    assert bridle("notifications", "--resend", "failed")[:2] == (
        0, "0 due, 0 running, 3 delivered, 0 failed\n0 were run again\n",
    )  # fmt: skip


def test_one_is_delivered_again_by_the_beginning_of_its_key(run, bridle, mended):
    keys = [row["key"] for row in kept(run.database)]
    good = next(row["key"] for row in kept(run.database) if row["state"] == "delivered")
    short = next(
        good[:size] for size in range(1, 33) if sum(key.startswith(good[:size]) for key in keys) == 1
    )
    code, out, _ = bridle("notifications", "--resend", short)
    assert code == 0
    assert out.splitlines()[-1] == "1 were run again"
    code, _, err = bridle("notifications", "--resend", "nosuchkey")
    assert code == 2
    assert "0 notifications have a key that begins with 'nosuchkey'" in err


def test_a_monitor_at_work_does_it_itself(run, bridle, mended):
    with locked(run.lock, this_process()):
        code, out, _ = bridle("notifications", "--resend", "failed")
        assert code == 0
        assert out.splitlines()[-1] == "2 are left to the running monitor"
        assert shown(bridle)["counts"]["failed"] == 2
    mended.touch()
    session.follow_run(run, Limits(), 0.0)
    assert shown(bridle)["counts"] == {"due": 0, "running": 0, "delivered": 3, "failed": 0}
    assert not run.resend.exists()


def test_switched_off_they_are_not_delivered_again(run, bridle, mended):
    properties = run.path / Path(run.braindump["properties"]).name
    properties.write_bytes(properties.read_bytes() + b"\npegasus.monitord.notifications = false\n")
    code, _, err = bridle("notifications", "--resend", "failed")
    assert code == 2
    assert "notifications are switched off" in err
    assert not run.resend.exists()
