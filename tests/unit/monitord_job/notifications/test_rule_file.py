"""Notification rules: every line is kept, a damaged one harms no other, and what is written is read again."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from monitord_job.errors import RuleError
from monitord_job.notifications.rule import (
    OUTCOMES,
    PEGASUS_CONDITIONS,
    Action,
    Condition,
    Dialect,
    Entity,
    How,
    On,
    Rule,
    Scope,
    Source,
)
from monitord_job.notifications.rule_file import RuleFile, Words, parse, render, render_rule, with_rules
from tests.conftest import wherever

PIECES = st.sampled_from(
    [
        b"WORKFLOW ",
        b"JOB ",
        b"daxjob ",
        b"INVOCATION ",
        b"merge_1 ",
        b"* ",
        b"2 ",
        b"at_end ",
        b"error ",
        b"error/final ",
        b"progress=50% ",
        b"hook.sh 'a b' ",
        b"'",
        b"\\",
        b"\n",
        b"\r\n",
        b"\r",
        b"#",
        b"\xff\xfe",
        b"\0",
        b"\x85",
        b"\t",
    ]
)
FILES = st.one_of(st.binary(), st.lists(PIECES, max_size=40).map(b"".join))


@given(FILES, st.sampled_from(Dialect))
@example(b"JOB a end x\rJOB b end x", Dialect.PEGASUS)
def test_any_bytes_come_back(data: bytes, dialect: Dialect) -> None:
    file = parse(data, "f", dialect)
    assert render(file) == data
    said = [line for line in file.lines if line.content is not None]
    assert len(said) == len(file.rules) + len(file.damaged)


@given(FILES, st.sampled_from(Dialect))
def test_every_rule_that_is_read_can_be_run_and_written(data: bytes, dialect: Dialect) -> None:
    for rule in parse(data, "f", dialect).rules:
        argv = rule.action.argv
        assert bool(argv) == (rule.action.how is not How.URL)
        assert not any("\0" in word for word in argv)
        assert parse(render_rule(rule, dialect), "f", dialect).rules == (rule,)


NAMES = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1)
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from(sorted(PEGASUS_CONDITIONS, key=str))),
    st.builds(Condition, st.sampled_from(sorted(OUTCOMES, key=str)), st.none(), st.sampled_from(Scope)),
    st.builds(Condition, st.sampled_from([on for on in On if on.meaning.amount is None])),
    st.builds(Condition, st.just(On.PROGRESS), st.integers(1, 100)),
    st.builds(Condition, st.just(On.STALLED), st.integers(1, 10**8)),
)
TEXTS = st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    entity = draw(st.sampled_from(Entity))
    number = draw(st.none() | st.integers(1, 10**8)) if entity is Entity.INVOCATION else None
    condition = draw(CONDITIONS)
    assume(entity in condition.on.meaning.about)
    action = Action(draw(st.sampled_from(How)), draw(TEXTS).strip() or "x")
    try:
        words = action.argv or ("x",)
    except ValueError:
        words = ("",)
    # Such a command is taken for what its first characters say.
    assume(
        words[0]
        and not (action.how is How.COMMAND and action.text.startswith((How.SHELL.value, How.URL.value)))
    )
    return Rule(entity, draw(NAMES), number, condition, action)


@given(rules(), st.sampled_from(Words))
def test_a_rule_that_is_written_is_read_as_the_same(rule: Rule, words: Words) -> None:
    line = render_rule(rule, Dialect.BRIDLE, words)
    assert parse(line, dialect=Dialect.BRIDLE).rules == (rule,)


@pytest.mark.parametrize(
    ("word", "on"),
    [
        ("on_success", On.SUCCESS),
        ("success", On.SUCCESS),
        ("on_error", On.ERROR),
        ("error", On.ERROR),
        ("at_end", On.END),
        ("end", On.END),
        ("start", On.START),
        ("all", On.ALL),
        ("never", On.NEVER),
    ],
)
def test_the_words_of_pegasus_4_and_5_mean_the_same(word: str, on: On) -> None:
    for entity in (b"WORKFLOW u", b"JOB j", b"DAXJOB j", b"DAGJOB j", b"INVOCATION j 1"):
        (rule,) = parse(entity + b" " + word.encode() + b" hook.sh\n").rules
        assert rule.condition == Condition(on)


def test_the_command_line_is_split_as_a_shell_does_and_not_given_to_one() -> None:
    (rule,) = parse(b"""JOB j error hook.sh 'a b' "c d" | cat; echo $PEGASUS_STATUS # no comment\n""").rules
    words = ("hook.sh", "a b", "c d", "|", "cat;", "echo", "$PEGASUS_STATUS", "#", "no", "comment")
    assert rule.action == Action(
        How.COMMAND, "hook.sh 'a b' \"c d\" | cat; echo $PEGASUS_STATUS # no comment"
    )
    assert rule.action.argv == words


