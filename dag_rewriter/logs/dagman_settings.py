"""What DAGMan says of its own settings when it starts, in its dagman.out. Pure."""

from __future__ import annotations

import re

_SETTING = re.compile(rb"DAGMAN_DEFAULT_NODE_LOG setting: ([^\n]*)")
_NODE_LOG = re.compile(rb"Default node log file is: <([^>\n]*)>")
_VERBOSITY = re.compile(rb"DAGMAN_VERBOSITY setting: (\d{1,3})")
_MACRO = re.compile(r"@\((DAG_DIR|DAG_FILE)\)", re.IGNORECASE)
USUAL = "@(DAG_DIR)/@(DAG_FILE).nodes.log"


def node_log_in(text: bytes, dag: str) -> str | None:
    """Where the last DAGMan of a dagman.out (or a part of it) keeps the log of its nodes; None if that is not said.

    With a low DAGMAN_VERBOSITY it says only how that was set, and not what came of it.

    >>> node_log_in(b"x DAGMAN_DEFAULT_NODE_LOG setting: /disk/@(DAG_FILE).log\\n", "x.dag")
    '/disk/x.dag.log'
    """
    settings, logs = list(_SETTING.finditer(text)), list(_NODE_LOG.finditer(text))
    if logs and (not settings or logs[-1].start() > settings[-1].start()):
        return _text(logs[-1][1])
    if not settings:
        return None
    name = _MACRO.sub(
        lambda macro: "." if macro[1].upper() == "DAG_DIR" else dag, _text(settings[-1][1]).strip()
    )
    return None if "@(" in name else name


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def verbosity_in(text: bytes) -> int | None:
    """DAGMAN_VERBOSITY of the last DAGMan; None if that is not said.

    >>> verbosity_in(b"x DAGMAN_VERBOSITY setting: 1\\n")
    1
    """
    levels = _VERBOSITY.findall(text)
    return int(levels[-1]) if levels else None
