"""Reads and writes notification rules: NAME.notify, which is Pegasus's, and NAME.bridle-notify, which is ours.

One rule a line, fields separated by blanks; the rest of the line is the action. Empty lines and lines that start with
`#` say nothing:

    WORKFLOW <wf_uuid> <when> <command line>
    JOB|DAXJOB|DAGJOB <node> <when> <command line>
    INVOCATION <node> <number> <when> <command line>

NAME.notify is read as pegasus-monitord reads it (Pegasus.monitoring.notifications), with the words of Pegasus 4 or 5
for <when>. pegasus-monitord runs a rule whose word it does not know at each end of a job, so what only bridle knows
stands in NAME.bridle-notify, which may have more:

    `*` as name or number      all of that kind
    held, released, ...        more conditions; `progress=50%`, `stalled=30m` with an amount
    error/final                of the last attempt only, not of each
    shell: TEXT                the action is a text for /bin/sh
    to: URL                    the action is a message to this address
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from monitord_job.errors import RuleError
from monitord_job.notifications.rule import (
    ALL_NAMES,
    CONDITIONS,
    NOWHERE,
    OF_WORKFLOWS,
    OUTCOMES,
    PEGASUS_CONDITIONS,
    Action,
    Amount,
    Condition,
    Dialect,
    Entity,
    How,
    On,
    Rule,
    Scope,
    Source,
)


class Words(Enum):
    """Whose words for success, error and end."""

    PEGASUS_4 = 4
    """on_success, on_error, at_end: what pegasus-monitord understands, also that of Pegasus 5"""
    PEGASUS_5 = 5
    """success, error, end: what the planner of Pegasus 5 writes"""


WORDS = {Dialect.PEGASUS: Words.PEGASUS_4, Dialect.BRIDLE: Words.PEGASUS_5}
"""What we write into which file: in our own, what people say."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that is no rule: what is wrong, what to do."""

    text: str
    what: str
    hint: str
    source: Source

    def __str__(self) -> str:
        return f"{self.source}: {self.what}; {self.hint}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in the file, with its end; `content` is None when it says nothing."""

    raw: bytes
    content: Rule | Damaged | None = None


