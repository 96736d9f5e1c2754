"""Messages of a run on real daemons: a job is held, another fails, the workflow ends; a webhook hears of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_ext.pool.pool import Pool
from tests.pool.conftest import Condor
from tests.support.mailbox import Webhook, http_server
from tests.support.runs import bridle, queue, until

FILES = {
    "x.dag": "JOB waits waits.sub\nJOB fails fails.sub\n",
    "waits.sub": (
        "universe = local\nexecutable = /bin/sh\narguments = waits.sh\n"
        'on_exit_hold = ExitCode == 5\non_exit_hold_reason = "the galaxy is not there"\nqueue\n'
    ),
    "waits.sh": "test -e seen || { touch seen; exit 5; }\n",
    "fails.sub": "universe = local\nexecutable = /bin/sh\narguments = fails.sh\nerror = fails.err\nqueue\n",
    "fails.sh": "echo 'no such galaxy: M31' >&2; exit 3\n",
    "x.bridle-notify": (
        "JOB * held to: env:BRIDLE_HOOK\nJOB * error to: env:BRIDLE_HOOK\nWORKFLOW * end to: env:BRIDLE_HOOK\n"
    ),
}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with http_server() as hook:
        yield hook


def test_what_happens_is_told(
    pool: Pool, condor: Condor, work_dir: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (work_dir / name).write_text(text)
    monkeypatch.setenv("BRIDLE_HOOK", f"json://127.0.0.1:{webhook.port}/")
    started = bridle(pool, "run", str(work_dir / "x.dag"))
    assert started.returncode == 0, started.stderr

    def told(event: str) -> dict[str, str] | None:
        return next((body for _, body in webhook.posts if body["event"] == event), None)

    held = until(lambda: told("held"), "a message of the job that is held")
    failed = until(lambda: told("error"), "a message of the job that failed")
    condor("condor_release", "-constraint", f'DAGNodeName == "waits" && Iwd == "{work_dir}"')
    ended = until(lambda: told("end"), "a message of the end")

    assert (held["job"], held["type"]) == ("waits", "warning")
    assert "the galaxy is not there" in held["message"]
    assert held["title"].startswith("x: waits is held (the galaxy is not there)")
    assert "condor_release" in held["message"]
    assert (failed["job"], failed["status"], failed["type"]) == ("fails", "3", "failure")
    assert "no such galaxy: M31" in failed["message"]
    assert (ended["done"], ended["total"], ended["failed"], ended["type"]) == ("1", "2", "1", "failure")
    assert ended["title"] == "x: workflow failed (1 of 2 jobs failed), 50% done"
    assert f"bridle rescue show {work_dir}/x.dag" in ended["message"]
    until(lambda: not queue(pool), "an empty queue")
