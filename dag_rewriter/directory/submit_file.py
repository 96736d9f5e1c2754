"""A submit description -> what it assigns. Macros are not expanded but by `expand`, includes not followed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from condor_templates.policy import JobFacts
from dag_rewriter.language.text import text_of

_MY = "my."
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
"""One that any program can hold."""
_FACTS = re.compile(
    rb"\n[ \t]*((?:\+|[Mm][Yy]\.)[Pp][Ee][Gg][Aa][Ss][Uu][Ss]_[Jj][Oo][Bb]_[Cc][Ll][Aa][Ss][Ss]"
    rb"|[Pp][Rr][Ii][Oo][Rr][Ii][Tt][Yy])[ \t]*=(?:[ \t]*([+-]?[0-9]{1,18})[ \t\r]*(?=\n|$))?"
)


@dataclass(frozen=True, slots=True)
class SubmitDescription:
    """The assignments; the last one of a name wins. Names in any case; `+x` and `MY.x` are the same
    attribute.
    """

    assigned: Mapping[str, str]
    """by name in lower case, `my.x` for attributes"""

    def __contains__(self, name: str) -> bool:
        return _key(name) in self.assigned

    def __getitem__(self, name: str) -> str:
        return self.assigned[_key(name)]

    def get(self, name: str) -> str | None:
        """The value as written, None if there is none."""
        return self.assigned.get(_key(name))

    def text(self, name: str) -> str | None:
        """A value without the quotes of a ClassAd string."""
        value = self.get(name)
        if value is not None and len(value) >= 2 and value[0] == value[-1] == '"':
            return value[1:-1].replace('\\"', '"')
        return value

    def number(self, name: str) -> int | None:
        """A value that is an integer; None for anything else (a macro, an expression)."""
        value = self.text(name)
        return int(value) if value is not None and _NUMBER.fullmatch(value) else None

    @property
    def universe(self) -> str:
        """In lower case; HTCondor's default is vanilla."""
        return (self.text("universe") or "vanilla").lower()

    @property
    def executable(self) -> str | None:
        return self.text("executable")

    @property
    def arguments(self) -> str | None:
        return self.text("arguments")

    @property
    def output(self) -> str | None:
        return self.text("output")

    @property
    def error(self) -> str | None:
        return self.text("error")

    @property
    def priority(self) -> int | None:
        return self.number("priority")

    @property
    def site(self) -> str | None:
        return self.text("+pegasus_site")

    @property
    def job_class(self) -> int | None:
        """Pegasus's class of the job (facts: 1 compute ... 8 cleanup, 10 sub-workflow)."""
        return self.number("+pegasus_job_class")

    @property
    def transformation(self) -> str | None:
        return self.text("+pegasus_wf_xformation")


def _key(name: str) -> str:
    name = name.lower()
    return _MY + name[1:] if name.startswith("+") else name


def _lines(data: bytes) -> Iterator[str]:
    """Logical lines: one that ends with a backslash goes on; comments count for nothing, even there."""
    held = ""
    for line in text_of(data).split("\n"):
        text = line.strip(" \t\r\v\f")
        if text.startswith("#"):
            continue
        if text.endswith("\\"):
            held += text[:-1]
            continue
        yield held + text
        held = ""
    if held:
        yield held


def parse_submit_file(data: bytes) -> SubmitDescription:
    """Reads a submit description.

    >>> job = parse_submit_file(b'executable=a\\nExecutable = b\\n+pegasus_site = "local"\\nqueue')
    >>> job.executable, job["MY.pegasus_site"], job.site
    ('b', '"local"', 'local')
    """
    assigned: dict[str, str] = {}
    for line in _lines(data):
        name, equals, value = line.partition("=")
        name = name.strip()
        if (
            equals and name and " " not in name and ":" not in name
        ):  # `if x == 1`, `include : file` assign nothing
            assigned[_key(name)] = value.strip()
    return SubmitDescription(assigned)


def class_and_priority(data: bytes) -> tuple[int | None, int | None]:
    """(job class, priority) as parse_submit_file gives them, but fast enough for a million files.

    >>> class_and_priority(b"priority = 1\\nPRIORITY = 7\\n+pegasus_job_class = 8\\nqueue\\n")
    (8, 7)
    """
    if b"\\" in data:  # lines that go on
        return _slowly(data)
    job_class: int | None = None
    priority: int | None = None
    for match in _FACTS.finditer(b"\n" + data):
        if match[2] is None:  # quotes, a macro, an expression
            return _slowly(data)
        if match[1][:1] in b"pP":
            priority = int(match[2])
        else:
            job_class = int(match[2])
    return job_class, priority


def _slowly(data: bytes) -> tuple[int | None, int | None]:
    job = parse_submit_file(data)
    return job.job_class, job.priority


_TELLING = re.compile(
    rb"\n[ \t]*(?=[UuPpMm+])(?:universe|priority|(?:\+|my\.)pegasus_(?:job_class|wf_xformation|site))[ \t]*=[^\n]*",
    re.IGNORECASE,
)


_AT_ONCE = 500


def telling_lines_of(texts: Iterable[bytes]) -> dict[bytes, bytes]:
    """`telling_lines` of many submit descriptions, by description. Most tell nothing: many are looked at at once."""
    telling: dict[bytes, bytes] = {}
    remaining = iter(texts)
    while some := list(islice(remaining, _AT_ONCE)):
        if _tells(b"\n".join(some).lower()):
            telling.update(zip(some, map(telling_lines, some), strict=True))
        else:
            telling.update(dict.fromkeys(some, b""))
    return telling


