"""Rules that people give from the command line, beside those of the planner, and all that hold for a workflow."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from condor_templates.errors import BridleError
from dag_rewriter import files
from dag_rewriter.directory.confirmed import CHANGED, Confirmed, confirm, confirmed
from dag_rewriter.directory.ownership import require_own
from dag_rewriter.directory.programs import changed, pins
from dag_rewriter.directory.submit_dir import SubmitDir
from dag_rewriter.directory.trusted_files import read_trusted
from monitord_job.messages.config_files import read_config
from monitord_job.messages.targets import Channel, may_hold_a_secret, targets_of
from monitord_job.notifications.active_rules import RulePlace, parse_rules, read_standing, rule_files
from monitord_job.notifications.rule import ALL_NAMES, OF_WORKFLOWS, Action, Dialect, Entity, How, Rule
from monitord_job.notifications.rule_file import WORDS, parse, render, render_rule, with_rules
from planner_ext.errors import NotifyFileError


@dataclass(frozen=True, slots=True)
class About:
    """Whom rules are about: the workflow, these nodes, or these tasks; nothing of it: each condition's own kind."""

    workflow: bool = False
    jobs: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did: the lines that are new, those that stood there before, and what may be wrong with them."""

    path: Path
    new: tuple[str, ...]
    before: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a file with rules; `rule` is None where it is none, and `text` says why.

    `is_confirmed`: False for a rule that may come from a job, and does not hold.
    """

    source: str
    rule: Rule | None
    text: str
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A file with rules that are not confirmed, as it was read, and these; and programs that are others than were."""

    path: Path
    data: bytes
    rules: tuple[Listed, ...]
    programs: tuple[str, ...] = ()


def add(submit_dir: SubmitDir, conditions: Sequence[str], actions: Sequence[Action], about: About) -> Added:
    """Put rules into NAME.bridle-notify, all at once; a monitor at work takes them up at its next look.

    Raises RuleError or NotifyFileError, and writes nothing then.
    """
    require_own(submit_dir.path)
    for action in actions:
        _refuse_secret(action)
    path = submit_dir.bridle_notify
    there = parse(read_trusted(path, files.MANY) or b"", str(path), Dialect.BRIDLE)
    wanted = [
        _rule(" ".join((*whom, condition)), action)
        for condition in conditions
        for whom in _whom(submit_dir, condition, about)
        for action in actions
    ]
    new = [rule for rule in dict.fromkeys(wanted) if rule not in there.rules]
    _confirm_more(path, wanted)  # first: a monitor at work tells of rules that are not
    if new:
        files.replace(path, render(with_rules(there, new)))
    before = [rule for rule in wanted if rule in there.rules]
    return Added(path, _texts(new), _texts(before), tuple(_notes(submit_dir, actions)))


def _confirm_more(path: Path, wanted: Iterable[Rule]) -> None:
    """These too may be run; what else stands in the file may be a job's, and is left as it is."""
    known = confirmed(path)
    before = parse(known.data if known else b"", str(path), Dialect.BRIDLE)
    more = [rule for rule in dict.fromkeys(wanted) if rule not in before.rules]
    if more:
        added = render(with_rules(parse(b"", str(path), Dialect.BRIDLE), more))
        confirm(path, render(with_rules(before, more)), added)


def _whom(submit_dir: SubmitDir, condition: str, about: About) -> Iterator[tuple[str, ...]]:
    of_workflows = re.split("[=/]", condition)[0] in {on.value for on in OF_WORKFLOWS}
    if about.workflow or (of_workflows and not (about.jobs or about.tasks)):
        yield Entity.WORKFLOW.value, submit_dir.wf_uuid or ALL_NAMES
    elif not (about.jobs or about.tasks):
        yield Entity.JOB.value, ALL_NAMES
    for job in about.jobs:
        yield Entity.JOB.value, job
    for task in about.tasks:
        job, _, number = task.partition("#")
        yield Entity.INVOCATION.value, job, number or ALL_NAMES


def _rule(head: str, action: Action) -> Rule:
    """Through the file's own parser, so that what is written is what is read. Raises RuleError."""
    line = parse(f"{head} x".encode("utf-8", "surrogateescape"), "", Dialect.BRIDLE).lines[0].content
    if not isinstance(line, Rule):
        what, hint = (
            ("it is no rule", "`bridle help notifications` has the form")
            if line is None
            else (line.what, line.hint)
        )
        raise NotifyFileError(f"rule {head!r}", what, hint)
    rule = Rule(line.entity, line.name, line.number, line.condition, action)
    parsed = parse(render_rule(rule, Dialect.BRIDLE), "", Dialect.BRIDLE).rules
    return parsed[0]


