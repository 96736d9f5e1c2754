"""The scanner of multipart sections against the YAML library: it may know less, but never otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitord_job.kickstart.job_output import parse_output
from monitord_job.kickstart.records import IntegritySummary
from monitord_job.kickstart.regex_multipart import scan
from monitord_job.kickstart.yaml_parser import read_multipart
from tests.support.made_records import Made

MARKER = "---------------pegasus-multipart\n"
ATTEMPTS = """\
- integrity_verification_attempts:
  - lfn: "findrange"
    pfn: "findrange"
    sha256: c3be63a37e067612da05a9e3bd57501c02b122d9188dd0270f95c4942653c861
    success: True
  - lfn: "f.b1 é [1]: #2"
    pfn: "./f.b1"
    sha256: None
    success: False
    sha256_expected: 3c76a04871e2c0490a0f9f25ee7fdf460c3819f0f9454024f394012f6374236a
"""
SUMMARY = "- integrity_summary:\n    succeeded: {}\n    failed: {}\n    duration: {}\n"
TRANSFERS = """\
- transfer_attempts:
  - src_url: "file:///home/scientist/in put.dat"
    src_label: "local"
    dst_url: "file:///var/lib/condor/execute/dir_7/in put.dat"
    dst_label: "condorpool"
    success: True
    start: 1795411734
    duration: 0.1
    lfn: "in put.dat"
    bytes: 177
"""
LOCATION = """\
location:
    geohash: s000
    ip: 192.0.2.2
    latitude: 0
    longitude: -118.4
    organization: "N/A"
    subdomain: ads.example.org
"""
SECTIONS = [
    ATTEMPTS + SUMMARY.format(1, 1, "0.043"),
    "- integrity_verification_attempts:\n" + SUMMARY.format(0, 0, "-0.000"),
    TRANSFERS + "\n",
    "- transfer_attempts:\n\n\n",
    LOCATION,
    SUMMARY.format(1, 2, "0.1") + ATTEMPTS + SUMMARY.format(3, 4, "5.0"),
]
UGLY = st.text(st.sampled_from("ab:#-'\"\\ \t{}[]&*!|>%@`,?0.\n\u00e9\u2028\x85\x00"), max_size=8)
ANY_TEXT = st.text(st.characters(blacklist_categories=["Cs"], max_codepoint=0x10EFFF), max_size=12)
WORD = st.one_of(UGLY, ANY_TEXT, st.sampled_from(["null", "- x", "a: b", "a #b", "x ", "1e3", "9" * 30]))


def check(text: str) -> list[IntegritySummary] | None:
    """What the scanner says, which the library says too."""
    found = scan(7, text)
    if found is not None:
        assert found == list(read_multipart(7, text))
    return found


@pytest.mark.parametrize("text", SECTIONS)
def test_what_pegasus_writes_is_scanned(text):
    assert check(text) is not None


def test_an_error_page_is_left_to_the_library():
    assert check("<html>\n<body>503</body>\n") is None


@given(*[WORD] * 5)
def test_it_says_what_the_library_says(lfn, pfn, success, count, duration):
    check(
        f'- integrity_verification_attempts:\n  - lfn: "{lfn}"\n    pfn: "{pfn}"\n    sha256: {pfn}\n'
        f"    success: {success}\n" + SUMMARY.format(count, 0, duration)
    )
    check(f"location:\n    ip: {lfn}\n    organization: {pfn}\n")
    check(TRANSFERS + f"    lfn: {lfn}\n")


@given(st.text(st.characters(blacklist_characters='"\\', min_codepoint=0x20, max_codepoint=0x7E)))
def test_any_name_in_ascii_is_scanned(name):
    assert check(TRANSFERS + f'    lfn: "{name}"\n') is not None


@given(st.data(), st.sampled_from(SECTIONS))
def test_a_mutation_never_makes_it_lie(data, text):
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.sampled_from([0, 0, 1, 2, 40]))
        new = data.draw(UGLY | st.sampled_from(["\n", "  ", ": ", "\n    failed: 7\n", "\n- x:\n"]))
        text = text[:at] + new + text[at + gone :]
    check(text)


@given(st.data(), st.sampled_from(SECTIONS))
def test_lines_that_change_places_or_double_never_make_it_lie(data, text):
    lines = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        taken = lines[data.draw(st.integers(0, len(lines) - 1))]
        lines.insert(data.draw(st.integers(0, len(lines))), taken)
        if data.draw(st.booleans()):
            lines.remove(taken)
    check("".join(lines))


def test_the_output_of_a_job_with_integrity_checking_needs_no_library(monkeypatch):
    monkeypatch.delattr("monitord_job.kickstart.yaml_parser.read_record")
    monkeypatch.delattr("monitord_job.kickstart.yaml_parser.read_multipart")
    output = bytes(Made()) + "".join(f"\n{MARKER}{text}" for text in SECTIONS[:3]).encode()
    _, first, second = parse_output(output)
    assert isinstance(first, IntegritySummary)
    assert (first.succeeded, first.failed, first.duration) == (1, 1, 0.043)
    assert isinstance(second, IntegritySummary)
    assert second.duration == 0.0
