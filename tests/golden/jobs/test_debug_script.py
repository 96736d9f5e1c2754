"""What `bridle analyzer --debug-job` writes of a job whose file has an odd name."""

from dag_rewriter.directory.submit_file import parse_submit_file
from monitord_job.jobs.model.debug_script import DebugJob, debug_script


def test_a_name_with_a_line_break_stays_in_its_comment():
    description = parse_submit_file(b"executable = /bin/true\nqueue\n")
    script = debug_script(DebugJob("a\nrm -r here #", description, "/runs"), "/debug").decode()
    assert "rm -r here" in script
    assert not [line for line in script.splitlines() if line.startswith("rm")]