def test_bytes_that_are_no_text_reach_the_command_unchanged() -> None:
    (rule,) = parse(b"JOB j error hook.sh \xff\xe9\n").rules
    assert [word.encode("utf-8", "surrogateescape") for word in rule.action.argv] == [b"hook.sh", b"\xff\xe9"]
    assert render_rule(rule) == b"JOB j on_error hook.sh \xff\xe9\n"


def test_blanks_entities_and_line_ends_are_read_as_pegasus_does() -> None:
    data = b"  job\tj1   at_end    hook.sh  'a  b'  \r\n\n# JOB j2 at_end x\n \nWorkflow u start x\rDagJob d all y"
    file = parse(data, "f")
    assert file.damaged == ()
    assert [(rule.entity, rule.name, rule.action.text, rule.source.line) for rule in file.rules] == [
        (Entity.JOB, "j1", "hook.sh  'a  b'", 1),
        (Entity.WORKFLOW, "u", "x", 5),
        (Entity.DAGJOB, "d", "y", 6),
    ]


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("TASK j end x", "'TASK' is not a kind of rule", "use one of WORKFLOW, JOB"),
        ("JOB", "JOB has no name", "write e.g. JOB "),
        ("JOB j", "JOB has no condition", "write e.g. JOB "),
        ("WORKFLOW u end", "WORKFLOW has no command", "write e.g. WORKFLOW <wf_uuid"),
        ("INVOCATION j", "INVOCATION has no number", "write e.g. INVOCATION merge"),
        ("INVOCATION j 1 end", "INVOCATION has no command", "write e.g. INVOCATION merge"),
        ("INVOCATION j x end y", "'x' is not the number", "count the tasks"),
        ("INVOCATION j 0 end y", "'0' is not the number", "count the tasks"),
        ("INVOCATION j * end y", "'*' is not the number", "count the tasks"),
        ("JOB j End x", "'End' is not a condition", "use one of never, start, success, error, end, all"),
        ("JOB j held x", "only bridle knows the condition held", ".bridle-notify"),
        ("JOB j error/final x", "only bridle knows the condition error/final", ".bridle-notify"),
        ("JOB j end 'x", "cannot be split: no closing quotation", "close the quotes"),
        ("JOB j end x\\", "cannot be split: no escaped character", "close the quotes"),
        ("JOB j end '' x", "the command is empty", "name a program"),
        ("JOB j end x\0y", "NUL byte", "remove it"),
    ],
)
def test_a_damaged_line_is_told_with_its_number_and_harms_no_other(line: str, what: str, hint: str) -> None:
    file = parse(b"JOB a end x\n\n" + line.encode() + b"\nJOB b end x\n", "my.notify")
    (damaged,) = file.damaged
    assert damaged.source == Source("my.notify", 3)
    assert what in damaged.what
    assert hint in damaged.hint
    assert str(damaged).startswith("my.notify:3: ")
    assert [rule.name for rule in file.rules] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("JOB * progress=50% x", "progress is a condition of workflows, not of JOB"),
        ("WORKFLOW * held x", "held is a condition of jobs, not of WORKFLOW"),
        ("INVOCATION * * retry x", "retry is a condition of jobs, not of INVOCATION"),
        ("WORKFLOW * progress x", "progress needs a percentage"),
        ("WORKFLOW * progress=50 x", "is not a condition"),
        ("WORKFLOW * progress=50s x", "progress needs a percentage"),
        ("WORKFLOW * progress=101% x", "progress needs a percentage"),
        ("WORKFLOW * stalled x", "stalled needs a time"),
        ("WORKFLOW * stalled=0m x", "stalled needs a time"),
        ("WORKFLOW * stalled=3% x", "stalled needs a time"),
        ("JOB * held=3s x", "held takes no amount"),
        ("JOB * held/final x", "held is not an outcome"),
        ("JOB * start/final x", "start is not an outcome"),
        ("JOB * error to:", "nothing follows to:"),
        ("JOB * error shell:  ", "nothing follows shell:"),
    ],
)
def test_what_only_bridle_knows_is_checked_too(line: str, what: str) -> None:
    file = parse(line.encode() + b"\nJOB b end x\n", "n", Dialect.BRIDLE)
    assert what in file.damaged[0].what
    assert len(file.rules) == 1


