"""Makes the .notify file of a planned workflow; a file that somebody edited is never replaced unasked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.notifications.rule import Rule
from monitord_job.notifications.rule_file import RuleFile, Words, parse
from planner_ext.abstract import dax_xml, workflow_yaml
from planner_ext.abstract.workflow import AbstractWorkflow, merged
from planner_ext.abstract.yaml_nodes import MAX_BYTES
from planner_ext.errors import NotifyFileError, WorkflowError
from planner_ext.notify.hook_rules import planned_rules, render_notify
from planner_ext.notify.planned_jobs import planned_jobs

_HEAD = "# Made by `bridle notify generate`; as long as nobody edits it, it may do so again. sha256 "
_OURS = re.compile(re.escape(_HEAD.encode()) + rb"([0-9a-f]{64})\n")
# Blanks, and the marks that say UTF-8 or UTF-16.
_BEFORE_XML = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
_CATALOG = "catalogs/transformations.yml"
"""the planner's copy"""


@dataclass(frozen=True, slots=True)
class NotifyFile:
    """What `generate` made of a workflow."""

    workflow: Path
    content: bytes
    rules: tuple[Rule, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` did."""

    path: Path
    changed: bool
    kept_as: Path | None
    """what was there before, if it was not ours"""


def load_workflow(path: Path) -> AbstractWorkflow:
    """An abstract workflow, XML or YAML by what it looks like."""
    data = files.read_begin(path, MAX_BYTES + 1)  # one more than is taken: `load` says what is wrong
    load = dax_xml.load if data[:64].lstrip(_BEFORE_XML)[:1] == b"<" else workflow_yaml.load
    return load(data, str(path))


def find_workflow(submit_dir: SubmitDir) -> Path:
    """The abstract workflow that braindump names: the planner's copy, or the user's own file."""
    named = submit_dir.braindump.get("dax")
    if not named:
        raise WorkflowError(
            str(submit_dir.path), "its braindump names no abstract workflow", "name it with --workflow"
        )
    for path in (submit_dir.path / Path(named).name, Path(named)):
        if files.mode_of(path) is not None:
            return path
    what = f"the abstract workflow {Path(named).name} is neither there nor at {named}"
    raise WorkflowError(str(submit_dir.path), what, "name it with --workflow")


def generate(submit_dir: SubmitDir, path: Path, words: Words) -> NotifyFile:
    """The .notify file that the hooks of the workflow in `path` need. Writes nothing."""
    wf_uuid = submit_dir.wf_uuid
    if not wf_uuid:
        raise WorkflowError(
            str(submit_dir.path), "its braindump has no wf_uuid", "name a directory that was planned"
        )
    workflow = load_workflow(path)
    catalog = files.read_if_there(submit_dir.path / _CATALOG)
    if catalog is not None:
        beside = workflow_yaml.load_hooks(catalog, str(submit_dir.path / _CATALOG))
        workflow = replace(workflow, transformations=merged(workflow.transformations + beside))
    planned = planned_rules(workflow, planned_jobs(submit_dir, workflow.tasks), wf_uuid)
    return NotifyFile(path, render_notify(planned, words), planned.rules, planned.notes)


def write(path: Path, made: NotifyFile, *, force: bool = False) -> Written:
    """Puts it in place, all at once. NotifyFileError when that would lose somebody's rules and `force` is not given."""
    before = files.read_if_there(path)
    if before is not None and before in (made.content, _signed(made.content)):
        return Written(path, changed=False, kept_as=None)
    kept_as = None
    if before and not _is_ours(before):
        if not force:
            _check_nothing_is_lost(path, before, made)
        kept_as = _free_name(path)
        files.replace(kept_as, before)
    files.replace(path, _signed(made.content))
    return Written(path, changed=True, kept_as=kept_as)


def _signed(content: bytes) -> bytes:
    return f"{_HEAD}{hashlib.sha256(content).hexdigest()}\n".encode() + content


def _is_ours(data: bytes) -> bool:
    """Whether we wrote all of it."""
    match = _OURS.match(data)
    return match is not None and hashlib.sha256(data[match.end() :]).hexdigest().encode() == match[1]


def _check_nothing_is_lost(path: Path, before: bytes, made: NotifyFile) -> None:
    lost = list(_only_there(parse(before, str(path)), made.rules))
    if lost:
        line, text = lost[0]
        more = f" and {len(lost) - 1} more lines" if len(lost) > 1 else ""
        what = f"{text!r}{more} would be lost: the workflow has no such hook"
        hint = "write elsewhere with --output, or replace it with --force (what is there now is kept)"
        raise NotifyFileError(f"{path}:{line}", what, hint)


def _only_there(file: RuleFile, rules: tuple[Rule, ...]) -> Iterator[tuple[int, str]]:
    """Lines (number, text) that say what the rules do not; comments are somebody's, too."""
    left = list(rules)
    for number, line in enumerate(file.lines, 1):
        text = line.raw.decode("utf-8", "backslashreplace").strip()
        if isinstance(line.content, Rule) and line.content in left:
            left.remove(line.content)
        elif text:
            yield number, text[:80]


def _free_name(path: Path) -> Path:
    """The first of X.000, X.001, ... that is not there; Pegasus rotates its files so."""
    names = set(files.names_in(path.parent))
    return path.with_name(
        next(name for n in range(len(names) + 1) if (name := f"{path.name}.{n:03d}") not in names)
    )
