"""A submit file -> what a category rule may ask about its job; fast enough for a million files."""

from __future__ import annotations

import re

from condor_templates.policy import JobFacts
from dag_rewriter.directory.submit_file import parse_submit_file
from dag_rewriter.language.text import text_of

_FACTS = re.compile(
    rb"\n[ \t]*(universe|(?:\+|my\.)pegasus_(?:job_class|wf_xformation|site))[ \t]*=[ \t]*([^\n]*)",
    re.IGNORECASE,
)
_NAMES = {b"job_class": "job_class", b"wf_xformation": "transformation", b"site": "site"}
_NUMBER = re.compile(r"[+-]?[0-9]+")


def facts_of(node: str, data: bytes) -> JobFacts:
    """What the submit file says; macros are not expanded, the last of a name wins.

    >>> facts_of("n", b'universe = Local\\n+pegasus_job_class = 8\\n+pegasus_site = "here"\\nqueue')
    JobFacts(node='n', job_class=8, transformation=None, site='here', universe='local')
    """
    if b"\\" in data:  # lines that go on
        found = parse_submit_file(data)
        return JobFacts(node, found.job_class, found.transformation, found.site, found.universe)
    values: dict[str, str] = {}
    for match in _FACTS.finditer(b"\n" + data):
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
