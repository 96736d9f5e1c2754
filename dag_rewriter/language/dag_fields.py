"""The fields of the commands that are about no node: the DAG as a whole, its parts, its categories."""

from __future__ import annotations

from dag_rewriter.language.field_words import (
    MANY,
    Fields,
    MalformedError,
    Parser,
    cut,
    integer,
    shown,
    within,
)
from dag_rewriter.language.lexer import keyword, words


def max_jobs(text: bytes, _body: bytes | None) -> Fields:
    example = "MAXJOBS transfer 5"
    parts = cut(text, 3, 3, example)
    limit = integer(parts[2], "the limit", example)
    if limit < 0:
        raise MalformedError("the limit is negative", example)
    return parts[1], limit


def one_file(example: str) -> Parser:
    """CONFIG, JOBSTATE_LOG and INCLUDE take one file name, which may stand in quotes."""

    def parse(text: bytes, _body: bytes | None) -> Fields:
        cut(text, 2, 2, example)
        file = words(text)[1][1]
        if not file:
            raise MalformedError("the file has no name", example)
        return (file,)

    return parse


def splice(text: bytes, _body: bytes | None) -> Fields:
    example = "SPLICE name file.dag [DIR directory]"
    parts = cut(text, 3, 5, example)
    bare = words(text)[1]
    if len(parts) == 3:
        return parts[1], bare[2], None
    if len(parts) != 5 or keyword(parts[3]) != b"DIR":
        raise MalformedError("DIR and a directory are expected after the file", example)
    return parts[1], bare[2], bare[4]


def submit_description(text: bytes, body: bytes | None) -> Fields:
    example = "SUBMIT-DESCRIPTION name {"
    parts = cut(text, 2, MANY, example)
    if body is None:
        raise MalformedError("the submit description does not begin with { or @=", example)
    return parts[1], body


def connect(text: bytes, _body: bytes | None) -> Fields:
    parts = cut(text, 3, 3, "CONNECT splice1 splice2")
    return parts[1], parts[2]


def pin(text: bytes, _body: bytes | None) -> Fields:
    example = "PIN_IN node 1"
    parts = cut(text, 3, 3, example)
    number = integer(parts[2], "the pin", example)
    return keyword(parts[0]) == b"PIN_OUT", parts[1], within(number, 1, 2**31 - 1, "the pin", example)


def dot(text: bytes, _body: bytes | None) -> Fields:
    example = "DOT file [UPDATE|DONT-UPDATE] [OVERWRITE|DONT-OVERWRITE] [INCLUDE header]"
    parts = cut(text, 2, MANY, example)
    options: list[bytes] = []
    include = None
    rest = iter(parts[2:])
    for word in rest:
        option = keyword(word)
        if option == b"INCLUDE":
            include = next(rest, None)
            if include is None:
                raise MalformedError("INCLUDE is not followed by a file", example)
        elif option in (b"UPDATE", b"DONT_UPDATE", b"OVERWRITE", b"DONT_OVERWRITE"):
            options.append(option)
        else:
            raise MalformedError(f"unexpected word {shown(word)}", example)
    update = next((o == b"UPDATE" for o in reversed(options) if o.endswith(b"UPDATE")), False)
    overwrite = next((o == b"OVERWRITE" for o in reversed(options) if o.endswith(b"OVERWRITE")), False)
    return words(text)[1][1], update, overwrite, include


def node_status_file(text: bytes, _body: bytes | None) -> Fields:
    example = "NODE_STATUS_FILE file [seconds] [ALWAYS-UPDATE]"
    parts = cut(text, 2, MANY, example)
    seconds, always = None, False
    for word in parts[2:]:
        if keyword(word) == b"ALWAYS_UPDATE":
            always = True
        else:
            seconds = integer(word, "the time", example)
    return words(text)[1][1], seconds, always


def environment(text: bytes, _body: bytes | None) -> Fields:
    example = "ENV SET|GET variables"
    parts, _, rest, problem = words(text, 2)
    action = keyword(parts[1]) if len(parts) > 1 else b""
    if problem or action not in (b"SET", b"GET"):
        raise MalformedError(problem or "SET or GET is expected", example)
    if not rest:
        raise MalformedError("no variable is named", example)
    return action == b"SET", rest


def job_attribute(text: bytes, _body: bytes | None) -> Fields:
    example = "SET_JOB_ATTR name = value"
    rest = words(text, 1)[2]
    if not rest:
        raise MalformedError("the attribute is missing", example)
    return (rest,)


def reject(text: bytes, _body: bytes | None) -> Fields:
    cut(text, 1, 1, "REJECT")
    return ()
