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
from typing import TYPE_CHECKING, TypeAlias

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.confirmed import confirm, confirmation_file, confirmed
from dag_rewriter.directory.ownership import other_owner
from dag_rewriter.directory.policy_paths import policy_files
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted, read_trusted_beside
from monitord_job.notifications.matching import RuleBook
from monitord_job.notifications.rule import Action, Dialect, How, Rule
from monitord_job.notifications.triggers import WorkflowIdentity
from monitord_job.stampede.state import JobDescription, JobPlan

if TYPE_CHECKING:
    from monitord_job.notifications.rule_file import RuleFile

LOG = logging.getLogger("bridle.monitor")
NOT_CONFIRMED = "not run: a job may have written it (`bridle notify confirm` if it is yours)"
_SHOWN = 5
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A file that may hold rules; `dialect` None: a policy that does.

    `patterns_only`: it is not this workflow's own, names of nodes mean nothing in it. `jobs_write`: it is in a submit
    directory, where a job's returned files land: its rules hold only if they were confirmed.
    """

    path: Path
    dialect: Dialect | None
    patterns_only: bool = False
    jobs_write: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a file: its lines, and those of its rules that may come from a job and do not hold."""

    file: RuleFile
    unconfirmed: tuple[Rule, ...] = ()

    @property
    def held(self) -> Iterator[Rule]:
        """The rules that hold."""
        doubtful = frozenset(self.unconfirmed)
        return (rule for rule in self.file.rules if rule not in doubtful)


def parse_rules(place: RulePlace, data: bytes) -> RuleFile:
    """The lines of such a file, rules and others. Raises PolicyError for a policy that cannot be read."""
    from monitord_job.notifications.rule_file import parse  # most workflows have no rules

    if place.dialect is not None:
        return parse(data, str(place.path), place.dialect)
    from dag_rewriter.categories.policy_layers import parse_policy_rules

    text = "".join(f"{rule}\n" for rule in parse_policy_rules(place.path, data)).encode()
    return parse(text, f"{place.path}: notifications.rules", Dialect.BRIDLE)


def read_standing(place: RulePlace) -> Standing:
    """What stands there now; nothing if there is no file. Whoever looks at another user's file runs nothing of it.

    Raises FileError (UntrustedFileError for a file that others may write), or PolicyError for a policy that cannot be
    read.
    """
    if place.jobs_write and other_owner(place.path.parent) is not None:
        return Standing(parse_rules(place, read_trusted_beside(place.path, files.MANY) or b""))
    data = read_trusted(place.path, files.MANY) or b""
    found = parse_rules(place, data)
    if not place.jobs_write or not found.rules:
        return Standing(found)
    known = confirmed(place.path)
    if known is None:
        return Standing(found, found.rules)
    if known.data == data:
        return Standing(found)
    # Rule by rule: what was taken out of a file holds no more, and the rest goes on.
    agreed = frozenset(parse_rules(place, known.data).rules)
    return Standing(found, tuple(rule for rule in found.rules if rule not in agreed))


def rule_files(submit_dir: SubmitDir, above: Iterable[SubmitDir]) -> list[RulePlace]:
    """The files that have a say in a workflow; `above` are those that it is a part of. None of them need be there."""
    found = [
        RulePlace(submit_dir.notify, Dialect.PEGASUS),
        RulePlace(submit_dir.bridle_notify, Dialect.BRIDLE),
    ]
    parents = list(above)
    found += [RulePlace(parent.bridle_notify, Dialect.BRIDLE, patterns_only=True) for parent in parents]
    *common, own = policy_files(submit_dir)
    found += [RulePlace(path, None, patterns_only=True, jobs_write=False) for path in common]
    folders = [policy_files(parent)[-1] for parent in reversed(parents)]
    return [*found, *(RulePlace(path, None, patterns_only=True) for path in (*folders, own))]


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


Told: TypeAlias = set[tuple[Path, tuple[_Stamp | None, _Stamp | None]]]
"""Files, as they were, of which it was said what is wrong with them."""


class Rules:
    """The rules of one workflow. What is wrong with a file is said once of all workflows that share `told`: the files
    of a workflow count for those below it, too."""

    def __init__(self, found: list[RulePlace], told: Told | None = None) -> None:
        self._told: Told = set() if told is None else told
        self._files = [(file, confirmation_file(file.path)) for file in found]
        self._stamps: list[tuple[_Stamp | None, _Stamp | None]] | None = None
        self.book = RuleBook()

    def refresh(self) -> RuleBook:
        """The rules as the files have them now. Looks at the files, reads those only that have changed."""
        stamps = [_stamps(file, confirmation) for file, confirmation in self._files]
        if stamps != self._stamps:
            self._stamps = stamps
            there = [
                (file, stamp)
                for (file, _), stamp in zip(self._files, stamps, strict=True)
                if stamp[0] and stamp[0][1]
            ]
            found = [rule for file, stamp in there for rule in self._read(file, stamp)]
            if found and stands_in_for_pegasus(file for file, _ in there):
                found = [ours(rule) for rule in found]
            self.book = RuleBook(found)
        return self.book

    def _read(self, file: RulePlace, stamp: tuple[_Stamp | None, _Stamp | None]) -> Iterator[Rule]:
        is_new = (file.path, stamp) not in self._told
        self._told.add((file.path, stamp))
        return _read(file, LOG.warning if is_new else LOG.debug)


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


def _stamps(file: RulePlace, confirmation: Path) -> tuple[_Stamp | None, _Stamp | None]:
    """Of the file, and of what was confirmed of it."""
    found = _stamp(file.path)
    return found, _stamp(confirmation) if found and file.jobs_write else None


def _stamp(path: Path) -> _Stamp | None:
    """Time, size and number; None if there is no such file. One that cannot be looked at has a stamp as well."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each turn
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return 0, -1, error.errno or 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _remember(path: Path) -> None:
    """What a policy makes due may be delivered also when the policy says it no more."""
    try:
        data, known = read_trusted(path, files.MANY), confirmed(path)
        if data and (known is None or known.data != data):
            confirm(path, data)
    except BridleError as error:
        LOG.warning("%s", error)


def _read(file: RulePlace, say: Callable[..., None]) -> Iterator[Rule]:
    try:
        standing = read_standing(file)
    except BridleError as error:
        say("its rules are ignored: %s", error)
        return
    if not file.jobs_write:
        _remember(file.path)
    for damaged in standing.file.damaged:
        say("%s", damaged)
    for rule in standing.unconfirmed[:_SHOWN]:
        say("%s: %s: %s", rule.source, NOT_CONFIRMED, rule.action.text)
    more = len(standing.unconfirmed) - _SHOWN
    if more > 0:
        say("%s: and %d more rules that are not confirmed", file.path, more)
    yield from (rule for rule in standing.held if rule.is_pattern or not file.patterns_only)
