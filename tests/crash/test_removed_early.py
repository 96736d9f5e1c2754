"""DAGMan removes the monitor while it still starts: a short run, or one whose monitor has just come back."""

from __future__ import annotations

import signal
import subprocess

from condor_templates.monitor_job import MonitorJob, monitor_submit_description
from dag_rewriter.directory.submit_file import parse_submit_file
from tests.support.notified import kept
from tests.support.runs import BRIDLE


def test_it_records_and_delivers_everything_all_the_same(run):
    run.fresh()
    job = parse_submit_file(monitor_submit_description(MonitorJob(str(BRIDLE), "x", 1, 20)).encode())
    command = [str(BRIDLE), "monitord", "--follow", "--notify", str(run.submit_dir.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as monitor:
        # As soon as the program is the process's: Python has not begun, and no handler is there.
        monitor.send_signal(signal.Signals[job["remove_kill_sig"]])
        _, said = monitor.communicate(timeout=120)
    assert monitor.returncode == 0, said
    states = {row["state"] for row in kept(run.submit_dir.database)}
    assert states == {"delivered"}
    assert (run.submit_dir.path / "monitord.done").exists()
