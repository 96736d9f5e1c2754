"""The page: it loads nothing, runs nothing but its own script, and shows names as names."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from monitord_job.analysis.model.analysis import Analysis
from monitord_job.analysis.model.failure import Failure, Grouping
from monitord_job.database.queries.run_values import WorkflowProgress
from monitord_job.outcome.cause import Cause, CauseKind
from monitord_job.outcome.node_status import NodeStatus
from monitord_job.outcome.phases import Phase, Segment
from monitord_job.report.page import page
from monitord_job.report.page_data import MOST_OUTPUT, document
from monitord_job.report.run_data import Attempt, Output, OverTime, RunData
from monitord_job.report.text_view import text
from monitord_job.statistics.model.figures import Figures, Statistics, Workflow
from tests.support.reported import EVIL

PROGRESS = WorkflowProgress("uuid", "m", 1000, 1100, 1, 0, 1, {})
EVILS = [
    EVIL,
    "<img src=x onerror=alert(1)>",
    '"><b>',
    "a\u202eb\x1b[31m",
    "{{ 7 * 7 }}",
    "\u2028&lt;",
    "\udcff",
]


def attempt(job: str, **more) -> Attempt:
    values = {
        "instance": 1,
        "workflow": 0,
        "job": job,
        "kind": "compute",
        "transformation": job,
        "number": 1,
        "status": NodeStatus.FAILED,
        "is_newest": True,
        "code": 3,
        "host": job,
        "site": job,
        "segments": (Segment(Phase.QUEUED, 1000.0, 2.5), Segment(Phase.RUNNING, 1002.5, 10.0)),
        "kickstart": (1003.0, 9.25),
        "cpu": 8.04,
        "memory": 2048,
        "output": Output(job, (job, "second"), job),
    }
    return Attempt(**{**values, **more})


def run_data(*attempts: Attempt, label: str = "m") -> RunData:
    grouping = Grouping()
    for one in attempts:
        cause = Cause(CauseKind.SUBMISSION, reason=one.job)
        grouping.add(Failure(one.job, one.kind, cause, (one.job,), one.job, host=one.job))
    return RunData(
        state="failed",
        advice=(label,),
        statistics=Statistics(
            (Figures(Workflow(1, "uuid", label, True, label)),), 100.0, incomplete=(label,)
        ),
        submit_dir=label,
        begin=1000.0,
        end=1100.0,
        status_counts=Counter({NodeStatus.FAILED: len(attempts)}),
        attempts=attempts,
        omitted=0,
        over_time=OverTime(1000.0, 50.0, {Phase.RUNNING: (1.0, 0.25)}, (0, 1), (1, 1)),
        hosts=(),
        resources=(),
        attempts_of_jobs={},
        analysis=Analysis(PROGRESS, failed=grouping.largest()),
    )


class Read(HTMLParser):
    """The elements of a page with their attributes, its texts, and what is in script and style."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, _tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in self.inside:
            self.inside[self._open].append(data)
        else:
            self.texts.append(data)


def made(run: RunData) -> str:
    return "".join(page(run, 2000.0, "1.0"))


@pytest.mark.parametrize("name", EVILS)
def test_a_name_is_a_name(name: str) -> None:
    plain, evil = (Read(made(run_data(attempt(one), label=one))) for one in ("plain", name))
    assert [tag for tag, _ in evil.elements] == [tag for tag, _ in plain.elements]
    assert evil.inside["script"][1:] == plain.inside["script"][1:]
    assert "".join(evil.inside["style"]) == "".join(plain.inside["style"])


def test_what_a_name_holds_is_shown() -> None:
    shown = " ".join(Read(made(run_data(attempt(EVIL)))).texts)
    assert EVIL in shown


def test_nothing_is_loaded_and_nothing_runs_inline() -> None:
    html = made(run_data(attempt("a")))
    read = Read(html)
    attributes = [(tag, name, value or "") for tag, found in read.elements for name, value in found.items()]
    assert [
        one for one in attributes if one[1].startswith("on") or one[1] in ("style", "src", "srcset", "action")
    ] == []
    assert {value[0] for _, name, value in attributes if name == "href"} == {"#"}
    assert not re.search(r"url\(|@import", "".join(read.inside["style"]))
    assert set(re.findall(r"https?://[^\"'` ]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not {"link", "iframe", "object", "embed", "form", "base", "img"} & {
        tag for tag, _ in read.elements
    }


def test_the_policy_lets_nothing_but_its_own_script_and_style() -> None:
    read = Read(made(run_data(attempt("a"))))
    (policy,) = (
        one["content"] for _, one in read.elements if one.get("http-equiv") == "Content-Security-Policy"
    )
    rules = {name: value for name, _, value in (one.strip().partition(" ") for one in policy.split(";"))}
    assert rules["default-src"] == "'none'"
    for name, inside in (("script-src", read.inside["script"][1]), ("style-src", read.inside["style"][0])):
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert set(rules) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_the_script_writes_no_html() -> None:
    script = Read(made(run_data(attempt("a")))).inside["script"][1]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|fetch\(|XMLHttp", script
    )


def test_columns_say_what_the_attempts_say() -> None:
    done = attempt("b", status=NodeStatus.SUCCEEDED, code=0, host=None, output=None, kickstart=None, cpu=None)
    found = json.loads(document(run_data(attempt("a"), done)))
    columns, texts = found["attempts"], found["texts"]
    assert [texts["job"][one] for one in columns["job"]] == ["a", "b"]
    assert [found["states"][one]["word"] for one in columns["state"]] == ["failed", "done"]
    assert (columns["code"], columns["host"], columns["segments"]) == ([3, 0], [0, -1], [2, 2])
    assert (columns["begun"], columns["ran"], columns["cpu"]) == ([3, None], [9.2, None], [8, None])
    assert found["segments"]["begin"] == [0, 2.5, 0, 2.5]
    assert [found["phases"][one] for one in found["segments"]["phase"][:2]] == ["queued", "running"]
    assert [texts["output"][one] for one in columns["output"] if one >= 0] == ["a\nsecond"]


def test_what_jobs_wrote_is_bounded_and_each_text_stands_once() -> None:
    lines = tuple("x" * 300 for _ in range(20))
    same = [attempt(str(at), output=Output("", lines, "")) for at in range(1000)]
    others = [attempt(str(at), output=Output("", (str(at), *lines), "")) for at in range(1000)]
    assert len(document(run_data(*same))) < 200_000
    whole = document(run_data(*same, *others))
    assert MOST_OUTPUT < len(whole) < MOST_OUTPUT + 400_000
    assert -2 in json.loads(whole)["attempts"]["output"]


def test_a_run_of_which_nothing_is_known_has_a_page() -> None:
    run = replace(run_data(), over_time=OverTime(0.0, 1.0, {}, (0,), (0,)), begin=0.0, end=0.0)
    assert "No job has run." in made(run)
    assert "no job has failed, and none is held" in "\n".join(text(run))


def test_the_text_says_the_same() -> None:
    lines = list(text(run_data(attempt("a"))))
    assert lines[0] == "m  uuid"
    assert "1 failed: HTCondor did not take it: a" in lines
    assert any(line.startswith("0 done, 1 failed") for line in lines)
