"""X.dag.condor.sub as the planner hook has it made, and what the planner adds to it afterwards. Bytes in, bytes out."""

from __future__ import annotations

import re

from dag_rewriter.language.text import text_of

MARK = "# bridle: made by its planner hook, and starts condor_dagman; the planner asked for"
_ENVIRONMENT = re.compile(rb"^environment[ \t]*=.*$", re.MULTILINE)
_QUEUE = re.compile(rb"^queue", re.MULTILINE)


def is_made_by_shim(submit_file: bytes) -> bool:
    """Whether the hook had it made: it starts condor_dagman where the planner's starts pegasus-dagman."""
    return MARK.encode() in submit_file


def appended(submit_file: bytes) -> tuple[str, ...]:
    r"""What the planner wants in DAGMan's submit file, beside its environment; pegasus-dagman only as a remark.

    >>> appended(b'environment = "A=1"\nexecutable=/p/pegasus-dagman\n+x=1\nenvironment = "A=1 "\nqueue')[1:]
    ('+x=1',)
    """
    first, queue = _ENVIRONMENT.search(submit_file), _QUEUE.search(submit_file)
    if first is None or queue is None:
        return ()
    lines = text_of(submit_file[first.end() + 1 : queue.start()]).splitlines()
    return tuple(
        f"{MARK} {line}" if starts_pegasus_dagman(line) else line for line in lines if _is_wanted(line)
    )


def _is_wanted(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("environment")


def starts_pegasus_dagman(line: str) -> bool:
    """Whether a line of a submit file starts DAGMan by Pegasus's own program, which starts its own monitor.

    >>> starts_pegasus_dagman("executable=/opt/pegasus/bin/pegasus-dagman")
    True
    """
    name, _, value = line.partition("=")
    return name.strip().lower() == "executable" and value.rstrip().endswith("/pegasus-dagman")


def planners_environment(submit_file: bytes) -> bytes:
    """What the planner adds to DAGMan's environment: in a second line, which repeats the first one and goes on.

    >>> planners_environment(b'environment = "A=1"\\n+x=1\\nenvironment = "A=1 HOME=/root "\\nqueue')
    b' HOME=/root '
    """
    lines = _ENVIRONMENT.findall(submit_file)
    if len(lines) < 2:
        return b""
    first, last = lines[0].removesuffix(b'"'), lines[-1].removesuffix(b'"')
    return last[len(first) :] if last.startswith(first) else b""


def with_environment(submit_file: bytes, added: bytes) -> bytes:
    """A submit file with what the planner adds to DAGMan's environment, written as the planner writes it.

    >>> with_environment(b'environment = "A=1"\\nqueue\\n', b" HOME=/root ")
    b'environment = "A=1"\\nenvironment = "A=1 HOME=/root "\\nqueue'
    """
    lines = _ENVIRONMENT.findall(submit_file)
    queue = _QUEUE.search(submit_file)
    if not added or len(lines) != 1 or queue is None:
        return submit_file
    return submit_file[: queue.start()] + extended(lines[0], added) + b"\nqueue"


def extended(environment: bytes, added: bytes) -> bytes:
    """An environment with more in it: inside the quotes of HTCondor's newer form, at the end of the older one.

    >>> extended(b'"A=1"', b" B=2"), extended(b"A=1", b";B=2")
    (b'"A=1 B=2"', b'A=1;B=2')
    """
    if environment.endswith(b'"'):
        return environment[:-1] + added + b'"'
    return environment + added
