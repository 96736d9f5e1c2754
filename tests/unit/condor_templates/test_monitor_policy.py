"""What policy files say of the monitor's job."""

from __future__ import annotations

import pytest

from condor_templates.errors import PolicyError
from condor_templates.monitor_policy import Universe, monitor_policy, parse_monitor_policy
from condor_templates.policy_file import parse_policy


def test_a_later_file_wins_key_by_key() -> None:
    site = parse_monitor_policy(
        '[limits]\ncleanup = 1\n[monitor]\nuniverse = "vanilla"\nmax_starts = 5\n', "site"
    )
    folder = parse_monitor_policy('[monitor]\nuniverse = "scheduler"\n', "folder")
    found = monitor_policy([site, {}, folder])
    assert (found.universe, found.max_starts) == (Universe.SCHEDULER, 5)
    assert monitor_policy([]).universe is Universe.LOCAL


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[monitor]\nuniverse = "grid"', "monitor.universe"),
        ("[monitor]\nmax_starts = 0", "monitor.max_starts"),
        ("[monitor]\nmax_starts = true", "monitor.max_starts"),
        ("[monitor]\nhold = 1", "monitor.hold"),
        ("monitor = 1", "key monitor"),
        ("[monitor", "policy.toml"),
    ],
)
def test_what_cannot_be_is_named(text, where) -> None:
    with pytest.raises(PolicyError) as error:
        parse_monitor_policy(text, "policy.toml")
    assert where in error.value.where


def test_the_part_about_the_monitor_is_no_business_of_the_categories() -> None:
    assert parse_policy("[monitor]\nmax_starts = 3", "policy.toml").limits == {}
