"""The report as one HTML file that loads nothing: template, style and script in condor_templates/report. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from monitord_job.messages.render import clock, duration
from monitord_job.outcome.node_status import NODE_WORDS
from monitord_job.report.distribution import Distribution
from monitord_job.report.page_data import document
from monitord_job.report.run_data import Resources, RunData
from monitord_job.report.words import (
    MOST_GROUPS,
    PATH_WORDS,
    figure,
    flat,
    in_bytes,
    path_sum,
    shown_statuses,
)
from monitord_job.statistics.model.critical_path import Link, Phases
from monitord_job.text.display import one_line
from monitord_job.text.templates import environment, source

_FOLDER = "report"
_BOX = 180
"""Units that a box plot is wide."""
_MOST_LINKS = 200


def page(run: RunData, now: float, version: str) -> Iterator[str]:
    """The file, in pieces."""
    style, script = source(_FOLDER, "page.css"), source(_FOLDER, "page.js")
    links = list(islice(flat(run.statistics.path), _MOST_LINKS + 1))
    values = {
        "run": run,
        "most_groups": MOST_GROUPS,
        "workflow": run.statistics.figures[0].workflow,
        "counts": [(NODE_WORDS[one].value, run.status_counts[one]) for one in shown_statuses(run)],
        "has_files": any(one.read or one.written for one in run.resources),
        "most": _most(run.resources),
        "links": links[:_MOST_LINKS],
        "more_links": sum(1 for _ in flat(run.statistics.path)) - len(links[:_MOST_LINKS]),
        "path_words": _path_words(run.statistics.path),
        "path_sum": path_sum(run.statistics.path),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "data": document(run),
        "now": now,
        "version": version,
    }
    yield from environment(_FOLDER, _FILTERS).get_template("page.html").generate(values)


def _path_words(links: Sequence[Link]) -> list[tuple[str, str]]:
    """The columns of the critical path in which there is anything."""
    whole = sum((link.phases for _, link in flat(links)), Phases()).named()
    return [(name, word) for name, word in PATH_WORDS.items() if whole[name]]


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _most(resources: Sequence[Resources]) -> dict[str, float]:
    """Of each figure the largest: boxes of one column have one scale."""
    most = {}
    for name in ("time", "cpu", "memory", "read", "written"):
        spreads: list[Distribution | None] = [getattr(one, name) for one in resources[:100]]
        most[name] = max((one.most for one in spreads if one is not None), default=0.0) or 1.0
    return most


def _along(value: float, most: float) -> str:
    return f"{_BOX * value / most:.1f}"


def _wide(value: float, most: float) -> str:
    return f"{max(_BOX * value / most, 1.5):.1f}"


def _line(text: Any) -> str:
    return one_line(str(text), 500)


_FILTERS = (
    ("duration", duration),
    ("clock", clock),
    ("figure", figure),
    ("bytes", in_bytes),
    ("along", _along),
    ("wide", _wide),
    ("line", _line),
)
