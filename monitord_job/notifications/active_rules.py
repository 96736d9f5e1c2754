"""The rules that hold for a workflow now: its own, the user's, the site's. A file that changes is read again."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.policy_paths import policy_files
from dag_rewriter.directory.submit_dir import SubmitDir
from monitord_job.notifications.matching import RuleBook
from monitord_job.notifications.rule import Action, Dialect, How, Rule
from monitord_job.notifications.triggers import WorkflowIdentity
from monitord_job.stampede.state import JobDescription, JobPlan

if TYPE_CHECKING:
    from monitord_job.notifications.rule_file import RuleFile

LOG = logging.getLogger("bridle.monitor")


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A file that may hold rules; `dialect` None: a policy that does.

    `patterns_only`: it is not this workflow's own, names of nodes mean nothing in it.
    """

    path: Path
    dialect: Dialect | None
    patterns_only: bool = False


def read_rules(place: RulePlace) -> RuleFile:
    """What stands there, rules and lines that are none; nothing if there is no file.

    Raises FileError, or PolicyError for a policy that cannot be read.
    """
    data = files.read_if_there(place.path)
    from monitord_job.notifications.rule_file import parse  # most workflows have no rules

    if place.dialect is not None:
        return parse(data or b"", str(place.path), place.dialect)
    from dag_rewriter.categories.policy_layers import read_notification_rules

    rules = read_notification_rules(place.path) if data else ()
    text = "".join(f"{rule}\n" for rule in rules).encode()
    return parse(text, f"{place.path}: notifications.rules", Dialect.BRIDLE)


def rule_files(submit_dir: SubmitDir, above: Iterable[SubmitDir]) -> list[RulePlace]:
    """The files that have a say in a workflow; `above` are those that it is a part of. None of them need be there."""
    found = [
        RulePlace(submit_dir.notify, Dialect.PEGASUS),
        RulePlace(submit_dir.bridle_notify, Dialect.BRIDLE),
    ]
    parents = list(above)
    found += [RulePlace(parent.bridle_notify, Dialect.BRIDLE, patterns_only=True) for parent in parents]
    *common, own = policy_files(submit_dir)
    folders = [policy_files(parent)[-1] for parent in reversed(parents)]
    return [*found, *(RulePlace(path, None, patterns_only=True) for path in (*common, *folders, own))]


def identity_of(
    submit_dir: SubmitDir, plans: Mapping[str, JobPlan], describe: Callable[[JobPlan], JobDescription]
) -> WorkflowIdentity:
    """The workflow as its notifications name it: where it is now, whatever braindump says."""
    label, index = (submit_dir.braindump.get(key) or "unknown" for key in ("dax_label", "dax_index"))
    return WorkflowIdentity(
        wf_uuid=submit_dir.wf_uuid or "",
        name=f"{label}-{index}",
        directory=str(submit_dir.path),
        dagman_out=str(submit_dir.dagman_out),
        plans=plans,
        describe=describe,
        client=(client(),),
    )


def client() -> str:
    """The program that sends messages: the one beside this very interpreter."""
    return str(Path(sys.executable).with_name("bridle-notify"))


class Rules:
    """The rules of one workflow."""

    def __init__(self, found: list[RulePlace]) -> None:
        self._files = found
        self._stamps: list[tuple[int, int, int] | None] | None = None
        self.book = RuleBook()

    def refresh(self) -> RuleBook:
        """The rules as the files have them now. Looks at the files, reads those only that have changed."""
        stamps = [_stamp(file.path) for file in self._files]
        if stamps != self._stamps:
            self._stamps = stamps
            there = [file for file, stamp in zip(self._files, stamps, strict=True) if stamp and stamp[1]]
            found = [rule for file in there for rule in _read(file)]
            if found and stands_in_for_pegasus(there):
                found = [ours(rule) for rule in found]
            self.book = RuleBook(found)
        return self.book


def stands_in_for_pegasus(places: Iterable[RulePlace]) -> bool:
    """Whether bridle-notify is to be run for Pegasus's e-mail script: what the last policy says that says anything."""
    from dag_rewriter.categories.policy_layers import read_pegasus_email

    wanted = False
    for place in places:
        if place.dialect is None:
            with suppress(BridleError):  # told where its rules are read
                said = read_pegasus_email(place.path)
                wanted = wanted if said is None else said
    return wanted


def ours(rule: Rule) -> Rule:
    """The same with our client instead of Pegasus's script, if that is what it runs."""
    from monitord_job.notifications.pegasus_scripts import our_arguments

    if rule.action.how is not How.COMMAND:
        return rule
    arguments = our_arguments(rule.action.argv, getuser())
    if arguments is None:
        return rule
    return replace(rule, action=Action(How.COMMAND, shlex.join((client(), *arguments))))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Time, size and number; None if there is no such file. One that cannot be looked at has a stamp as well."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each turn
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return 0, -1, error.errno or 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: RulePlace) -> Iterator[Rule]:
    try:
        read = read_rules(file)
    except BridleError as error:
        LOG.warning("its rules are ignored: %s", error)
        return
    for damaged in read.damaged:
        LOG.warning("%s", damaged)
    yield from (rule for rule in read.rules if rule.is_pattern or not file.patterns_only)
