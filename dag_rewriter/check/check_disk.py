"""`bridle check` on disk: which DAG is meant, its files, its sub-workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.check.check_dag import Checked, check_dag
from dag_rewriter.check.configuration import configuration_findings
from dag_rewriter.check.missing_programs import MOST_LINES, missing_programs
from dag_rewriter.check.node_log import node_log_findings
from dag_rewriter.check.scope import Finding, Severity, join
from dag_rewriter.directory.locate import root_and_name
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir
from dag_rewriter.errors import DagSyntaxError, RewriterError
from dag_rewriter.model.block import check_complete
from dag_rewriter.model.splices import expand
from dag_rewriter.rescue.newest_rescue import newest_rescue

Progress = Callable[[int, int], None]
"""is told (bytes read, bytes there are to read)"""


@dataclass(slots=True)
class Disk:
    """Files below the directory in which DAGMan runs."""

    root: Path
    known: Mapping[str, bytes] = field(default_factory=dict)
    """what is to be read instead of a file"""

    def read(self, path: str) -> bytes | None:
        if path in self.known:
            return self.known[path]
        place = self.root / path
        return None if files.mode_of(place) is None else files.read_regular(place)

    def exists(self, path: str) -> bool:
        return files.mode_of(self.root / path) is not None

    def identity(self, path: str) -> str:
        return str((self.root / path).resolve())


def find_dag(path: Path) -> Path:
    """The DAG that is meant: the file itself, or that of a submit directory."""
    return open_submit_dir(path).dag_file if path.is_dir() else path


def check_path(
    path: Path, progress: Progress, data: bytes | None = None, *, programs: bool = True
) -> Checked:
    """Checks a DAG and its sub-workflows; FileError when the DAG itself cannot be read.

    The files in the findings are named as seen from where `path` is. `data` is to be checked instead of what the DAG's
    file holds. `programs`: whether to look for those, too, of which there are warnings alone.
    """
    data = files.read_regular(path) if data is None else data  # the one file that must be there
    root, name = root_and_name(path)
    findings = list(_whole(data, str(path)))
    total = _Total(progress, 2 * len(data))
    submit_dir = SubmitDir(path.parent, {}, path.name)
    first = check_dag(
        name, Disk(root, {name: data}), progress=total.add, rescue=partial(newest_rescue, submit_dir)
    )
    findings += (_named(finding, root) for finding in first.findings)
    findings += node_log_findings(path, root, first.config)
    findings += configuration_findings(root, first.config)
    is_short = programs and data.count(b"\n") <= MOST_LINES
    if is_short and not any(finding.severity is Severity.ERROR for finding in findings):
        findings += (_named(finding, root) for finding in _programs(name, Disk(root, {name: data})))
    findings += below_findings(path, root, first.sub_dags)
    return replace(first, findings=tuple(findings))


def below_findings(path: Path, root: Path, sub_dags: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """What is wrong in the sub-workflows of a DAG, and in theirs: (directory, DAG file) of those that are there."""
    seen = {path.resolve()}
    left = list(sub_dags)
    while left:
        where, file = left.pop(0)
        below = root / join(where, file)
        if below.resolve() in seen or files.mode_of(below) is None:
            continue
        seen.add(below.resolve())
        inner = check_dag(join(where, file), Disk(root), where)
        yield from (_named(finding, root) for finding in inner.findings)
        yield from node_log_findings(below, root / where, inner.config)
        yield from configuration_findings(root / where, inner.config)
        left += inner.sub_dags


def _programs(name: str, disk: Disk) -> Iterator[Finding]:
    """What is said of programs; of a DAG that cannot be put together, that was said already."""
    with suppress(RewriterError):
        yield from missing_programs(expand(name, lambda path: disk.read(path) or b""), disk)


def _whole(data: bytes, source: str) -> tuple[Finding, ...]:
    try:
        check_complete(data, source)
    except DagSyntaxError as error:
        return (Finding(source, error.line_no, Severity.ERROR, error.what, error.hint),)
    return ()


def _named(finding: Finding, root: Path) -> Finding:
    return replace(finding, file=str(root / finding.file))


@dataclass(slots=True)
class _Total:
    """Adds up what was read, for a bar."""

    progress: Progress
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        self.progress(self.done, max(self.total, self.done))
