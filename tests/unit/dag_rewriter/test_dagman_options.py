"""The throttles that the planner hands to DAGMan."""

from condor_templates.dagman_config import dagman_config
from dag_rewriter.directory.dagman_options import throttles

PLANNED = b"""\
universe = scheduler
arguments = "-f -Dag a-maxpre.dag -MaxIdle 50 -MaxJobs 200 -MaxPre 5 -maxpost 6 -MaxHold x -AutoRescue 1"
queue"""


def test_every_throttle_becomes_the_setting_that_says_the_same():
    found = throttles(PLANNED)
    assert found == {
        "DAGMAN_MAX_JOBS_IDLE": 50,
        "DAGMAN_MAX_JOBS_SUBMITTED": 200,
        "DAGMAN_MAX_PRE_SCRIPTS": 5,
        "DAGMAN_MAX_POST_SCRIPTS": 6,
    }
    config = dagman_config(None, throttles=found)
    assert [line for line in config.splitlines() if "MAX" in line] == [f"{k} = {v}" for k, v in found.items()]


def test_without_arguments_there_are_none():
    assert throttles(b"universe = scheduler\nqueue") == {}
