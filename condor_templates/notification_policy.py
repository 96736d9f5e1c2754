"""Notification rules of a site or a user for all workflows, from a policy file (condor_templates.policy_file):

    [notifications]
    rules = ["JOB * failed_permanently to: mailto://operators@example.org"]

Each is one line as in a .bridle-notify file (docs/notifications.md); who reads them says which are none.
"""

from __future__ import annotations

from condor_templates.policy_file import PolicyError, parse_toml

_RULES = "rules"


def parse_notification_rules(text: str, source: str) -> tuple[str, ...]:
    """The rules in a policy file, as text. Raises PolicyError.

    >>> parse_notification_rules('[notifications]\\nrules = ["JOB * error /bin/tell"]', "policy.toml")
    ('JOB * error /bin/tell',)
    """
    table = parse_toml(text, source).get("notifications", {})
    where = f"{source}: key notifications"
    if not isinstance(table, dict):
        raise PolicyError(where, "it is no table", "write [notifications] and below it its keys")
    unknown = sorted(table.keys() - {_RULES})
    if unknown:
        raise PolicyError(f"{where}.{unknown[0]}", "there is no such key", f"use {_RULES}")
    found = table.get(_RULES, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise PolicyError(f"{where}.{_RULES}", "it is no list of texts", 'write rules = ["JOB * error ..."]')
    for number, one in enumerate(found, 1):
        if len(one.splitlines()) > 1:
            raise PolicyError(
                f"{where}.{_RULES}[{number}]", "it is more than one line", "write one rule a text"
            )
    return tuple(found)
