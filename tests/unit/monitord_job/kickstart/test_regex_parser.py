"""The scanner of kickstart records against the YAML library: it may know less, but never otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitord_job.kickstart.records import Invocation
from monitord_job.kickstart.regex_parser import scan
from monitord_job.kickstart.yaml_parser import read_record
from tests.support.made_records import Made

# But the last private plane, where what YAML forbids is hidden on its way through the library.
ANY_TEXT = st.text(st.characters(blacklist_categories=["Cs"], max_codepoint=0x10EFFF))
UGLY = st.text(st.sampled_from("ab:#-'\"\\ \t{}[]&*!|>%@`,?0.\n\u00e9\u2028\x85\x00"), max_size=8)
WORD = st.one_of(
    UGLY, ANY_TEXT, st.sampled_from(["null", "~", "- x", "a: b", "a #b", "x ", "?", "<<", "=", ""])
)
NUMBER = st.one_of(
    st.sampled_from(["0", "-1", "1.5", ".5", "1e3", "nan", "inf", "0x1", "1_0", "+7", "9" * 30, "\u0663"]),
    WORD,
)
TIME = st.one_of(
    st.just("2026-11-23T05:28:54.625+00:00"),
    st.sampled_from(
        ["2026-11-23T05:28:54", "2026-13-23T05:28:54Z", "2026-11-23", "0001-01-01T00:00:00+23:59"]
    ),
    WORD,
)
RECORDS = st.builds(
    Made,
    transformation=st.none() | WORD,
    derivation=st.none() | WORD,
    resource=WORD,
    hostname=st.none() | WORD,
    user=st.none() | WORD,
    start=TIME,
    duration=NUMBER,
    raw=NUMBER,
    executable=WORD,
    arguments=st.lists(WORD, max_size=3),
    cwd=WORD,
    machine=st.booleans(),
    nodename=WORD,
    outputs=st.lists(WORD | st.sampled_from(["stdout", '"quoted"', "f.a", "f.b"]), max_size=3),
    stdout=st.none() | WORD | ANY_TEXT,
    stderr=st.none() | ANY_TEXT,
    full=st.booleans(),
    status=st.tuples(WORD.map("signalled_signal: {}".format), WORD.map('singalled_name: "{}"'.format)),
    started=st.booleans(),
    around=st.booleans(),
    owner=WORD.map("user: {}".format),
    cpu=WORD,
    staged=st.lists(WORD | st.sampled_from(["stdout", "f.a", "f.a"]), max_size=3),
    checksum=WORD | WORD.map("integrity_error: {}".format),
)


NAME = st.text("abcXYZ019_.", min_size=1, max_size=8)
LETTERS = st.characters(categories=["L", "N"], max_codepoint=0xFFFF)
PATH = st.from_regex(r"[A-Za-z0-9_.][A-Za-z0-9_.:#,=+\[\]{}~@%-]{0,8}[a-z0-9]", fullmatch=True)
STATUS = st.sampled_from(
    [
        ("regular_exitcode: 3",),
        ("signalled_signal: 9", 'singalled_name: "Killed"', "corefile: false"),
        ("suspended_signal: 19", 'suspended_name: "Stopped (signal)"'),
        ("failure_error: 2   No such file or directory",),
    ]
)
AMOUNT = st.integers(0, 10**17).map(str)
USUAL = st.builds(
    Made,
    transformation=st.none() | NAME,
    derivation=st.none() | NAME,
    resource=NAME,
    hostname=st.none() | NAME,
    user=st.none() | NAME,
    start=st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat("T", "milliseconds")),
    duration=st.tuples(AMOUNT, AMOUNT).map(".".join),
    raw=AMOUNT | st.just("-127"),
    executable=PATH.map("/{}".format),
    arguments=st.lists(
        st.text(LETTERS, max_size=5)
        | st.text(st.characters(codec="ascii", categories=["L", "P", "S"]))
        | st.just("a\n\tb"),
        max_size=3,
    ),
    cwd=st.just("") | PATH.map("/my runs/{}".format),
    machine=st.booleans(),
    nodename=NAME,
    status=STATUS,
    started=st.booleans(),
    around=st.booleans(),
    owner=st.sampled_from(["user: ", "user: DOMAIN\\me", "user: scientist"]),
    cpu=st.sampled_from(["", "ARMv8 Processor rev 1 (v8l)", "AMD EPYC 7763 64-Core Processor"]),
    staged=st.lists(PATH.map("f.{}".format) | st.just("f.twice"), max_size=3),
    checksum=st.sampled_from(["sha256: 0a1b", "integrity_error: failed creating a checksum"]),
    outputs=st.lists(PATH.map("f.{}".format) | st.just("f.h é ö"), max_size=3, unique=True),
    stdout=st.none() | ANY_TEXT,
    stderr=st.none() | ANY_TEXT,
    full=st.booleans(),
)
"""What kickstart writes, and all of it: the scanner has to read every one of these."""


def check(text: str) -> Invocation | None:
    """What the scanner says, which the library says too."""
    found = scan(0, text)
    if found is not None:
        assert found == read_record(0, text)
    return found


@given(USUAL.filter(lambda made: made.checksum[0] == "s" or not {*made.outputs} & {*made.staged}))
def test_what_kickstart_writes_is_scanned(made):
    assert check(made.text()) is not None


@given(RECORDS)
def test_it_says_what_the_library_says(made):
    check(made.text())


@given(st.sampled_from(list(Made.__dataclass_fields__)), RECORDS)
def test_with_one_ugly_value_at_a_time(field, made):
    check(replace(Made(), **{field: getattr(made, field)}).text())


@given(ANY_TEXT)
@example("\n")
@example("  \n\n   x\n\n")
def test_whatever_is_printed_is_scanned(printed):
    found = check(Made(stdout=printed, stderr=printed).text())
    assert found is not None
    assert found.stdout == found.stderr == (printed.rstrip("\n") + "\n" if printed.strip("\n") else None)


@given(
    st.data(),
    st.sampled_from([Made(), Made(stdout="a\n\n  b\n", full=True), Made(machine=False, outputs=())]),
)
def test_a_mutation_never_makes_it_lie(data, made):
    text = made.text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.sampled_from([0, 0, 1, 2, 40]))
        new = data.draw(
            UGLY | st.sampled_from(["\n", " ", "  ", "c", "a", ": ", "\n        ", "\n    stdout:\n"])
        )
        text = text[:at] + new + text[at + gone :]
    check(text)


@given(st.data())
def test_lines_that_change_places_or_double_never_make_it_lie(data):
    lines = Made(stdout="a\nb\n", full=True).text().splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        taken = lines[data.draw(st.integers(0, len(lines) - 1))]
        lines.insert(data.draw(st.integers(0, len(lines))), taken)
        if data.draw(st.booleans()):
            lines.remove(taken)
    check("".join(lines))


@pytest.mark.parametrize("line", range(len(Made().text().splitlines())))
def test_every_line_doubled_or_gone(line):
    lines = Made().text().splitlines(keepends=True)
    check("".join([*lines[:line], lines[line], *lines[line:]]))
    check("".join([*lines[:line], *lines[line + 1 :]]))
    check("".join(lines[:line]))


def test_the_form_of_kickstart_is_scanned():
    found = check(Made().text())
    assert found is not None
    assert (found.transformation, found.raw, found.maxrss, found.ram_total) == ("work", 0, 3220, 24684092)
    assert found.outputs[0].lfn == "done.00002"
    for made in (Made(hostname=None, user=None), Made(machine=False), Made(full=True), Made(raw="512")):
        assert check(made.text()) is not None


def test_empty_lines_without_blanks_belong_to_what_was_printed():
    text = Made(stdout="a\n\nb\n").text().replace("        \n", "\n")
    found = check(text)
    assert found is not None
    assert found.stdout == "a\n\nb\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      raw: 0\n", "      raw: 0\n      raw: 1\n"),
        ("      stime:", "      utime:"),
        ("  cwd: /scratch\n", "  cwd: /scratch # yes\n"),
        ("    metadata:", "    metadat_:"),
        ("      regular_exitcode: 0\n", ""),
        ("  version: 3.0", "  version: 3.1"),
    ],
)
def test_another_form_is_left_to_the_library(old, new):
    text = Made().text()
    assert old in text
    assert scan(0, text.replace(old, new)) is None
