"""A report as a message: subject, text and HTML, from the templates in condor_templates/notify."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from condor_templates.state_words import StateWord
from monitord_job.messages.report import Report, Run, advice
from monitord_job.notifications.rule import Severity
from monitord_job.outcome.node_status import NODE_WORDS, NodeStatus
from monitord_job.text.templates import environment

_AS_RUNNING = (StateWord.PRE_SCRIPT, StateWord.POST_SCRIPT)
_ORDER = (
    StateWord.DONE,
    StateWord.FAILED,
    StateWord.HELD,
    StateWord.RUNNING,
    StateWord.QUEUED,
    StateWord.NOT_STARTED,
)


def _column(status: NodeStatus) -> str:
    word = NODE_WORDS[status]
    return (StateWord.RUNNING if word in _AS_RUNNING else word).value


_COLUMNS = {
    status.value: _column(status)
    for status in sorted(
        NodeStatus, key=lambda status: [word.value for word in _ORDER].index(_column(status))
    )
}
"""In which column a status is counted: few and short ones, a mail may be read on a telephone."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `subject` is one line; `text` and `html` say the same."""

    subject: str
    text: str
    html: str


def message(report: Report) -> Message:
    """The message of a report."""
    templates = environment("notify", (("duration", duration), ("clock", clock)))
    types = _types(report.run)
    columns = tuple(
        one for one in dict.fromkeys(_COLUMNS.values()) if any(counts[one] for counts in types.values())
    )
    values = {
        "report": report,
        "about": report.about,
        "run": report.run,
        "job": report.job,
        "advice": advice(report),
        "types": types,
        "columns": columns,
        "table": "\n".join(_table(types, columns)),
        "took": _took(report),
        "color": _COLORS[severity(report)],
    }
    text, html = (templates.get_template(f"report.{form}").render(values) for form in ("txt", "html"))
    return Message(report.subject, _BLANK_LINES.sub("\n\n", text).strip() + "\n", html)


_BLANK_LINES = re.compile(r"\n{3,}")


def duration(seconds: float) -> str:
    """For people.

    >>> duration(0.4), duration(75), duration(3 * 3600 + 60), duration(3 * 86400)
    ('0 s', '1 min 15 s', '3 h 1 min', '3 d 0 h')
    """
    whole = max(0, int(seconds))
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"


def clock(seconds: float) -> str:
    """For people, with the zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _took(report: Report) -> float | None:
    run = report.run
    return None if run is None or run.started is None else (run.ended or report.now) - run.started


def _types(run: Run | None) -> dict[str, Counter[str]]:
    """How many jobs of each type are in which column."""
    types: dict[str, Counter[str]] = {}
    for kind, counts in (run.types if run else {}).items():
        shown = types.setdefault(kind, Counter())
        for status, count in counts.items():
            shown[_COLUMNS[status]] += count
    return types


def _table(types: Mapping[str, Counter[str]], columns: tuple[str, ...]) -> list[str]:
    """Lined up, for text."""
    rows = [("type", *columns, "total")]
    rows += [
        (kind, *(str(counts[one] or "") for one in columns), str(counts.total()))
        for kind, counts in types.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


_COLORS = {
    Severity.FAILURE: "#b3261e",
    Severity.SUCCESS: "#1b6e3c",
    Severity.INFO: "#1f4e8c",
    Severity.WARNING: "#8a5a00",
}
"""Of the bar at the top."""


def severity(report: Report) -> Severity:
    """What kind of news the report is."""
    if not report.about.event and report.run and report.run.state == "failed":
        return Severity.FAILURE
    return report.about.severity


def fields(report: Report) -> dict[str, str]:
    """For programs: what a webhook gets beside title and text. Names stay; new ones may come."""
    about, run = report.about, report.run
    values: dict[str, object] = {
        "event": about.event,
        "workflow": about.wf_uuid,
        "label": report.name,
        "job": about.job,
        "task": about.task,
        "attempt": about.attempt,
        "status": about.status,
        "reason": about.reason,
        "submit_dir": about.directory,
        "key": about.key,
    }
    if run:
        values |= {
            "state": run.state,
            "done": run.done,
            "total": run.total,
            "failed": run.failed.count,
            "held": run.held.count,
        }
    return {name: str(value) for name, value in values.items() if value not in (None, "")}