def _texts(rules: Iterable[Rule]) -> tuple[str, ...]:
    return tuple(
        render_rule(rule, Dialect.BRIDLE, WORDS[Dialect.BRIDLE]).decode("utf-8", "backslashreplace").strip()
        for rule in rules
    )


def _refuse_secret(action: Action) -> None:
    if action.how is How.URL and may_hold_a_secret(action.text):
        what = "the address may have a secret in it, and who may read the submit directory could read it"
        hint = 'name it below [targets] in ~/.config/bridle/notify.toml, e.g. ops = "...", and say --to ops'
        raise NotifyFileError("--to", what, hint)


def _notes(submit_dir: SubmitDir, actions: Iterable[Action]) -> Iterator[str]:
    for action in actions:
        if action.how is How.URL:
            yield from _unknown_target(action.text)
        if action.how is not How.COMMAND:
            continue
        program = action.argv[0]
        # With a slash it is looked up from where it runs: in the submit directory.
        place = submit_dir.path / program if "/" in program else program
        if shutil.which(place) is None:
            yield f"{program} cannot be run from here now; it must be there, and executable, where the monitor runs"


def _unknown_target(word: str) -> Iterator[str]:
    from monitord_job.messages.apprise_services import INSTALL, NOT_INSTALLED, installed

    try:
        targets = targets_of((word,), read_config(), os.environ)
    except BridleError as error:
        yield f"{error.where}: {error.what}; it must be known where the monitor runs (notify.toml)"
    else:
        if any(target.channel is Channel.SERVICE for target in targets) and not installed():
            yield f"{word}: {NOT_INSTALLED} here; where the monitor runs, {INSTALL}"


def list_rules(submit_dir: SubmitDir) -> list[Listed]:
    """All rules that hold for a workflow itself, and all lines that are none, file by file. Reads only."""
    return [listed for place in rule_files(submit_dir, ()) for listed in _listed(place)]


def _listed(place: RulePlace) -> Iterator[Listed]:
    try:
        standing = read_standing(place)
    except BridleError as error:
        yield Listed(str(place.path), None, str(error))
        return
    known = confirmed(place.path) if place.jobs_write else None
    for program in changed(known.programs or {}) if known else ():
        yield Listed(str(place.path), None, f"{program} {CHANGED}", is_confirmed=False)
    doubtful = frozenset(standing.unconfirmed)
    for line in standing.file.lines:
        if isinstance(line.content, Rule):
            text = line.raw.decode("utf-8", "replace").strip()
            yield Listed(str(line.content.source), line.content, text, line.content not in doubtful)
        elif line.content is not None:
            yield Listed(str(line.content.source), None, f"{line.content.what}; {line.content.hint}")


def doubtful_files(submit_dir: SubmitDir) -> list[Doubtful]:
    """The files of a submit directory with rules that are not confirmed, as they are now. Raises BridleError."""
    require_own(submit_dir.path)
    doubtful = []
    for place in rule_files(submit_dir, ()):
        data = read_trusted(place.path, files.MANY) if place.jobs_write else None
        if not data:
            continue
        known = confirmed(place.path)
        agreed = frozenset(parse_rules(place, known.data).rules) if known else frozenset()
        rules = tuple(
            Listed(str(rule.source), rule, text, is_confirmed=False)
            for rule in parse_rules(place, data).rules
            if rule not in agreed
            for text in _texts([rule])
        )
        programs = tuple(_doubtful_programs(place.path, data, known))
        if rules or programs:
            doubtful.append(Doubtful(place.path, data, rules, programs))
    return doubtful


def _doubtful_programs(path: Path, data: bytes, known: Confirmed | None) -> Iterator[str]:
    """The files that rules name, and jobs may have written since these were confirmed."""
    if known is None or known.programs is None:
        return
    inside = os.path.realpath(path.parent) + os.sep
    for program, now in pins(data, path.parent).items():
        if program.startswith(inside) and known.programs.get(program) != now:
            yield program


def confirm_files(doubtful: Iterable[Doubtful]) -> None:
    """What was shown of these files may be run from now on, and nothing that was written since."""
    for each in doubtful:
        confirm(each.path, each.data)
