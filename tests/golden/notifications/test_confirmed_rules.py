"""What a job brings back may have any name, and must not become a command: rules that nobody confirmed are not run."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from dag_rewriter.directory.confirmed import confirm, confirmation_file, confirmed
from dag_rewriter.directory.submit_dir import SubmitDir, open_dag
from dag_rewriter.errors import FileError
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications.active_rules import Rules, Told, rule_files
from planner_ext.cli import run_command
from tests.support.notified import Hook
from tests.support.recorded import run_without_rules
from tests.support.rules import write_rules

NOBODY = pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def run(fresh_corpus, monkeypatch, tmp_path) -> SubmitDir:
    """A run that DAGMan has begun, and whose jobs may have brought back what they like; no site or user has rules."""
    return run_without_rules(fresh_corpus("recorded/failing-condorio"), tmp_path, monkeypatch)


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def ran(run: SubmitDir, hook: Hook) -> set[str]:
    """The arguments of all scripts that are run for the whole run."""
    session.rebuild(run, Limits(), notify=True)
    session.catch_up(run, Limits(), deliver=True)
    return {words for _, _, _, words in hook.runs()}


POLICY = '[notifications]\nrules = ["WORKFLOW * end {hook} planted"]\n'


@pytest.mark.own
@pytest.mark.parametrize("name", ["bridle_notify", "notify", "policy"])
def test_a_file_that_came_while_the_workflow_ran_is_reported_and_not_run(run, hook, name, caplog, capfd):
    path = {"policy": run.path / "bridle-policy.toml"}.get(name) or getattr(run, name)
    text = POLICY if name == "policy" else f"WORKFLOW {run.wf_uuid} end {{hook}} planted\n"
    path.write_text(text.format(hook=hook.path))
    assert ran(run, hook) == set()
    assert f"{hook.path} planted" in caplog.text
    assert "bridle notify confirm" in caplog.text
    capfd.readouterr()
    assert run_command(["notify", "list", str(run.path)]) == 0
    assert "NOT CONFIRMED, NOT RUN" in capfd.readouterr().out
    assert run_command(["notify", "list", "--json", str(run.path)]) == 0
    assert [rule["confirmed"] for rule in json.loads(capfd.readouterr().out)["rules"]] == [False]
    assert run_command(["notify", "confirm", "--yes", str(run.path)]) == 0
    assert f"{hook.path} planted" in capfd.readouterr().out
    assert ran(run, hook) == {"planted"}
    entry = json.loads(confirmation_file(path).read_text())
    assert (entry["path"], entry["by"]) == (str(path), pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.own
def test_what_is_new_in_a_file_waits_and_the_rest_goes_on(run, hook):
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path} mine\nWORKFLOW * end {hook.path} withdrawn\n")
    run.bridle_notify.write_text(f"WORKFLOW * end {hook.path} mine\nWORKFLOW * end {hook.path} planted\n")
    assert ran(run, hook) == {"mine"}


@pytest.mark.own
def test_to_add_a_rule_confirms_that_one_and_no_other(run, hook):
    run.bridle_notify.write_text(f"WORKFLOW * end {hook.path} planted\n")
    for _ in range(2):
        words = ["--workflow", "--on", "end", "--cmd", f"{hook.path} mine"]
        assert run_command(["notify", "add", str(run.path), *words]) == 0
    assert ran(run, hook) == {"mine"}


@pytest.mark.own
def test_nothing_is_confirmed_without_a_yes(run, hook, capfd):
    run.bridle_notify.write_text(f"WORKFLOW * end {hook.path} planted\n")
    assert run_command(["notify", "confirm", str(run.path)]) == 2
    assert "--yes" in capfd.readouterr().err
    assert confirmed(run.bridle_notify) is None


@pytest.mark.own
def test_a_monitor_at_work_takes_up_what_is_confirmed(run, hook):
    run.bridle_notify.write_text(f"WORKFLOW * end {hook.path} late\n")
    rules = Rules(rule_files(run, ()))
    assert not rules.refresh()
    confirm(run.bridle_notify, run.bridle_notify.read_bytes())
    assert rules.refresh()


@pytest.mark.own
@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_file_that_others_may_write_has_no_say(run, hook, mode, caplog, monkeypatch):
    monkeypatch.setattr("dag_rewriter.directory.trusted_files._is_private_group", lambda _: False)
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path} theirs\n")
    run.bridle_notify.chmod(mode)
    assert ran(run, hook) == set()
    assert f"chmod go-w {run.bridle_notify}" in caplog.text
    site = Path(os.environ["BRIDLE_SITE_POLICY"])
    site.write_text(POLICY.format(hook=hook.path))
    site.chmod(mode)
    assert ran(run, hook) == set()
    assert run_command(["rewrite", "--dry-run", str(run.path)]) == 2


@pytest.mark.own
@pytest.mark.second_user
def test_a_file_of_another_user_has_no_say(run, hook, caplog):
    write_rules(run.bridle_notify, f"WORKFLOW * end {hook.path} theirs\n")
    os.chown(run.bridle_notify, NOBODY, -1)
    site = Path(os.environ["BRIDLE_SITE_POLICY"])
    site.write_text(POLICY.format(hook=hook.path))
    os.chown(site, NOBODY, -1)
    assert ran(run, hook) == set()
    assert f"{run.bridle_notify}: it belongs to nobody" in caplog.text
    assert f"{site}: it belongs to nobody" in caplog.text


# ---- at submit ----


@pytest.fixture
def plain(tmp_path: Path, hook: Hook) -> SubmitDir:
    """A DAG that was never run, with a sub-DAG and rules for both."""
    (tmp_path / "low").mkdir()
    (tmp_path / "a.sub").write_text("universe = local\nexecutable = /bin/true\nqueue\n")
    (tmp_path / "low" / "inner.dag").write_text("JOB b ../a.sub\n")
    (tmp_path / "low" / "inner.bridle-notify").write_text(f"JOB * end {hook.path} inner\n")
    (tmp_path / "x.dag").write_text("JOB a a.sub\nSUBDAG EXTERNAL inner inner.dag DIR low\n")
    (tmp_path / "x.bridle-notify").write_text(f"JOB * end {hook.path} mine\n")
    return open_dag(tmp_path / "x.dag")


def holds(submit_dir: SubmitDir) -> bool:
    return bool(Rules(rule_files(submit_dir, ())).refresh())


def test_what_stands_there_at_submit_holds_in_sub_dags_too(plain, hook):
    below = open_dag(plain.path / "low" / "inner.dag")
    assert not holds(plain)
    rewrite(plain, Options(executable="/bin/true", dry_run=True))
    assert not holds(plain)
    assert rewrite(plain, Options(executable="/bin/true")).unconfirmed == ()
    assert holds(plain)
    assert holds(below)
    plain.bridle_notify.write_text(f"JOB * end {hook.path} another\n")
    assert rewrite(plain, Options(executable="/bin/true")).unconfirmed == ()
    assert holds(plain), "nothing has run yet"


@pytest.mark.parametrize("trace", ["x.dag.dagman.out", "x.bridle.jobstate.log", "other.dag.nodes.log"])
def test_once_a_dagman_has_run_there_a_submit_confirms_nothing(plain, hook, trace):
    """A rescue run, or that of another DAG: jobs of the run before may have brought the file back."""
    (plain.path / trace).touch()
    (said,) = rewrite(plain, Options(executable="/bin/true")).unconfirmed
    assert f"bridle notify confirm {plain.dag_file}" in said
    assert not holds(plain)


@pytest.mark.parametrize(
    "trace", ["other.dag.dagman.out", "other.dag.nodes.log", "other.bridle.jobstate.log"]
)
def test_what_was_written_after_another_dag_had_run_there_holds_for_the_next_one(plain, hook, trace):
    """Several DAGs in one directory, one after the other: each with its rules, written before it is submitted."""
    path = plain.path / trace
    path.touch()
    os.utime(path, (0, 0))
    assert rewrite(plain, Options(executable="/bin/true")).unconfirmed == ()
    assert holds(plain)


def test_the_end_of_a_run_is_dagmans_and_not_its_monitors(plain, hook):
    (plain.path / "other.bridle.lock").touch()
    later = 2**31
    for name, seconds in (
        ("other.dag.dagman.out", 0),
        ("other.bridle.jobstate.log", 0),
        ("other.dag.nodes.log", later),
    ):
        (plain.path / name).touch()
        os.utime(plain.path / name, (seconds, seconds))
    assert rewrite(plain, Options(executable="/bin/true")).unconfirmed == ()


def test_what_was_written_while_another_dag_is_at_work_is_doubted(plain, hook):
    for name in ("other.dag.dagman.out", "other.dag.lock"):
        (plain.path / name).touch()
        os.utime(plain.path / name, (0, 0))
    assert rewrite(plain, Options(executable="/bin/true")).unconfirmed != ()


def test_of_a_sub_workflow_that_is_planned_while_others_run_only_the_planners_rules_hold(plain, hook):
    plain.notify.write_text(f"JOB a end {hook.path} planned\n")
    rewrite(plain, Options(monitor=False))
    assert confirmed(plain.notify) is not None
    assert confirmed(plain.bridle_notify) is None


def test_a_confirmation_is_not_believed_if_others_could_have_written_it(plain):
    confirm(plain.bridle_notify, plain.bridle_notify.read_bytes())
    assert holds(plain)
    place = confirmation_file(plain.bridle_notify)
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    place.chmod(0o666)
    assert not holds(plain)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"content": "JOB * end x", "by": "me", "at": 1}', "[" * 9999]
)
def test_a_confirmation_that_was_damaged_confirms_nothing(plain, text):
    confirm(plain.bridle_notify, plain.bridle_notify.read_bytes())
    confirmation_file(plain.bridle_notify).write_text(text)
    with pytest.raises(FileError, match="cannot be understood"):
        confirmed(plain.bridle_notify)
    assert not holds(plain)


@pytest.mark.own
def test_what_is_wrong_with_a_file_is_said_once_of_a_whole_run(run, caplog):
    """The rules of a workflow hold for those below it as well, which ask for them too."""
    told: Told = set()
    run.bridle_notify.write_text("no rule\n")
    for _ in range(3):
        Rules(rule_files(run, ()), told).refresh()
    assert len(caplog.records) == 1
    run.bridle_notify.write_text("no rule either\n")
    Rules(rule_files(run, ()), told).refresh()
    assert len(caplog.records) == 2
