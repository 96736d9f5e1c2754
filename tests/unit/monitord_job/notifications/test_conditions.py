"""Every condition of notifications: read and written, met, told, explained. A new one is one member of `On`."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from monitord_job.messages.event_context import event_context
from monitord_job.messages.render import message
from monitord_job.messages.report import Report, advice
from monitord_job.notifications.matching import RuleBook
from monitord_job.notifications.rule import PEGASUS_CONDITIONS, Amount, Dialect, Entity, On, Severity
from monitord_job.notifications.rule_file import parse, render_rule
from monitord_job.notifications.triggers import (
    NotificationState,
    Trigger,
    TriggerFinder,
    WorkflowIdentity,
    monitor_restarted,
    stalled,
)
from monitord_job.stampede.rows import InstanceRow, InstanceUpdate, JobStateRow, WorkflowStateRow
from monitord_job.stampede.state import JobDescription, JobPlan
from planner_ext.commands.notify import notify

DOCS = Path(__file__).parents[4] / "docs/notifications.md"
WORKFLOW = WorkflowIdentity(
    "u", "w-0", "/run", "/run/w.dag.dagman.out", {"a": JobPlan("a", retries=1)}, lambda _: JobDescription()
)
ROWS = [
    WorkflowStateRow("WORKFLOW_STARTED", 1, 0, None, None),
    WorkflowStateRow("WORKFLOW_STARTED", 2, 1, None, None),
    InstanceRow("a", 1, {}),
    JobStateRow("a", 1, "EXECUTE", 3, 1, None),
    *(
        JobStateRow("a", 1, on.meaning.job_state, 4, number, None)
        for number, on in enumerate(On, 2)
        if on.meaning.job_state
    ),
    *(InstanceUpdate("a", seq, {"exitcode": code}) for seq, code in enumerate((256, 256, 0), 1)),
    WorkflowStateRow("WORKFLOW_TERMINATED", 5, 1, 0, None),
]
"""A run in which everything happens that a row tells of."""


def all_triggers() -> list[Trigger]:
    finder = TriggerFinder(WORKFLOW, NotificationState(), lambda _: True)
    found = [trigger for row in ROWS for trigger in finder.triggers(row)]
    return [
        *found,
        stalled(WORKFLOW, NotificationState(), 10**6),
        monitor_restarted(WORKFLOW, "token", 10),
    ]


def line_of(on: On) -> str:
    entity = next(one for one in (Entity.JOB, Entity.WORKFLOW) if one in on.meaning.about)
    return f"{entity.value} * {on.example} tell"


@pytest.mark.parametrize("on", On)
def test_it_is_read_and_written(on: On) -> None:
    file = parse(line_of(on).encode(), "x", Dialect.BRIDLE)
    assert not file.damaged
    (rule,) = file.rules
    assert rule.condition.on is on
    assert parse(render_rule(rule, Dialect.BRIDLE), "x", Dialect.BRIDLE).rules == (rule,)
    assert bool(parse(line_of(on).encode(), "x", Dialect.PEGASUS).rules) == (on in PEGASUS_CONDITIONS)


@pytest.mark.parametrize("on", On)
def test_something_triggers_it_but_never(on: On) -> None:
    book = RuleBook(parse(line_of(on).encode(), "x", Dialect.BRIDLE).rules)
    due = [item for trigger in all_triggers() for item in book.due(WORKFLOW, trigger)]
    assert bool(due) == (on is not On.NEVER)
    for item in due:
        about = event_context(item.environment)
        assert about.on is (on if on is not On.ALL else about.on)
        assert Report(about, 0).headline.startswith("workflow " if about.job is None else "a ")


@pytest.mark.parametrize("on", On)
def test_a_message_says_it_with_its_amount_and_severity(on: On) -> None:
    about = event_context({"PEGASUS_EVENT": on.example, "PEGASUS_JOBID": "a", "PEGASUS_SUBMIT_DIR": "/run"})
    amount = on.meaning.amount.value if on.meaning.amount else ""
    assert about.on is on
    assert about.said == on.meaning.phrase.format(amount)
    assert ("{}" in on.meaning.phrase) == (on.meaning.amount is not None)
    assert about.severity is on.meaning.severity
    assert about.failed == (on.meaning.severity in (Severity.WARNING, Severity.FAILURE))
    report = Report(about, 0)
    assert f"a {about.said}" in message(report).text
    commands = [each.command.split()[1] for each in advice(report)]
    assert ("recover" in commands) == on.meaning.needs_diagnosis


@pytest.mark.parametrize("on", On)
def test_docs_and_help_explain_it(on: On) -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{on.value}`")]
    (cells,) = ([cell.strip("` ") for cell in row.strip("|").split("|")] for row in rows)
    also = {on.meaning.pegasus_4, on.example} - {on.value, None}
    assert cells == [on.value, *(also or [""]), on.meaning.help]
    add = notify.commands["add"]  # type: ignore[attr-defined]
    (option,) = (each for each in add.params if isinstance(each, click.Option) and "--on" in each.opts)
    assert (on is On.NEVER) == (f"{on.example}," not in f"{option.help},".replace(";", ",").replace(".", ","))


def test_amounts_have_units_of_their_own() -> None:
    assert {on.meaning.amount for on in On} == {None, *Amount}