@dataclass(frozen=True, slots=True)
class RuleFile:
    """All of a file."""

    lines: tuple[Line, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(line.content for line in self.lines if isinstance(line.content, Rule))

    @property
    def damaged(self) -> tuple[Damaged, ...]:
        return tuple(line.content for line in self.lines if isinstance(line.content, Damaged))


class _NoRuleError(Exception):
    """What is wrong with a line, and what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint


# Pegasus opens the file as text: a carriage return alone ends a line, too.
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_LINE_ENDS = frozenset("\r\n")
MAX_LINES = 1_000_000
MAX_DAMAGED = 1_000
"""Lines that are no rules, of one file: it is something else."""
_SEE = "see what is in it; nobody writes so much there in earnest"
_LONGEST_RULE = 1 << 16
"""Characters: to split a command into words takes the square of its length (shlex)."""


def parse(data: bytes, path: str = "", dialect: Dialect = Dialect.PEGASUS) -> RuleFile:
    """All lines of a file, up to MAX_LINES or MAX_DAMAGED; what comes then is one damaged one. `render` is the inverse.

    >>> parse(b"JOB a_ID1 at_end hook.sh 'a b'\\n").rules[0].condition.on
    <On.END: 'end'>
    >>> print(*parse(b"JOB a_ID1 at_end\\n", "x.notify").damaged)
    x.notify:1: JOB has no command; write e.g. JOB findrange_ID1 error /path/to/script its arguments
    """
    lines: list[Line] = []
    damaged = 0
    for number, found in enumerate(_LINE.finditer(data), 1):
        source = Source(path, number)
        if number > MAX_LINES or damaged > MAX_DAMAGED:
            lines.append(Line(data[found.start() :], _too_much(source, damaged)))
            break
        lines.append(_line(found[0], source, dialect))
        damaged += isinstance(lines[-1].content, Damaged)
    return RuleFile(tuple(lines))


def _too_much(source: Source, damaged: int) -> Damaged:
    most = f"{MAX_DAMAGED} lines that are no rules" if damaged > MAX_DAMAGED else f"{MAX_LINES} lines"
    return Damaged("", f"the file has more than {most}: from here on it is left out", _SEE, source)


def render(file: RuleFile) -> bytes:
    """The bytes of a file, as they were read."""
    return b"".join(line.raw for line in file.lines)


def _line(raw: bytes, source: Source, dialect: Dialect) -> Line:
    text = raw.decode("utf-8", "surrogateescape").strip()
    if not text or text.startswith("#"):
        return Line(raw)
    try:
        return Line(raw, _rule(text, source, dialect))
    except _NoRuleError as error:
        return Line(raw, Damaged(text, error.what, error.hint, source))


_EXAMPLES = {
    entity: f"{entity.value} findrange_ID1 error /path/to/script its arguments" for entity in Entity
} | {
    Entity.WORKFLOW: "WORKFLOW <wf_uuid of braindump> error /path/to/script its arguments",
    Entity.INVOCATION: "INVOCATION merge_findrange_1 2 error /path/to/script its arguments",
}


def _rule(text: str, source: Source, dialect: Dialect) -> Rule:
    if len(text) > _LONGEST_RULE:
        raise _NoRuleError(
            f"the line is longer than {_LONGEST_RULE} characters", "put what it does into a script"
        )
    word = text.split(None, 1)[0]
    try:
        entity = Entity(word.upper())
    except ValueError:
        known = ", ".join(entity.value for entity in Entity)
        raise _NoRuleError(f"{_short(word)} is not a kind of rule", f"use one of {known}") from None
    numbered = entity is Entity.INVOCATION
    fields = text.split(None, 4 if numbered else 3)[1:]
    missing = ("name", *(("number",) if numbered else ()), "condition", "command")[len(fields) :]
    if missing:
        raise _NoRuleError(f"{entity.value} has no {missing[0]}", f"write e.g. {_EXAMPLES[entity]}")
    name = fields[0]
    number = _number(fields[1], dialect) if numbered else None
    *_, word, action = fields
    condition = _condition(word, dialect)
    _check_meaning(entity, condition.on)
    return Rule(entity, name, number, condition, _action(action, dialect), source, word)


def _number(text: str, dialect: Dialect) -> int | None:
    if text == ALL_NAMES and dialect is Dialect.BRIDLE:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0:
        return int(text)
    raise _NoRuleError(f"{_short(text)} is not the number of a task", "count the tasks of the cluster from 1")


_CONDITION = re.compile(r"([a-z_]+)(?:=([0-9]{1,9})([%smhd]))?(?:/(attempt|final))?")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def _condition(text: str, dialect: Dialect) -> Condition:
    found = _CONDITION.fullmatch(text)
    on = CONDITIONS.get(found[1]) if found else None
    if found is None or on is None:
        known = ", ".join(on.value for on in On if dialect is Dialect.BRIDLE or on in PEGASUS_CONDITIONS)
        raise _NoRuleError(f"{_short(text)} is not a condition", f"use one of {known}")
    if dialect is Dialect.PEGASUS and (text != found[1] or on not in PEGASUS_CONDITIONS):
        hint = "put the rule into the .bridle-notify file: pegasus-monitord would run it at each end of a job"
        raise _NoRuleError(f"only bridle knows the condition {text}", hint)
    scope = Scope(found[4]) if found[4] else Scope.ATTEMPT
    if found[4] and on not in OUTCOMES:
        raise _NoRuleError(f"{on.value} is not an outcome: /{scope.value} has no effect", f"write {on.value}")
    return Condition(on, _amount(on, found[2], found[3]), scope)


def _amount(on: On, digits: str | None, unit: str | None) -> int | None:
    amount = int(digits or 0)
    match on.meaning.amount:
        case None:
            if digits is not None:
                raise _NoRuleError(f"{on.value} takes no amount", f"write {on.value}")
            return None
        case Amount.PERCENT:
            if unit != "%" or not 1 <= amount <= 100:
                raise _NoRuleError(f"{on.value} needs a percentage", f"write e.g. {on.example}")
            return amount
        case Amount.DURATION:
            if not unit or unit == "%" or not amount:
                hint = f"write e.g. {on.example}; s, m, h and d are the units"
                raise _NoRuleError(f"{on.value} needs a time", hint)
            return amount * _SECONDS[unit]


def _check_meaning(entity: Entity, on: On) -> None:
    """_NoRuleError for a condition that this entity never meets, so that nobody waits for a message in vain."""
    if entity not in on.meaning.about:
        whose, hint = ("workflows", "use WORKFLOW *") if on in OF_WORKFLOWS else ("jobs", "use JOB *")
        raise _NoRuleError(f"{on.value} is a condition of {whose}, not of {entity.value}", hint)


def _action(text: str, dialect: Dialect) -> Action:
    how = How.COMMAND
    if dialect is Dialect.BRIDLE:
        how = next((how for how in (How.SHELL, How.URL) if text.startswith(how.value)), How.COMMAND)
    action = Action(how, text.removeprefix(how.value).strip())
    _check_action(action)
    return action


def _check_action(action: Action) -> None:
    if "\0" in action.text:
        raise _NoRuleError("the command has a NUL byte", "remove it")
    if not action.text:
        raise _NoRuleError(f"nothing follows {action.how.value}", "write what to do")
    try:
        argv = action.argv
    except ValueError as error:
        reason = str(error).lower()
        raise _NoRuleError(
            f"the command cannot be split: {reason}", "close the quotes, or quote the quote"
        ) from error
    if action.how is not How.URL and not argv[0]:
        raise _NoRuleError("the command is empty", "name a program")


def _short(text: str) -> str:
    """A word from a stranger's file, fit for a message."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def render_rule(rule: Rule, dialect: Dialect = Dialect.PEGASUS, words: Words = Words.PEGASUS_4) -> bytes:
    """The rule as a line, with its end; `parse` gives it back. RuleError when this file cannot say it.

    >>> rule = Rule(Entity.JOB, "a_ID1", None, Condition(On.END), Action(How.COMMAND, "hook.sh 'a b'"))
    >>> render_rule(rule), render_rule(rule, words=Words.PEGASUS_5)
    (b"JOB a_ID1 at_end hook.sh 'a b'\\n", b"JOB a_ID1 end hook.sh 'a b'\\n")
    """
    number = [str(rule.number or ALL_NAMES)] if rule.entity is Entity.INVOCATION else []
    action = _on_one_line(rule.action)
    rule = replace(rule, action=action)
    said = action.text if action.how is How.COMMAND else f"{action.how.value} {action.text}"
    text = " ".join([rule.entity.value, rule.name, *number, _condition_word(rule.condition, words), said])
    raw = f"{text}\n".encode("utf-8", "surrogateescape")
    line = parse(raw, dialect=dialect).lines[0].content
    if line == rule:
        return raw
    where = str(rule.source) if rule.source != NOWHERE else f"rule {text!r}"
    if not _LINE_ENDS.isdisjoint(text):
        raise RuleError(
            where, "a rule is one line, and this has line breaks", "put the command into a script"
        )
    if isinstance(line, Damaged):
        raise RuleError(where, line.what, line.hint)
    raise RuleError(
        where, f"a .{dialect.value} file cannot express this rule", "use a name without white space"
    )


def with_rules(file: RuleFile, rules: Iterable[Rule], dialect: Dialect = Dialect.BRIDLE) -> RuleFile:
    """The file with more rules at its end; RuleError when it cannot say one."""
    data = render(file)
    path = next(_sources(file), "")
    gap = b"" if not data or data[-1:] in b"\r\n" else b"\n"
    added = [render_rule(rule, dialect, WORDS[dialect]) for rule in rules]
    made = parse(data + gap + b"".join(added), path, dialect)
    if added and isinstance(last := made.lines[-1].content, Damaged):
        raise RuleError(str(last.source), last.what, last.hint)
    return made


def _sources(file: RuleFile) -> Iterator[str]:
    return (line.content.source.path for line in file.lines if line.content is not None)


def _condition_word(condition: Condition, words: Words) -> str:
    on, amount = condition.on, ""
    if on.meaning.amount is Amount.PERCENT:
        amount = f"={condition.amount}%"
    elif on.meaning.amount is Amount.DURATION:
        seconds = condition.amount or 0
        unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0)
        amount = f"={seconds // _SECONDS[unit]}{unit}"
    scope = "" if condition.scope is Scope.ATTEMPT else f"/{condition.scope.value}"
    word = on.meaning.pegasus_4 if words is Words.PEGASUS_4 else None
    return f"{word or on.value}{amount}{scope}"


def _on_one_line(action: Action) -> Action:
    text = action.text.strip()
    if action.how is How.COMMAND and not _LINE_ENDS.isdisjoint(text):
        # Between words a line break is a blank; within quotes it stays, and cannot be said.
        with suppress(ValueError):
            text = shlex.join(action.argv)
    return Action(action.how, text)
