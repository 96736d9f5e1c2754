"""The table of what may happen to the monitor: one word for each exit code, in job, docs and monitor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from condor_templates.exit_codes import ExitCode
from condor_templates.monitor_conditions import FINAL_CODES, Condition, Remedy, as_markdown
from condor_templates.monitor_job import MonitorJob, monitor_submit_description
from condor_templates.policy import MonitorKind
from dag_rewriter.directory.submit_file import parse_submit_file

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_an_exit_code_is_final_or_it_is_not():
    again = {condition.value.code for condition in Condition if not condition.value.is_final}
    assert not again & FINAL_CODES
    assert again == {ExitCode.TRY_AGAIN, ExitCode.INTERNAL}


def test_nothing_is_final_that_can_be_waited_for_or_healed():
    assert all(one.value.remedy is Remedy.LEAVE for one in Condition if one.value.is_final)


@pytest.mark.parametrize(
    ("kind", "expected"), [(MonitorKind.SERVICE, {0, 1, 2}), (MonitorKind.JOB, {0, 1, 2, 3})]
)
def test_the_job_leaves_the_queue_with_these_codes_alone(kind, expected):
    job = MonitorJob("/opt/bridle", "x", 5, 20, kind)
    found = parse_submit_file(monitor_submit_description(job).encode())["on_exit_remove"]
    assert {int(code) for code in re.findall(r"ExitCode == (\d+)", found)} == expected
    assert expected | {ExitCode.NODES_FAILED} == FINAL_CODES


def test_the_docs_have_the_table():
    assert as_markdown() in (DOCS / "reliability.md").read_text()
