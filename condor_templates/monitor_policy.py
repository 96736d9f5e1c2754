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

from condor_templates.policy_file import PolicyError, parse_toml


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
    table = parse_toml(text, source).get("monitor", {})
    if not isinstance(table, dict):
        raise PolicyError(f"{source}: key monitor", "it is no table", "write [monitor] and below it its keys")
    unknown = sorted(table.keys() - _KEYS.keys())
    if unknown:
        where = f"{source}: key monitor.{unknown[0]}"
        raise PolicyError(where, "there is no such key", f"use {', '.join(_KEYS)}")
    return {key: _KEYS[key](value, f"{source}: key monitor.{key}") for key, value in table.items()}


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
    found = [kind for kind in Universe if kind.value == value]
    if not found:
        names = ", ".join(kind.value for kind in Universe)
        raise PolicyError(where, f"{value!r} is no universe for a monitor", f"write one of {names}")
    return found[0]


def _max_starts(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PolicyError(where, f"{value!r} is no number of starts", "write a whole number from 1")
    return value


_KEYS: Mapping[str, Callable[[object, str], object]] = {"universe": _universe, "max_starts": _max_starts}
