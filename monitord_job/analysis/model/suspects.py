"""Whether failures gather on a host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

from monitord_job.analysis.model.failure import Suspect

FEWEST = 3
"""Failures on a host that tell anything."""
_SHARE = 0.5
"""Of a group's failures that a suspect has."""
_CHANCE = 0.001
"""At most so likely is it that they gather there by chance."""


def leading_host(hosts: Mapping[str, int]) -> str | None:
    """The host that may be suspected of a group's failures: the one with most of them, if that tells anything."""
    host = max(hosts, key=lambda one: hosts[one], default=None)
    if host is None or hosts[host] < max(FEWEST, _SHARE * sum(hosts.values())):
        return None
    return host


def suspect(hosts: Mapping[str, int], attempts: Mapping[str, int]) -> Suspect | None:
    """The host that has more of the failures than its share of all attempts explains.

    `hosts`: failures of a group, `attempts`: all attempts of the run, by host.

    >>> suspect({"n7": 18, "n3": 1}, {"n7": 40, "n3": 40, "n4": 320})
    Suspect(host='n7', failures=18, of=19, attempts=40, all_attempts=400)
    >>> suspect({"n7": 18}, {"n7": 18})
    """
    host, everywhere = leading_host(hosts), sum(attempts.values())
    if host is None or not 0 < attempts.get(host, 0) < everywhere:
        return None
    here, of = hosts[host], sum(hosts.values())
    if _by_chance(here, of, attempts[host] / everywhere) > _CHANCE:
        return None
    return Suspect(host, here, of, attempts[host], everywhere)


def _by_chance(hits: int, of: int, share: float) -> float:
    """An upper bound (Chernoff's) of the chance that so many of them, or more, fall into a share of all."""
    part = hits / of
    if part <= share:
        return 1.0
    divergence = part * log(part / share)
    if part < 1:
        divergence += (1 - part) * log((1 - part) / (1 - share))
    return exp(-of * divergence)
