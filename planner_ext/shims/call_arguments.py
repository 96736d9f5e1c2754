"""What somebody asks of condor_submit_dag, condor_submit, pegasus-run or pegasus-remove, from its arguments: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dag_rewriter.directory.dagman_submit_file import starts_pegasus_dagman

_WITH_VALUE = (
    *(
        "-append",
        "-autorescue",
        "-batch-name",
        "-config",
        "-dagman",
        "-debug",
        "-dorescuefrom",
        "-include_env",
    ),
    *(
        "-insert_env",
        "-insert_sub_file",
        "-lockfile",
        "-load_save",
        "-maxhold",
        "-maxidle",
        "-maxjobs",
        "-maxpost",
    ),
    *("-maxpre", "-notification", "-outfile_dir", "-priority", "-remote", "-rescuefile", "-r"),
    *("-schedd-address-file", "-schedd-daemon-ad-file", "-submitmethod"),
)
"""Options of condor_submit_dag that take a word, which is no DAG whatever it ends with."""
CONDOR_SUB = ".condor.sub"


@dataclass(frozen=True, slots=True)
class SubmitDagCall:
    """A call of condor_submit_dag."""

    dags: tuple[str, ...]
    no_submit: bool
    """only the submit file of DAGMan is to be written"""

    is_planners: bool
    """the planner calls: it wants DAGMan started by its own program"""


def parse_submit_dag(arguments: Sequence[str]) -> SubmitDagCall:
    """Reads the arguments of condor_submit_dag, in any case, as it does itself.

    >>> parse_submit_dag(["-append", "executable=/p/bin/pegasus-dagman", "-No_Submit", "-MaxPost", "20", "x.dag"])
    SubmitDagCall(dags=('x.dag',), no_submit=True, is_planners=True)
    """
    pairs = list(zip(("", *arguments), arguments, strict=False))
    dags = tuple(
        word
        for before, word in pairs
        if word.endswith(".dag") and not word.startswith("-") and before.lower() not in _WITH_VALUE
    )
    # As condor_submit_dag takes it: -no_submit by its beginning, as distinct from -no_recurse.
    no_submit = any(word.lower().startswith("-no_s") for word in arguments)
    pegasus = any(before.lower() == "-append" and starts_pegasus_dagman(word) for before, word in pairs)
    return SubmitDagCall(dags, no_submit, no_submit and pegasus)


def dag_of_submit_file(arguments: Sequence[str]) -> str | None:
    """The DAG that condor_submit is to start a DAGMan for; None if it is to submit something else.

    >>> dag_of_submit_file(["-terse", "x.dag.condor.sub"]), dag_of_submit_file(["a.sub"])
    ('x.dag', None)
    """
    submit_files = [
        word for word in arguments if word.endswith(f".dag{CONDOR_SUB}") and not word.startswith("-")
    ]
    return submit_files[0].removesuffix(CONDOR_SUB) if len(submit_files) == 1 else None


@dataclass(frozen=True, slots=True)
class RunCall:
    """A call of pegasus-run."""

    submit_dir: str = "."
    as_json: bool = False
    verbose: int = 0
    grid: bool = False
    """look for a grid proxy first"""


_FLAGS = {"--json": "j", "--verbose": "v", "--grid": "g", "--nogrid": "n"}


def parse_run(arguments: Sequence[str]) -> RunCall | None:
    """Reads the arguments of pegasus-run (5.0, 5.1); None if there is one that is not understood.

    >>> parse_run(["-jvv", "run0001"]), parse_run(["--help"])
    (RunCall(submit_dir='run0001', as_json=True, verbose=2, grid=False), None)
    """
    letters = ""
    places: list[str] = []
    for at, word in enumerate(arguments):
        if word == "--":
            places += arguments[at + 1 :]
            break
        if word in _FLAGS:
            letters += _FLAGS[word]
        elif word.startswith("-") and len(word) > 1 and set(word[1:]) <= {"j", "v"}:
            letters += word[1:]
        elif word.startswith("-"):
            return None
        else:
            places.append(word)
    if len(places) > 1:
        return None
    grid = letters.rfind("g") > letters.rfind("n")
    return RunCall(places[0] if places else ".", "j" in letters, letters.count("v"), grid)


def parse_remove(arguments: Sequence[str]) -> str | None:
    """The directory that pegasus-remove is to remove from the queue; None if it is called in another way.

    >>> parse_remove([]), parse_remove(["run0001"]), parse_remove(["--dag-id", "5.0"])
    ('.', 'run0001', None)
    """
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        return None
    return arguments[0] if arguments else "."
