"""`bridle analyzer` counts as pegasus-analyzer 5.1.3 does, and exits as it does, on both databases of a recorded run.

What differs, and why: a job that was removed, that HTCondor did not take, or that was at work when DAGMan left a run
that failed, has no exit code, so the peer counts it as not submitted.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from monitord_job.cli.analyzer import analyzer
from monitord_job.cli.statistics import statistics
from planner_ext.cli import run_command
from tests.conftest import wherever
from tests.peer.test_recorded_databases import RUNS, prepared
from tests.support.database import query

_COUNT = re.compile(r"# jobs (succeeded|failed|held) +: +(\d+)")
_WITHOUT_CODE = """
SELECT count(*) FROM (
    SELECT (SELECT s.state FROM jobstate s WHERE s.job_instance_id = i.job_instance_id
            ORDER BY s.jobstate_submit_seq DESC LIMIT 1) AS state,
        (SELECT e.state = 'WORKFLOW_TERMINATED' AND e.status <> 0 FROM workflowstate e WHERE e.wf_id = w.wf_id
            ORDER BY e.timestamp DESC, e.restart_count DESC, e.state DESC LIMIT 1) AS cut_short
    FROM job_instance i JOIN job j USING (job_id) JOIN workflow w USING (wf_id)
    WHERE i.exitcode IS NULL AND w.root_wf_id = w.wf_id AND NOT EXISTS (
        SELECT 1 FROM job_instance l WHERE l.job_id = i.job_id AND l.job_submit_seq > i.job_submit_seq))
WHERE state IN ('JOB_ABORTED', 'SUBMIT_FAILED', 'PRE_SCRIPT_FAILED') OR cut_short
"""


@pytest.mark.parametrize("run", wherever("", RUNS))
def test_counts_and_exit_codes_are_those_of_the_peer(run, fresh_corpus, peer, capfd):
    databases = prepared(fresh_corpus(run))
    for database in (databases.ours, databases.theirs):
        databases.put(database)
        said = peer("pegasus-analyzer", "-S", str(databases.submit_dir.path))
        theirs = {word: int(number) for word, number in _COUNT.findall(said.stdout)}
        capfd.readouterr()
        words = ["--ignore-db-inconsistency", "--json", str(databases.submit_dir.path)]
        code = run_command(["analyzer", *words])
        (found,) = json.loads(capfd.readouterr().out)["runs"]
        without_code = query(database, _WITHOUT_CODE)[0][0]
        assert theirs["succeeded"] == found["jobs"]["succeeded"]
        assert theirs["failed"] == found["jobs"]["failed"] - without_code
        assert code == said.returncode


_OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)(?:[ =](\[|[A-Z_]{2,}))?")
_LINE = re.compile(r"^ +(-\S.*?)(?: {2,}|$)", re.MULTILINE)
_DOCS = Path(__file__).parents[2] / "docs"


def options_of(tool: str, peer) -> dict[str, bool]:
    """The options that the real tool's help names, and whether each takes a value."""
    lines = _LINE.findall(peer(tool, "--help").stdout)
    assert len(lines) > 10
    return {
        name: any(value for _, value in _OPTION.findall(line))
        for line in lines
        for name, _ in _OPTION.findall(line)
        if name not in ("-h", "--help")
    }


@pytest.mark.parametrize("command", [analyzer, statistics], ids=lambda command: command.name)
def test_each_option_of_the_peer_is_there_or_refused_with_what_to_do_instead(command, peer, capfd) -> None:
    theirs = options_of(f"pegasus-{command.name}", peer)
    ours = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert theirs.keys() <= ours.keys()
    page = (_DOCS / f"{command.name}.md").read_text()
    for name, takes_value in theirs.items():
        option = ours[name]
        assert takes_value == (not option.is_flag and not option.count), name
        if option.hidden:
            assert run_command([command.name, name, *(["x"] if takes_value else [])]) == 1
            assert f"{option.opts[-1]} of Pegasus's tool is not there: " in capfd.readouterr().err
            assert any(f"`{short}`" in page for short in option.opts)


