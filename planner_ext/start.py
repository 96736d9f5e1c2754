"""Where the programs `bridle` and `bridle-notify` begin: Python as it was installed, whatever a person set for his own.

`bin/bridle` keeps aside what the environment would tell Python. Nothing is imported here that could be another's.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import MutableMapping, Sequence

_KEPT = "BRIDLE_KEEPS_"
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib is slow to load


def main() -> None:
    """The program `bridle`."""
    _isolate()
    from planner_ext.cli import main as begin

    begin()


def notify_main() -> None:
    """The program `bridle-notify`."""
    _isolate()
    from planner_ext.cli import notify_main as begin

    begin()


def _isolate() -> None:
    give_back(os.environ)
    own = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    sys.path[:] = search_path(sys.path, os.path.dirname(os.path.abspath(sys.argv[0])), own)  # noqa: PTH100, PTH120


def give_back(environment: MutableMapping[str, str]) -> None:
    """What was kept aside is the environment's again: for DAGMan, for scripts, for whatever is started.

    >>> environment = {"BRIDLE_KEEPS_PYTHONPATH": "/old", "HOME": "/home/me"}
    >>> give_back(environment)
    >>> environment
    {'HOME': '/home/me', 'PYTHONPATH': '/old'}
    """
    for name in [name for name in environment if name.startswith(_KEPT)]:
        environment[name.removeprefix(_KEPT)] = environment.pop(name)


def search_path(path: Sequence[str], scripts: str, own: str, home: str = _HOME) -> list[str]:
    """Where modules are looked for: not beside the programs, and in a person's own folder after all others.

    That folder comes first where bridle itself, in `home`, lies in it.

    >>> search_path(["/bin", "/lib/python", "/home/me/site", "/lib/site"], "/bin", "/home/me/site", "/lib/site")
    ['/lib/python', '/lib/site', '/home/me/site']
    """
    path = [place for place in path if place != scripts]
    if own == home or own not in path:
        return path
    return [*(place for place in path if place != own), own]
