"""A job may bring back the whole database, and a script: only what confirmed rules give is run, as it was confirmed."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.directory.confirmed import confirm, confirmation_file
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications import active_rules, outbox
from planner_ext.cli import run_command
from tests.support.database import query
from tests.support.notified import Hook, Witness, kept
from tests.support.recorded import run_without_rules
from tests.support.rules import write_rules

pytestmark = pytest.mark.own


@pytest.fixture
def run(fresh_corpus, monkeypatch, tmp_path) -> SubmitDir:
    """A run whose jobs may have brought back what they like; no site or user has rules."""
    return run_without_rules(fresh_corpus("recorded/failing-condorio"), tmp_path, monkeypatch)


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def stored(run: SubmitDir, rules: str) -> None:
    """All is stored, and what the rules make due waits in the outbox."""
    write_rules(run.bridle_notify, rules)
    session.rebuild(run, Limits(), notify=True)
    assert {row["state"] for row in kept(run.database)} == {"due"}


def forge(run: SubmitDir, **columns: Any) -> None:
    """What a job can do to the database that it brings back."""
    words = {name: json.dumps(value) if name == "argv" else value for name, value in columns.items()}
    with closing(sqlite3.connect(run.database)) as file, file:
        settings = ", ".join(f"{name} = ?" for name in words)
        file.execute(f"UPDATE bridle_notification SET {settings}", list(words.values()))


def deliver(run: SubmitDir) -> list[str]:
    """Deliver what is due; the states."""
    session.catch_up(run, Limits(), deliver=True)
    return sorted({str(state) for (state,) in query(run.database, "SELECT state FROM bridle_notification")})


def words_of(hook: Hook) -> set[str]:
    """Of each time that it was run."""
    return {words for *_, words in hook.runs()}


def listed(run: SubmitDir, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    assert run_command(["notifications", str(run.path)]) == 0
    return capfd.readouterr().out


def test_what_no_confirmed_rule_gives_is_reported_and_not_run(run, hook, caplog, capfd):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    forge(run, argv=[str(hook.path), "theirs"])
    assert deliver(run) == ["due"]
    assert hook.runs() == []
    assert f"{hook.path} theirs" in caplog.text
    assert "bridle notify confirm" in caplog.text
    said = listed(run, capfd)
    assert f"{hook.path} theirs; NOT RUN: " in said
    assert "bridle notify confirm" in said
    assert run_command(["notifications", "--json", str(run.path)]) == 0
    for one in json.loads(capfd.readouterr().out)["notifications"]:
        assert (one["state"], "bridle notify confirm" in one["not_run"]) == ("due", True)
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path} theirs\n")
    assert deliver(run) == ["delivered"]
    assert words_of(hook) == {"theirs"}


def test_one_that_is_asked_for_again_is_not_run_either(run, hook):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    assert deliver(run) == ["delivered"]
    forge(run, argv=[str(hook.path), "theirs"])
    row = kept(run.database)[0]
    assert run_command(["notifications", "--resend", row["key"], str(run.path)]) == 1
    assert words_of(hook) == {"mine"}
    forge(run, argv=[str(hook.path), "theirs"], state="due", tries=1)
    assert deliver(run) == ["due"], "nor one that is tried again"
    assert words_of(hook) == {"mine"}


@pytest.mark.parametrize("tries", [0, 1])
def test_it_keeps_no_monitor(run, hook, tries, capfd):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    forge(run, argv=[str(hook.path), "theirs"], tries=tries, not_before=1e18)
    session.deliver(run, Limits(), 0.0)
    assert hook.runs() == []
    said = listed(run, capfd)
    assert "NOT RUN" in said
    assert "monitord --deliver" not in said, "that would not help"


def test_no_wait_is_longer_than_bridles_own(run, hook, monkeypatch):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    forge(run, tries=1, not_before=1e18)
    monkeypatch.setattr(outbox, "LONGEST_WAIT", 0.1)
    session.deliver(run, Limits(), 0.0)
    assert words_of(hook) == {"mine"}


def test_it_holds_back_none_that_is_ours(run, hook):
    stored(run, f"WORKFLOW * start {hook.path} mine\nWORKFLOW * end {hook.path} mine\n")
    with closing(sqlite3.connect(run.database)) as file, file:
        file.execute(
            "UPDATE bridle_notification SET argv = '[\"/bin/false\"]' "
            "WHERE number = (SELECT min(number) FROM bridle_notification)"
        )
    assert deliver(run) == ["delivered", "due"]
    assert words_of(hook) == {"mine"}


@pytest.mark.parametrize("argv", ["", "[]", "[1]", "{}", "[" * 9999, '[["x"]]', '["\\u0000"]'])
def test_what_is_no_command_line_costs_nothing_but_itself(run, hook, argv, capfd):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    with closing(sqlite3.connect(run.database)) as file, file:
        file.execute("UPDATE bridle_notification SET argv = ?, environment = ?", (argv, argv))
    assert deliver(run) == ["due"]
    assert "NOT RUN" in listed(run, capfd)


def test_its_environment_is_what_bridle_says_of_events(run, tmp_path):
    witness = Witness(tmp_path)
    stored(run, f"WORKFLOW * end {witness.path}\n")
    row = kept(run.database)[0]
    given = {"LD_PRELOAD": "x", "PATH": "/nowhere", "PEGASUS_HOME": "/theirs", "BRIDLE_HOME": "/theirs"}
    forge(run, environment=json.dumps({**row["environment"], **given, "PEGASUS_SUBMIT_DIR": "/theirs"}))
    assert deliver(run) == ["delivered"]
    seen = next(one for one in witness.seen() if one["BRIDLE_NOTIFICATION_KEY"] == row["key"])
    assert {name: seen.get(name) for name in given} == {name: os.environ.get(name) for name in given}
    assert seen["PEGASUS_SUBMIT_DIR"] == str(run.path)
    assert row["environment"]["PEGASUS_EVENT"] == seen["PEGASUS_EVENT"]


def test_what_a_withdrawn_rule_made_due_is_delivered(run, hook):
    stored(run, f"WORKFLOW * end {hook.path} first\n")
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path} second\n")
    write_rules(run.bridle_notify, "")
    assert deliver(run) == ["delivered"]


def test_what_a_rule_of_the_site_made_due_is_delivered_also_when_it_is_gone(run, hook):
    site = Path(os.environ["BRIDLE_SITE_POLICY"])
    site.write_text(f'[notifications]\nrules = ["WORKFLOW * end {hook.path} site"]\n')
    stored(run, "")
    site.unlink()
    assert deliver(run) == ["delivered"]


def test_a_message_goes_out_by_the_client_of_this_bridle(run, tmp_path, monkeypatch):
    """Also where an earlier one, which is elsewhere, or a job named another."""
    ours = Hook(tmp_path)
    monkeypatch.setattr(active_rules, "client", lambda: str(ours.path))
    stored(run, "WORKFLOW * end to: me@example.org\n")
    forge(run, argv=["/elsewhere/bin/bridle-notify", "--to", "me@example.org"])
    assert deliver(run) == ["delivered"]
    assert words_of(ours) == {"--to me@example.org"}


# ---- programs ----

SCRIPT = "#!/bin/sh\necho {word} >>'{log}'\n"
RULES = {
    "absolute": "WORKFLOW * end {folder}/hook.sh\n",
    "relative": "WORKFLOW * end ./hook.sh a b\n",
    "interpreter": "WORKFLOW * end /bin/sh -e hook.sh\n",
    "shell": "WORKFLOW * end shell: true; test -e . && ./hook.sh >>'{folder}/out' 2>&1\n",
    "variable": 'WORKFLOW * end shell: "$PEGASUS_SUBMIT_DIR/hook.sh"\n',
    "argument": "WORKFLOW * end /usr/bin/nice -n 1 {folder}/hook.sh\n",
}


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "said"


def script(run: SubmitDir, said: Path, word: str) -> Path:
    path = run.path / "hook.sh"
    path.write_text(SCRIPT.format(word=word, log=said))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("form", RULES)
def test_a_script_of_the_submit_directory_is_run_as_it_was_confirmed(run, said, form, caplog, capfd):
    script(run, said, "mine")
    stored(run, RULES[form].format(folder=run.path))
    script(run, said, "theirs")
    assert deliver(run) == ["due"]
    assert not said.exists()
    assert f"{run.path}/hook.sh has changed since" in caplog.text
    assert "hook.sh has changed since" in listed(run, capfd)
    assert run_command(["notify", "list", str(run.path)]) == 0
    assert "hook.sh has changed since" in capfd.readouterr().out
    script(run, said, "mine")
    assert deliver(run) == ["delivered"]
    assert set(said.read_text().split()) == {"mine"}


def test_to_confirm_takes_it_as_it_is_now(run, said, capfd):
    script(run, said, "mine")
    stored(run, RULES["relative"])
    script(run, said, "changed")
    assert run_command(["notify", "confirm", str(run.path)]) == 2, "nobody said yes"
    assert deliver(run) == ["due"]
    capfd.readouterr()
    assert run_command(["notify", "confirm", "--yes", str(run.path)]) == 0
    assert f"{run.path}/hook.sh" in capfd.readouterr().out
    assert deliver(run) == ["delivered"]
    assert set(said.read_text().split()) == {"changed"}


def test_to_add_a_rule_confirms_no_script_of_another(run, said, hook):
    script(run, said, "mine")
    stored(run, RULES["relative"])
    script(run, said, "theirs")
    assert run_command(["notify", "add", str(run.path), "--on", "end", "--cmd", str(hook.path)]) == 0
    assert deliver(run) == ["due"]


def test_one_that_was_not_there_when_its_rule_was_confirmed_is_not_run(run, said, caplog):
    stored(run, RULES["relative"])
    script(run, said, "theirs")
    assert deliver(run) == ["due"]
    assert "hook.sh was not there when" in caplog.text


def test_a_relative_name_is_not_looked_up_in_another_directory(run, said, tmp_path):
    script(run, said, "mine")
    stored(run, RULES["relative"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "hook.sh").write_text(SCRIPT.format(word="theirs", log=said))
    (elsewhere / "hook.sh").chmod(0o755)
    (run.path / "hook.sh").rename(run.path / "kept.sh")
    (run.path / "below").symlink_to(elsewhere)
    for place in (elsewhere, run.path / "below"):
        forge(run, directory=str(place))
        assert deliver(run) == ["due"]
    assert not said.exists()


def test_a_script_elsewhere_is_its_users_own(run, hook):
    stored(run, f"WORKFLOW * end {hook.path} mine\n")
    hook.path.write_text(hook.path.read_text() + "# edited\n")
    assert deliver(run) == ["delivered"]


def test_confirmations_of_an_earlier_bridle_say_nothing_of_programs(run, said):
    script(run, said, "mine")
    stored(run, RULES["relative"])
    place = confirmation_file(run.bridle_notify)
    entry = json.loads(place.read_text())
    for new in ("programs", "earlier"):
        del entry[new]
    place.write_text(json.dumps(entry))
    assert deliver(run) == ["delivered"]


def test_a_run_whose_scripts_changed_is_told_of_it_at_submit(run, said):
    from dag_rewriter.directory.confirmed import confirm_at_submit

    path = script(run, said, "mine")
    write_rules(run.bridle_notify, RULES["relative"])
    assert confirm_at_submit(run, below=False) == ()
    path.write_text("#!/bin/sh\n")
    (note,) = confirm_at_submit(run, below=False)
    assert f"{path} has changed since" in note
    confirm(run.bridle_notify, run.bridle_notify.read_bytes())
    assert confirm_at_submit(run, below=False) == ()
