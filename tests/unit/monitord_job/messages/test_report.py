"""What a message says: values in, subject, text and HTML out. Values are data of jobs, and may be anything."""

from __future__ import annotations

import html.parser
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.analysis.model.failure import MOST_GROUPS, MOST_NAMES, Failure, Grouping
from monitord_job.analysis.model.last_words import last_words
from monitord_job.messages.event_context import EventContext, event_context
from monitord_job.messages.mail import Headers, compose
from monitord_job.messages.render import fields, message, severity
from monitord_job.messages.report import JobFacts, Report, Run, advice
from monitord_job.notifications.rule import Severity
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.stampede.output_text import quote
from monitord_job.text.display import last_lines, one_line

ONE = Cause(CauseKind.JOB, code=1)
UUID = "0f9b1129-8e29-4df2-838b-032554acae9e"
EVIL = "<script>alert(1)</script>\r\nBcc: victim@example.org\x1b[31m\x00\u202e\udcff&\"'{{ 7*7 }}"


class Elements(html.parser.HTMLParser):
    """The elements and the text of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def a_run(failures: int = 0, held: int = 0) -> Run:
    grouping, waiting = Grouping(), Grouping()
    for number in range(failures):
        grouping.add(
            Failure(f"w_{number}", "compute", ONE, lines=(f"w_{number}: no part.{number:05}",), file="o")
        )
    for number in range(held):
        held_because = Cause(CauseKind.HELD, reason=f"Transfer of /in/{number} failed")
        waiting.add(Failure(f"h_{number}", "stage-in-tx", held_because))
    return Run(
        label="mosaic",
        state="failed",
        host="ap.example.org",
        started=1000,
        ended=4690,
        done=10,
        total=10 + failures + held,
        types={
            "compute": {"succeeded": 10, "failed": failures, "post": 1, "running": 2},
            "stage-in-tx": {"held": held},
        },
        failed=grouping.largest(failures),
        held=waiting.largest(held),
    )


ABOUT = EventContext(
    "at_end", wf_uuid=UUID, workflow="mosaic-0", directory="/runs/a b", run="/runs/a b", status=1
)


def test_a_workflow_that_failed() -> None:
    sent = message(Report(ABOUT, 5000, a_run(97, 2)))
    assert sent.subject == "mosaic: workflow failed (97 of 109 jobs failed), 9% done"
    assert "9% done (10 of 109 jobs), 97 failed, 2 held; failed, 1 h 1 min in all" in sent.text
    assert (
        "* 97 compute jobs: exit code 1\n  | w_0: no part.00000\n  w_0, w_1, w_10, w_11, w_12 and 92 more"
        in sent.text
    )
    assert "* 2 stage-in-tx jobs: held: Transfer of /in/0 failed\n  h_0, h_1\n" in sent.text
    assert (
        "type         done  failed  held  running  total\ncompute        10      97              3    110\n"
        in sent.text
    )
    assert "bridle rescue show '/runs/a b'" in sent.text
    assert "condor_q -hold" in sent.text
    assert "ap.example.org:/runs/a b" in sent.text
    shown = Elements(sent.html)
    assert shown.tags.isdisjoint({"script", "img", "link", "style", "iframe"})
    assert shown.attributes.isdisjoint({"src", "href", "background"})
    for said in (
        "97 compute jobs",
        "w_0: no part.00000",
        "and 92 more",
        "Transfer of /in/0 failed",
        "9% done",
    ):
        assert said in shown.text


def test_a_job_that_failed() -> None:
    about = replace(
        ABOUT, event="error", job="project_ID07", status=-9, attempt=2, stdout="/runs/a b/p.out.001"
    )
    job = JobFacts("compute", "ns::project", "condorpool", "node7", 75.0, ("Killed",))
    sent = message(Report(about, 5000, a_run(1), job))
    assert sent.subject == "mosaic: project_ID07 failed (signal 9, attempt 2), 90% done"
    for said in (
        "by signal 9, attempt 2",
        "compute, ns::project",
        "condorpool, node7",
        "1 min 15 s",
        "  | Killed",
    ):
        assert said in sent.text
    assert severity(Report(about, 0)) is Severity.FAILURE


@pytest.mark.parametrize(
    ("event", "status", "subject", "tone"),
    [
        ("start", None, "mosaic-0: workflow started", "info"),
        ("at_end", 0, "mosaic-0: workflow succeeded", "success"),
        ("progress=50%", None, "mosaic-0: workflow is 50% done", "info"),
        ("stalled=30m", None, "mosaic-0: workflow has been silent for 30m", "warning"),
        ("monitor_restarted", None, "mosaic-0: workflow has a new monitor: the one before died", "info"),
        ("rescue", None, "mosaic-0: workflow resumes from a rescue DAG", "info"),
        ("on_error/final", 3, "mosaic-0: workflow failed", "failure"),
        ("", None, "mosaic-0: workflow: report", "info"),
        ("a word of <tomorrow>", None, "mosaic-0: workflow a word of <tomorrow>", "info"),
    ],
)
def test_what_happened_in_words(event: str, status: int | None, subject: str, tone: str) -> None:
    environment = {
        "PEGASUS_EVENT": event,
        "PEGASUS_JOBID": UUID,
        "BRIDLE_WORKFLOW": UUID,
        "PEGASUS_WFID": "mosaic-0",
    }
    if status is not None:
        environment["PEGASUS_STATUS"] = str(status)
    report = Report(event_context(environment), 0)
    assert (report.subject, severity(report).value) == (subject, tone)
    assert message(report).subject == subject


def test_nothing_of_a_job_gets_out_of_its_place() -> None:
    """Markup, templates, header lines, colours, NULs, bytes that are no text: shown as text, or not at all."""
    environment = {
        "PEGASUS_EVENT": "held",
        "PEGASUS_JOBID": EVIL,
        "BRIDLE_REASON": EVIL,
        "PEGASUS_WFID": EVIL,
        "PEGASUS_SUBMIT_DIR": EVIL,
        "PEGASUS_STDERR": EVIL,
        "BRIDLE_NOTIFICATION_KEY": EVIL,
        "BRIDLE_WORKFLOW": EVIL + "x",
    }
    grouping = Grouping()
    stderr = quote(EVIL.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
    grouping.add(
        Failure(one_line(EVIL), "compute", Cause(CauseKind.HELD, reason=EVIL), last_words(None, "", stderr))
    )
    run = replace(a_run(), label=one_line(EVIL), failed=grouping.largest(1))
    sent = message(
        Report(event_context(environment), 0, run, JobFacts("compute", lines=last_words(1, "", stderr)))
    )
    mail = compose(sent, Headers("a@example.org", ("b@example.org",)), event_context(environment), 0.0)
    assert mail["Bcc"] is None
    assert len(mail["Subject"].splitlines()) == 1
    assert Elements(sent.html).tags.isdisjoint({"script"})
    assert "<script>" not in sent.html
    for text in (sent.subject, sent.text, sent.html):
        assert not set(text) & {"\x1b", "\x00", "\r", "\u202e", "\udcff"}
        assert "{{ 7*7 }}" in text
        assert "49" not in Elements(text).text
    assert "<script>alert(1)</script>" in Elements(sent.html).text


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_makes_one_line_that_can_be_a_header(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    EmailMessage()["Subject"] = line
    line.encode()


def test_bytes_that_are_no_text_are_shown() -> None:
    assert one_line("a\udcffb\udc41\ud800") == "a\\xffb"


@pytest.mark.parametrize("failures", [1, 500])
def test_the_size_does_not_depend_on_that_of_the_run(failures: int) -> None:
    grouping = Grouping()
    for number in range(failures):
        letters = "".join(chr(97 + int(digit)) for digit in str(number))
        cause = Cause(CauseKind.REMOVED, reason="r" * 3000)
        grouping.add(Failure("n" * 200 + letters, "compute", cause, (letters + "x" * 290,) * 4, "f" * 300))
    found = grouping.largest(100_000)
    assert len(found.groups) == min(failures, MOST_GROUPS)
    assert all(len(group.names) <= MOST_NAMES for group in found.groups)
    assert found.others == 100_000 - len(found.groups)
    sent = message(Report(ABOUT, 0, replace(a_run(), failed=found)))
    assert len(sent.text) < 40_000
    assert len(sent.html) < 60_000, "Gmail cuts off what is beyond 102 kB"


def test_long_lines_and_many_are_cut() -> None:
    lines = last_lines("\n".join(f"{number} {'x' * 1000}" for number in range(100)), 4, 50)
    assert [line[:3] for line in lines] == ["96 ", "97 ", "98 ", "99 "]
    assert all(len(line) == 50 for line in lines)


def test_fields_for_programs() -> None:
    about = replace(ABOUT, event="error", job="a", attempt=2, key="k")
    found = fields(Report(about, 0, a_run(3)))
    assert found == {
        "event": "error",
        "workflow": UUID,
        "label": "mosaic",
        "job": "a",
        "attempt": "2",
        "status": "1",
        "submit_dir": "/runs/a b",
        "key": "k",
        "state": "failed",
        "done": "10",
        "total": "13",
        "failed": "3",
        "held": "0",
    }


def test_advice_of_a_run_that_goes_well_is_to_look() -> None:
    run = replace(a_run(), state="running")
    assert [one.command for one in advice(Report(ABOUT, 0, run))] == ["bridle status '/runs/a b'"]
