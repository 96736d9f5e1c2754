"""The rules that hold for a workflow now: its own, the user's, the site's. A file that changes is read again."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dag_rewriter import files
from dag_rewriter.errors import FileError
from dag_rewriter.policy_places import policy_files
from dag_rewriter.submit_dir import SubmitDir
from monitord_job.job import JobDescription, JobPlan
from monitord_job.notifications import RuleBook
from monitord_job.occasions import Told
from monitord_job.rule import Dialect, Entity, Rule

if TYPE_CHECKING:
    from monitord_job.rules import Line

LOG = logging.getLogger("bridle.monitor")
FILE_NAME = "bridle-notify"
"""Rules for all workflows of a site or a user, beside their policy.toml."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file that may hold rules. `patterns_only`: of another workflow, whose nodes' names mean nothing here."""

    path: Path
    dialect: Dialect
    patterns_only: bool = False


def rule_files(submit_dir: SubmitDir, above: Iterable[SubmitDir]) -> list[RuleFile]:
    """The files that have a say in a workflow; `above` are those that it is a part of. None of them need be there."""
    found = [
        RuleFile(submit_dir.notify, Dialect.PEGASUS),
        RuleFile(submit_dir.bridle_notify, Dialect.BRIDLE),
    ]
    found += (RuleFile(parent.bridle_notify, Dialect.BRIDLE, patterns_only=True) for parent in above)
    site, user, _ = policy_files(submit_dir)
    return [*found, *(RuleFile(path.with_name(FILE_NAME), Dialect.BRIDLE) for path in (site, user))]


def told_of(
    submit_dir: SubmitDir, plans: Mapping[str, JobPlan], describe: Callable[[JobPlan], JobDescription]
) -> Told:
    """The workflow as its notifications name it: where it is now, whatever braindump says."""
    label, index = (submit_dir.braindump.get(key) or "unknown" for key in ("dax_label", "dax_index"))
    return Told(
        wf_uuid=submit_dir.wf_uuid or "",
        name=f"{label}-{index}",
        directory=str(submit_dir.path),
        dagman_out=str(submit_dir.dagman_out),
        plans=plans,
        describe=describe,
        client=(str(Path(sys.executable).with_name("bridle-notify")),),
    )


class Rules:
    """The rules of one workflow."""

    def __init__(self, found: list[RuleFile]) -> None:
        self._files = found
        self._stamps: list[tuple[int, int, int] | None] | None = None
        self.book = RuleBook()

    def refresh(self) -> RuleBook:
        """The rules as the files have them now. Looks at the files, reads those only that have changed."""
        stamps = [_stamp(file.path) for file in self._files]
        if stamps != self._stamps:
            self._stamps = stamps
            self.book = RuleBook(pair for file in self._files for pair in _read(file))
        return self.book


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - at each turn
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: RuleFile) -> Iterator[tuple[Rule, str]]:
    try:
        data = files.read_if_there(file.path)
    except FileError as error:
        LOG.warning("no rules are taken from it: %s", error)
        return
    if not data:
        return
    from monitord_job.rules import parse

    read = parse(data, str(file.path), file.dialect)
    for damaged in read.damaged:
        LOG.warning("%s", damaged)
    for line in read.lines:
        if isinstance(line.content, Rule) and (line.content.is_pattern or not file.patterns_only):
            yield line.content, _word(line, line.content)


def _word(line: Line, rule: Rule) -> str:
    """The condition as it stands there: at_end of Pegasus 4, end of Pegasus 5."""
    place = 3 if rule.entity is Entity.INVOCATION else 2
    return line.raw.split(None, place + 1)[place].decode("utf-8", "backslashreplace")
