"""Notification rules of a site or a user for all workflows, from a policy file (condor_templates.policy_file):

    [notifications]
    rules = ["JOB * failed_permanently to: operators@example.org"]
    pegasus_email = "bridle"

Each rule is one line as in a .bridle-notify file (docs/notifications.md); who reads them says which are none.
`pegasus_email`: whether a rule that names Pegasus's script share/pegasus/notification/email runs it, or bridle-notify.
"""

from __future__ import annotations

from typing import Any

from condor_templates.policy_file import PolicyError, parse_toml

_RULES, _EMAIL = "rules", "pegasus_email"
_WHOSE = {"bridle": True, "pegasus": False}


def parse_notification_rules(text: str, source: str) -> tuple[str, ...]:
    """The rules in a policy file, as text. Raises PolicyError.

    >>> parse_notification_rules('[notifications]\\nrules = ["JOB * error /bin/tell"]', "policy.toml")
    ('JOB * error /bin/tell',)
    """
    found = _table(text, source).get(_RULES, [])
    where = f"{source}: key notifications.{_RULES}"
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise PolicyError(where, "it is no list of texts", 'write rules = ["JOB * error ..."]')
    for number, one in enumerate(found, 1):
        if len(one.splitlines()) > 1:
            raise PolicyError(f"{where}[{number}]", "it is more than one line", "write one rule a text")
    return tuple(found)


def parse_pegasus_email(text: str, source: str) -> bool | None:
    """Whether bridle-notify stands in for Pegasus's e-mail script; None if the file says nothing. Raises PolicyError.

    >>> parse_pegasus_email('[notifications]\\npegasus_email = "bridle"', "policy.toml")
    True
    """
    found = _table(text, source).get(_EMAIL)
    if found is None:
        return None
    if not isinstance(found, str) or found not in _WHOSE:
        raise PolicyError(
            f"{source}: key notifications.{_EMAIL}", "it is neither", 'write "bridle" or "pegasus"'
        )
    return _WHOSE[found]


def _table(text: str, source: str) -> dict[str, Any]:
    table = parse_toml(text, source).get("notifications", {})
    where = f"{source}: key notifications"
    if not isinstance(table, dict):
        raise PolicyError(where, "it is no table", "write [notifications] and below it its keys")
    unknown = sorted(table.keys() - {_RULES, _EMAIL})
    if unknown:
        raise PolicyError(f"{where}.{unknown[0]}", "there is no such key", f"use {_RULES}, {_EMAIL}")
    return table
