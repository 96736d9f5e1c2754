"""How HTCondor treats the monitor's job: the default, and what a policy file says of it.

A policy file (condor_templates.policy_file) may have a part about the monitor:

    [monitor]
    universe = "scheduler"    # or "local" (default), "vanilla": where a site forbids or limits local jobs
    max_starts = 20           # how often HTCondor starts it before it gives up; one more for each hour
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from condor_templates.errors import PolicyError
from condor_templates.toml_table import parse_toml, whole_number


class Universe(Enum):
    """Where the monitor's job runs; the value is HTCondor's word."""

    LOCAL = "local"
    SCHEDULER = "scheduler"
    VANILLA = "vanilla"


@dataclass(frozen=True, slots=True)
class MonitorPolicy:
    """How HTCondor treats the monitor's job."""

    universe: Universe = Universe.LOCAL

    max_starts: int = 20
    """Local jobs have no working max_retries (NumJobCompletions stays 0); NumJobStarts does count."""

    least_priority: int = 1_000_000
    """Far above every node's, also with `condor_submit_dag -priority` added, which is not known when
    rewriting.
    """


DEFAULT_MONITOR = MonitorPolicy()


def parse_monitor_policy(text: str, source: str) -> Mapping[str, Any]:
    """What a policy file says of the monitor, by the fields of MonitorPolicy. Raises PolicyError.

    >>> parse_monitor_policy('[monitor]\\nuniverse = "vanilla"', "policy.toml")
    {'universe': <Universe.VANILLA: 'vanilla'>}
    """
    table = parse_toml(text, source).table("monitor")
    table.check_keys(_KEYS)
    return {key: _KEYS[key](value, table.where(key)) for key, value in table.values.items()}


def monitor_policy(layers: Iterable[Mapping[str, Any]]) -> MonitorPolicy:
    """One policy of many; a later layer's word wins.

    >>> monitor_policy([{"max_starts": 3}, {"universe": Universe.VANILLA}, {"max_starts": 4}]).max_starts
    4
    """
    policy = DEFAULT_MONITOR
    for layer in layers:
        policy = replace(policy, **layer)
    return policy


def _universe(value: object, where: str) -> Universe:
    universes = [kind for kind in Universe if kind.value == value]
    if not universes:
        names = ", ".join(kind.value for kind in Universe)
        raise PolicyError(where, f"{value!r} is not a universe for a monitor", f"write one of {names}")
    return universes[0]


def _max_starts(value: object, where: str) -> int:
    return whole_number(value, where, "number of starts", "write a whole number from 1")


_KEYS: Mapping[str, Callable[[object, str], object]] = {"universe": _universe, "max_starts": _max_starts}
