"""How a DAGMan is started, by its submit file (X.dag.condor.sub): its DAGs, where it writes, its throttles. Pure."""

from __future__ import annotations

import itertools
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from dag_rewriter.directory.submit_file import parse_submit_file

_OPTION = re.compile(r"(?<!\S)-(max(?:idle|jobs|pre|post|hold))\s+(\d{1,9})(?!\S)", re.IGNORECASE)

SETTINGS = {
    "maxidle": "DAGMAN_MAX_JOBS_IDLE",
    "maxjobs": "DAGMAN_MAX_JOBS_SUBMITTED",
    "maxpre": "DAGMAN_MAX_PRE_SCRIPTS",
    "maxpost": "DAGMAN_MAX_POST_SCRIPTS",
    "maxhold": "DAGMAN_MAX_HOLD_SCRIPTS",
}
"""condor_dagman's options and the configuration that says the same."""


def throttles(submit_file: bytes) -> dict[str, int]:
    """DAGMan's throttles in the submit file of a DAGMan job, as configuration settings; the last of a kind wins.

    >>> throttles(b'arguments = "-f -l . -MaxIdle 50 -MaxPost 20 -CsdVersion x"')
    {'DAGMAN_MAX_JOBS_IDLE': 50, 'DAGMAN_MAX_POST_SCRIPTS': 20}
    """
    arguments = parse_submit_file(submit_file).arguments or ""
    return {SETTINGS[name.lower()]: int(number) for name, number in _OPTION.findall(arguments)}


_PRIORITY = re.compile(r"(?<!\S)-priority\s+(-?\d{1,9})(?!\S)", re.IGNORECASE)


def base_priority(submit_file: bytes) -> int:
    """What DAGMan adds to the priority of every node; 0 if nothing is said.

    >>> base_priority(b'arguments = "-f -Priority 40 -Dag x.dag"')
    40
    """
    numbers = _PRIORITY.findall(parse_submit_file(submit_file).arguments or "")
    return int(numbers[-1]) if numbers else 0


_WORD = re.compile(r"(?:[^\s']|'(?:[^']|'')*')+")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_DEBUG_LOG = "_CONDOR_DAGMAN_LOG="


def words_of(arguments: str) -> tuple[str, ...]:
    """A command line, or an environment, in HTCondor's newer form: words by blanks, '' for what has some in it.

    >>> words_of("-Dag a.dag -Dag 'b c''s.dag'")
    ('-Dag', 'a.dag', '-Dag', "b c's.dag")
    """
    return tuple(
        _QUOTED.sub(lambda quoted: quoted[1].replace("''", "'"), word) for word in _WORD.findall(arguments)
    )


@dataclass(frozen=True, slots=True)
class DagmanStart:
    """How a DAGMan was started last. Names are relative to where condor_submit_dag was called, or absolute."""

    dags: tuple[str, ...] = ()
    """all that it runs as one; it calls its files after the first"""
    debug_log: str | None = None
    """its dagman.out"""
    event_log: str | None = None
    """what the schedd writes of the DAGMan job itself"""
    outfile_dir: str | None = None
    """where a person wanted the dagman.out"""
    uses_dag_dir: bool = False
    """whether names in a DAG begin where the DAG is"""


def dagman_start(submit_file: bytes) -> DagmanStart:
    """What the submit file of a DAGMan job says of that.

    >>> text = b'arguments = "-f -Dag f/x.dag -outfile_dir o"\\nenvironment = "A=1 _CONDOR_DAGMAN_LOG=o/x.out"'
    >>> dagman_start(text)
    DagmanStart(dags=('f/x.dag',), debug_log='o/x.out', event_log=None, outfile_dir='o', uses_dag_dir=False)
    """
    description = parse_submit_file(submit_file)
    words = words_of(description.arguments or "")
    options = {word.lower() for word in words}
    environment = words_of((description.text("environment") or "").replace(";", " "))
    return DagmanStart(
        tuple(after for word, after in itertools.pairwise(words) if word.lower() == "-dag"),
        next((word.removeprefix(_DEBUG_LOG) for word in environment if word.startswith(_DEBUG_LOG)), None),
        description.text("log"),
        next((after for word, after in itertools.pairwise(words) if word.lower() == "-outfile_dir"), None),
        "-usedagdir" in options,
    )


def called_in(dag_file: Path, named: str) -> Path | None:
    """Where a DAG has this name: the directory in which condor_submit_dag was called. None if it cannot be told.

    >>> str(called_in(Path("/home/ada/flows/x.dag"), "./flows/x.dag"))
    '/home/ada'
    """
    parts = PurePath(posixpath.normpath(named)).parts
    if not named or parts[0] in ("/", "..") or dag_file.parts[-len(parts) :] != parts:
        return None
    return Path(*dag_file.parts[: -len(parts)])
