"""The client of Pegasus's Python API: what it runs, it runs as `bridle plan` and the shims of `bridle hook` do.

It runs in the Python of Pegasus, which has other versions of libraries (SQLAlchemy 1.3): all is asked of the command
`bridle`, nothing of ours is imported that imports them. Whatever goes wrong here, Pegasus's own program runs.

The client (pegasus-wms 5.0, 5.1: Pegasus/client/_client.py) runs the programs of its own directory by `_exec`; only its
`wait` runs none: it reads dagman.out, where the end of the run before stands until the next one has begun.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

_PLANNER = "pegasus-plan"
_SHIMMED = frozenset({"pegasus-run", "pegasus-remove"})
_BROKEN = frozenset({70, 126, 127})
"""Exit codes of a `bridle` that has failed by itself, or of the shell that cannot start it."""
_STANDS = frozenset({0, 1, 4, 5, 6})
"""Exit codes of `bridle watch` that say how the run stands."""
_DONE = "monitord.done"
_MONITOR_LIMIT = 60.0
"""Seconds for the monitor to store the rest: pegasus-statistics refuses to work before."""
_MARK = "_bridle_enabled"


def give_bridle(client: Any, failed: type[Exception]) -> None:
    """Make `Pegasus.client._client.Client` work with bridle, if it is of a known form; `failed` is its error."""
    if getattr(client, _MARK, False):
        return
    if not all(callable(getattr(client, name, None)) for name in ("_exec", "wait")):
        what = (
            "this version of Pegasus's Python API is not known; `bridle plan` and `bridle run` work with it"
        )
        _put(f"bridle: {what}", err=True)
        return
    wrapped = {"_exec": _executing(vars(client)["_exec"], failed), "wait": _waiting(client.wait), _MARK: True}
    for name, value in wrapped.items():
        setattr(client, name, value)


def _executing(real: Callable[..., Any], failed: type[Exception]) -> Callable[..., Any]:
    """`Client._exec`, with the command as bridle has it."""

    @wraps(real)
    def execute(client: Any, command: Sequence[str], *arguments: Any, **named: Any) -> Any:
        ours = _command(command)
        if ours is None:
            return real(client, command, *arguments, **named)
        try:
            return real(client, ours, *arguments, **named)
        except failed as error:
            # A shim has gone on by itself, or a DAGMan may be in the queue.
            if Path(command[0]).name != _PLANNER or not _is_ours(error):
                raise
            _put(f"bridle: {error}; {_PLANNER} goes on without bridle", err=True)
        return real(client, command, *arguments, **named)

    return execute


def _is_ours(error: Exception) -> bool:
    """Whether bridle failed by itself, before the program was at work: what that prints is JSON, or nothing."""
    result = getattr(error, "result", None)
    code = getattr(result, "exit_code", 0)
    return (code in _BROKEN or code < 0) and not str(getattr(result, "stdout", "")).strip()


def _command(command: Sequence[str]) -> list[str] | None:
    """What to run instead; None: nothing."""
    name = Path(command[0]).name if command else ""
    bridle = _bridle() if name in {_PLANNER, *_SHIMMED} else None
    if bridle is None:
        return None
    path = _with_program(Path(command[0]), os.environ.get("PATH", ""))
    if name == _PLANNER:
        return ["/usr/bin/env", f"PATH={path}", bridle, "plan", *command[1:]]
    shims = _shims(bridle)
    if shims is None:
        return None
    return ["/usr/bin/env", f"PATH={shims}{os.pathsep}{path}", f"{shims}/{name}", *command[1:]]


def _with_program(program: Path, path: str) -> str:
    """A PATH that finds this program and no other of its name, but for shims."""
    found = shutil.which(program.name, path=path)
    if found is not None and Path(found).resolve() == program.resolve():
        return path
    return os.pathsep.join(part for part in (str(program.parent), path) if part)


def _bridle() -> str | None:
    """The command; None if it is switched off, or does not work, which is said once."""
    return None if os.environ.get("BRIDLE_HOOK", "on") == "off" else _bridle_in(os.environ.get("PATH", ""))


@lru_cache(maxsize=1)
def _bridle_in(path: str) -> str | None:
    found = next((each for each in _candidates(path) if _said(each, "plan", "--help") is not None), None)
    if found is None:
        what = "the command `bridle` is not in PATH, or does not work; Pegasus goes on without it"
        _put(f"bridle: {what}", err=True)
    return found


def _candidates(path: str) -> list[str]:
    """Each `bridle` of PATH; that of this Python first if it has the libraries, else not at all."""
    from dag_rewriter.directory.find_bridle import COMMAND, script_directories

    own = [str(place) for place in script_directories()]
    others = [place for place in path.split(os.pathsep) if place and place not in own]
    places = [*own, *others] if _has_libraries() else others
    found = (shutil.which(COMMAND, path=place) for place in places)
    return list(dict.fromkeys(each for each in found if each is not None))


def _has_libraries() -> bool:
    """Whether bridle could run in this Python. Pegasus's own has another SQLAlchemy."""
    from importlib.metadata import PackageNotFoundError, version

    with suppress(PackageNotFoundError, ValueError):
        return bool(version("htcondor")) and int(version("SQLAlchemy").partition(".")[0]) >= 2
    return False


@lru_cache(maxsize=1)
def _shims(bridle: str) -> str | None:
    """The directory of the user's shims, which are written if they are not there."""
    said = _said(bridle, "hook", "install", "--json")
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(said or "")["directory"])
    _put(f"bridle: `{bridle} hook install` fails; Pegasus goes on without the shims", err=True)
    return None


def _said(*command: str) -> str | None:
    """What a command prints; None if it fails."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout if done.returncode == 0 else None
    return None


def _waiting(real: Callable[..., Any]) -> Callable[..., Any]:
    """`Client.wait`, which ends when the run has: also when its DAGMan was removed or killed, or begins anew."""

    @wraps(real)
    def wait(client: Any, root_wf_name: str, submit_dir: str, delay: int = 5) -> Any:
        bridle = _bridle()
        if bridle is None or not _watched(bridle, submit_dir):
            return real(client, root_wf_name, submit_dir, delay=delay)
        return None

    return wait


def _watched(bridle: str, submit_dir: str) -> bool:
    """Show what `bridle watch` says until the run ends, or the user interrupts it; False if it cannot be watched."""
    command = [bridle, "watch", str(submit_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors="replace"
    ) as watch:
        try:
            for line in watch.stdout or ():
                _put(line.rstrip("\n"))
            stands = watch.wait() in _STANDS
            if stands:
                _wait_for_the_rest(Path(submit_dir))
        except KeyboardInterrupt:
            watch.terminate()
            _put("the workflow goes on; `bridle watch` comes back to it")
            return True
    return stands


def _wait_for_the_rest(submit_dir: Path) -> None:
    """The monitor leaves its mark when all is stored; what it still has to deliver may take longer."""
    until = time.monotonic() + _MONITOR_LIMIT
    while not (submit_dir / _DONE).exists() and time.monotonic() < until:
        time.sleep(1)


def _put(text: str, *, err: bool = False) -> None:
    try:
        from condor_templates.terminal import say
    except ImportError:  # Pegasus's API alone asks for no click
        logging.getLogger("bridle").warning("%s", text)
    else:
        say(text, err=err)
