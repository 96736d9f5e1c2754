"""The script that runs one planned job here, with copies of its input files: what `pegasus-analyzer --debug-job` makes.

Of a job of PegasusLite, its own script does the work, up to where it would stage outputs out. Pure.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dag_rewriter.directory.dagman_options import words_of
from dag_rewriter.directory.submit_file import SubmitDescription, expand

_STAGE_OUT = b"# stage out"
_KICKSTART = re.compile(rb"^([/\w.-]*pegasus-kickstart\b[^/\n]*\s)(/[/\w.+-]*)", re.MULTILINE)
"""How PegasusLite calls the task: options, then its program."""
_URL = re.compile(r"\w+://")
_TEXT = """\
#!/bin/bash
# Runs {name} here, with copies of its input files; made by bridle analyzer --debug-job.
check_file() {{
    if [ -e "$1" ]; then return 0; fi
    echo "ERROR: output file $1 not generated"
    STATUS=$((STATUS + 1))
}}
set -e
export pegasus_lite_work_dir={folder}
cd {folder}
echo "copying input files..."
{copies}
echo "copying input files completed."
echo "executing job: "{said}
set +e
{command}{errors}
rc=$?
if [ $rc -ne 0 ]; then
    echo "executable failed with error $rc"
    exit $rc
fi
echo "executable ran successfully"
STATUS=0
{checks}
if [ $STATUS -eq 0 ]; then
    echo "all output files were created"
else
    echo "ERROR: Not all output files were created"
fi
exit $STATUS
"""


@dataclass(frozen=True, slots=True)
class DebugJob:
    """A job, by what its submit file says. Paths as text; `start`: where names in it begin."""

    name: str
    description: SubmitDescription
    start: str
    wrapper: str | None = None
    """the file of PegasusLite's script, shortened, in the folder of the debug script"""


def shortened(wrapper: bytes, executable: str | None) -> bytes:
    """PegasusLite's script up to where it stages outputs out; `executable` in place of the task's program.

    >>> shortened(b"pegasus-kickstart -n a /opt/keg -o f\\n# stage out\\ncp f\\n", "/home/me/keg")
    b'pegasus-kickstart -n a /home/me/keg -o f\\n'
    """
    lines = wrapper.splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines) if line.startswith(_STAGE_OUT)), len(lines))
    text = b"".join(lines[:end])
    if executable is None:
        return text
    return _KICKSTART.sub(lambda call: call[1] + shlex.quote(executable).encode(), text)


def debug_script(job: DebugJob, folder: str) -> bytes:
    """The script, which works in that folder."""
    command = shlex.join(_command(job, folder))
    errors = f" 2> {shlex.quote(f'{folder}/debug_{job.name}.err')}" if job.wrapper else ""
    return _TEXT.format(
        name=" ".join(job.name.split()),  # in a comment, which a line break would end
        folder=shlex.quote(folder),
        copies="\n".join(_copies(job)),
        said=shlex.quote(command),
        command=command,
        errors=errors,
        checks="\n".join(f"check_file {shlex.quote(each)}" for each in _listed(job, "transfer_output_files")),
    ).encode("utf-8", "surrogateescape")


def _command(job: DebugJob, folder: str) -> Iterable[str]:
    arguments = job.description.arguments
    words = words_of(_said(job, arguments)) if arguments else ()
    if job.wrapper is not None:
        return (f"{folder}/{job.wrapper}", *words)
    return (_placed(job, _said(job, job.description.executable or "")), *words)


def _copies(job: DebugJob) -> Iterator[str]:
    for name in _listed(job, "transfer_input_files"):
        if _URL.match(name):
            yield f"echo {shlex.quote(f'not copied: {name}')}"
        else:
            yield f"cp -r {shlex.quote(_placed(job, name))} ."


def _listed(job: DebugJob, key: str) -> list[str]:
    return [name.strip() for name in _said(job, job.description.text(key) or "").split(",") if name.strip()]


def _placed(job: DebugJob, name: str) -> str:
    return posixpath.normpath(
        posixpath.join(job.start, _said(job, job.description.text("initialdir") or ""), name)
    )


def _said(job: DebugJob, text: str) -> str:
    return expand(text, {"job": job.name, **job.description.assigned})
