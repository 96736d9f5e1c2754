"""The report of recorded runs, word for word (tests/golden/reports), from SQLite and from PostgreSQL."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from monitord_job.database.reading import open_database
from monitord_job.database.url import database_of
from monitord_job.messages.event_context import EventContext
from monitord_job.messages.render import message
from monitord_job.messages.report import Report
from monitord_job.messages.report_queries import read_report, read_run
from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from tests.conftest import Corpus
from tests.support.recorded import prepare

EXPECTED = Path(__file__).parent / "reports"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("BRIDLE_SITE_POLICY", str(tmp_path / "policy.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    time.tzset()


def said(report: Report, directory: Path) -> str:
    found = message(report)
    return f"Subject: {found.subject}\n\n{found.text}".replace(str(directory), "/RUN")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "event", "job", "status", "attempt"),
    [
        ("diamond-condorio", "at_end", None, 0, 1),
        ("failing-condorio", "error", "flag_needflag", 7, 2),
        ("fan100-missinginput", "at_end", None, 1, 1),
        ("dagman-profiles-removed", "at_end", None, 1, 1),
        ("lclust", "success", "merge_grp0", 0, 1),
    ],
)
def test_report_of_a_recorded_run(
    fresh_corpus: Corpus, name: str, event: str, job: str | None, status: int, attempt: int
) -> None:
    submit_dir = prepare(fresh_corpus(f"recorded/{name}")).submit_dir
    session.catch_up(submit_dir, Limits())
    place = str(submit_dir.path)
    about = EventContext(event, "", submit_dir.wf_uuid or "", "", place, place, job, None, attempt, status)
    report = read_report(about, submit_dir.path, 0)
    assert said(report, submit_dir.path) == (EXPECTED / f"{name}.txt").read_text()


def test_postgresql_says_the_same(fresh_corpus: Corpus, postgresql: str) -> None:
    submit_dir = prepare(fresh_corpus("recorded/fan100-missinginput")).submit_dir
    uuid = submit_dir.wf_uuid or ""
    session.catch_up(submit_dir, Limits())
    session.catch_up(submit_dir, Limits(), url=postgresql)
    runs = []
    for url in (None, postgresql):
        engine = open_database(database_of(submit_dir, url))
        runs.append(read_run(engine, uuid))
        engine.dispose()
    assert runs[0] == runs[1]
    assert runs[0].failed.count == 97
