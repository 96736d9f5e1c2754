"""Where DAGMan would keep its node log. It leaves at once where that is below /tmp, which a reboot may empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dag_rewriter import files
from dag_rewriter.check.scope import Finding, Severity
from dag_rewriter.language.text import text_of

_SETTING = re.compile(
    r"^[ \t]*(DAGMAN_DEFAULT_NODE_LOG|DAGMAN_USE_STRICT)[ \t]*=[ \t]*(.*?)[ \t\r]*$",
    re.IGNORECASE | re.MULTILINE,
)
_DIRECTORY = re.compile(r"@\(DAG_DIR\)", re.IGNORECASE)


def settings_in(config: str) -> dict[str, str]:
    """What a DAGMan configuration says about the node log; the last word counts.

    >>> settings_in("dagman_use_strict = 0\\nDAGMAN_DEFAULT_NODE_LOG = @(DAG_DIR)/n.log")
    {'DAGMAN_USE_STRICT': '0', 'DAGMAN_DEFAULT_NODE_LOG': '@(DAG_DIR)/n.log'}
    """
    return {name.upper(): value for name, value in _SETTING.findall(config)}


def node_log_findings(dag: Path, directory: Path, config: str | None) -> Iterator[Finding]:
    """A warning if the node log would be below /tmp.

    `directory` is where DAGMan runs, `config` the file that the DAG names. What the site or the environment of
    condor_submit_dag says is not known here, and so this is no error.
    """
    said = settings_in(text_of(files.read_if_there(directory / config, files.SMALL) or b"")) if config else {}
    place = _DIRECTORY.sub(str(dag.parent.absolute()), said.get("DAGMAN_DEFAULT_NODE_LOG", "@(DAG_DIR)/x"))
    log = directory.absolute() / place
    if log.parts[:2] == ("/", "tmp") and said.get("DAGMAN_USE_STRICT") != "0":
        what = "the node log would be below /tmp, where DAGMan refuses to run"
        hint = "put the DAG elsewhere, or set DAGMAN_USE_STRICT = 0, as a rewritten DAG has it"
        yield Finding(str(dag), 0, Severity.WARNING, what, hint)
