"""Counts, percentages and times of one run are the same in all commands that tell of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dag_rewriter.rescue.rescue_dag import RescueDag, render_rescue
from dag_rewriter.rewriting.rewrite import Options, rewrite
from monitord_job import schedd
from monitord_job.cli.bridle_notify import notify
from monitord_job.cli.common import open_run
from monitord_job.condor_job import JobStatus, QueuedJob
from monitord_job.lock import locked
from planner_ext.cli import run_command
from tests.support.played import START, Played

PAUSE = 1000
NODES = [f"n{number}" for number in range(298)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of 300 nodes all but `fit` and `sum`, which waits for it, are done; `fit` failed once more after a pause."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    lines = [f"JOB {name} a.sub\n" for name in (*NODES, "fit", "sum")]
    (tmp_path / "x.dag").write_text("".join(lines) + "PARENT n0 CHILD fit\nPARENT fit CHILD sum\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name in NODES:
        played.attempt(name)
    played.attempt("fit", 3)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    ended = START + 4 * len(NODES) + 5
    made = RescueDag((*NODES,), ("fit",), created=ended, total=300)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(made, "x.dag"))
    played.say_at(ended + PAUSE)
    played.say("INTERNAL *** DAGMAN_STARTED 100.0 ***")
    played.attempt("fit", 3)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    played.write()
    for name, answer in {"dagman_jobs": [], "node_jobs": [], "machine": ""}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)
    return tmp_path / "x.dag"


CUT_OFF = {
    "pre": "PRE_SCRIPT_STARTED - - -",
    "posted": "POST_SCRIPT_STARTED 11.0 - -",
    "queued": "SUBMIT 13.0 - -",
    "at_work": "EXECUTE 14.0 - -",
    "held": "JOB_HELD 15.0 - -",
}
"""Nodes, and the last that DAGMan said of each before it left."""
LEFT = {
    "removed": ("INTERNAL *** DAGMAN_FINISHED 2 ***",),
    "aborted": (
        "killer SUBMIT 9.0 - - 90",
        "killer JOB_FAILURE 3 - - 90",
        "INTERNAL *** DAGMAN_FINISHED 1 ***",
    ),
}


@pytest.mark.parametrize("ending", LEFT)
def test_what_its_dagman_left_behind_is_going_on_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    """A node that a removal or ABORT-DAG-ON cut off has failed, as one whose job was removed, and all say why."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    names = (*CUT_OFF, "gone", "killer")
    scripts = "SCRIPT POST posted /bin/true\n"
    dag = "".join(f"JOB {name} a.sub\n" for name in names) + scripts + "ABORT-DAG-ON killer 3 RETURN 1\n"
    (tmp_path / "x.dag").write_text(dag)
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for number, (name, last) in enumerate(CUT_OFF.items(), 10):
        if name != "pre":
            played.say(f"{name} SUBMIT {number}.0 - - {number}")
        played.say(f"{name} {last} {number}")
    played.say("gone SUBMIT 20.0 - - 20")
    played.say("gone JOB_ABORTED 20.0 - - 20")
    for line in LEFT[ending]:
        played.say(line)
    played.write()
    for name, answer in {
        "dagman_jobs": [],
        "node_jobs": [],
        "machine": "",
        "all_dagmans_and_held": [],
    }.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)

    def said(*words: str) -> str:
        run_command([*words, str(tmp_path / "x.dag")])
        return capsys.readouterr().out

    def told(*words: str) -> Any:
        return json.loads(said(*words, "--json"))

    cut = {*CUT_OFF, "gone"}
    failed = cut | ({"killer"} if ending == "aborted" else set())
    status = told("status")
    assert status["ending"] == ending
    assert {name: number for name, number in status["jobs"].items() if number} == {
        "total": 7, "failed": len(failed), **({} if ending == "aborted" else {"unready": 1}),
    }  # fmt: skip
    causes = {one["job"]: one["cause"]["phrase"] for one in status["failed"]}
    assert causes.keys() == failed
    assert causes["pre"] == "cut off when DAGMan left: PRE script"
    assert causes["posted"] == "cut off when DAGMan left: POST script"
    assert causes["held"] == "removed while held: no reason is known (removal: cut off when DAGMan left)"
    shown = said("status")
    assert "failed: pre (attempt 1): cut off when DAGMan left: PRE script" in shown
    run_command(["list", "--json", str(tmp_path)])
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert listed["jobs"] == status["jobs"]
    assert {row["job"] for row in told("jobs")["jobs"] if row["state"] == "failed"} == failed
    watched = said("watch")
    assert "failed: pre: cut off when DAGMan left: PRE script" in watched
    assert {
        line.split()[1].strip(":") for line in watched.splitlines() if line.startswith("failed: ")
    } == failed
    assert not any(line.startswith("held: ") for line in watched.splitlines())
    (why,) = told("why")["runs"]
    assert why["jobs"] == status["jobs"]
    assert why["failed"]["count"] == len(failed)
    assert "cut off when DAGMan left: PRE script" in said("why")
    assert told("rescue", "show")["causes"]["pre"]["phrase"] == causes["pre"]
    run_command(["--run", str(tmp_path / "x.dag"), "--dry-run"], notify, "bridle-notify")
    assert f"{len(failed)} failed" in capsys.readouterr().out
    for words in ("status", "why", "jobs"):
        text = said(words)
        assert not [
            line for line in text.splitlines() if line.split()[2:4] in (["PRE", "script"], ["running"])
        ]