def _tells(words: bytes) -> bool:
    """Whether any line may tell, of a text in small letters. To look for a few words takes a third of what the pattern
    takes.
    """
    return b"\\" in words or b"universe" in words or b"priority" in words or b"pegasus_" in words


def telling_lines(data: bytes) -> bytes:
    """The lines that `class_and_priority` and `facts_of` look at: in them few of a million descriptions differ.

    >>> telling_lines(b"executable = a\\npriority = 1\\narguments = 7\\nqueue\\n")
    b'\\npriority = 1'
    """
    if b"\\" in data:  # lines that go on
        return data
    if _tells(data.lower()):
        return b"".join(_TELLING.findall(b"\n" + data))
    return b""


_TELLING_OF_MANY = re.compile(rb"\nJOB |" + _TELLING.pattern, re.IGNORECASE)
_TELLING_IN_SMALL = re.compile(rb"\n[ \t]*+(?:job |universe[ \t]*=.*|priority[ \t]*=.*)")
_NUMBERED = re.compile(rb"\n[ \t]*priority[ \t]*=[ \t]*([+-]?[0-9]{1,18})(?=\n)", re.IGNORECASE)
_PRIORITY = b"\npriority = %d"


def shared_telling_lines(data: bytes, nodes: int) -> bytes | None:
    """What each submit description tells in a piece of a DAG, which defines `nodes` nodes with one each: of their
    priorities the highest. None if they do not tell all else alike, in the same order.

    >>> piece = b"\\nJOB A {\\n priority = 1\\n}\\nJOB B {\\n n = 2\\n priority = 3\\n universe = x\\n}\\n"
    >>> shared_telling_lines(piece, 2) is None
    True
    >>> shared_telling_lines(piece.replace(b" universe = x\\n", b""), 2)
    b'\\npriority = 3'
    """
    words = data.lower()
    if not _tells(words):
        return b""
    if b"\\" in data:  # lines that go on
        return None
    if b"pegasus_" in words:
        head, found = b"\nJOB ", _TELLING_OF_MANY.findall(data)
    else:  # the rest means the same in small letters, and is found faster in them
        head, found = b"\njob ", _TELLING_IN_SMALL.findall(words)
    each = len(found) // nodes
    heads, *columns = (found[at::each] for at in range(each))
    if heads.count(head) != nodes or len(found) != nodes * each:
        return None
    shared = [_shared(column) for column in columns]
    return None if None in shared else b"".join(filter(None, shared))


def _shared(lines: list[bytes]) -> bytes | None:
    """The line that stands for all of these."""
    if lines.count(lines[0]) == len(lines):
        return lines[0]
    priorities = _NUMBERED.findall(b"".join([*lines, b"\n"]))
    return _PRIORITY % max(map(int, priorities)) if len(priorities) == len(lines) else None


_JOB_FACTS = re.compile(
    rb"\n[ \t]*(universe|(?:\+|my\.)pegasus_(?:job_class|wf_xformation|site))[ \t]*=[ \t]*([^\n]*)",
    re.IGNORECASE,
)
_NAMES = {b"job_class": "job_class", b"wf_xformation": "transformation", b"site": "site"}


def facts_of(node: str, data: bytes) -> JobFacts:
    """What the submit file says; macros are not expanded, the last of a name wins.

    >>> facts_of("n", b'universe = Local\\n+pegasus_job_class = 8\\n+pegasus_site = "here"\\nqueue')
    JobFacts(node='n', job_class=8, transformation=None, site='here', universe='local')
    """
    if b"\\" in data:  # lines that go on
        job = parse_submit_file(data)
        return JobFacts(node, job.job_class, job.transformation, job.site, job.universe)
    values: dict[str, str] = {}
    for match in _JOB_FACTS.finditer(b"\n" + data):
        key = match[1].lower().rpartition(b"pegasus_")[2]
        value = text_of(match[2]).strip(" \t\r\v\f")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        values[_NAMES.get(key, "universe")] = value
    job_class = values.get("job_class", "")
    return JobFacts(
        node,
        int(job_class) if _NUMBER.fullmatch(job_class) else None,
        values.get("transformation"),
        values.get("site"),
        (values.get("universe") or "vanilla").lower(),
    )


MACRO = re.compile(r"(?<!\$)\$\(([\w.]+)(?::([^()$]*))?\)")
"""A macro, and what stands for it where nobody has set it."""
_DEEPEST = 10
"""How often macros within macros are put in: HTCondor refuses circles, and so they end here."""
_MOST = 1 << 16


def expand(text: str, macros: Mapping[str, str]) -> str:
    """A text with its macros put in; one that nobody knows stays, unless it has a default of its job.

    >>> expand("$(JOB).$(Cluster).$(n:1)", {"job": "A", "n": "$(m)", "m": "2"})
    'A.$(Cluster).2'
    """
    for _ in range(_DEEPEST):
        expanded = MACRO.sub(lambda macro: _value(macro, macros), text)
        if expanded == text or len(expanded) > _MOST:
            break
        text = expanded
    return text


def _value(macro: re.Match[str], macros: Mapping[str, str]) -> str:
    value = macros.get(macro[1].lower(), macro[2])
    return macro[0] if value is None else value
