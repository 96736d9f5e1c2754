"""Which commands of a DAG are about every node (ALL_NODES), and so about a node that is added, too."""

from __future__ import annotations

from dag_rewriter.language.lexer import keyword, statements
from dag_rewriter.language.text import text_of

_EVERY = b"ALL_NODES"


def keywords_for_all_nodes(data: bytes) -> frozenset[str]:
    """The commands that name ALL_NODES.

    >>> sorted(keywords_for_all_nodes(b"JOB A a\\nretry all_nodes 3\\nSCRIPT POST ALL_NODES /bin/true\\n"))
    ['RETRY', 'SCRIPT']
    """
    if _EVERY not in data.upper():
        return frozenset()
    found = set()
    for _line, _last, text, _body, _problem in statements(data):
        words = text.upper().split()
        # SCRIPT has options and a kind before the name, and its own arguments after it.
        if words and _EVERY in words[1 : 9 if words[0] == b"SCRIPT" else 2]:
            found.add(text_of(keyword(words[0])).replace("ABORT_DAG_ON", "ABORT-DAG-ON"))
    return frozenset(found)