def test_bridles_own_file_has_more_conditions_and_actions() -> None:
    data = (
        b"JOB * error/final to: mailto://me@example.org\nWORKFLOW * stalled=90m shell: echo $PEGASUS_EVENT | cat\n"
        b"INVOCATION merge_1 * on_error hook.sh\nJOB a held 'to:' x\n"
    )
    file = parse(data, "n", Dialect.BRIDLE)
    assert file.damaged == ()
    assert [(rule.condition, rule.action, rule.number) for rule in file.rules] == [
        (Condition(On.ERROR, None, Scope.FINAL), Action(How.URL, "mailto://me@example.org"), None),
        (Condition(On.STALLED, 5400), Action(How.SHELL, "echo $PEGASUS_EVENT | cat"), None),
        (Condition(On.ERROR), Action(How.COMMAND, "hook.sh"), None),
        (Condition(On.HELD), Action(How.COMMAND, "'to:' x"), None),
    ]
    assert [rule.action.argv for rule in file.rules] == [
        (),
        ("/bin/sh", "-c", "echo $PEGASUS_EVENT | cat"),
        ("hook.sh",),
        ("to:", "x"),
    ]
    assert file.rules[0].is_about("anything")
    assert file.rules[2].is_about("merge_1", 7)
    assert not file.rules[2].is_about("merge_2", 7)


def rule_with(text: str, how: How = How.COMMAND, name: str = "j") -> Rule:
    return Rule(Entity.JOB, name, None, Condition(On.END), Action(how, text), Source("wf.yml", 7))


def test_line_breaks_between_the_words_of_a_command_become_blanks() -> None:
    line = render_rule(rule_with("hook.sh 'a b'\n   --to=me\n"))
    assert line == b"JOB j at_end hook.sh 'a b' --to=me\n"


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (rule_with("hook.sh 'a\nb'"), "line breaks"),
        (rule_with("a\nb", How.SHELL), "line breaks"),
        (rule_with("hook.sh 'a"), "cannot be split"),
        (rule_with(""), "has no command"),
        (rule_with("x", name="a b"), "not a condition"),
        (rule_with("x", How.URL), "cannot express this rule"),
    ],
)
def test_what_a_line_cannot_say_is_refused(rule: Rule, what: str) -> None:
    with pytest.raises(RuleError, match=rf"^wf\.yml:7: .*{what}"):
        render_rule(rule)


def test_rules_are_added_after_what_is_there() -> None:
    file = parse(b"# mine\nJOB a held x", "n", Dialect.BRIDLE)
    more = with_rules(file, [rule_with("to do"), rule_with("log", How.SHELL)])
    assert render(more) == b"# mine\nJOB a held x\nJOB j end to do\nJOB j end shell: log\n"
    assert [rule.source.line for rule in more.rules] == [2, 3, 4]
    assert render(with_rules(RuleFile(()), [rule_with("x")])) == b"JOB j end x\n"


@pytest.mark.parametrize(
    "archive", wherever("", ["planned/notify", "planned/notify-clustered", "planned/pegasus-4.9.3-diamond"])
)
def test_the_planners_files_are_read_and_written_back(archive, corpus) -> None:
    (path,) = corpus(archive).rglob("*.notify")
    data = path.read_bytes()
    file = parse(data, str(path))
    assert file.damaged == ()
    words = Words.PEGASUS_4 if "4.9" in archive else Words.PEGASUS_5
    assert b"".join(render_rule(rule, words=words) for rule in file.rules) == data.replace(b"\n\n", b"\n")


@given(st.text() | st.text(st.sampled_from("ab'\"\\ \t#;")))
def test_a_command_is_split_as_a_shell_does(text):
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        with pytest.raises(ValueError, match="No"):
            _ = Action(How.COMMAND, text).argv
        return
    assert Action(How.COMMAND, text).argv == words


RULE = b"JOB a end b\n"


@pytest.mark.parametrize(
    ("data", "most"),
    [(b"x\n" * 5_000, "1000 lines that are no rules"), (RULE + b"\n" * 1_100_000, "1000000 lines")],
)
def test_a_file_that_is_something_else_is_left_out_from_there_on(data, most):
    file = parse(data, "x.notify")
    assert most in file.damaged[-1].what
    assert len(file.damaged) <= 1_002
    assert render(file) == data
    with pytest.raises(RuleError, match=most):
        with_rules(file, parse(RULE).rules)