def test_lines_begin_with_as_many_tabs_as_the_peers(fresh_corpus, peer, capfd) -> None:
    databases = prepared(fresh_corpus("recorded/failing-condorio"))
    databases.put(databases.ours)
    said = peer("pegasus-analyzer", "-I", "2", str(databases.submit_dir.path))
    assert re.search(r"^\t\t\S", said.stdout, re.MULTILINE)
    capfd.readouterr()
    plain, shifted = (
        (
            run_command(["analyzer", *more, "--dag", str(databases.submit_dir.dag_file)]),
            capfd.readouterr().out,
        )
        for more in ([], ["-I", "2"])
    )
    assert shifted == (plain[0], "".join(f"\t\t{line}" for line in plain[1].splitlines(keepends=True)))


_LITE = """\
#!/bin/bash
set -e
cd "$pegasus_lite_work_dir"
echo "PegasusLite: version 5.1.3" >&2
{kickstart} -n work /bin/cp f.in f.out
# stage out
exit 9
"""
_SUBMIT = """\
universe = vanilla
executable = {folder}/00/work_ID1.sh
initialdir = {folder}
wf_submit_dir = {folder}
transfer_input_files = $(wf_submit_dir)/f.in,00/g.in
transfer_output_files = f.out
queue
"""


def lite_job(folder: Path) -> Path:
    """A job of PegasusLite as the planner leaves it, with a stand-in for kickstart."""
    (folder / "00").mkdir()
    kickstart = folder / "pegasus-kickstart"
    kickstart.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    kickstart.chmod(0o755)
    for name in ("f.in", "00/g.in"):
        (folder / name).write_text(name)
    (folder / "00/work_ID1.sh").write_text(_LITE.format(kickstart=kickstart))
    (folder / "00/work_ID1.sub").write_text(_SUBMIT.format(folder=folder))
    (folder / "x.dag").write_text("JOB work_ID1 00/work_ID1.sub\n")
    return folder / "00/work_ID1"


def test_a_job_is_debugged_by_a_script_that_does_what_the_peers_does(peer, work_dir, capfd) -> None:
    job = lite_job(work_dir)
    folders = [work_dir / name for name in ("theirs", "ours", "by name", "other")]
    assert peer("pegasus-analyzer", "--debug-job", str(job), "--debug-dir", str(folders[0])).returncode == 0
    other = work_dir / "other-cp"
    other.write_text("#!/bin/sh\necho other >f.out\n")
    other.chmod(0o755)
    for words in (
        [str(job), "--debug-dir", str(folders[1])],
        ["work_ID1", "--debug-dir", str(folders[2]), "--type", "condor", str(work_dir / "x.dag")],
        [f"{job}.sub", "--debug-dir", str(folders[3]), "--local-executable", str(other)],
    ):
        assert run_command(["analyzer", "--debug-job", *words]) == 0
    assert "./debug_work_ID1.sh" in capfd.readouterr().out
    ran = [
        subprocess.run(["./debug_work_ID1.sh"], cwd=folder, capture_output=True, text=True, check=False)
        for folder in folders
    ]
    assert [done.returncode for done in ran] == [0] * 4
    assert all(done.stdout.endswith("all output files were created\n") for done in ran)
    files = [{path.name for path in folder.iterdir()} for folder in folders]
    assert files == [files[0]] * 4
    assert [(folder / "f.out").read_text() for folder in folders] == ["f.in"] * 3 + ["other\n"]
    (work_dir / "f.in").unlink()
    for folder in folders[:2]:
        done = subprocess.run(["./debug_work_ID1.sh"], cwd=folder, capture_output=True, check=False)
        assert done.returncode == 1


def test_what_cannot_be_debugged_is_said(work_dir, capfd) -> None:
    lite_job(work_dir)
    for words in (["--debug-dir", "x"], ["--debug-job", "none", str(work_dir / "x.dag")]):
        assert run_command(["analyzer", *words]) == 1
    said = capfd.readouterr().err
    assert "which job? name it with --debug-job" in said
    assert "it has no job 'none' with a submit file" in said
