"""What the node of a sub-workflow runs: it has the DAG rewritten that was planned, and becomes condor_dagman."""

from __future__ import annotations

import shlex

from condor_templates.dagman_config import OURS

_SCRIPT = """\
#!/bin/sh
{ours}# The DAG that the node has planned is rewritten; then its DAGMan starts, whatever became of that.
bridle={bridle}
dagman={dagman}
dag=
last=
for word; do
    case $last in -[Dd]ag) dag=$word ;; esac
    last=$word
done
if [ "${{BRIDLE_HOOK:-on}}" != off ] && [ -x "$bridle" ] && [ -f "$dag" ] &&
    ! grep -q '^# >>> bridle: begin' "$dag"; then
    # What it says is no output of the job, unless it fails.
    said=$(timeout -k 10 600 "$bridle" hook ask -- condor_dagman "$dagman" "$dag" </dev/null 2>&1) || echo "$said" >&2
fi
exec "$dagman" "$@"
"""


def sub_dagman_script(bridle: str, dagman: str) -> str:
    """The script; `bridle` and `dagman` are absolute paths.

    >>> sub_dagman_script("/opt/my bridle", "/usr/bin/condor_dagman").splitlines()[3:5]
    ["bridle='/opt/my bridle'", 'dagman=/usr/bin/condor_dagman']
    """
    return _SCRIPT.format(ours=OURS, bridle=shlex.quote(bridle), dagman=shlex.quote(dagman))