def test_what_was_cut_off_has_not_begun_in_the_next_run_before_dagman_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB early a.sub\nJOB late a.sub\nSCRIPT PRE late /bin/true\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    for line in ("INTERNAL *** DAGMAN_STARTED 99.0 ***", "late PRE_SCRIPT_STARTED - - - 1"):
        played.say(line)
    played.say("early SUBMIT 9.0 - - 2")
    played.say("INTERNAL *** DAGMAN_FINISHED 2 ***")
    made = RescueDag((), (), created=START + 3, total=2)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(made, "x.dag"))
    played.say_at(START + PAUSE)
    played.say("INTERNAL *** DAGMAN_STARTED 100.0 ***")
    played.say("early SUBMIT 10.0 - - 3")
    played.write()
    for name, answer in {
        "dagman_jobs": [],
        "node_jobs": [],
        "machine": "",
        "all_dagmans_and_held": [],
    }.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)

    def told(*words: str) -> Any:
        run_command([*words, "--json", str(tmp_path / "x.dag")])
        return json.loads(capsys.readouterr().out)

    jobs = told("status")["jobs"]
    assert {name: number for name, number in jobs.items() if number} == {
        "total": 2,
        "unready": 1,
        "queued": 1,
    }
    assert told("why")["runs"][0]["jobs"] == jobs
    run_command(["rescue", "show", str(tmp_path / "x.dag")])
    assert "interrupted: early" in capsys.readouterr().out
    with locked(submit_dir.dagman_lock):  # as DAGMan does while it is at work
        run_command(["rescue", "show", str(tmp_path / "x.dag")])
        shown = capsys.readouterr().out
    assert "running: early" in shown
    assert "interrupted" not in shown
    states = [(row["job"], row["try"], row["state"]) for row in told("jobs")["jobs"]]
    assert sorted(states) == [("early", 1, "failed"), ("early", 2, "queued"), ("late", 1, "failed")]
    for name in ("early", "late"):
        run_command(["jobs", "--json", str(tmp_path / "x.dag"), name])
        (attempt, *_) = json.loads(capsys.readouterr().out)["attempts"]
        assert (attempt["status"], attempt["state"]) == ("failed", "failed")
    run_command(["jobs", str(tmp_path / "x.dag"), "late"])
    assert "attempt 1: failed: cut off when DAGMan left: PRE script\n" in capsys.readouterr().out


