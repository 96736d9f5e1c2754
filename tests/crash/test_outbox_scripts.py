"""What the outbox makes of scripts that fail, hang, flood or are not there; the properties that say how to run them."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from monitord_job.monitor import session
from monitord_job.monitor.limits import Limits
from monitord_job.notifications import outbox_values
from monitord_job.notifications.outbox_values import Patience
from monitord_job.notifications.settings import _FOREVER, DeliverySettings, settings_of
from tests.support.database import dump
from tests.support.notified import kept
from tests.support.outbox_run import follow
from tests.support.rules import write_rules


def test_one_that_asks_for_it_is_run_again_later(run, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox_values, "_FIRST_WAIT", 0.05)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    count = tmp_path / "count"
    text = f"echo x >>{count}; test $BRIDLE_TRY = 3 || exit 75"
    write_rules(run.submit_dir.bridle_notify, f"WORKFLOW * end shell: {text}\nWORKFLOW * end shell: exit 3\n")
    try:
        follow(run)
        rows = {row["code"]: row for row in kept(run.submit_dir.database)}
        assert (rows[0]["state"], rows[0]["tries"]) == ("delivered", 3)
        assert (rows[3]["state"], rows[3]["tries"]) == ("failed", 1)
        assert count.read_text() == "x\n" * 3
    finally:
        write_rules(run.submit_dir.bridle_notify, rules)


def test_properties_turn_it_off_and_set_its_limit(run):
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    try:
        run.fresh()
        properties.write_bytes(before + b"\npegasus.monitord.notifications = false\n")
        follow(run)
        assert kept(run.submit_dir.database) == []
        properties.write_bytes(before + b"\npegasus.monitord.notifications.timeout = 1\n")
        run.fresh()
        rules = run.submit_dir.bridle_notify.read_bytes()
        write_rules(run.submit_dir.bridle_notify, "WORKFLOW * end /bin/sleep 600\n")
        follow(run)
        (row,) = kept(run.submit_dir.database)
        assert (row["state"], row["cause"]) == ("failed", "ended at its time limit of 1 s")
        write_rules(run.submit_dir.bridle_notify, rules)
    finally:
        properties.write_bytes(before)


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("", DeliverySettings()),
        (".max = 3", DeliverySettings(most=3)),
        (".max = 0", None),
        (".max = -1", DeliverySettings()),
        (".timeout = 7", DeliverySettings(limit=7)),
        (".timeout = 0", DeliverySettings(limit=_FOREVER)),
        (".retries = 2", DeliverySettings(patience=Patience(retries=2))),
        (".patience = 3600", DeliverySettings(patience=Patience(seconds=3600))),
        (".patience = 0", DeliverySettings(patience=Patience(seconds=0))),
        (" = FALSE", None),
        (" = true", DeliverySettings()),
    ],
)
def test_what_properties_say_of_it(run, said, settings):
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    try:
        properties.write_bytes(before + f"\npegasus.monitord.notifications{said}\n".encode() * bool(said))
        found = settings_of(run.submit_dir)
        assert (found and replace(found, environment={})) == settings
    finally:
        properties.write_bytes(before)


def test_with_retries_any_that_fails_is_run_again_with_longer_and_longer_waits(run, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox_values, "_FIRST_WAIT", 0.2)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    times = tmp_path / "times"
    try:
        properties.write_bytes(before + b"\npegasus.monitord.notifications.retries = 2\n")
        text = f"date +%s.%N >>{times}; echo $BRIDLE_TRY; exit 3"
        write_rules(run.submit_dir.bridle_notify, f"WORKFLOW * end shell: {text}\n")
        follow(run)
        (row,) = kept(run.submit_dir.database)
    finally:
        properties.write_bytes(before)
        write_rules(run.submit_dir.bridle_notify, rules)
    assert (row["state"], row["code"], row["tries"], row["stdout"]) == ("failed", 3, 3, "3\n")
    first, second, third = map(float, times.read_text().split())
    assert second - first >= 0.2
    assert third - second >= 0.4


BAD = """\
WORKFLOW * start shell: exec sleep 600
WORKFLOW * start /usr/bin/yes flood
WORKFLOW * start shell: cat /dev/zero >&2
WORKFLOW * start shell: setsid sleep 600 & echo $! >daemon; kill -SEGV $$
WORKFLOW * start /no/such/script
WORKFLOW * start {text}
JOB * end {hook} good
"""


def test_scripts_of_all_bad_kinds_harm_neither_the_others_nor_the_database(run, tmp_path):
    """They begin with the run, so that the good ones run beside those which hang and flood."""
    run.fresh()
    session.catch_up(run.submit_dir, Limits(), notify=False)
    undisturbed = dump(run.submit_dir.database)
    run.fresh()
    rules = run.submit_dir.bridle_notify.read_bytes()
    properties = run.submit_dir.path / Path(run.submit_dir.braindump["properties"]).name
    before = properties.read_bytes()
    text = tmp_path / "no-script"
    text.write_text("nothing to be run\n")
    try:
        properties.write_bytes(before + b"\npegasus.monitord.notifications.timeout = 2\n")
        write_rules(run.submit_dir.bridle_notify, BAD.format(text=text, hook=run.hook.path))
        follow(run)
        rows = kept(run.submit_dir.database)
    finally:
        properties.write_bytes(before)
        write_rules(run.submit_dir.bridle_notify, rules)
        os.kill(int((run.submit_dir.path / "daemon").read_text()), signal.SIGKILL)
    assert dump(run.submit_dir.database) == undisturbed
    good = [row for row in rows if row["argv"][0] == str(run.hook.path)]
    assert len(good) == len(run.hook.runs()) > 5
    assert {row["state"] for row in good} == {"delivered"}
    bad = [(row["state"], row["code"]) for row in rows if row not in good]
    ended = [("failed", -signal.SIGTERM)] * 3
    assert sorted(bad) == sorted([*ended, ("failed", -signal.SIGSEGV), ("failed", 127), ("failed", 126)])
    assert max(len(row["stdout"] + row["stderr"]) for row in rows) < 40_000
