"""What may be run of what is due: the database is a file that a job can bring back, what was confirmed is none."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.confirmed import (
    CHANGED,
    Confirmed,
    confirmation_file,
    confirmations,
    not_run,
    read_confirmation,
)
from dag_rewriter.directory.policy_paths import policy_files
from dag_rewriter.directory.programs import place_of, sha256_of
from dag_rewriter.directory.submit_dir import SubmitDir, open_submit_dir, was_planned
from dag_rewriter.directory.subworkflows import has_sub_dags, sub_dags
from dag_rewriter.directory.trusted_files import read_trusted
from dag_rewriter.model.dag import parse_dag
from monitord_job.notifications import active_rules
from monitord_job.notifications.active_rules import RulePlace, ours, parse_rules
from monitord_job.notifications.outbox_values import Task
from monitord_job.notifications.program_words import program_words
from monitord_job.notifications.rule import Dialect, How, Rule

LOG = logging.getLogger("bridle.monitor")
_TOLD = 20
"""Command lines that are named in the log."""
_EVENT = frozenset(f"PEGASUS_EVENT{part}" for part in ("", "_TIMESTAMP", "_TIMESTAMP_ISO"))
_ABOUT = frozenset(f"PEGASUS_{part}" for part in ("JOBID", "INVID", "WFID", "STDOUT", "STDERR", "STATUS"))
_VARIABLES = _EVENT | _ABOUT | {"BRIDLE_WORKFLOW", "BRIDLE_ATTEMPT", "BRIDLE_REASON"}
"""What `matching` says of an event. Others (PEGASUS_HOME, say) could lead a script to another program."""
_Stamp = tuple[int, ...] | None
_Argv = tuple[str, ...]


@dataclass(slots=True)
class _Agreed:
    """What was confirmed: command lines, by key, as they are to be run; SHA-256 of programs; in which folders."""

    argvs: dict[_Argv, _Argv] = field(default_factory=dict)
    unpinned: set[_Argv] = field(default_factory=set)
    """those of which an earlier bridle pinned no program"""
    programs: dict[str, set[str]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


class Permits:
    """What was ever confirmed for a run and what is below it."""

    def __init__(self, submit_dir: SubmitDir) -> None:
        self._dir = submit_dir
        self._roots = {os.path.realpath(submit_dir.path)}
        self._policies = policy_files(submit_dir)[:2]
        self._members: dict[str, bool] = {}
        self._stamps: tuple[_Stamp, ...] | None = None
        self._folders: dict[Path, tuple[_Stamp, str]] = {}
        self._agreed = _Agreed()
        self._told: set[tuple[object, ...]] = set()

    def refresh(self) -> bool:
        """Look at what is confirmed now; whether that has changed."""
        stamps = tuple(_stamp(place) for place in (confirmations(), *self._policies))
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self._collect()
        return True

    def permitted(self, task: Task) -> Task | None:
        """The task as it may be run, None if it may not: that is told, once."""
        why = self.refusal(task.argv, task.directory)
        if why is None:
            return replace(task, argv=self._agreed.argvs[_key(task.argv)], environment=_environment(task))
        said = (task.argv, task.directory, why)
        if said not in self._told and len(self._told) < _TOLD:
            self._told.add(said)
            LOG.warning("a notification is not run: %s: %s", shlex.join(task.argv), why)
        return None

    def refusal(self, argv: Sequence[str], directory: str) -> str | None:
        """Why a command line may not be run in a directory, and the way out; None if it may."""
        if not self._is_member(directory):
            return f"{directory or 'its directory'} is none of this run"
        if not argv or _key(argv) not in self._agreed.argvs:
            return f"no rule that was confirmed says so, and it may come from a job: {not_run(self._dir)}"
        for word, is_run in program_words(argv):
            why = self._of_program(word, directory, is_run, _key(argv) in self._agreed.unpinned)
            if why is not None:
                return f"{why}: {not_run(self._dir)}"
        return None

    def _of_program(self, word: str, directory: str, is_run: bool, is_unpinned: bool) -> str | None:
        place = place_of(word, directory)
        # A relative name is looked up in a directory that the database says.
        if word.startswith("/") and not (self._is_below(place) or self._is_below(os.path.realpath(place))):
            return None
        if not (os.path.lexists(place) if is_run else _is_program(place)):
            return None
        pinned = self._agreed.programs.get(place)
        if pinned is None:
            what = f"{place} was not there when the rules that name it were confirmed"
            return None if is_unpinned else what
        return None if sha256_of(place) in pinned else f"{place} {CHANGED}"

    def _is_below(self, place: str) -> bool:
        return any(_is_in(place, top) for top in self._roots | self._agreed.folders)

    def _is_member(self, directory: str) -> bool:
        """Whether a workflow of the run has its files there."""
        found = self._members.get(directory)
        if found is None:
            found = self._members[directory] = self._belongs(directory)
        return found

    def _belongs(self, directory: str) -> bool:
        if not PurePath(directory).is_absolute() or "\0" in directory:
            return False
        real = os.path.realpath(directory)
        if any(_is_in(real, root) for root in self._roots):
            return True
        outside = self._outside(Path(real))
        self._roots |= outside
        if outside:
            self._collect()
        return real in outside

    def _outside(self, folder: Path) -> set[str]:
        """That folder and others, if it is one of a sub-workflow that does not lie below the submit directory."""
        with suppress(BridleError, OSError):
            if was_planned(folder) and open_submit_dir(folder).root_wf_uuid == self._dir.root_wf_uuid:
                return {str(folder)}
            dag = parse_dag(files.read_regular(self._dir.dag_file), self._dir.dag)
            if has_sub_dags(dag):
                return {os.path.realpath(each.path) for each in sub_dags(self._dir, dag)}
        return set()

    def _collect(self) -> None:
        self._agreed = _Agreed()
        for place in self._confirmed_here():
            with suppress(BridleError):  # said by who reads the rules
                entry = read_confirmation(place)
                if entry is not None:
                    self._add(entry)
        for path in self._policies:
            with suppress(BridleError):
                self._add_rules(
                    RulePlace(path, None), read_trusted(path, files.MANY) or b"", is_unpinned=False
                )

    def _confirmed_here(self) -> Iterator[Path]:
        """Where it stands what was confirmed of files of this run. Others are looked into once."""
        yield from (place for path in self._policies if (place := confirmation_file(path)).exists())
        try:
            found = sorted(confirmations().glob("*.json"))
        except OSError:
            return
        for place in found:
            stamp = _stamp(place)
            known = self._folders.get(place)
            if known is None or known[0] != stamp:
                known = self._folders[place] = (stamp, _folder_of(place))
            if any(_is_in(known[1], root) for root in self._roots):
                yield place

    def _add(self, entry: Confirmed) -> None:
        agreed = self._agreed
        is_policy = entry.path in self._policies
        if not is_policy:
            agreed.folders.add(os.path.realpath(entry.path.parent))
        for program, said in (entry.programs or {}).items():
            agreed.programs.setdefault(program, set()).add(said)
        place = RulePlace(entry.path, None if is_policy else _DIALECTS.get(entry.path.suffix))
        for content in entry.contents:
            with suppress(BridleError):
                self._add_rules(place, content, is_unpinned=entry.programs is None)

    def _add_rules(self, place: RulePlace, content: bytes, *, is_unpinned: bool) -> None:
        for rule in parse_rules(place, content).rules if content else ():
            for key, argv in _argvs(rule):
                self._agreed.argvs[key] = argv
                if is_unpinned:
                    self._agreed.unpinned.add(key)


_DIALECTS = {f".{dialect.value}": dialect for dialect in Dialect}


def _argvs(rule: Rule) -> Iterator[tuple[_Argv, _Argv]]:
    """By key, what a rule may run: also if a policy says, or said then, that ours stands in for Pegasus's script."""
    if rule.action.how is How.URL:
        words = ("--to", rule.action.text)
        yield ("", *words), (active_rules.client(), *words)
        return
    argv = rule.action.argv
    yield _key(argv), argv
    argv = ours(rule).action.argv
    yield _key(argv), argv


def _key(argv: Sequence[str]) -> _Argv:
    """The same for each bridle's client: an earlier one may have been elsewhere. Ours is run."""
    return ("", *argv[1:]) if PurePath(argv[0]).name == _CLIENT else tuple(argv)


_CLIENT = "bridle-notify"


def _environment(task: Task) -> dict[str, str]:
    kept = {name: said for name, said in task.environment.items() if name in _VARIABLES and "\0" not in said}
    return {**kept, "PEGASUS_SUBMIT_DIR": task.directory}


def _is_program(place: str) -> bool:
    """Whether a file is there that may be run, by its mode or its first bytes."""
    with suppress(OSError, ValueError, BridleError):
        path = Path(place)
        return path.is_file() and (os.access(place, os.X_OK) or files.read_begin(path, 2) == b"#!")
    return False


def _is_in(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _folder_of(place: Path) -> str:
    """The folder of the file that was confirmed; "" where that cannot be known."""
    with suppress(BridleError):
        entry = read_confirmation(place)
        if entry is not None:
            return os.path.realpath(entry.path.parent)
    return ""


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