def test_a_failure_that_a_weak_edge_allows_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DAGMan's rescue DAG has a WEAK PARENT that failed as done (25.14.1): the next run succeeds without it."""
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    nodes = "".join(f"JOB {name} a.sub\n" for name in ("weak", "marked", "last"))
    (tmp_path / "x.dag").write_text(f"{nodes}WEAK PARENT weak CHILD last\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    for name, code in {"weak": 3, "marked": 4, "last": 0}.items():
        played.attempt(name, code)
    played.say("INTERNAL *** DAGMAN_FINISHED 1 ***")
    played.write()
    for name, answer in {"dagman_jobs": [], "node_jobs": [], "machine": ""}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)

    def said(*words: str, code: int = 0) -> str:
        assert run_command([*words, str(tmp_path / "x.dag")]) == code
        return capsys.readouterr().out

    assert "weak edges" not in said("status"), "the run has failed, and nothing allows it"
    said("why", code=2)
    made = RescueDag(("weak", "marked", "last"), (), created=START + 50, total=3)
    (tmp_path / "x.dag.rescue001").write_bytes(render_rescue(made, "x.dag"))
    played.say_at(START + PAUSE)
    played.say("INTERNAL *** DAGMAN_STARTED 100.0 ***")
    played.say("INTERNAL *** DAGMAN_FINISHED 0 ***")
    played.write()
    shown = said("status")
    assert "succeeded" in shown
    assert "failed: weak (attempt 1): exit code 3, which its weak edges allow" in shown
    assert "failed: marked (attempt 1): exit code 4, and its rescue DAG has it as done" in shown
    why = said("why")
    assert "exit code 3, which its weak edges allow" in why
    assert "exit code 4, and its rescue DAG has it as done" in why
    assert "next: " not in why


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (QueuedJob("99.0", JobStatus.HELD, "a whim"), "held"),
        (QueuedJob("99.0", JobStatus.REMOVED), "being removed"),
        (QueuedJob("99.0", JobStatus.IDLE, cool_down_until=1 << 40), "cooling down"),
        (QueuedJob("99.0", JobStatus.RUNNING), "running"),
    ],
)
def test_a_run_that_stands_still_does_so_in_all_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    job: QueuedJob,
    word: str,
) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB fit a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    played = Played(submit_dir)
    played.say("INTERNAL *** DAGMAN_STARTED 99.0 ***")
    played.say("fit SUBMIT 9.0 - - 2")
    played.write()
    in_queue = [replace(job, dags=(tmp_path / "x.dag",))]
    answers = {"dagman_jobs": in_queue, "all_dagmans_and_held": in_queue, "node_jobs": [], "machine": ""}
    for name, answer in {**answers, "jobs_below": []}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)

    def said(*words: str) -> list[str]:
        run_command([*words, str(tmp_path / "x.dag")])
        return capsys.readouterr().out.splitlines()

    assert said("status")[1].startswith(f"{word}, started ")
    assert [line for line in said("why") if line.startswith(f"{word}: 0 of 1 jobs done")]
    assert said("recover")[0].startswith(f"{word}: ")
    run_command(["list", "--json", str(tmp_path)])
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert listed["state"] == word


@pytest.mark.parametrize(
    ("status", "word"), [(JobStatus.IDLE, "waiting to start"), (JobStatus.RUNNING, "running")]
)
def test_a_run_of_which_dagman_has_written_nothing_stands_where_the_queue_has_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: JobStatus,
    word: str,
) -> None:
    (tmp_path / "a.sub").write_text("executable = /bin/true\nqueue\n")
    (tmp_path / "x.dag").write_text("JOB fit a.sub\n")
    submit_dir = open_run(tmp_path / "x.dag")
    rewrite(submit_dir, Options(executable="/bin/true", passes=frozenset({"jobstate-log"})))
    in_queue = [QueuedJob("99.0", status, dags=(tmp_path / "x.dag",))]
    answers = {"dagman_jobs": in_queue, "all_dagmans_and_held": in_queue, "node_jobs": [], "machine": ""}
    for name, answer in {**answers, "jobs_below": []}.items():
        monkeypatch.setattr(schedd, name, lambda *_, answer=answer, **__: answer)

    def said(*words: str) -> list[str]:
        run_command([*words, str(tmp_path / "x.dag")])
        return capsys.readouterr().out.splitlines()

    assert said("status")[1] == word
    assert f"{word}: 0 of 1 jobs done, 1 not started" in said("why")
    assert word in said("report", "--text")
    run_command(["list", "--json", str(tmp_path)])
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert listed["state"] == word


def test_they_agree(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        run_command([*words, str(run)])
        return capsys.readouterr().out

    def told(*words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(said(*words, "--json"))
        return found

    status, counted = told("status"), told("statistics")
    for key in ("wall_time_seconds", "elapsed_seconds"):
        assert status[key] == counted["summary"][key]
    assert status["elapsed_seconds"] - status["wall_time_seconds"] == PAUSE
    jobs = status["jobs"]
    assert (jobs["succeeded"], jobs["failed"], jobs["unready"], jobs["total"]) == (298, 1, 1, 300)
    assert counted["summary"]["jobs"]["succeeded"] == jobs["succeeded"]
    assert counted["summary"]["jobs"]["failed"] == jobs["failed"]
    rescue = told("rescue", "show")["counts"]
    assert (rescue["done"], rescue["failed"]) == (jobs["succeeded"], jobs["failed"])
    assert status["blocked"] == [{"by": "fit", "nodes": ["sum"]}]
    shown = said("status")
    assert "298 of 300 jobs done (99 %)" in shown
    assert "blocked by fit: 1 node: sum" in shown
    assert "0:36:42 h (without pauses 0:20:02 h)" in shown
    run_command(["--run", str(run), "--dry-run"], notify, "bridle-notify")
    assert "99% done (298 of 300 jobs), 1 failed" in capsys.readouterr().out
