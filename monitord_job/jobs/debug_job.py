"""Writes what `bridle analyzer --debug-job` makes: a script that runs one job here, in a folder."""

from __future__ import annotations

from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.locate import read_whole
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.model.dag import NodeKind
from monitord_job.errors import MonitorError
from monitord_job.jobs.model.debug_script import DebugJob, debug_script, shortened


def submit_file_of(submit_dir: SubmitDir, job: str) -> Path:
    """The submit file of a node. MonitorError if the DAG has no such node, or it has none; FileError."""
    node = next((node for node in read_whole(submit_dir).nodes() if node.name == job), None)
    if node is None or node.kind is NodeKind.SUBDAG or node.inline is not None:
        what = f"it has no job {job!r} with a submit file"
        raise MonitorError(str(submit_dir.dag_file), what, "`bridle jobs` shows all; or name a submit file")
    return submit_dir.start / (node.directory or "") / node.submit_file


def write_debug_script(submit_file: Path, start: Path, folder: Path | None, executable: str | None) -> Path:
    """The script, in `folder`, by default debug_JOB here; `executable` in place of the task's own. FileError, OSError.

    `start`: where names in the submit file begin.
    """
    description = parse_submit_file(files.read(submit_file, files.MANY))
    wrapper = files.read_if_there(submit_file.with_suffix(".sh"), files.MANY)
    name = submit_file.stem
    place = (folder or Path(f"debug_{name}")).absolute()
    files.make_folder(place)
    shown = None
    if wrapper is not None:
        shown = f"stripped_pl_{name}.sh"
        files.replace(place / shown, shortened(wrapper, executable), mode=0o755)
    script = place / f"debug_{name}.sh"
    files.replace(
        script, debug_script(DebugJob(name, description, str(start), shown), str(place)), mode=0o755
    )
    return script
