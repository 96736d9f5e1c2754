"""Reads the JOBSTATE_LOG that DAGMan writes (jobstate_log.cpp), one line at a time."""

from __future__ import annotations

from collections.abc import Iterable

from dag_rewriter.logs.events import (
    DAGMAN_RESTARTS,
    DagmanEvent,
    DagmanState,
    JobstateLine,
    Malformed,
    NodeEvent,
    new,
)

_INTERNAL = "INTERNAL"
_LONGEST_TIME, _LONGEST_ATTEMPT = 10, 9
"""Digits: what is longer is two numbers glued together, or no number that a database can hold."""
_LONGEST_INFO, _LONGEST_CODE = 64, 11
_DAGMAN_STATES = {state.value: state for state in DagmanState}


def parse(line: bytes, errors: str = "backslashreplace") -> JobstateLine:
    """The event in one line without its newline; a line that DAGMan would not write comes back Malformed.

    `errors` says what becomes of bytes that are no UTF-8, in the words of bytes.decode.

    >>> parse(b"1795410615 A SUBMIT 38.0 - - 2")[:-1]
    (1795410615, 'A', 'SUBMIT', '38.0', 2)
    >>> parse(b"1795410615 INTERNAL *** DAGMAN_STARTED 55.0 ***").info
    '55.0'
    >>> parse(b"17954 A SUBM").reason
    'not a line of a JOBSTATE_LOG'
    """
    text = line.decode("utf-8", errors)
    # DAGMan separates by single blanks and node names hold none, so a plain split is exact.
    words = text.split(" ")
    if len(words) == 7 and words[1] != _INTERNAL:
        time, node, state, info, _site, _unused, attempt = words
        if time.isdecimal() and attempt.isdecimal() and node and state:
            too_long = len(time) > _LONGEST_TIME or len(attempt) > _LONGEST_ATTEMPT
            if too_long or (len(info) > _LONGEST_CODE and not _is_sound(info)):
                return Malformed(text, "a number in it is longer than any that DAGMan writes")
            return new(NodeEvent, (int(time), node, state, info, int(attempt), None))
        return Malformed(text, "time and attempt number must be whole numbers")
    if len(words) >= 5 and words[1] == _INTERNAL and words[2] == "***" and words[-1] == "***":
        return _dagman_event(words, text)
    return Malformed(text, "not a line of a JOBSTATE_LOG")


def _is_sound(info: str) -> bool:
    return len(info) <= _LONGEST_CODE or (
        len(info) <= _LONGEST_INFO and not info.removeprefix("-").isdecimal()
    )


def _dagman_event(words: list[str], text: str) -> JobstateLine:
    state = _DAGMAN_STATES.get(words[3])
    if state is None or not words[0].isdecimal():
        return Malformed(text, "an INTERNAL line with a word that DAGMan does not use")
    info = " ".join(words[4:-1])
    if len(words[0]) > _LONGEST_TIME or not _is_sound(info):
        return Malformed(text, "a number in it is longer than any that DAGMan writes")
    return DagmanEvent(int(words[0]), state, info)


def newest_run(lines: Iterable[bytes]) -> tuple[int, bool]:
    """When the newest run in a log began, in seconds since the epoch (0: none did), and whether it is over.

    >>> newest_run([b"10 INTERNAL *** DAGMAN_STARTED 1.0 ***", b"20 INTERNAL *** DAGMAN_FINISHED 0 ***"])
    (10, True)
    >>> newest_run([b"10 INTERNAL *** DAGMAN_STARTED 1.0 ***", b"20 INTERNAL *** DAGMAN_FINISHED 3 ***"])
    (10, False)
    """
    began, dagman, over = 0, None, False
    for line in lines:
        if b" INTERNAL *** DAGMAN_" not in line:
            continue
        event = parse(line.rstrip(b"\n"))
        if not isinstance(event, DagmanEvent):
            continue
        if event.state is DagmanState.STARTED:
            if dagman != event.info:
                began, dagman = event.time, event.info
            over = False
        else:
            over = event.info != str(DAGMAN_RESTARTS)
    return began, over
