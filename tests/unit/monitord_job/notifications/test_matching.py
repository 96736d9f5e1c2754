"""Which rule is met by what: DAGMan's lines in, notifications out, through the rules of `run`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from dag_rewriter.logs.events import DagmanEvent, Malformed, NodeLogEvent, NodeLogKind
from dag_rewriter.logs.jobstate_log import parse as parse_line
from monitord_job.notifications.matching import Notification, RuleBook
from monitord_job.notifications.rule import Dialect
from monitord_job.notifications.rule_file import parse
from monitord_job.notifications.triggers import (
    NotificationState,
    TriggerFinder,
    WorkflowIdentity,
    monitor_restarted,
    stalled,
)
from monitord_job.stampede.state import JobDescription, JobFiles, JobPlan, RunState, ScriptPlan
from monitord_job.stampede.transitions import apply
from monitord_job.stampede.turn import Turn

POST = ScriptPlan("pegasus-exitcode", "")
PLANS = {
    "plain": JobPlan("plain", "plain.sub"),
    "posted": JobPlan("posted", "posted.sub", post=POST, retries=2),
    "stubborn": JobPlan("stubborn", "stubborn.sub", retries=5, last_codes=(7,)),
    "prepared": JobPlan("prepared", "prepared.sub", pre=ScriptPlan("plan.sh", ""), post=POST),
    "below": JobPlan("below", is_subdag=True, dag_file="below.dag"),
}
CLASSES = {"plain.sub": 10}


def described(plan: JobPlan) -> JobDescription:
    return JobDescription(job_class=CLASSES.get(plan.submit_file or ""), stdout="a.out", stderr="a.err")


WORKFLOW = WorkflowIdentity(
    "uuid-1", "diamond-0", "/run", "/run/d.dag.dagman.out", PLANS, described, ("/bin/bridle-notify",)
)


def book(*rules: str) -> RuleBook:
    file = parse("".join(f"{rule} hook.sh\n" for rule in rules).encode(), "x", Dialect.BRIDLE)
    assert not file.damaged, file.damaged
    return RuleBook(file.rules)


class Heard:
    """A run, told line by line; a second passes with each."""

    def __init__(self, rules: RuleBook) -> None:
        self.state = NotificationState()
        self.turn = Turn(RunState("uuid-1", "me", "/run", PLANS))
        self._rules = rules
        self._finder = TriggerFinder(WORKFLOW, self.state, rules.asks_about)
        self._time = 1000

    def tell(self, *lines: str) -> list[Notification]:
        """`plain SUBMIT 7.0`, `DAGMAN_STARTED 55.0`: what that makes due."""
        due: list[Notification] = []
        for line in lines:
            before = len(self.turn.rows)
            self._say(line)
            for row in self.turn.rows[before:]:
                for trigger in self._finder.triggers(row):
                    due += self._rules.due(WORKFLOW, trigger)
        return due

    def attempt(self, node: str, code: int = 0) -> list[Notification]:
        """All of one attempt."""
        job, word = f"{self._time}.0", "FAILURE" if code else "SUCCESS"
        states = [f"SUBMIT {job}", f"EXECUTE {job}", f"JOB_TERMINATED {job}", f"JOB_{word} {code}"]
        if PLANS[node].post is not None:
            states += [f"POST_SCRIPT_STARTED {job}", f"POST_SCRIPT_TERMINATED {job}", f"POST_SCRIPT_{word} -"]
        return self.tell(*(f"{node} {state}" for state in states))

    def _say(self, line: str) -> None:
        self._time += 1
        text = f"{line} - - 1" if line.split(maxsplit=1)[0] in PLANS else f"INTERNAL *** {line} ***"
        event = parse_line(f"{self._time} {text}".encode())
        assert not isinstance(event, Malformed), event
        if isinstance(event, DagmanEvent):
            apply(self.turn, event)
        else:
            apply(self.turn, event, JobFiles())


def said(due: Iterable[Notification]) -> list[str]:
    """Rule, whom and status of each."""
    return [
        " ".join((item.rule, item.environment["PEGASUS_JOBID"], item.environment.get("PEGASUS_STATUS", "-")))
        for item in due
    ]


def test_the_post_script_has_the_last_word():
    heard = Heard(book("JOB * success", "JOB * error", "JOB * end"))
    assert heard.tell(
        "posted SUBMIT 7.0", "posted EXECUTE 7.0", "posted JOB_TERMINATED 7.0", "posted JOB_SUCCESS 0"
    ) == []  # fmt: skip
    due = heard.tell("posted POST_SCRIPT_STARTED 7.0", "posted POST_SCRIPT_FAILURE 1")
    assert said(due) == ["JOB * error posted 1", "JOB * end posted 1"]


def test_each_attempt_or_the_last_one_only():
    heard = Heard(book("JOB * error", "JOB * error/final", "JOB * start", "JOB * start"))
    first, second, third = (heard.attempt("posted", 1) for _ in range(3))
    assert said(first) == ["JOB * start posted -", "JOB * error posted 1"]
    assert said(second) == said(first)
    assert said(third) == [
        "JOB * start posted -",
        "JOB * error posted 1",
        "JOB * error/final posted 1",
    ]
    assert [item.environment["BRIDLE_ATTEMPT"] for item in (*first, *second, *third)] == list("1122333")
    keys = [item.key for item in (*first, *second, *third)]
    assert len(set(keys)) == len(keys), "each attempt is an event of its own"


def test_all_of_the_final_outcome_is_one_start_and_one_end():
    heard = Heard(book("JOB posted all/final"))
    due = [item for code in (1, 1, 0) for item in heard.attempt("posted", code)]
    assert [(item.environment["PEGASUS_EVENT"], item.environment.get("PEGASUS_STATUS")) for item in due] == [
        ("start", None),
        ("at_end", "0"),
    ]


def test_retry_until_no_retry_is_left():
    heard = Heard(book("JOB * retry", "JOB * failed_permanently"))
    due = [item for _ in range(3) for item in heard.attempt("posted", 4)]
    assert said(due) == [
        "JOB * retry posted 4",
        "JOB * retry posted 4",
        "JOB * failed_permanently posted 4",
    ]


def test_an_exit_code_after_which_dagman_gives_up():
    heard = Heard(book("JOB * retry", "JOB * failed_permanently", "JOB * error/final"))
    assert said(heard.attempt("stubborn", 3)) == ["JOB * retry stubborn 3"]
    assert said(heard.attempt("stubborn", 7)) == [
        "JOB * failed_permanently stubborn 7",
        "JOB * error/final stubborn 7",
    ]


def test_a_rescue_run_counts_its_own_retries_and_is_told():
    heard = Heard(book("WORKFLOW * rescue", "WORKFLOW * start", "WORKFLOW * error", "JOB * retry"))
    due = heard.tell("DAGMAN_STARTED 1.0")
    due += [item for _ in range(3) for item in heard.attempt("posted", 1)]
    due += heard.tell("DAGMAN_FINISHED 1", "DAGMAN_STARTED 2.0")
    due += heard.attempt("posted", 1)
    assert said(due) == [
        "WORKFLOW * start uuid-1 -",
        "JOB * retry posted 1",
        "JOB * retry posted 1",
        "WORKFLOW * error uuid-1 1",
        "WORKFLOW * rescue uuid-1 -",
        "WORKFLOW * start uuid-1 -",
        "JOB * retry posted 1",
    ]
    assert len({item.key for item in due}) == len(due)


def test_a_dagman_that_is_restarted_by_the_schedd_is_no_new_run():
    heard = Heard(book("WORKFLOW * start", "WORKFLOW * rescue", "WORKFLOW * end"))
    heard.tell("DAGMAN_STARTED 1.0")
    assert heard.tell("DAGMAN_FINISHED 3", "DAGMAN_STARTED 1.0", "RECOVERY_STARTED") == []


def test_held_released_evicted():
    heard = Heard(book("JOB * held", "JOB * released", "JOB * evicted"))
    heard.tell("plain SUBMIT 7.0", "plain EXECUTE 7.0")
    heard.turn.add_detail(NodeLogEvent(NodeLogKind.JOB_HELD, "7.0", "no space left"))
    due = heard.tell(
        "plain JOB_EVICTED 7.0", "plain JOB_HELD 7.0", "plain JOB_RELEASED 7.0", "plain JOB_HELD 7.0"
    )
    assert said(due) == [
        "JOB * evicted plain -",
        "JOB * held plain -",
        "JOB * released plain -",
        "JOB * held plain -",
    ]
    assert due[1].environment["BRIDLE_REASON"] == "no space left"
    assert due[1].key != due[3].key, "held once more is another event"


def test_progress_is_told_once_whatever_is_run_again():
    heard = Heard(book("WORKFLOW * progress=30%", "WORKFLOW * progress=60%", "WORKFLOW * progress=100%"))
    names = list(PLANS)
    due = [item for name in names[:3] for item in heard.attempt(name)]
    assert [item.rule for item in due] == ["WORKFLOW * progress=30%", "WORKFLOW * progress=60%"]
    assert heard.attempt(names[0]) == []
    due = [item for name in names[3:] for item in heard.attempt(name)]
    assert [item.rule for item in due] == ["WORKFLOW * progress=100%"]


def test_a_failed_pre_script_is_the_end_of_the_attempt():
    heard = Heard(book("JOB * error", "JOB * start", "JOB * failed_permanently"))
    due = heard.tell("prepared PRE_SCRIPT_STARTED -", "prepared PRE_SCRIPT_FAILURE 1")
    assert said(due) == ["JOB * error prepared 1", "JOB * failed_permanently prepared 1"]


def test_a_job_that_htcondor_never_took_has_failed_when_the_run_ends():
    heard = Heard(book("JOB * error", "JOB * failed_permanently", "WORKFLOW * error"))
    heard.tell("DAGMAN_STARTED 1.0", "plain SUBMIT_FAILURE -", "posted SUBMIT_FAILURE -")
    assert heard.tell("plain SUBMIT_FAILURE -") == [], "DAGMan tries again"
    heard.attempt("posted")
    assert said(heard.tell("DAGMAN_FINISHED 1")) == [
        "JOB * error plain 1",
        "JOB * failed_permanently plain 1",
        "WORKFLOW * error uuid-1 1",
    ]


def test_sub_workflows_are_jobs_by_name_and_of_their_kind_by_pattern():
    heard = Heard(
        book(
            "JOB * end",
            "DAXJOB * end",
            "DAGJOB * end",
            "DAXJOB below end",
            "JOB b?low end",
        )
    )
    assert said(heard.attempt("plain")) == ["JOB * end plain 0", "DAXJOB * end plain 0"]
    assert said(heard.attempt("below")) == [
        "DAXJOB below end below 0",
        "JOB * end below 0",
        "DAGJOB * end below 0",
        "JOB b?low end below 0",
    ]


def test_stalled_for_as_long_as_the_rule_says_and_once_for_each_silence():
    rules = book("WORKFLOW * stalled=30m")
    heard = Heard(rules)
    heard.tell("DAGMAN_STARTED 1.0", "plain SUBMIT 7.0")
    latest = heard.state.latest

    def after(seconds: int) -> list[Notification]:
        return list(rules.due(WORKFLOW, stalled(WORKFLOW, heard.state, latest + seconds)))

    assert after(1799) == []
    (first,), (again,) = after(1800), after(4000)
    assert first.key == again.key
    heard.tell("plain EXECUTE 7.0")
    latest = heard.state.latest
    (other,) = after(1800)
    assert other.key != first.key


def test_each_restart_of_the_monitor():
    rules = book("WORKFLOW uuid-1 monitor_restarted", "WORKFLOW uuid-2 monitor_restarted")
    first, second = (list(rules.due(WORKFLOW, monitor_restarted(WORKFLOW, token, 5))) for token in "ab")
    assert said(first) == ["WORKFLOW uuid-1 monitor_restarted uuid-1 -"]
    assert first[0].key != second[0].key


def test_a_rule_that_stands_twice_counts_once_and_never_is_never():
    heard = Heard(book("JOB plain end", "JOB plain end", "JOB plain never"))
    assert said(heard.attempt("plain")) == ["JOB plain end plain 0"]


@pytest.mark.parametrize(
    ("rule", "argv"),
    [
        ("JOB * end /bin/echo 'a b' \\;", ("/bin/echo", "a b", ";")),
        ("JOB * end shell: echo $X | wc", ("/bin/sh", "-c", "echo $X | wc")),
        ("JOB * end to: mailto://me@example.org", ("/bin/bridle-notify", "--to", "mailto://me@example.org")),
    ],
)
def test_what_is_run(rule, argv):
    (found,) = parse(rule.encode(), "x", Dialect.BRIDLE).rules
    heard = Heard(RuleBook([found]))
    (due,) = heard.attempt("plain")
    assert due.argv == argv
    assert due.directory == "/run"


KEYS = """\
0b3c6ae763e4e9d0a8540c030fed5d5c 0 start
4e39e7baf108f66e200be08d0c5287f1 1 start
3f373e73edfc76ec4c1b689f6edf34eb 1 3 held
25603cc3c0a4bf7394fec98092d0bce9 2 start
c86d19abd85f1b2d50fe7f31cc161891 2 end
39332c932cf11d0837dbb37a4b3e6d7e 2 end
ce37cacbb9909eebc7fd24b4972459aa 3 start
77d3bc00f37f405cc0fc62d47df6ce29 3 end
23750dd633f7f70958737b3e0c33fd6b 20 percent
ff1eb154620f1f93a697347858b7e776 token monitor
a6de23902cb4484c7b5094b0ece9f208 1019 stalled
"""


def test_the_key_of_a_notification_never_changes():
    """An outbox that an older bridle has filled is still valid: what was delivered is not due again."""
    rules = book(
        "JOB * all",
        "JOB posted error/final",
        "JOB * held",
        "JOB * retry",
        "INVOCATION posted 2 end",
        "WORKFLOW * start",
        "WORKFLOW * progress=20%",
        "WORKFLOW * stalled=30m",
        "WORKFLOW * monitor_restarted",
    )
    heard = Heard(rules)
    due = heard.tell("DAGMAN_STARTED 1.0", "plain SUBMIT 7.0", "plain EXECUTE 7.0", "plain JOB_HELD 7.0")
    due += heard.attempt("posted", 1) + heard.attempt("posted") + heard.tell("DAGMAN_FINISHED 1")
    due += rules.due(WORKFLOW, monitor_restarted(WORKFLOW, "token", 5))
    due += rules.due(WORKFLOW, stalled(WORKFLOW, heard.state, 9000))
    assert "".join(f"{item.key} {item.moment}\n" for item in due) == KEYS
